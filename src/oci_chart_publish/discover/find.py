"""Find the charts that patterns name, or by default those below ``charts/``, else the one at the root."""

from __future__ import annotations

import glob as globs
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from oci_chart_publish.chart.metadata import CHART_FILE, chart_file
from oci_chart_publish.discover.folders import (
    Files,
    Folders,
    GitFolders,
    PlainFolders,
    chart_tree,
    is_vendored,
    plain_path,
)
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.git.environment import locate
from oci_chart_publish.paths.globs import MAGIC, Patterns, anchored, leaves_out
from oci_chart_publish.tree.missing import refuse_unseen
from oci_chart_publish.tree.tree import ChartSource

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
    parsed = Patterns.parse(patterns)
    excludes = [search.exclude(pattern) for pattern in parsed.excludes]
    if parsed.roots or parsed.globs:
        folders = {folder for root in parsed.roots for folder in search.under(root)}
        folders |= {folder for glob in parsed.globs for folder in search.matching(glob)}
    else:
        folders = search.default()
    kept = {folder for folder in folders if not leaves_out(excludes, folder)}
    refuse_unseen(path for path in search.unseen(kept) if not leaves_out(excludes, path))
    if files is None:
        _refuse_repositories(kept, search.root)
    if not kept:
        remaining = ", ".join(f"!{pattern}" for pattern in parsed.excludes)
        raise ConfigError(f"charts: {remaining} leaves out every chart that was found: {_listing(folders)}")
    return tuple(_source(folder, search.root, files) for folder in sorted(kept, key=os.fsencode))


def _refuse_repositories(folders: Iterable[str], root: Path) -> None:
    """Raise ConfigError for a chart that lies in a git repository although the run does not."""
    for folder in sorted(folders, key=os.fsencode):
        if (inside := locate(root / folder)) is not None:
            top = inside[0]
            raise ConfigError(
                f"charts: {folder!r} lies in the git repository {top}, whose files nobody would look at",
                hint="name a folder in it, or run there; once for each repository",
            )


def home(patterns: Iterable[str], folder: Path) -> Path:
    """Return the folder whose repository a run is about: that of the first path or glob, else ``folder``.

    Of a glob it is the folder that it begins with; where that is in no repository, the first one that has a chart
    which the glob fits.
    """
    parsed = Patterns.parse(patterns)
    for root in parsed.roots:
        path = folder / root
        try:
            if path.exists():
                return path if path.is_dir() else path.parent
        except OSError as error:  # a name that is too long, say
            raise ConfigError(f"charts: cannot look at {root[:80]!r}: {error.strerror}") from error
    for pattern in parsed.globs:
        path = folder / "/".join(_literal(pattern))
        if locate(path) is None and path.is_dir():
            search = Search(PlainFolders(folder), folder, in_git=False)
            path = next((place for place in search.places(pattern) if locate(place)), path)
        if path.is_dir():
            return path
    return folder


