"""Which charts changed since a revision: by what belongs to each, and by what it embeds from this repository."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from oci_chart_publish.discover.changed import changed_since
from oci_chart_publish.discover.folders import Files
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.paths.ownership import Belonging
from oci_chart_publish.run.chart_settings import ChartSettingsResolver
from oci_chart_publish.run.graph import ChartReader
from oci_chart_publish.run.policy import DependencyPolicy
from oci_chart_publish.tree.tree import ChartSource


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
        reader = ChartReader(run={source.path: source.tree for source in sources}, policy=self.dependencies)
        return changed_since(
            sources,
            rev,
            repository=self.repository,
            files=self.files,
            belonging=lambda source: packed_with_related(source.path, reader, self.charts),
            head=head,
        )


def packed_with_related(folder: str, reader: ChartReader, charts: ChartSettingsResolver) -> Belonging:
    """Return what belongs to the chart in a folder, and to all that it embeds, directly or not."""

    def packed(folder: str) -> Belonging:
        metadata = reader.readable(folder)
        return charts.packed(metadata.name if metadata else "", folder)

    return replace(packed(folder), dependencies=tuple(map(packed, reader.related(folder))))
