"""The files of a work tree, and which of them git tracks: one ``git ls-files`` for the whole repository.

Bytes are read from the work tree, never from the index: what is published is what the user sees. What git tracks and
the work tree lacks is an error of the chart (see ``tree.missing``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from oci_chart_publish.errors import ChartError, ConfigError, PublishError
from oci_chart_publish.git.repository import Git, GitRepository
from oci_chart_publish.singleflight import locked_cached_property
from oci_chart_publish.tree import missing
from oci_chart_publish.tree.fingerprint import WORTHWHILE, Vouched, fingerprint, vouched_for
from oci_chart_publish.tree.missing import Missing
from oci_chart_publish.tree.tree import Entry, FolderTree, in_order, join

_SUBMODULE = "160000"
_LINK = "120000"
_LIST = ("ls-files", "-z", "-v", "--stage", "--cached", "--others", "--exclude-standard")


class WorkTreeFiles:
    """What git says of every file of a work tree: tracked, sparse (not checked out), or untracked and not ignored.

    Paths are POSIX, relative to the repository root; those of checked-out submodules are among them. ``written`` are
    files and folders that the run itself writes: where git does not track them, they are not there.
    """

    def __init__(self, repository: GitRepository, *, written: Iterable[Path] = ()) -> None:
        if repository.bare:
            raise ConfigError(
                f"{repository.root} is a bare repository, without the files of any chart",
                hint="clone it first",
            )
        self.root = repository.root
        self._git = repository.git
        self._folders = 0
        self._written = frozenset(place for path in written if (place := self.real(os.path.abspath(path))))  # noqa: PTH100

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
        return frozenset(path for path in self._index.skipped if not os.path.lexists(self.root / path))

    @property
    def submodules(self) -> tuple[str, ...]:
        """All submodules of the repository, but not those in another one."""
        return tuple(self._index.pointers)

    @property
    def unseen(self) -> frozenset[str]:
        """Submodules that are not checked out: nobody knows what is in them."""
        return frozenset(self._index.submodules)

    def missing(self, path: str) -> Missing | None:
        """Return why a file that git tracks is not there; None for one that is, or that git knows nothing of."""
        if any(path == folder or path.startswith(f"{folder}/") for folder in self._index.submodules):
            return missing.SUBMODULE
        if path not in self._index.modes or os.path.lexists(self.root / path):
            return None
        if path not in self._index.skipped:
            return missing.DELETED
        return missing.SPARSE if self._is_sparse else missing.SKIPPED

    @locked_cached_property
    def _is_sparse(self) -> bool:
        done = self._git.run("config", "--type=bool", "--get", "core.sparseCheckout")
        return done.stdout.strip() == b"true"

    def tracked_in(self, folder: str) -> Sequence[str]:
        """Return the names of what git tracks in a folder, without what is deeper."""
        return self._index.folders.get(folder, ())

    def is_folder(self, path: str) -> bool:
        """Tell whether git tracks files in this folder, or it is a submodule."""
        return path in self._index.folders

    def exists(self, path: str) -> bool:
        """Tell whether there is such a file or folder, links followed."""
        return (self.root / path).exists()

    def is_file(self, path: str) -> bool:
        """Tell whether there is such a file, links followed."""
        return (self.root / path).is_file()

    def is_tracked(self, path: str) -> bool:
        """Tell whether git tracks this file or link, or any file in this folder ("" is the root)."""
        return path in self._index.modes or path in self._index.folders

    def is_written(self, path: str) -> bool:
        """Tell whether the run itself writes this file or folder, and git knows nothing of it."""
        return path in self._written and not self.is_tracked(path)

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
        """Return the files of one folder ("" is the root); a Chart.yaml in it counts as tracked."""
        self._folders += 1
        return WorkTree(self, folder, made=("Chart.yaml",))

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
        return replace(vouched, touched=vouched.touched | self._index.skipped | self._index.submodules)


class _Index:
    """The parsed listing: ``folders`` has the names in each, ``submodules`` are those that are not checked out.

    ``pointers`` are the submodules that this repository itself points into.
    """

    def __init__(self) -> None:
        self.modes: dict[str, str] = {}
        self.ids: dict[str, tuple[str, str]] = {}
        self.folders: dict[str, list[str]] = {}
        self.links: list[str] = []
        self.skipped: set[str] = set()
        self.submodules: set[str] = set()
        self.pointers: list[str] = []
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
                self._track(prefix + path, mode, skipped=tag.upper() == "S")
        if not prefix:
            self.pointers = submodules
        for path in submodules:
            self._enter(git, prefix, path)

    def _track(self, path: str, mode: str, *, skipped: bool) -> None:
        if path in self.modes:
            return  # unmerged: listed once for each side
        self.modes[path] = mode
        if mode == _LINK:
            self.links.append(path)
        if skipped:
            self.skipped.add(path)
        folder, _, name = path.rpartition("/")
        self._folder(folder).append(name)

    def _folder(self, folder: str) -> list[str]:
        """Return the names in a folder, which its own folder gets to know of."""
        names = self.folders.get(folder)
        if names is None:
            names = self.folders[folder] = []
            if folder:
                holder, _, name = folder.rpartition("/")
                self._folder(holder).append(name)
        return names

    def _enter(self, git: Git, prefix: str, path: str) -> None:
        folder = git.folder / path
        if (folder / ".git").exists() and not folder.is_symlink():
            self.add(git.within(folder), f"{prefix}{path}/")
        else:
            self._folder(f"{prefix}{path}")
            self.submodules.add(f"{prefix}{path}")


class WorkTree(FolderTree):
    """The files of a chart's folder, as tree.tree.Tree: links followed, but never out of the repository.

    An entry is tracked if git tracks it, or tracks a file in it; for a link, if git tracks the link and what it
    leads to: a tracked link to an untracked file would carry into a chart what nobody has reviewed. ``made`` are
    files of the chart that count as tracked although git does not: a Chart.yaml that the job has written.
    """

    def __init__(self, files: WorkTreeFiles, folder: str, *, made: Sequence[str] = ()) -> None:
        super().__init__(files.root / folder, boundary=files.root)
        self._files = files
        self._top = folder
        self._made = frozenset(made)
        self.title = folder or "."

    def entries(self, folder: str) -> list[Entry]:
        """Return the entries of a folder ("" is the chart's), sorted bytewise by name; missing ones with an error."""
        place = self._within(self.place(folder))
        if lost := self._files.missing(place):
            raise lost.error(folder)
        there = {entry.name: entry for entry in self._there(folder, place)}
        gone = [name for name in self._files.tracked_in(place) if name not in there]
        lacking = [self._lacking(join(folder, name), join(place, name)) for name in gone]
        return in_order([*(self._by_git(entry, folder, place) for entry in there.values()), *lacking])

    def _there(self, folder: str, place: str) -> Iterator[Entry]:
        """Yield what the folder holds; one that git knows and that is gone holds nothing."""
        if self._files.is_folder(place) and not os.path.isdir(self._files.root / place):  # noqa: PTH112
            return
        for entry in super().entries(folder):
            if entry.name != ".git" and not self._files.is_written(join(place, entry.name)):
                yield entry

    def _lacking(self, path: str, place: str) -> Entry:
        """Return the entry of something that git tracks and that is not there."""
        name = path.rpartition("/")[2]
        if self._files.is_folder(place):
            return Entry(name, is_dir=True)
        return Entry(name, is_dir=False, error=(self._files.missing(place) or missing.DELETED).error(path))

    def _by_git(self, entry: Entry, folder: str, place: str) -> Entry:
        """Return an entry with what git says of it."""
        path, here = join(folder, entry.name), join(place, entry.name)
        tracked = self._files.is_tracked(here) or path in self._made
        if not tracked and (entry.link or entry.error):
            # Not followed: it is left out, wherever it leads.
            return Entry(entry.name, is_dir=False, tracked=False)
        if entry.error:
            return entry
        if entry.link:
            return Entry(entry.name, entry.is_dir, self._files.is_tracked(self._within(entry.link)))
        if tracked and entry.is_dir != self._files.is_folder(here) and path not in self._made:
            # A file in place of a folder, or a folder in place of a file.
            return Entry(entry.name, is_dir=False, error=missing.DELETED.error(path))
        return Entry(entry.name, entry.is_dir, tracked)

    def fingerprint(self) -> str | None:
        """Return what stands for the bytes of all files below, without opening one; None where git cannot say."""
        return self._files.fingerprint(self._top)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file; ChartError for what is no regular file, or only stands for one, or is lost."""
        try:
            return super().read(path)
        except ChartError:
            folder, _, name = path.rpartition("/")
            lost = self._files.missing(join(self._within(self.place(folder)), name))
            if lost:
                raise lost.error(path) from None
            raise

    def follow(self, path: str, place: str) -> str:
        """Return where the link at ``place`` leads; ChartError where it must not be followed."""
        try:
            return super().follow(path, place)
        except ChartError as error:
            lost = self._files.missing(self._within(os.path.realpath(place)))
            raise (lost.error(path) if lost else error) from error

    def _within(self, place: str) -> str:
        """Return a place as a path in the repository."""
        root = str(self._files.root)
        return "" if place == root else place.removeprefix(join(root, ""))
