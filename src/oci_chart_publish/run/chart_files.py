"""The files of the repository's charts: in the work tree, in the commit of a saved plan, or in a folder without git."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from oci_chart_publish.chart.metadata import CHART_FILE, chart_file, decode_metadata
from oci_chart_publish.chart.walk import Packing, packing
from oci_chart_publish.discover.folders import Files, GitFolders, PlainFolders, chart_tree
from oci_chart_publish.errors import ChartError
from oci_chart_publish.singleflight import SingleFlight, locked_cached_property
from oci_chart_publish.tree.tree import Tree


class ChartFiles(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Charts by their folders below ``root``, those of the run and all others. Safe for threads."""

    root: Path
    files: Files | None
    """What git tracks; None outside a work tree."""
    committed: bool
    """Whether only what git tracks counts: the run builds a commit."""

    def tree(self, folder: str) -> Tree | None:
        """Return the files of the chart in a folder; None where there is no chart."""
        path = chart_file(folder)
        files = self.files
        if files is not None and (files.is_tracked(path) or files.missing(path)):
            # One that is lost says so when it is read.
            return files.tree(folder) if files.is_file(path) or files.missing(path) else None
        if self.committed or not (self.root / path).is_file():
            return None
        return chart_tree(self.root, folder, files)

    @locked_cached_property
    def folders(self) -> Sequence[str]:
        """The folders of all charts that are not below ``charts/`` of another one, sorted."""
        folders = GitFolders(self.files) if self.files else PlainFolders(self.root)
        return sorted(folders.near())

    @locked_cached_property
    def _by_name(self) -> Mapping[str, Sequence[str]]:
        by_name: dict[str, list[str]] = {}
        for folder in self.folders:
            tree = self.tree(folder)
            with suppress(ChartError):
                if tree is not None:
                    by_name.setdefault(decode_metadata(tree.read(CHART_FILE)).name, []).append(folder)
        return by_name

    def folders_of(self, name: str) -> Sequence[str]:
        """Return the folders of the charts of a name, as far as they can be read."""
        return self._by_name.get(name, [])

    @property
    def submodules(self) -> tuple[str, ...]:
        """The submodules of the repository, of whose files it knows only the commit that they are at."""
        return tuple(self.files.submodules) if self.files else ()

    def links_below(self, folder: str) -> Sequence[str]:
        """Return where the symbolic links below a folder lead, from the top: what is there is packed with the chart."""
        return self.files.links_below(folder) if self.files else ()

    def packs(self, folder: str, path: str, *, is_dir: bool) -> bool:
        """Tell whether the chart in a folder packs a path below it; True where its rules are broken, or no chart is."""
        rules = self._packing.get(folder, lambda: self._packing_of(folder))
        return rules is None or rules(path, is_dir)

    @locked_cached_property
    def _packing(self) -> SingleFlight[Packing | None]:
        return SingleFlight()

    def _packing_of(self, folder: str) -> Packing | None:
        tree = self.tree(folder)
        try:
            return packing(tree) if tree else None
        except ChartError:
            return None  # told where the chart is built
