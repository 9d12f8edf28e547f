"""Find the charts that patterns name, or by default those below ``charts/``, else the one at the root."""

from __future__ import annotations

import glob as globs
import os
import posixpath
from collections.abc import Iterable, Sequence
from pathlib import Path

from oci_chart_publish.chart.metadata import CHART_FILE, chart_file
from oci_chart_publish.discover.folders import (
    Files,
    Folders,
    GitFolders,
    PlainFolders,
    is_vendored,
    plain_path,
)
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.paths.globs import MAGIC, Patterns, anchored, leaves_out
from oci_chart_publish.tree.tree import ChartSource, Entry, FolderTree

DEFAULT = "charts"
_LISTED = 10


def charts(patterns: Iterable[str], *, base: Path, files: Files | None) -> tuple[ChartSource, ...]:
    """Return the charts that ``patterns`` name, sorted by path; their files are not read.

    A folder stands for every chart in it and below, a path of a Chart.yaml for that chart, a glob for the chart
    folders it matches; ``!GLOB`` leaves out. All are relative to ``base``. ``files`` is the work tree or commit to
    look in, None outside git. Charts in the ``charts/`` of another one, in ``.git``, ``node_modules`` or in folders
    that git ignores are found only by a path that names them. ConfigError where a pattern names no chart.
    """
    place = Path(os.path.realpath(base))
    search = Search(GitFolders(files) if files else PlainFolders(place), place, in_git=files is not None)
    wanted = Patterns.parse(patterns)
    excludes = [anchored(search.exclude(pattern)) for pattern in wanted.excludes]
    if wanted.roots or wanted.globs:
        found = {folder for root in wanted.roots for folder in search.under(root)}
        found |= {folder for glob in wanted.globs for folder in search.matching(glob)}
    else:
        found = search.default()
    kept = {folder for folder in found if not leaves_out(excludes, folder)}
    if not kept:
        left = ", ".join(f"!{pattern}" for pattern in wanted.excludes)
        raise ConfigError(f"charts: {left} leaves out every chart that was found: {_listing(found)}")
    return tuple(_source(folder, search.root, files) for folder in sorted(kept, key=os.fsencode))


def home(patterns: Iterable[str], folder: Path) -> Path:
    """Return the folder whose repository a run is about: that of the first path named, else ``folder``."""
    for root in Patterns.parse(patterns).roots:
        path = folder / root
        try:
            if path.exists():
                return path if path.is_dir() else path.parent
        except OSError as error:  # a name that is too long, say
            raise ConfigError(f"charts: cannot look at {root[:80]!r}: {error.strerror}") from error
    return folder


class Search:
    """Looks for charts among ``folders``, for patterns relative to ``base``, an absolute path without links."""

    def __init__(self, folders: Folders, base: Path, *, in_git: bool) -> None:
        self.root = folders.root
        self._folders = folders
        self._base = base
        self._in_git = in_git

    def default(self) -> set[str]:
        """Return the charts below ``charts/``, else the one at the base; ConfigError listing what is elsewhere."""
        here = self._place("")
        found = self._folders.inside(_join(here, DEFAULT))
        if not found and self._folders.is_chart(here):
            found = {here}
        if not found:
            hint = "name the charts with 'charts:' (on the command line: PATH); found: "
            raise ConfigError(
                f"no chart in {DEFAULT}/ and none at the root of {self._base}",
                hint=hint + _listing(self._folders.near()),
            )
        return found

    def under(self, written: str) -> set[str]:
        """Return the charts in and below a folder that a user named; ConfigError where there is none."""
        path = self._place(written)
        if not self._folders.exists(path):
            raise ConfigError(f"charts: there is no {written!r} in {self._base}", hint=self._elsewhere())
        itself = {path} if self._folders.is_chart(path) else set()
        if itself and posixpath.basename(written) == CHART_FILE:
            return itself
        found = itself | self._folders.inside(path)
        if not found:
            inside_charts = is_vendored(self._folders, _join(path, "any"))
            raise ConfigError(
                f"charts: no chart in {written!r}", hint=self._elsewhere(vendored=inside_charts)
            )
        return found

    def matching(self, pattern: str) -> set[str]:
        """Return the charts whose folder a glob matches; ConfigError where there is none."""
        if self._folders.exists(plain_path(self.root, str(self._base / pattern))):
            return self.under(pattern)
        glob = self._glob(pattern)
        start = "/".join(_literal(glob))
        fits = anchored(glob)
        found = {folder for folder in self._folders.inside(start) if fits(folder)}
        if not found:
            raise ConfigError(f"charts: no chart matches {pattern!r}", hint=self._elsewhere())
        return found

    def exclude(self, pattern: str) -> str:
        """Return an exclude relative to the root; a bare name counts in any folder."""
        bare = pattern.rstrip("/")
        return self._glob(bare if "/" in bare else f"**/{bare}")

    def _place(self, written: str) -> str:
        """Return the folder that a user named, relative to the root, links on the way followed."""
        folder = posixpath.dirname(written) if posixpath.basename(written) == CHART_FILE else written
        return self._relative(os.path.realpath(self._base / folder), written)

    def _glob(self, pattern: str) -> str:
        """Return a glob relative to the root; a final Chart.yaml stands for its folder."""
        full = posixpath.normpath(posixpath.join(globs.escape(str(self._base)), pattern))
        escaped = globs.escape(str(self.root))
        inside = self._relative(
            full.replace(escaped, str(self.root), 1) if full.startswith(escaped) else full, pattern
        )
        return "" if inside == CHART_FILE else inside.removesuffix(f"/{CHART_FILE}")

    def _relative(self, full: str, written: str) -> str:
        if self._in_git and full != str(self.root) and not full.startswith(os.path.join(self.root, "")):  # noqa: PTH118
            raise ConfigError(
                f"charts: {written!r} lies outside the repository {self.root}",
                hint="run the tool once for each repository",
            )
        return plain_path(self.root, full)

    def _elsewhere(self, *, vendored: bool = False) -> str:
        if vendored:
            return "the charts there are vendored in another chart; name the folder of one to take it all the same"
        return f"charts found: {_listing(self._folders.near())}"


class _WithoutGit(FolderTree):
    """A folder as Helm reads it, but for ``.git``: it holds history, and the token of a checkout."""

    def entries(self, folder: str) -> list[Entry]:
        """Return what is in a folder."""
        return [entry for entry in super().entries(folder) if entry.name != ".git"]


def _source(folder: str, root: Path, files: Files | None) -> ChartSource:
    if files and files.is_tracked(chart_file(folder)):
        return ChartSource(path=folder, tree=files.tree(folder), tracked=True)
    tree = _WithoutGit(root / folder, boundary=root) if files else FolderTree(root / folder)
    return ChartSource(path=folder, tree=tree, tracked=False)


def _literal(glob: str) -> Iterable[str]:
    """Yield the names that a glob begins with, up to the first that is a pattern."""
    for name in glob.split("/"):
        if MAGIC.search(name):
            return
        yield name


def _listing(folders: Iterable[str]) -> str:
    names: Sequence[str] = sorted(folder or "." for folder in folders)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more if names else "none"


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
