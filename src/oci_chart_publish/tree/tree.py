"""Where the files of a chart come from: one small interface, and the two plainest things behind it.

Other trees are in ``forge`` (what git tracks, a commit) and in ``overlay`` (replaced and added files).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

import msgspec

from oci_chart_publish.errors import ChartError

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Entry(msgspec.Struct, frozen=True):
    """A name in a folder. ``tracked`` is False for what Helm would pack but git does not know.

    ``error`` says why it cannot be packed (a link that leads nowhere, say), and is raised unless a rule ignores it.
    """

    name: str
    is_dir: bool
    tracked: bool = True
    error: ChartError | None = None


class Tree(Protocol):
    """The files of one chart, by POSIX paths below its root."""

    @property
    def title(self) -> str:
        """How messages name the tree."""

    def entries(self, folder: str) -> Sequence[Entry]:
        """Return what is in a folder ("" is the root), sorted bytewise by name."""

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""

    def size(self, path: str) -> int:
        """Return the size of a file in bytes, before it is read."""

    def fingerprint(self) -> str | None:
        """Return what stands for the bytes of all files, known without reading them; None where it is not."""


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    """Sort entries bytewise by name, as Helm walks a folder (``internal/sympath/walk.go``)."""
    return sorted(entries, key=lambda entry: os.fsencode(entry.name))


class FolderTree:
    """A folder as Helm reads it: symbolic links are followed, to files and to folders.

    ``boundary`` is a folder that no link may leave. Links that lead into a circle are refused.
    """

    def __init__(self, root: Path, *, boundary: Path | None = None) -> None:
        self._root = root
        self._boundary = boundary.resolve() if boundary else None

    @property
    def title(self) -> str:
        """The folder."""
        return str(self._root)

    def entries(self, folder: str) -> list[Entry]:
        """Return what is in a folder, links by what they lead to."""
        try:
            with os.scandir(self._root / folder) as found:
                return in_order([self._entry(item, folder) for item in found])
        except OSError as error:
            raise ChartError(f"cannot be read: {error.strerror}", path=folder) from error

    def _entry(self, item: os.DirEntry[str], folder: str) -> Entry:
        if not item.is_symlink():
            return Entry(item.name, item.is_dir(follow_symlinks=False))
        try:
            return Entry(item.name, self._follow(folder, item.name))
        except ChartError as error:
            return Entry(item.name, is_dir=False, error=error)

    def _follow(self, folder: str, name: str) -> bool:
        """Tell whether a link leads to a folder; ChartError where it must not be followed."""
        path = f"{folder}/{name}" if folder else name
        try:
            target = (self._root / path).resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise ChartError("a symbolic link that leads nowhere", path=path) from error
        self._refuse_outside(target, path)
        is_dir = target.is_dir()
        if is_dir and self._is_around(target, folder):
            raise ChartError(f"a symbolic link that leads into a circle, to {target}", path=path)
        return is_dir

    def _refuse_outside(self, target: Path, path: str) -> None:
        if self._boundary and not target.is_relative_to(self._boundary):
            raise ChartError(
                f"a symbolic link that leaves the repository, to {target}",
                path=path,
                hint="copy what it leads to, or name it in .helmignore",
            )

    def _is_around(self, target: Path, folder: str) -> bool:
        """Tell whether ``target`` holds ``folder``, or a folder on the way there: it would hold itself."""
        above = [self._root / folder, *(self._root / parent for parent in PurePosixPath(folder).parents)]
        return any(place.resolve().is_relative_to(target) for place in above)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file; ChartError for what is no regular file."""
        self._check(path)
        try:
            return (self._root / path).read_bytes()
        except OSError as error:
            raise ChartError(f"cannot be read: {error.strerror}", path=path) from error

    def size(self, path: str) -> int:
        """Return the size of a file; ChartError for what is no regular file."""
        return self._check(path).st_size

    def fingerprint(self) -> str | None:
        """Return None: only reading tells."""
        return None

    def _check(self, path: str) -> os.stat_result:
        place = self._root / path
        try:
            found = place.stat()
            if self._boundary:
                self._refuse_outside(place.resolve(), path)
        except OSError as error:
            raise ChartError(f"cannot be read: {error.strerror}", path=path) from error
        if not stat.S_ISREG(found.st_mode):
            kind = _KINDS.get(stat.S_IFMT(found.st_mode), "no regular file")
            raise ChartError(f"is {kind}, which cannot be packed", path=path, hint="name it in .helmignore")
        return found


class OverlayTree:
    """``tree`` with the files of ``files`` (POSIX paths below its root) in front of it; added files are tracked."""

    def __init__(self, tree: Tree, files: Mapping[str, bytes]) -> None:
        self._tree = tree
        self._files = dict(files)
        self._added: dict[str, dict[str, Entry]] = {}
        for path in self._files:
            self._add(path, is_dir=False)

    def _add(self, path: str, *, is_dir: bool) -> None:
        folder, _, name = path.rpartition("/")
        self._added.setdefault(folder, {})[name] = Entry(name, is_dir)
        if folder:
            self._add(folder, is_dir=True)

    @property
    def title(self) -> str:
        """How messages name the tree."""
        return self._tree.title

    def entries(self, folder: str) -> Sequence[Entry]:
        """Return the entries of a folder, sorted bytewise by name."""
        added = self._added.get(folder, {})
        if folder and not self._below(folder):
            return _sorted(added)
        return _sorted({entry.name: entry for entry in self._tree.entries(folder)} | added)

    def _below(self, folder: str) -> bool:
        parent, _, name = folder.rpartition("/")
        if parent and not self._below(parent):
            return False
        return any(entry.name == name and entry.is_dir for entry in self._tree.entries(parent))

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        return self._files[path] if path in self._files else self._tree.read(path)

    def size(self, path: str) -> int:
        """Return the size of a file in bytes."""
        return len(self._files[path]) if path in self._files else self._tree.size(path)

    def fingerprint(self) -> str | None:
        """Return None: only reading tells."""
        return None


def _sorted(entries: Mapping[str, Entry]) -> list[Entry]:
    return [
        entries[name] for name in sorted(entries, key=lambda name: name.encode("utf-8", "surrogateescape"))
    ]


class ChartSource(msgspec.Struct, frozen=True, kw_only=True):
    """A chart's folder, not yet read.

    ``path`` is POSIX, relative to the repository root ("" for the root itself; outside git relative to the folder
    that patterns are relative to). ``tracked`` tells whether git tracks its Chart.yaml; if not, its files are what
    Helm would take.
    """

    path: str
    tree: Tree
    tracked: bool
