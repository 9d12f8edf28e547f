"""Where missing dependencies come from, by the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from oci_chart_publish.chartrepo.aliases import OwnRepositories
from oci_chart_publish.discover import find
from oci_chart_publish.lazy import lazy
from oci_chart_publish.registry.connect import PULL
from oci_chart_publish.run.chart_files import ChartFiles
from oci_chart_publish.run.stores import Stores, everywhere
from oci_chart_publish.settings import Settings
from oci_chart_publish.singleflight import locked_cached_property
from oci_chart_publish.tree.tree import Tree
from oci_chart_publish.yamldoc.editor import write_file

if TYPE_CHECKING:
    from oci_chart_publish.chartrepo import fetch
    from oci_chart_publish.chartrepo.fetch import Fetcher
else:
    fetch = lazy("oci_chart_publish.chartrepo.fetch")


class DependencySources(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The ``DependencyPolicy`` of a run; nothing is opened before something has to be fetched."""

    settings: Settings
    stores: Stores
    files: ChartFiles
    page: str
    """URL of the page of the repository that publishes; empty where it is not known."""
    writes: bool
    """Whether new locks are written to the tree."""

    @property
    def aliases(self) -> Mapping[str, str]:
        """URLs of repositories by the names that Chart.yaml may use for them."""
        return self.settings.repositories

    @locked_cached_property
    def _own(self) -> OwnRepositories:
        return OwnRepositories.of(
            registries=everywhere(self.settings),
            urls=filter(None, [*self.settings.own_repositories, self.settings.rewrite_dependencies]),
            page=self.page,
        )

    def is_own(self, url: str) -> bool:
        """Tell whether the URL of a repository means the charts of this one."""
        return self._own(url)

    def tree(self, folder: str) -> Tree | None:
        """Return the files of a chart of this repository; None where there is no chart."""
        return self.files.tree(folder)

    def folders_of(self, name: str) -> Sequence[str]:
        """Return the folders of the charts of a name, those in ``charts/`` alone where there are some."""
        folders = self.files.folders_of(name)
        usual = [folder for folder in folders if folder.startswith(f"{find.DEFAULT}/")]
        return usual or folders

    def save_lock(self, path: str, data: bytes) -> None:
        """Write a new lock file to the tree, in a run that writes."""
        if self.writes:
            write_file(self.files.root / path, data, create=True)

    def fetcher(self) -> Fetcher | None:
        """Return what gets the dependencies of other repositories; None with ``dependency: skip``."""
        return None if self.settings.dependency == "skip" else self._fetcher

    @locked_cached_property
    def _fetcher(self) -> Fetcher:

        stores = self.stores
        return fetch.Fetcher(
            connect=lambda repository: stores.registries.repository(repository, actions=PULL),
            http=stores.registries.chart_repositories(stores.layout.root / "memo" / "indexes"),
            layout=stores.layout,
            memo=stores.memo,
            aliases=self.settings.repositories,
            offline=self.settings.offline,
        )
