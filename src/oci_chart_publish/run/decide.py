"""The versions of a run, dependencies first: what a chart embeds from this repository may move it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import AuthError, PublishError
from oci_chart_publish.model import VersionDecision
from oci_chart_publish.push.previous import published_versions
from oci_chart_publish.push.reconcile import State, look_up
from oci_chart_publish.run.assemble import destinations_of
from oci_chart_publish.run.built_charts import BuiltCharts
from oci_chart_publish.run.decisions import Decided, Decisions
from oci_chart_publish.run.graph import ChartGraph
from oci_chart_publish.run.policy import ChartNode, Run, VersionPolicy
from oci_chart_publish.workers import Workers


def decide_versions(graph: ChartGraph, run: Run, workers: Workers) -> BuiltCharts:
    """Decide the version of every chart, dependencies first: a chart may have to follow them.

    Once the run is to stop, no other version is decided. Returns what builds the charts at these versions.
    """
    run.policy.check_names([node.metadata.name for node in graph.charts])
    versions = run.policy.versions
    if versions is None:
        return BuiltCharts(graph=graph, decisions=Decisions(), run=run, workers=workers)
    decided: dict[str, Decided] = {}
    decisions = Decisions(
        by_folder=decided,
        written={folder: node.metadata.version for folder, node in graph.nodes.items()},
        follow=versions.follow_dependencies,
    )
    built = BuiltCharts(graph=graph, decisions=decisions, run=run, workers=workers)

    def decide_one(folder: str) -> None:
        if not run.stopping:
            try:
                decided[folder] = _decision(graph.nodes[folder], built, versions)
            except PublishError as error:
                decided[folder] = error

    workers.in_order(graph.order, decide_one)
    return built


def _decision(node: ChartNode, built: BuiltCharts, versions: VersionPolicy) -> VersionDecision:
    moved = built.decisions.moved(node)
    candidate = _Candidate(node=node, moved=moved, built=built)
    decision = versions.decide(
        node.metadata,
        node.source.path,
        candidate.published,
        candidate.is_same,
        bumped=next(iter(moved), ""),
        related=built.graph.related(node.source.path),
    )
    return candidate.told(decision)


class _Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A chart whose version is to be decided: ``moved`` are the new versions of what it embeds from here.

    ``unread`` collects why registries could not be asked for versions.
    """

    node: ChartNode
    moved: Mapping[str, str]
    built: BuiltCharts
    unread: list[AuthError] = msgspec.field(default_factory=list)

    def published(self) -> list[ChartVersion]:
        """Return the versions that the registries have, as far as they may be read."""
        run, metadata = self.built.run, self.node.metadata
        versions: list[ChartVersion] = []
        for site in destinations_of(metadata.name, metadata.version, run):
            try:
                versions += published_versions(site.store) if site.registry else ()
            except AuthError as error:
                if not run.options.tags_suffice:
                    raise
                self.unread.append(error)  # as for a look-up: it is unknown, and nothing is pushed then
        return versions

    def told(self, decision: VersionDecision) -> VersionDecision:
        """Return the decision with a warning where a registry may not be read."""
        if not self.unread:
            return decision
        message = f"git tags alone decided, what is published is not known: {self.unread[0].message}"
        return replace(decision, warning="; ".join(filter(None, (decision.warning, message))))

    def is_same(self, version: ChartVersion) -> bool:
        """Tell whether this very chart is published as a version, as far as it is published."""
        run, name = self.built.run, self.node.metadata.name
        if not run.policy.destinations(name):
            return False
        artifact = self.built.at(self.node, str(version), self.moved)
        ignored = run.ignored_changes(name)
        findings = [
            look_up(artifact, site, run.policy.layout, run.policy.memo, ignored=ignored)
            for site in destinations_of(name, str(version), run)
        ]
        for finding in findings:
            if finding.state is State.FAILED and finding.error is not None:
                raise finding.error  # an outage is no reason to take another number
        states = {finding.state for finding in findings}
        return State.SAME in states and State.DIFFERENT not in states
