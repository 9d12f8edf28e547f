"""The files of a commit, with the bytes that a clean checkout of it has."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from oci_chart_publish.errors import ChartError
from oci_chart_publish.git.repository import GitRepository, failure_of
from oci_chart_publish.singleflight import locked_cached_property
from oci_chart_publish.tree.conversions import conversions
from oci_chart_publish.tree.links import HOPS, leads_nowhere, leaves_repository, refuse_circle
from oci_chart_publish.tree.missing import (
    SUBMODULE,
    SUBMODULE_COMMIT,
    Missing,
    checked,
    is_pointer,
    pointer_object,
)
from oci_chart_publish.tree.tree import Entry

_LINK = "120000"


class CommitFiles:
    """Every file of one commit, listed once. Paths are POSIX, relative to the repository root.

    The files of submodules that are checked out, at the commits that this one names, are among them.
    """

    def __init__(self, repository: GitRepository, rev: str) -> None:
        self.repository = repository
        self.sha = repository.require(rev)
        self.modes: dict[str, str] = {}
        self.blobs: dict[str, str] = {}
        self.folders: dict[str, set[str]] = {"": set()}
        self._submodules: dict[str, CommitFiles] = {}
        self._unseen: dict[str, Missing] = {}
        self._pointers: list[str] = []
        listing = repository.git.output("ls-tree", "-r", "-z", "--full-tree", self.sha)
        for record in listing.split(b"\0")[:-1]:
            details, _, path = os.fsdecode(record).partition("\t")
            mode, kind, sha = details.split(" ")
            if kind == "blob":
                self._add(path, mode, sha)
            else:
                self._enter(path, sha)

    def _add(self, path: str, mode: str, sha: str) -> None:
        self.modes[path] = mode
        self.blobs[path] = sha
        self._hold(path)

    def _hold(self, path: str) -> None:
        """Have the folders on the way to a path know of it."""
        while path:
            folder, _, name = path.rpartition("/")
            known = folder in self.folders
            self.folders.setdefault(folder, set()).add(name)
            if known:
                return
            path = folder

    def _enter(self, path: str, sha: str) -> None:
        """Take in the files of a submodule, or remember why they are not there."""
        self._pointers.append(path)
        self.folders[path] = set()
        self._hold(path)
        submodule = self.repository.submodule(path)
        if submodule is None:
            self._unseen[path] = SUBMODULE
        elif submodule.commit(sha) is None:
            self._unseen[path] = SUBMODULE_COMMIT
        else:
            files = self._submodules[path] = CommitFiles(submodule, sha)
            for inner, mode in files.modes.items():
                self._add(f"{path}/{inner}", mode, files.blobs[inner])
            for inner, reason in files._unseen.items():
                self._unseen[f"{path}/{inner}"] = reason
                self.folders[f"{path}/{inner}"] = set()
                self._hold(f"{path}/{inner}")

    def _submodule(self, path: str) -> tuple[CommitFiles, str] | None:
        """Return the submodule that a file is in, and its path there; None for one of the repository itself."""
        for folder, files in self._submodules.items():
            if path.startswith(f"{folder}/"):
                return files, path.removeprefix(f"{folder}/")
        return None

    @property
    def root(self) -> Path:
        """The top of the repository, which is only read."""
        return self.repository.root

    @property
    def untracked(self) -> tuple[str, ...]:
        """Nothing: a commit holds what git tracks."""
        return ()

    @property
    def submodules(self) -> tuple[str, ...]:
        """All submodules of the repository, but not those in another one."""
        return tuple(self._pointers)

    @property
    def unseen(self) -> frozenset[str]:
        """Submodules that are not checked out, or not at their commit: nobody knows what is in them."""
        return frozenset(self._unseen)

    def missing(self, path: str) -> Missing | None:
        """Return why a file of the commit is not there: it is in a submodule that is not."""
        for folder, reason in self._unseen.items():
            if path == folder or path.startswith(f"{folder}/"):
                return reason
        return None

    def paths(self) -> tuple[str, ...]:
        """Return every file of the commit."""
        return tuple(self.modes)

    def exists(self, path: str) -> bool:
        """Tell whether there is such a file or folder, links followed."""
        real = self._resolved(path)
        return real in self.blobs or real in self.folders

    def is_file(self, path: str) -> bool:
        """Tell whether there is such a file, links followed."""
        return self._resolved(path) in self.blobs

    def is_tracked(self, path: str) -> bool:
        """Tell whether the commit has this file or link, or any file in this folder ("" is the root)."""
        return path in self.modes or path in self.folders

    def named(self, name: str) -> Iterator[str]:
        """Yield the paths of files called ``name``."""
        return (path for path in self.blobs if path.rpartition("/")[2] == name)

    def links_below(self, folder: str) -> tuple[str, ...]:
        """Return where the symbolic links below a folder lead, as paths in the repository."""
        prefix = f"{folder}/" if folder else ""
        links = (p for p, mode in self.modes.items() if mode == _LINK and p.startswith(prefix))
        return tuple(sorted({real for link in links if (real := self._resolved(link)) is not None}))

    def _resolved(self, path: str) -> str | None:
        try:
            return self.resolve(path)
        except ChartError:
            return None

    def tree(self, folder: str) -> CommitTree:
        """Return the files of one folder ("" is the root)."""
        return CommitTree(self.repository, self.sha, folder, files=self)

    @locked_cached_property
    def converted(self) -> Mapping[str, str]:
        """The paths whose bytes git changes on checkout, and the program that filters them ("" for git itself)."""
        paths = (path for path in self.blobs if self.modes[path] != _LINK and not self._submodule(path))
        # What Git LFS filters is stored as a pointer, which is resolved without its program.
        return conversions(self.repository.git, paths, commit=self.sha, resolved=frozenset({"lfs"}))

    def stored(self, path: str) -> bytes:
        """Return the bytes of a file as git stores them."""
        inner = self._submodule(path)
        return inner[0].stored(inner[1]) if inner else self.repository.blob(self.blobs[path])

    def read(self, path: str) -> bytes:
        """Return the bytes of a file that a checkout writes; ChartError where this clone cannot make them."""
        inner = self._submodule(path)
        if inner:
            return inner[0].read(inner[1])
        if path in self.converted:
            return self._filtered(path)
        data = self.repository.blob(self.blobs[path])
        if is_pointer(data):
            return self.repository.lfs_object(pointer_object(data)) or data
        return data

    def _filtered(self, path: str) -> bytes:
        done = self.repository.git.run(
            "cat-file", "--filters", f"--path={path}", self.blobs[path], attributes=self.sha
        )
        program = self.converted[path]
        # A filter that fails and is not required leaves the file as it is, and only says so.
        if done.returncode or (program and done.stderr):
            what = (
                f"the filter {program!r} of .gitattributes" if program else "the conversion of .gitattributes"
            )
            raise ChartError(
                f"{what} failed: {failure_of(done)}",
                path=path,
                hint="install the program and configure it in git before this step, or take the attribute away",
            )
        return done.stdout

    def prefetch(self, folder: str) -> None:
        """Bring the contents of a folder's files at once, where the clone lacks those of old commits."""
        prefix = f"{folder}/" if folder else ""
        self.repository.prefetch_blobs(
            sha for path, sha in self.blobs.items() if path.startswith(prefix) and not self._submodule(path)
        )

    def resolve(self, path: str) -> str:
        """Return ``path`` with every symbolic link on it followed; ChartError if one leaves the commit or loops."""
        names, done, hops = path.split("/") if path else [], "", 0
        while names:
            done = posixpath.join(done, names.pop(0))
            if self.modes.get(done) != _LINK:
                continue
            hops += 1
            if hops > HOPS:
                raise leads_nowhere("", "Too many levels of symbolic links")
            target = os.fsdecode(self.stored(done))
            joined = posixpath.normpath(posixpath.join(posixpath.dirname(done), target))
            if joined == ".." or joined.startswith(("../", "/")) or ".git" in joined.split("/"):
                raise leaves_repository("")
            names, done = [*(joined.split("/") if joined != "." else []), *names], ""
        return done


