"""Where the files of a chart come from: one small interface, a folder behind it, and files laid over another tree.

What git tracks is in ``worktree``, a commit in ``commit_tree``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from oci_chart_publish.errors import ChartError
from oci_chart_publish.paths.credentials import credential
from oci_chart_publish.tree.links import leads_nowhere, leaves_repository, refuse_circle
from oci_chart_publish.tree.missing import checked

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Entry(msgspec.Struct, frozen=True):
    """A name in a folder. ``tracked`` is False for what Helm would pack but git does not know.

    ``error`` says why it cannot be packed (a link that leads nowhere, say), and is raised unless a rule ignores it.
    ``link`` is where a symbolic link leads, as the tree names places; empty for what is none.
    """

    name: str
    is_dir: bool
    tracked: bool = True
    error: ChartError | None = None
    link: str = ""


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


def join(folder: str, name: str) -> str:
    """Return a name in a folder, of which "" is the top; as ``os.path.join`` on POSIX at a fraction of its cost."""
    return f"{folder}/{name}" if folder else name


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    """Sort entries bytewise by name, as Helm walks a folder (``internal/sympath/walk.go``)."""
    return sorted(entries, key=lambda entry: os.fsencode(entry.name))


class FolderTree:
    """A folder as Helm reads it: symbolic links are followed, to files and to folders (see ``tree.links``).

    ``boundary`` is a folder that no link may leave; without one they lead anywhere. Known credential files count as
    untracked, for nobody has said that they belong to a chart.
    """

    def __init__(self, root: Path, *, boundary: Path | None = None) -> None:
        self._boundary = os.path.realpath(boundary) if boundary else ""
        self._places = {"": str(root)}
        self.title = str(root)

    def entries(self, folder: str) -> list[Entry]:
        """Return what is in a folder, links by what they lead to."""
        try:
            place = self.place(folder)
            with os.scandir(place) as listing:
                return in_order([self._entry(item, folder, place) for item in listing])
        except OSError as error:
            raise ChartError(f"cannot be read: {error.strerror}", path=folder) from error

    def read(self, path: str) -> bytes:
        """Return the bytes of a file; ChartError for what is no regular file, or only stands for one."""
        place, _ = self._regular(path)
        try:
            return checked(Path(place).read_bytes(), path)
        except OSError as error:
            raise ChartError(f"cannot be read: {error.strerror}", path=path) from error

    def size(self, path: str) -> int:
        """Return the size of a file; ChartError for what is no regular file."""
        return self._regular(path)[1].st_size

    def fingerprint(self) -> str | None:
        """Return None: only reading tells."""
        return None

    def place(self, folder: str) -> str:
        """Return where a folder really is, links on the way to it followed."""
        known = self._places.get(folder)
        if known is None:
            parent, _, name = folder.rpartition("/")
            known = join(self.place(parent), name)
            if os.path.islink(known):  # noqa: PTH114  (thousands of them)
                known = self.follow(folder, known)
                refuse_circle(known, self._holders(parent), folder)
            self._places[folder] = known
        return known

    def follow(self, path: str, place: str) -> str:
        """Return where the link at ``place`` leads; ChartError where it must not be followed."""
        try:
            target = os.path.realpath(place, strict=True)
        except OSError as error:
            if self._is_outside(os.path.realpath(place)):
                raise leaves_repository(path) from error
            raise leads_nowhere(path, error.strerror or "broken") from error
        if self._is_outside(target):
            raise leaves_repository(path)
        return target

    def _is_outside(self, target: str) -> bool:
        """Tell whether a real place is none that links may lead to: out of the boundary, or in what git has there."""
        boundary = self._boundary
        if not boundary or target == boundary:
            return False
        inside = target.removeprefix(join(boundary, ""))
        return inside == target or ".git" in inside.replace(os.sep, "/").split("/")

    def _entry(self, item: os.DirEntry[str], folder: str, place: str) -> Entry:
        path = join(folder, item.name)
        if not item.is_symlink():
            is_dir = item.is_dir(follow_symlinks=False)
            return Entry(item.name, is_dir, tracked=is_dir or not credential(path))
        try:
            target = self.follow(path, join(place, item.name))
            is_dir = os.path.isdir(target)  # noqa: PTH112  (thousands of them)
            if is_dir:
                refuse_circle(target, self._holders(folder), path)
        except ChartError as error:
            return Entry(item.name, is_dir=False, error=error)
        return Entry(item.name, is_dir, tracked=is_dir or not credential(path), link=target)

    def _holders(self, folder: str) -> Iterator[str]:
        """Yield where a folder and those that hold it really are, up to the top of the tree."""
        while True:
            yield os.path.realpath(self.place(folder))
            if not folder:
                return
            folder = folder.rpartition("/")[0]

    def _regular(self, path: str) -> tuple[str, os.stat_result]:
        """Return where a file is and what it is; ChartError for what is no regular file."""
        folder, _, name = path.rpartition("/")
        try:
            place = join(self.place(folder), name)
            if os.path.islink(place):  # noqa: PTH114  (thousands of them)
                place = self.follow(path, place)
            status = os.stat(place)  # noqa: PTH116  (thousands of them)
        except OSError as error:
            raise ChartError(f"cannot be read: {error.strerror}", path=path) from error
        if not stat.S_ISREG(status.st_mode):
            kind = _KINDS.get(stat.S_IFMT(status.st_mode), "no regular file")
            raise ChartError(f"is {kind}, which cannot be packed", path=path, hint="name it in .helmignore")
        return place, status


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
