"""The versions that were decided for a run, and which of them a chart follows in what it embeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from oci_chart_publish.build.dependencies import FILE
from oci_chart_publish.chart.constraint import Constraint
from oci_chart_publish.chart.metadata import Dependency
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ChartError, PublishError
from oci_chart_publish.model import VersionDecision
from oci_chart_publish.run.policy import ChartNode

Decided = VersionDecision | PublishError


class Decisions(msgspec.Struct, frozen=True, kw_only=True):
    """The version of each chart by folder, or why it could not be decided; empty where Chart.yaml is the truth.

    ``written`` are the versions in Chart.yaml, by folder; ``follow`` tells whether a chart moves with its dependencies
    in this repository.
    """

    by_folder: Mapping[str, Decided] = msgspec.field(default_factory=dict)
    written: Mapping[str, str] = msgspec.field(default_factory=dict)
    follow: bool = True

    def of(self, node: ChartNode) -> VersionDecision | None:
        """Return the decision for a chart, None where there is none to make; raises what prevented it."""
        decided = self.by_folder.get(node.source.path)
        if isinstance(decided, PublishError):
            raise decided
        return decided

    def version(self, node: ChartNode) -> str:
        """Return the version that a chart has in this run."""
        decided = self.by_folder.get(node.source.path)
        return decided.version if isinstance(decided, VersionDecision) else node.metadata.version

    def stays(self, node: ChartNode) -> bool:
        """Tell whether a chart stays as it is, whatever its dependencies do: it does not follow, and does not move."""
        decided = self.by_folder.get(node.source.path)
        return not self.follow and not (isinstance(decided, VersionDecision) and decided.stamped)

    def moved(self, node: ChartNode) -> dict[str, str]:
        """Return the new versions, by name, of a chart's dependencies in this repository whose version moves."""
        if self.stays(node):
            return {}
        moved = {}
        for number, folder in node.links.items():
            decided = self.by_folder.get(folder)
            if not isinstance(decided, VersionDecision) or not decided.stamped:
                continue
            dependency = node.metadata.dependencies[number]
            if _is_meant(dependency, (self.written.get(folder), decided.previous, decided.version)):
                moved[dependency.name] = decided.version
        return moved


def _is_meant(dependency: Dependency, versions: Iterable[str | None]) -> bool:
    """Tell whether a dependency is on the chart as the tree has it: by URL it may be on an older line of versions."""
    if dependency.repository.startswith(FILE):
        return True
    try:
        constraint = Constraint.parse(dependency.version)
        return any(constraint.allows(ChartVersion.parse(version)) for version in versions if version)
    except ChartError:
        return True
