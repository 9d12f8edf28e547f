"""One chart from its tree to a plan: the artifact, what it lacks, and what the registries hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
from msgspec.structs import replace

from oci_chart_publish.build.build import check_dependencies
from oci_chart_publish.build.dependencies import FILE, archives, left_alone, renewed_lock
from oci_chart_publish.chart import layer as package
from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.chart import Chart, load_chart
from oci_chart_publish.chart.layer import chart_layer
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ChartError, PublishError, SkippedError
from oci_chart_publish.model import ChartArtifact, Failure, Need, VersionDecision
from oci_chart_publish.push.reconcile import Destination, Plan, State, decide, look_up
from oci_chart_publish.run.assemble import build_at, lacks_of
from oci_chart_publish.run.decide import Decisions
from oci_chart_publish.run.policy import ChartNode, Outcome, Run, failure
from oci_chart_publish.tree.tree import OverlayTree
from oci_chart_publish.workers import Workers


class BuiltCharts(msgspec.Struct, frozen=True, kw_only=True):
    """What has been built in this run, for the charts that embed it."""

    surveyed: tuple[ChartNode, ...]
    run: Run
    outcomes: dict[str, Outcome] = msgspec.field(default_factory=dict)

    def put(self, folder: str, outcome: Outcome) -> None:
        """Remember what became of the chart in a folder."""
        self.outcomes[folder] = outcome

    def archive(self, need: Need) -> tuple[str, bytes]:
        """Return version and archive of a chart of this repository that another one needs.

        As it was built in this run; but where it is declared by URL and that URL has other content, what is there.
        """
        folder = need.folder or ""
        outcome = self.outcomes.get(folder)
        if isinstance(outcome, Failure):
            raise SkippedError(f"not built, because its dependency {outcome.name or folder} was not")
        if outcome is not None:
            return outcome.artifact.version, self._layer(outcome, by_url=not need.repository.startswith(FILE))
        tree = self.run.policy.dependencies.tree(folder)
        if tree is None:
            raise ChartError(f"there is no chart in {folder or '.'}")
        try:
            chart = load_chart(tree)
            check_dependencies(chart)
        except ChartError as error:
            raise error.within(folder or ".") from error
        return chart.version, package.gzip(package.tar(package.entries(chart)))

    def _layer(self, plan: Plan, *, by_url: bool) -> bytes:
        artifact = plan.artifact
        # One that was found to be published is never resolved here: what is published is what others embed.
        if artifact.unresolved or (by_url and _published_otherwise(plan)):
            for finding in plan.findings:
                layer = chart_layer(finding.manifest) if finding.manifest else None
                if layer is not None:
                    return finding.site.store.blob(layer)
        if artifact.unresolved:
            raise ChartError(f"{artifact.name} {artifact.version} could not be resolved")
        return self.run.policy.layout.blob(artifact.layer)


def _published_otherwise(plan: Plan) -> bool:
    """Tell whether a chart's version is published with other content and stays so, wherever it is published."""
    if plan.status in {"conflict", "drift"}:
        return not any(finding.state is State.SAME for finding in plan.findings)
    return any(finding.ignored for finding in plan.findings)


def prepare(one: ChartNode, decisions: Decisions, shelf: BuiltCharts, run: Run, workers: Workers) -> Outcome:
    """Build a chart, look at all its sites, and decide; what is published is compared before anything is fetched."""
    try:
        decision = decisions.of(one.metadata.name)
        moved = decisions.moved(one)
        lacks = lacks_of(one, moved, shelf.surveyed, run)
        build_one = partial(build_at, one, decisions.version(one), moved, run, workers, lacks=lacks)
        built, sites = build_one(recall=not run.options.exact)
        artifact = _decided(one, built, decision, run)
        plan = _look(artifact, sites, run, workers)
        if built.recalled and plan.status != "unchanged":
            # Only what registries hold is taken on trust: a cache that was tampered with gets no chart out.
            artifact = _decided(one, build_one()[0], decision, run)
            plan = _look(artifact, sites, run, workers)
        if artifact.unresolved and (run.options.exact or _would_publish_ours(plan)):
            artifact = replace(artifact, unresolved=_as_published(artifact.unresolved, plan))
            artifact = _resolved(one, artifact, decisions, shelf, run, workers)
            plan = _look(artifact, sites, run, workers)
    except PublishError as error:
        return failure(one, error)
    run.progress.step(artifact.name, "built")
    return plan