class Search:
    """Looks for charts among ``folders``, for patterns relative to ``base``, an absolute path without links.

    What it was asked to look into is remembered, for submodules in there may hold charts that nobody sees.
    """

    def __init__(self, folders: Folders, base: Path, *, in_git: bool) -> None:
        self.root = folders.root
        self._folders = folders
        self._base = base
        self._in_git = in_git
        self._unseen: set[str] = set()

    def unseen(self, charts: Iterable[str]) -> set[str]:
        """Return the submodules that were to be looked into and cannot be, without those that are part of a chart."""
        inside = {path for path in self._unseen for chart in charts if path.startswith(_join(chart, ""))}
        return self._unseen - inside

    def _look_into(self, folder: str) -> set[str]:
        """Return the charts in a folder and below it."""
        self._unseen |= {path for path in self._folders.unseen if f"{path}/".startswith(_join(folder, ""))}
        return self._folders.inside(folder)

    def default(self) -> set[str]:
        """Return the charts below ``charts/``, else the one at the base; ConfigError listing what is elsewhere."""
        here = self._place("")
        folders = self._look_into(_join(here, DEFAULT))
        if not folders and self._folders.is_chart(here):
            folders = {here}
        if not folders:
            refuse_unseen(self._unseen)
            hint = "name the charts with 'charts:' (on the command line: PATH); found: "
            raise ConfigError(
                f"no chart in {DEFAULT}/ and none at the root of {self._base}",
                hint=hint + _listing(self._folders.near()),
            )
        return folders

    def under(self, written: str) -> set[str]:
        """Return the charts in and below a folder that a user named; ConfigError where there is none."""
        path = self._place(written)
        if not self._folders.is_chart(path) and (lost := self._folders.missing(path)):
            raise ConfigError(f"charts: {written!r}: {chart_file(path)} is {lost.message}", hint=lost.hint)
        if not self._folders.exists(path):
            raise ConfigError(f"charts: there is no {written!r} in {self._base}", hint=self._elsewhere())
        itself = {path} if self._folders.is_chart(path) else set()
        if itself and posixpath.basename(written) == CHART_FILE:
            return itself
        folders = itself | self._look_into(path)
        if not folders:
            refuse_unseen(self._unseen)
            inside_charts = is_vendored(self._folders, _join(path, "any"))
            raise ConfigError(
                f"charts: no chart in {written!r}", hint=self._elsewhere(vendored=inside_charts)
            )
        return folders

    def matching(self, pattern: str) -> set[str]:
        """Return the charts whose folder a glob matches; ConfigError where there is none."""
        if self._folders.exists(plain_path(self.root, str(self._base / pattern))):
            return self.under(pattern)
        if (above := self._from_above(pattern)) is not None:
            folders = {folder for folder in self._look_into("") if above(folder)}
            if folders:
                return folders
        glob = self._glob(pattern)
        start = "/".join(_literal(glob))
        fits = anchored(glob)
        folders = {folder for folder in self._folders.inside(start) if fits(folder)}
        self._unseen |= {path for path in self._folders.unseen if _may_hold(glob, path)}
        if not folders:
            refuse_unseen(self._unseen)
            raise ConfigError(f"charts: no chart matches {pattern!r}", hint=self._elsewhere())
        return folders

    def places(self, pattern: str) -> Iterator[Path]:
        """Yield where the charts are whose folder a glob fits."""
        glob = self._glob(pattern)
        fits = anchored(glob)
        charts = self._folders.inside("/".join(_literal(glob)))
        return (self.root / chart for chart in sorted(charts, key=os.fsencode) if fits(chart))

    def exclude(self, pattern: str) -> Callable[[str], bool]:
        """Return what tells whether an exclude fits a folder; a bare name counts in any folder."""
        bare = pattern.rstrip("/")
        pattern = bare if "/" in bare else f"**/{bare}"
        return self._from_above(pattern) or anchored(self._glob(pattern))

    def _from_above(self, pattern: str) -> Callable[[str], bool] | None:
        """Return what tells whether a glob fits a folder, for one that begins above the repository; None for others."""
        full = posixpath.normpath(posixpath.join(globs.escape(str(self._base)), pattern))
        top = self.root.as_posix()
        if full.startswith(globs.escape(top)) or not f"{top}/".startswith(
            _join("/".join(_literal(full)), "")
        ):
            return None
        fits = anchored(full.removesuffix(f"/{CHART_FILE}"))
        return lambda folder: fits(_join(top, folder).strip("/"))

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


def _source(folder: str, root: Path, files: Files | None) -> ChartSource:
    tracked = files is not None and files.is_tracked(chart_file(folder))
    return ChartSource(path=folder, tree=chart_tree(root, folder, files), tracked=tracked)


def _may_hold(glob: str, folder: str) -> bool:
    """Tell whether a glob may fit a folder, or one in it that nobody knows of."""
    names = glob.split("/")[: len(folder.split("/"))]
    if "**" in names:
        names = names[: names.index("**") + 1]
    return anchored("/".join(names))(folder)


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
