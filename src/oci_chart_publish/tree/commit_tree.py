"""The files of a commit, with the bytes that a clean checkout of it has."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from oci_chart_publish.errors import ChartError
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.singleflight import locked_cached_property
from oci_chart_publish.tree.tree import Entry

_LINK = "120000"
_LINK_HOPS = 40  # as Linux
_ATTRIBUTES = ("text", "eol", "filter", "ident", "working-tree-encoding")
_OFF = {"unspecified", "unset"}


class CommitFiles:
    """Every file of one commit, listed once. Paths are POSIX, relative to the repository root."""

    def __init__(self, repository: GitRepository, rev: str) -> None:
        self.repository = repository
        self.sha = repository.require(rev)
        self.modes: dict[str, str] = {}
        self.blobs: dict[str, str] = {}
        self.folders: dict[str, set[str]] = {"": set()}
        listing = repository.git.output("ls-tree", "-r", "-z", "--full-tree", self.sha)
        for record in listing.split(b"\0")[:-1]:
            details, _, path = os.fsdecode(record).partition("\t")
            self._add(path, *details.split(" "))

    def _add(self, path: str, mode: str, kind: str, sha: str) -> None:
        self.modes[path] = mode
        if kind == "blob":
            self.blobs[path] = sha
        else:
            self.folders[path] = set()
        while path:
            folder, _, name = path.rpartition("/")
            known = folder in self.folders
            self.folders.setdefault(folder, set()).add(name)
            if known:
                return
            path = folder

    @property
    def root(self) -> Path:
        """The top of the repository, which is only read."""
        return self.repository.root

    @property
    def untracked(self) -> tuple[str, ...]:
        """Nothing: a commit holds what git tracks."""
        return ()

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
    def converted(self) -> frozenset[str]:
        """The paths whose bytes git changes on checkout."""
        git = self.repository.git
        names = b"".join(os.fsencode(path) + b"\0" for path in self.blobs if self.modes[path] != _LINK)
        out = git.output("check-attr", "-z", "--stdin", *_ATTRIBUTES, stdin=names, attributes=self.sha)
        fields = [os.fsdecode(field) for field in out.split(b"\0")[:-1]]
        crlf = _crlf_by_default(self.repository)
        found: dict[str, dict[str, str]] = {}
        for path, name, value in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
            found.setdefault(path, {})[name] = value
        return frozenset(path for path, attributes in found.items() if _converts(attributes, crlf=crlf))

    def prefetch(self, folder: str) -> None:
        """Bring the contents of a folder's files at once, where the clone lacks those of old commits."""
        prefix = f"{folder}/" if folder else ""
        self.repository.prefetch_blobs(sha for path, sha in self.blobs.items() if path.startswith(prefix))

    def resolve(self, path: str) -> str:
        """Return ``path`` with every symbolic link on it followed; ChartError if one leaves the commit or loops."""
        names, done, hops = path.split("/") if path else [], "", 0
        while names:
            done = posixpath.join(done, names.pop(0))
            if self.modes.get(done) != _LINK:
                continue
            hops += 1
            target = os.fsdecode(self.repository.blob(self.blobs[done]))
            if hops > _LINK_HOPS:
                raise ChartError("a symbolic link that leads nowhere: Too many levels of symbolic links")
            joined = posixpath.normpath(posixpath.join(posixpath.dirname(done), target))
            if joined == ".." or joined.startswith(("../", "/")):
                raise ChartError(
                    "a symbolic link that leaves the repository", hint="put a copy of the file in its place"
                )
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
        names = self._files.folders.get(self._resolve(folder))
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
                self._refuse_loop(folder, real, path)
            return Entry(name, is_dir=True)
        if real not in self._files.blobs:
            raise ChartError("a symbolic link that leads nowhere: No such file or directory", path=path)
        return Entry(name, is_dir=False)

    def _refuse_loop(self, folder: str, target: str, path: str) -> None:
        above = [folder]
        while above[-1]:
            above.append(posixpath.dirname(above[-1]))
        for place in map(self._resolve, above):
            if not target or place == target or place.startswith(f"{target}/"):
                raise ChartError(
                    "a symbolic link that leads into a circle", path=path, hint="remove the link"
                )

    def _resolve(self, path: str) -> str:
        try:
            return self._files.resolve(posixpath.join(self._folder, path) if path else self._folder)
        except ChartError as error:
            raise ChartError(error.message, path=path, hint=error.hint) from error

    def _read(self, path: str) -> bytes:
        real = self._resolve(path)
        sha = self._files.blobs.get(real)
        if sha is None:
            raise ChartError(f"no file of commit {self._files.sha[:12]}", path=path)
        if not self._prefetched:
            self._files.prefetch(self._folder)
            self._prefetched = True
        if real not in self._files.converted:
            return self._files.repository.blob(sha)
        return self._files.repository.git.output(
            "cat-file", "--filters", f"--path={real}", sha, attributes=self._files.sha
        )


def _converts(attributes: Mapping[str, str], *, crlf: bool) -> bool:
    """Tell whether a checkout may change the bytes."""
    if any(attributes[name] not in _OFF for name in ("filter", "ident", "working-tree-encoding")):
        return True
    return attributes["eol"] == "crlf" or (crlf and attributes["text"] != "unset")


def _crlf_by_default(repository: GitRepository) -> bool:
    done = repository.git.run("config", "-z", "--get-regexp", r"^core\.(autocrlf|eol)$")
    settings = _pairs(os.fsdecode(done.stdout).split("\0"))
    return (
        settings.get("core.autocrlf", "").lower() in {"true", "yes", "on", "1"}
        or settings.get("core.eol") == "crlf"
    )


def _pairs(records: Iterable[str]) -> dict[str, str]:
    return {name.lower(): value for name, _, value in (record.partition("\n") for record in records)}