def _decided(
    one: ChartNode, artifact: ChartArtifact, decision: VersionDecision | None, run: Run
) -> ChartArtifact:
    """Return the artifact with its place among the charts of the run, and what a user should know of its version."""
    warnings = artifact.warnings
    if decision and decision.warning:
        warnings = (*warnings, decision.warning)
    artifact = replace(artifact, dependencies=one.dependencies, decision=decision, warnings=warnings)
    if run.options.update_dependencies:
        artifact = replace(artifact, warnings=(*artifact.warnings, *left_alone(artifact)))
    return artifact


def _new_lock(one: ChartNode, files: Mapping[str, bytes], run: Run) -> dict[str, bytes]:
    """Return the lock for what was resolved, and write it to the tree where that is asked for and it changed."""
    chart = load_chart(OverlayTree(one.source.tree, files))
    path, data = renewed_lock(chart, run.policy.dependencies.aliases)
    if chart.file(path) == data:
        return {}
    run.policy.dependencies.save_lock(f"{one.source.path}/{path}" if one.source.path else path, data)
    return {path: data}


def _look(artifact: ChartArtifact, sites: Sequence[Destination], run: Run, workers: Workers) -> Plan:
    # Names in the layout move freely: a cache never conflicts.
    overwrite = run.options.overwrite or not run.policy.destinations(artifact.name)
    ignored = None if overwrite else run.ignored_changes(artifact.name)
    look = partial(look_up, artifact, here=run.policy.layout, verdicts=run.policy.memo, ignored=ignored)
    findings = workers.gather([partial(look, site=site) for site in sites])
    return decide(artifact, tuple(findings), overwrite=overwrite)


def _as_published(needs: Sequence[Need], plan: Plan) -> tuple[Need, ...]:
    """Return the needs with the versions that are published where no lock names one: newer ones came later."""
    for finding in plan.findings:
        layer = chart_layer(finding.manifest) if finding.manifest and finding.state is State.SAME else None
        if layer is not None:
            published = load_archive(finding.site.store.blob(layer), title=finding.site.reference)
            return tuple(_at_version(need, published.subcharts) for need in needs)
    return tuple(needs)


def _at_version(need: Need, charts: Sequence[Chart]) -> Need:
    versions = [chart.version for chart in charts if chart.name == need.name and need.allows(chart.version)]
    if need.locked or need.folder is not None or not versions:
        return need
    return replace(need, version=max(versions, key=ChartVersion.parse), locked=True)


def _would_publish_ours(plan: Plan) -> bool:
    return plan.status == "would-publish" and plan.manifest is plan.artifact.manifest


def _resolved(
    one: ChartNode,
    artifact: ChartArtifact,
    decisions: Decisions,
    shelf: BuiltCharts,
    run: Run,
    workers: Workers,
) -> ChartArtifact:
    """Build a chart again, with what it lacks in its ``charts/``."""
    fetcher = run.policy.dependencies.fetcher()
    files, warnings = archives(artifact.unresolved, shelf.archive, fetcher, workers.gather)
    if run.options.update_dependencies:
        files |= _new_lock(one, files, run)
        warnings = []  # they are of what no lock holds
    whole, _ = build_at(one, artifact.version, decisions.moved(one), run, workers, files=files)
    return replace(
        whole,
        dependencies=artifact.dependencies,
        decision=artifact.decision,
        warnings=tuple(dict.fromkeys((*artifact.warnings, *whole.warnings, *warnings))),
    )
