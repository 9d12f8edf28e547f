"""Find the charts that patterns name, or by default those below ``charts/``, else the one at the root."""

from __future__ import annotations

import glob as globs
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from oci_chart_publish.chart.tree import FolderTree
from oci_chart_publish.discover.folders import below, in_work_tree, vendored
from oci_chart_publish.discover.pattern import CHART_FILE, Patterns, leaves_out, matcher, relative
from oci_chart_publish.discover.source import ChartSource
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.forge.worktree import WorkTreeFiles

DEFAULT = "charts"
_LISTED = 10


def charts(patterns: Iterable[str], *, base: Path, files: WorkTreeFiles | None) -> tuple[ChartSource, ...]:
    """Return the charts that ``patterns`` name, sorted by path; their files are not read.

    A folder stands for every chart in it and below, a path of a Chart.yaml for that chart, a glob for the chart
    folders it matches; ``!GLOB`` leaves out. All are relative to ``base``. ``files`` is the work tree that ``base``
    lies in, None outside git. Charts in the ``charts/`` of another one, in ``.git``, ``node_modules`` or in folders
    that git ignores are found only by a path that names them. ConfigError where a pattern names no chart.
    """
    search = Search.of(base, files)
    wanted = Patterns.parse(patterns)
    excludes = [matcher(search.exclude(pattern)) for pattern in wanted.excludes]
    if wanted.roots or wanted.globs:
        found = {folder for root in wanted.roots for folder in search.under(root)}
        found |= {folder for glob in wanted.globs for folder in search.matching(glob)}
    else:
        found = search.default()
    kept = {folder for folder in found if not leaves_out(excludes, folder)}
    if not kept:
        left = ", ".join(f"!{pattern}" for pattern in wanted.excludes)
        raise ConfigError(f"charts: {left} leaves out every chart that was found: {_listing(found)}")
    return tuple(search.source(folder) for folder in sorted(kept, key=os.fsencode))


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """Where to look: ``root`` of the repository, ``base`` below it (POSIX), and the chart folders known there."""

    root: Path
    base: str
    files: WorkTreeFiles | None
    known: frozenset[str]
    hidden: frozenset[str]

    @classmethod
    def of(cls, base: Path, files: WorkTreeFiles | None) -> Search:
        """List the chart folders of a repository, or below ``base`` outside git."""
        place = Path(os.path.realpath(base))
        root = files.root if files else place
        if not place.is_relative_to(root):
            raise ConfigError(f"{base} lies outside the repository {root}")
        folders = in_work_tree(files) if files else below(root)
        hidden = vendored(folders)
        relative_base = place.relative_to(root).as_posix()
        return cls(
            root=root,
            base="" if relative_base == "." else relative_base,
            files=files,
            known=frozenset(folders - hidden),
            hidden=frozenset(hidden),
        )

    def default(self) -> set[str]:
        """Return the charts below ``charts/``, else the one at the base; ConfigError listing what is elsewhere."""
        found = self._inside(_join(self.base, DEFAULT))
        if not found and self._is_chart(self.base):
            found = {self.base}
        if not found:
            raise ConfigError(
                f"no chart in {DEFAULT}/ and none at the root of {self.root / self.base}",
                hint=f"name the charts with 'charts:' (on the command line: PATH); found: {_listing(self.known)}",
            )
        return found

    def under(self, root: str) -> set[str]:
        """Return the charts in and below a folder that a user named; ConfigError where there is none."""
        path = self._place(root)
        if not (self.root / path).exists():
            raise ConfigError(
                f"charts: there is no {root!r} in {self.root / self.base}", hint=self._elsewhere()
            )
        itself = {path} if self._is_chart(path) else set()
        if itself and os.path.basename(root) == CHART_FILE:  # noqa: PTH119 - text as written
            return itself
        found = itself | self._inside(path)
        if not found:
            raise ConfigError(f"charts: no chart in {root!r}", hint=self._elsewhere(path))
        return found

    def matching(self, pattern: str) -> set[str]:
        """Return the charts whose folder a glob matches; ConfigError where there is none."""
        if (self.root / self.base / pattern).exists():
            return self.under(pattern)
        expression = matcher(self._glob(pattern))
        found = {folder for folder in self.known if expression.fullmatch(folder)}
        if not found:
            raise ConfigError(f"charts: no chart matches {pattern!r}", hint=self._elsewhere())
        return found

    def exclude(self, pattern: str) -> str:
        """Return an exclude relative to the repository root; a bare name counts in any folder."""
        bare = pattern.rstrip("/")
        return self._glob(bare if "/" in bare else f"**/{bare}")

    def source(self, folder: str) -> ChartSource:
        """Return the chart in a folder, with the tree its files come from."""
        files = self.files
        if files and files.is_tracked(_join(folder, CHART_FILE)):
            return ChartSource(path=folder, tree=files.tree(folder), tracked=True)
        boundary = self.root if files else None
        return ChartSource(path=folder, tree=FolderTree(self.root / folder, boundary=boundary), tracked=False)

    def _glob(self, pattern: str) -> str:
        return relative(pattern, globs.escape(self.base))

    def _place(self, root: str) -> str:
        """Return the folder that a user named, relative to the repository root, links on the way followed."""
        written = os.path.relpath(root, self.root) if os.path.isabs(root) else None  # noqa: PTH117 - text
        path = relative(written.replace(os.sep, "/"), "") if written else relative(root, self.base)
        if self.files and (path in self.known or (path and not self._is_linked(path))):
            return path
        real = Path(os.path.realpath(self.root / path))
        return relative(os.path.relpath(real, self.root).replace(os.sep, "/"), "")

    def _is_linked(self, path: str) -> bool:
        return os.path.realpath(self.root / path) != str(self.root / path)

    def _is_chart(self, folder: str) -> bool:
        return (self.root / folder / CHART_FILE).is_file()

    def _inside(self, folder: str) -> set[str]:
        prefix = f"{folder}/" if folder else ""
        return {known for known in self.known if known == folder or known.startswith(prefix)}

    def _elsewhere(self, folder: str | None = None) -> str:
        if folder is not None and any(one.startswith(f"{folder}/") or one == folder for one in self.hidden):
            return "the charts there are vendored in another chart; name the folder of one to take it all the same"
        return f"charts found: {_listing(self.known)}"


def _listing(folders: Iterable[str]) -> str:
    names: Sequence[str] = sorted(folder or "." for folder in folders)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more if names else "none"


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
