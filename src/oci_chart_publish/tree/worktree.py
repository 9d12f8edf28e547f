"""The files of a work tree, and which of them git tracks: one ``git ls-files`` for the whole repository.

Bytes are read from the work tree, never from the index: what is published is what the user sees.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from oci_chart_publish.errors import ChartError, ConfigError, PublishError
from oci_chart_publish.git.repository import Git, GitRepository
from oci_chart_publish.singleflight import locked_cached_property
from oci_chart_publish.tree.fingerprint import WORTHWHILE, Vouched, fingerprint, vouched_for
from oci_chart_publish.tree.tree import Entry, in_order

_SUBMODULE = "160000"
_LINK = "120000"
_LIST = ("ls-files", "-z", "-v", "--stage", "--cached", "--others", "--exclude-standard")
_SPARSE_HINT = "check the whole chart out: remove 'sparse-checkout:', or add the chart's folder to it"


class WorkTreeFiles:
    """What git says of every file of a work tree: tracked, sparse (not checked out), or untracked and not ignored.

    Paths are POSIX, relative to the repository root; those of checked-out submodules are among them. ``own`` are
    files and folders that the run itself writes: where git does not track them, they are not there.
    """

    def __init__(self, repository: GitRepository, *, own: Iterable[Path] = ()) -> None:
        if repository.bare:
            raise ConfigError(
                f"{repository.root} is a bare repository, without the files of any chart",
                hint="clone it first",
            )
        self.root = repository.root
        self._git = repository.git
        self._folders = 0
        self._own = frozenset(found for path in own if (found := self.real(os.path.abspath(path))))  # noqa: PTH100

    @locked_cached_property
    def _index(self) -> _Index:
        index = _Index()
        index.add(self._git, "")
        return index

    @property
    def untracked(self) -> tuple[str, ...]:
        """Files that git neither tracks nor ignores."""
        return tuple(self._index.untracked)

    def paths(self) -> tuple[str, ...]:
        """Return every file that git does not ignore, tracked or not."""
        return (*self._index.modes, *self._index.untracked)

    def unknown(self) -> tuple[str, ...]:
        """Return every file that git does not track, ignored ones too; those of submodules are not among them."""
        listed = self._git.output("ls-files", "-z", "--others")
        return tuple(os.fsdecode(path) for path in listed.split(b"\0")[:-1])

    @property
    def sparse(self) -> frozenset[str]:
        """Tracked files that a sparse checkout leaves out of the work tree."""
        return frozenset(self._index.sparse)

    def exists(self, path: str) -> bool:
        """Tell whether there is such a file or folder, links followed."""
        return (self.root / path).exists()

    def is_file(self, path: str) -> bool:
        """Tell whether there is such a file, links followed."""
        return (self.root / path).is_file()

    def is_tracked(self, path: str) -> bool:
        """Tell whether git tracks this file or link, or any file in this folder ("" is the root)."""
        return path in self._index.modes or path in self._index.folders

    def is_own(self, path: str) -> bool:
        """Tell whether the run itself writes this file or folder, and git knows nothing of it."""
        return path in self._own and not self.is_tracked(path)

    def named(self, name: str) -> Iterator[str]:
        """Yield the paths of files called ``name`` that git does not ignore, tracked or not."""
        tail = f"/{name}"
        for paths in (self._index.modes, self._index.untracked):
            yield from (path for path in paths if path == name or path.endswith(tail))

    def links_below(self, folder: str) -> tuple[str, ...]:
        """Return where the tracked symbolic links below a folder lead, as paths in the repository."""
        prefix = f"{folder}/" if folder else ""
        links = (path for path in self._index.links if path.startswith(prefix))
        return tuple(sorted({target for link in links if (target := self.real(link)) is not None}))

    def real(self, path: str) -> str | None:
        """Return the path in the repository that ``path`` leads to, or None where it leads out of it."""
        full = os.path.realpath(self.root / path)
        if full == str(self.root):
            return ""
        return full[len(self._prefix) :] if full.startswith(self._prefix) else None

    @locked_cached_property
    def _prefix(self) -> str:
        return os.path.join(self.root, "")  # noqa: PTH118 - a prefix of strings, with its slash

    def tree(self, folder: str) -> WorkTree:
        """Return the files of one folder ("" is the root)."""
        self._folders += 1
        return WorkTree(self, folder)

    def fingerprint(self, folder: str) -> str | None:
        """Return what stands for all files of a folder, where git vouches for all; None where they have to be read."""
        if self._folders < WORTHWHILE:
            return None
        try:
            return fingerprint(self.root, folder, self._vouched)
        except OSError:
            return None  # reading it says what is wrong

    @locked_cached_property
    def _vouched(self) -> Vouched:
        vouched = vouched_for(self._git, self._index.ids)
        return replace(vouched, touched=vouched.touched | self._index.sparse)


class _Index:
    """The parsed listing."""

    def __init__(self) -> None:
        self.modes: dict[str, str] = {}
        self.ids: dict[str, tuple[str, str]] = {}
        self.folders: set[str] = set()
        self.links: list[str] = []
        self.sparse: set[str] = set()
        self.untracked: dict[str, None] = {}

    def add(self, git: Git, prefix: str) -> None:
        """List one work tree, and those of its submodules that are checked out."""
        submodules = []
        for record in git.output(*_LIST).split(b"\0")[:-1]:
            text = os.fsdecode(record)
            if text.startswith("? "):
                self.untracked[prefix + text[2:]] = None
                continue
            details, tab, path = text.partition("\t")
            if not tab:
                raise PublishError(f"git ls-files printed {text!r}")
            tag, mode, blob, stage = details.split(" ")
            if not prefix and tag == "H" and stage == "0":
                self.ids[path] = mode, blob
            if mode == _SUBMODULE:
                submodules.append(path)
            else:
                self._track(prefix + path, mode, sparse=tag.upper() == "S")
        for path in submodules:
            self._enter(git, prefix, path)

    def _track(self, path: str, mode: str, *, sparse: bool) -> None:
        self.modes[path] = mode
        if mode == _LINK:
            self.links.append(path)
        if sparse:
            self.sparse.add(path)
        folder = path.rpartition("/")[0]
        while folder not in self.folders:
            self.folders.add(folder)
            folder = folder.rpartition("/")[0]

    def _enter(self, git: Git, prefix: str, path: str) -> None:
        folder = git.folder / path
        if (folder / ".git").exists() and not folder.is_symlink():
            self.add(git.within(folder), f"{prefix}{path}/")


class WorkTree:
    """The files of a chart's folder, as chart.tree.Tree: links followed, but never out of the repository.

    An entry is tracked if git tracks it, or tracks a file in it; for a link, if git tracks the link and what it
    leads to: a tracked link to an untracked file would carry into a chart what nobody has reviewed.
    """

    def __init__(self, files: WorkTreeFiles, folder: str) -> None:
        self._files = files
        self._folder = folder
        self._real = {"": folder}
        self.title = folder or "."

    def entries(self, folder: str) -> Sequence[Entry]:
        """Return the entries of a folder ("" is the chart's), sorted bytewise by name."""
        real = self._real_folder(folder)
        self._refuse_sparse(real, folder)
        try:
            with os.scandir(self._files.root / real) as listing:
                found = [self._entry(item, folder, real) for item in listing]
        except OSError as error:
            raise ChartError(f"cannot be read: {error.strerror}", path=folder) from error
        return in_order([entry for entry in found if entry])

    def read(self, path: str) -> bytes:
        """Return the bytes of a file in the work tree."""
        full = self._full(path)
        try:
            if not stat.S_ISREG(full.stat().st_mode):
                raise ChartError("is no regular file", path=path)
            return full.read_bytes()
        except OSError as error:
            raise ChartError(f"cannot be read: {error.strerror}", path=path) from error

    def size(self, path: str) -> int:
        """Return the size of a file in bytes."""
        try:
            return self._full(path).stat().st_size
        except OSError as error:
            raise ChartError(f"cannot be read: {error.strerror}", path=path) from error

    def fingerprint(self) -> str | None:
        """Return what stands for the bytes of all files below, without opening one; None where git cannot say."""
        return self._files.fingerprint(self._folder)

    def _full(self, path: str) -> Path:
        folder, _, name = path.rpartition("/")
        real = _join(self._real_folder(folder), name)
        full = self._files.root / real
        return self._files.root / self._follow(path, real) if full.is_symlink() else full

    def _entry(self, item: os.DirEntry[str], folder: str, real: str) -> Entry | None:
        path, place = _join(folder, item.name), _join(real, item.name)
        if item.name == ".git" or self._files.is_own(place):
            return None
        tracked = self._files.is_tracked(place)
        if not item.is_symlink():
            return Entry(item.name, item.is_dir(), tracked)
        if not tracked:
            # Not followed: it is left out, wherever it leads.
            return Entry(item.name, is_dir=False, tracked=False)
        try:
            target = self._follow(path, place)
            is_dir = (self._files.root / target).is_dir()
            if is_dir:
                self._refuse_loop(folder, target, path)
        except ChartError as error:
            return Entry(item.name, is_dir=False, error=error)
        return Entry(item.name, is_dir, self._files.is_tracked(target))

    def _real_folder(self, folder: str) -> str:
        """Return where a folder of the chart really is, following links on the way."""
        known = self._real.get(folder)
        if known is None:
            parent, _, name = folder.rpartition("/")
            known = _join(self._real_folder(parent), name)
            if (self._files.root / known).is_symlink():
                known = self._follow(folder, known)
                self._refuse_loop(parent, known, folder)
            self._real[folder] = known
        return known

    def _follow(self, path: str, place: str) -> str:
        """Return what the link at ``place`` leads to; ChartError if it is broken or leaves the repository."""
        try:
            os.path.realpath(self._files.root / place, strict=True)
        except OSError as error:
            raise ChartError(f"a symbolic link that leads nowhere: {error.strerror}", path=path) from error
        target = self._files.real(place)
        if target is None or ".git" in target.split("/"):
            raise ChartError(
                "a symbolic link that leaves the repository",
                path=path,
                hint="put a copy of the file in its place",
            )
        return target

    def _refuse_loop(self, folder: str, target: str, path: str) -> None:
        """Raise ChartError where ``target`` is a folder that leads to ``folder``: it would hold itself."""
        while True:
            real = self._real_folder(folder)
            if real == target or real.startswith(f"{target}/") or not target:
                raise ChartError(
                    "a symbolic link that leads into a circle", path=path, hint="remove the link"
                )
            if not folder:
                return
            folder = folder.rpartition("/")[0]

    def _refuse_sparse(self, real: str, folder: str) -> None:
        prefix = f"{real}/" if real else ""
        missing = sorted(path for path in self._files.sparse if path.startswith(prefix))
        if missing:
            raise ChartError(
                "left out of the work tree by a sparse checkout",
                path=_join(folder, missing[0].removeprefix(prefix)),
                hint=_SPARSE_HINT,
            )


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
