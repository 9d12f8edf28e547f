"""Which charts changed since a revision: by what belongs to each, and by what it embeds from this repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from oci_chart_publish.chart.metadata import ChartMetadata
from oci_chart_publish.discover.changed import changed_since
from oci_chart_publish.discover.folders import Files
from oci_chart_publish.errors import ConfigError, PublishError
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.paths.ownership import Belonging
from oci_chart_publish.run.chart_settings import ChartSettingsResolver
from oci_chart_publish.run.graph import places, read_metadata
from oci_chart_publish.run.policy import DependencyPolicy
from oci_chart_publish.tree.tree import ChartSource, Tree


class ChangedSince(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Narrows charts to those that changed; one whose dependency in this repository did has changed, too."""

    repository: GitRepository | None
    files: Files | None
    dependencies: DependencyPolicy
    charts: ChartSettingsResolver

    def since(
        self, sources: Sequence[ChartSource], rev: str, *, head: str | None = None
    ) -> tuple[ChartSource, ...]:
        """Return the charts that changed since the work tree, or the commit ``head``, left ``rev``.

        ConfigError outside git, for an unknown revision, and where history is missing.
        """
        if self.repository is None or self.files is None:
            raise ConfigError(
                f"--changed-since {rev}: the charts are in no git repository", hint="run in a clone of it"
            )
        known = {source.path: _metadata(source.tree) for source in sources}
        return changed_since(
            sources,
            rev,
            repository=self.repository,
            files=self.files,
            belonging=lambda source: self._belonging(source.path, known),
            head=head,
        )

    def _belonging(self, folder: str, known: Mapping[str, ChartMetadata | None]) -> Belonging:
        """Return what belongs to the chart in a folder, and to all that it embeds, directly or not."""
        names = {path: metadata.name for path, metadata in known.items() if metadata}
        found: dict[str, Belonging] = {}
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            if here in found:
                continue
            metadata = known[here] if here in known else self._outside(here)
            found[here] = self.charts.packed(metadata.name if metadata else "", here)
            for dependency in metadata.dependencies if metadata else ():
                waiting += places(dependency, here, names, self.dependencies)
        own = found.pop(folder)
        return replace(own, dependencies=tuple(found.values()))

    def _outside(self, folder: str) -> ChartMetadata | None:
        tree = self.dependencies.tree(folder)
        return _metadata(tree) if tree else None


def _metadata(tree: Tree) -> ChartMetadata | None:
    """Read a Chart.yaml; None for one that is broken, which is told where it is built."""
    try:
        return read_metadata(tree)
    except PublishError:
        return None
