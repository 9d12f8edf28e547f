"""What git vouches for without a file being opened: ids of tracked files whose work-tree copy nobody touched.

Git's index holds the id of every tracked file and, by size and times, knows which work-tree files may have changed
since (``git diff-files``; what it cannot tell by times it compares by content, Documentation/technical/racy-git.txt).
The ids of a folder's files, with their paths and modes, therefore stand for its bytes, as long as checkout writes the
bytes of the blobs: files that a filter, an encoding or a rule for line ends may change are vouched for by nobody.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from oci_chart_publish.git.repository import Git
from oci_chart_publish.tree.conversions import conversions

WORTHWHILE: Final = 8
"""Folders from which asking git costs less than reading them."""
_PLAIN_MODES = frozenset({"100644", "100755"})


class Vouched(msgspec.Struct, frozen=True):
    """Mode and blob id, by path, of files that are what the index says; and paths that may be gone or changed."""

    known: Mapping[str, str]
    touched: frozenset[str]


def vouched_for(git: Git, ids: Mapping[str, tuple[str, str]]) -> Vouched:
    """Return which files are, byte for byte, the blobs that the index names.

    ``ids`` are mode and blob id by path, as ``git ls-files`` lists them for this one work tree; links, submodules and
    what is marked "assume unchanged" are not to be among them.
    """
    touched = frozenset(_paths(git.output("diff-files", "-z", "--name-only", "--ignore-submodules=all")))
    plain = {path: f"{mode} {blob}" for path, (mode, blob) in ids.items() if mode in _PLAIN_MODES}
    vouched = {path: known for path, known in plain.items() if path not in touched}
    changed = conversions(git, vouched)
    known = {path: described for path, described in vouched.items() if path not in changed}
    return Vouched(known, touched)


def _paths(listing: bytes) -> list[str]:
    return [os.fsdecode(path) for path in listing.split(b"\0")[:-1]]


def fingerprint(root: Path, folder: str, vouched: Vouched) -> str | None:
    """Return what stands for all that lies in a folder (relative to ``root``, "" is the root), in hexadecimals.

    None where anything in it is not vouched for: an untracked or ignored file, a link, a file that was touched or is
    gone.
    """
    prefix = f"{folder}/" if folder else ""
    if any(path.startswith(prefix) for path in vouched.touched):
        return None
    lines: list[str] = []
    pending = [folder]
    while pending:
        current = pending.pop()
        with os.scandir(root / current) as listing:
            for item in listing:
                path = f"{current}/{item.name}" if current else item.name
                if item.name == ".git":
                    continue
                if item.is_dir(follow_symlinks=False):
                    pending.append(path)
                elif (known := vouched.known.get(path)) is not None:
                    lines.append(f"{known} {path[len(folder) :]}\0")
                else:
                    return None
    return hashlib.sha256("".join(sorted(lines)).encode(errors="surrogateescape")).hexdigest()