class CommitTree:
    """The files of a folder at a commit, as chart.tree.Tree. All are tracked; links are followed in the commit.

    Line ends, filters and encodings that ``.gitattributes`` asks for are applied, as on checkout; git before 2.41
    reads them from the work tree instead of the commit.
    """

    def __init__(
        self, repository: GitRepository, rev: str, folder: str, *, files: CommitFiles | None = None
    ) -> None:
        self._files = files or CommitFiles(repository, rev)
        self._folder = folder
        self._prefetched = False
        self._last = ("", b"")
        self.title = f"{folder or '.'} at {self._files.sha[:12]}"

    def entries(self, folder: str) -> Sequence[Entry]:
        """Return the entries of a folder ("" is the chart's), sorted bytewise by name."""
        real = self._resolve(folder)
        names = self._files.folders.get(real)
        if lost := self._files.missing(real):
            raise lost.error(folder)
        if names is None:
            raise ChartError(f"no folder of commit {self._files.sha[:12]}", path=folder)
        return [self._entry_or_error(folder, name) for name in sorted(names, key=os.fsencode)]

    def read(self, path: str) -> bytes:
        """Return the bytes that a checkout writes."""
        known, data = self._last
        if known != path:
            data = self._read(path)
            self._last = (path, data)
        return data

    def size(self, path: str) -> int:
        """Return the size in bytes of what a checkout writes."""
        return len(self.read(path))

    def fingerprint(self) -> str | None:
        """Return None: only reading tells."""
        return None

    def _entry_or_error(self, folder: str, name: str) -> Entry:
        try:
            return self._entry(folder, name)
        except ChartError as error:
            return Entry(name, is_dir=False, error=error)

    def _entry(self, folder: str, name: str) -> Entry:
        path = posixpath.join(folder, name)
        real = self._resolve(path)
        if real in self._files.folders:
            if real != posixpath.join(self._resolve(folder), name):
                refuse_circle(real, map(self._resolve, _upwards(folder)), path)
            return Entry(name, is_dir=True)
        if lost := self._files.missing(real):
            raise lost.error(path)
        if real not in self._files.blobs:
            lost = self._files.missing(real)
            raise lost.error(path) if lost else leads_nowhere(path, "No such file or directory")
        return Entry(name, is_dir=False)

    def _resolve(self, path: str) -> str:
        try:
            return self._files.resolve(posixpath.join(self._folder, path) if path else self._folder)
        except ChartError as error:
            raise ChartError(error.message, path=path, hint=error.hint) from error

    def _read(self, path: str) -> bytes:
        real = self._resolve(path)
        if real not in self._files.blobs:
            raise ChartError(f"no file of commit {self._files.sha[:12]}", path=path)
        if not self._prefetched:
            self._files.prefetch(self._folder)
            self._prefetched = True
        try:
            return checked(self._files.read(real), path)
        except ChartError as error:
            raise ChartError(error.message, path=path, hint=error.hint) from error


def _upwards(folder: str) -> Iterator[str]:
    """Yield a folder and those that hold it, "" last."""
    yield folder
    while folder:
        folder = folder.rpartition("/")[0]
        yield folder
