"""What git says a chart has and this checkout lacks: one rule, and the same words, for a work tree and a commit.

A chart is never packed without such a file; what ``.helmignore`` leaves out may be missing.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from oci_chart_publish.errors import ChartError, ConfigError

POINTER_LIMIT = 1024
"""Bytes of the largest pointer (the specification of Git LFS)."""
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_ENCRYPTED = b"\0GITCRYPT\0"
_CHECKOUT = "to the 'with:' of actions/checkout"


class Missing(msgspec.Struct, frozen=True):
    """Why a file is not there, said of the file, and what brings it."""

    message: str
    hint: str

    def error(self, path: str) -> ChartError:
        """Return the error for a path of a chart."""
        return ChartError(self.message, path=path, hint=self.hint)


SPARSE = Missing(
    "left out of the work tree by a sparse checkout",
    "check the whole chart out: remove 'sparse-checkout:', or add the chart's folder to it",
)
SKIPPED = Missing(
    "not in the work tree, and marked with git update-index --skip-worktree",
    "bring it back with 'git update-index --no-skip-worktree' and 'git checkout' of the file",
)
DELETED = Missing(
    "tracked by git, and gone from the work tree",
    "bring it back with 'git checkout', take it out of git with 'git rm', or name it in .helmignore; in a workflow an "
    "earlier step may have deleted it",
)
SUBMODULE = Missing(
    "a submodule that is not checked out",
    f"add 'submodules: true' {_CHECKOUT}, or run 'git submodule update --init'",
)
SUBMODULE_COMMIT = Missing(
    "a submodule that is checked out without the commit it has to be at",
    f"add 'submodules: true' {_CHECKOUT}, or run 'git submodule update --init'",
)
POINTER = Missing(
    "a Git LFS pointer in place of the file",
    f"add 'lfs: true' {_CHECKOUT}, or run 'git lfs pull'",
)
ENCRYPTED = Missing(
    "encrypted by git-crypt", "run 'git-crypt unlock' before, or name the file in .helmignore"
)


def checked(data: bytes, path: str) -> bytes:
    """Return the bytes of a file; ChartError where they only stand for what it should hold."""
    if is_pointer(data):
        raise POINTER.error(path)
    if data.startswith(_ENCRYPTED):
        raise ENCRYPTED.error(path)
    return data


def is_pointer(data: bytes) -> bool:
    """Tell whether a file is a pointer of Git LFS, and no archive or text about them."""
    return data.startswith(_POINTER) and len(data) < POINTER_LIMIT


def pointer_object(data: bytes) -> str:
    """Return the sha256 (64 hexadecimal digits) of the file that a pointer stands for, or "" where it names none."""
    for line in data.decode("ascii", "replace").splitlines():
        key, _, value = line.partition(" ")
        kind, _, digits = value.partition(":")
        if key == "oid" and kind == "sha256" and len(digits) == 64 and set(digits) <= set("0123456789abcdef"):
            return digits
    return ""


def refuse_unseen(submodules: Iterable[str]) -> None:
    """Raise ConfigError where charts were to be looked for in submodules that are not checked out."""
    first = next(iter(sorted(submodules)), None)
    if first is not None:
        raise ConfigError(
            f"charts: cannot look into {first!r}, {SUBMODULE.message}",
            hint=f"{SUBMODULE.hint}; or leave it out with !{first}",
        )
