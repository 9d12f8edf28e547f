"""The whole run, as it reads in the README.

1. discover: which charts there are, and which of them this run is about
2. bump: the version of each
3. build: each chart becomes an artifact in the layout
4. push: what the registries lack is copied to them
5. report: one document for people and programs

``plan`` is the same run without a single write outside the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeGuard

import msgspec
from msgspec.structs import replace

from oci_chart_publish.build.build import check_remembered
from oci_chart_publish.errors import PublishError, SkippedError
from oci_chart_publish.lazy import lazy
from oci_chart_publish.model import Failure, VersionDecision
from oci_chart_publish.push import publish as protocol
from oci_chart_publish.push.reconcile import Plan, State
from oci_chart_publish.report import compose, document
from oci_chart_publish.run.assemble import app_version_of
from oci_chart_publish.run.built_charts import BuiltCharts
from oci_chart_publish.run.decide import decide_versions
from oci_chart_publish.run.decisions import Decisions
from oci_chart_publish.run.graph import ChartGraph, survey
from oci_chart_publish.run.policy import (
    INTERRUPTED,
    ChartNode,
    ChartSource,
    Outcome,
    ProjectPolicy,
    Run,
    failure,
)
from oci_chart_publish.run.prepare import prepare
from oci_chart_publish.run.tagging import named_in_layout, tag_in_order
from oci_chart_publish.workers import Workers

if TYPE_CHECKING:
    from oci_chart_publish.bump import stamp
    from oci_chart_publish.run import details
else:
    stamp = lazy("oci_chart_publish.bump.stamp")
    details = lazy("oci_chart_publish.run.details")


def plan(sources: Iterable[ChartSource], run: Run) -> tuple[document.Chart, ...]:
    """Build everything, compare it with the registries, and say what would be published."""
    graph = survey(sources, run.policy.dependencies)
    run.progress.start(len(graph.charts))
    with Workers(run.options.jobs) as workers:
        promise = _Promise(policy=run.policy)
        current = _current(graph, run, "planned")
        outcomes = _each_in_order(partial(_prepare_as_promised, promise), graph, current, run, workers)
        outcomes = promise.all_or_none(outcomes)
        entries = _entries([*graph.failures, *outcomes], run, workers, wrote=False)
    run.progress.stop()
    return entries


def publish(sources: Iterable[ChartSource], run: Run) -> tuple[document.Chart, ...]:
    """Publish what the registries lack; the order is that of the publish protocol."""
    graph = survey(sources, run.policy.dependencies)
    run.progress.start(len(graph.charts))
    with Workers(run.options.jobs) as workers:
        promise = _Promise(policy=run.policy)
        current = _current(graph, run, "published")
        outcomes = _each_in_order(
            partial(_prepare_and_upload, promise, workers=workers), graph, current, run, workers
        )
        outcomes = promise.all_or_none(outcomes)
        plans = [outcome for outcome in outcomes if isinstance(outcome, Plan)]
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        plans = workers.each(partial(_put_manifest, run=run, workers=workers), plans)
        finished = tag_in_order(plans, [*graph.failures, *failures], current, run, workers)
        finished = named_in_layout(finished, run)
        entries = _entries([*graph.failures, *failures, *finished], run, workers, wrote=True)
    run.progress.stop()
    return entries


def verify(sources: Iterable[ChartSource], run: Run) -> tuple[document.Chart, ...]:
    """Rebuild everything and demand that every registry holds just that, whole."""
    run = replace(run, options=replace(run.options, details=False, exact=True))
    graph = survey(sources, run.policy.dependencies)
    run.progress.start(len(graph.charts))
    with Workers(run.options.jobs) as workers:
        current = _current(graph, run, "verified")
        outcomes = _each_in_order(prepare, graph, dict(current), run, workers)
        checked = workers.each(partial(_check, current=current, run=run, workers=workers), outcomes)
        entries = _entries([*graph.failures, *checked], run, workers, wrote=True)
    run.progress.stop()
    return entries


def _current(graph: ChartGraph, run: Run, verb: str) -> dict[str, Outcome]:
    """Return what has become of the charts of a run by name, to be kept up to date: nothing as yet.

    It is what is reported where the run is interrupted and hangs: then what is under way counts as not ``done``.
    """
    why = SkippedError(f"not {verb}: {INTERRUPTED}")
    current: dict[str, Outcome] = {outcome.metadata.name: failure(outcome, why) for outcome in graph.charts}
    writes = verb == "published"

    def entries() -> list[document.Chart]:
        outcomes = [
            outcome.skipped(why.message) if _is_under_way(outcome) and writes else outcome
            for outcome in current.values()
        ]
        return [_entry(outcome, wrote=verb != "planned") for outcome in (*graph.failures, *outcomes)]

    run.listener.on_outcomes(entries)
    return current


def _is_under_way(outcome: Outcome) -> TypeGuard[Plan]:
    return isinstance(outcome, Plan) and outcome.going and not outcome.done


def _check(outcome: Outcome, current: dict[str, Outcome], run: Run, workers: Workers) -> Outcome:
    if isinstance(outcome, Failure):
        current[outcome.name] = outcome
        return outcome
    if run.stopping:
        return current[outcome.artifact.name]
    findings = [finding for finding in outcome.findings if finding.state not in {State.FAILED, State.UNKNOWN}]
    errors = workers.gather(
        [partial(protocol.verify_destination, outcome.artifact, finding) for finding in findings]
    )
    for finding, error in zip(findings, errors, strict=True):
        outcome = outcome if error is None else outcome.failed(finding.site, error)
    current[outcome.artifact.name] = outcome
    return outcome


class Bumped(msgspec.Struct, frozen=True, kw_only=True):
    """The decision for one chart, and the files that change with it: new bytes by path below the chart's folder.

    ``dependencies`` are the names of the charts of the run that it embeds.
    """

    name: str
    path: str
    version: str
    decision: VersionDecision
    dependencies: tuple[str, ...] = ()
    files: Mapping[str, bytes] = msgspec.field(default_factory=dict)


def bump(sources: Iterable[ChartSource], run: Run) -> tuple[list[Bumped], list[PublishError]]:
    """Decide every version, dependencies first, and say what would change in the tree; nothing is written."""
    graph = survey(sources, run.policy.dependencies)
    errors = [failure.error for failure in graph.failures]
    bumped: list[Bumped] = []
    with Workers(run.options.jobs) as workers:
        built = decide_versions(graph, run, workers)
        for node in graph.charts:
            try:
                decision = built.decisions.of(node)
                built.check(node)
                if decision is not None:
                    moved = built.decisions.moved(node)
                    bumped.append(_bumped(node, decision, moved, run))
            except PublishError as error:
                errors.append(failure(node, error).error)
    return bumped, errors


def _bumped(node: ChartNode, decision: VersionDecision, moved: Mapping[str, str], run: Run) -> Bumped:

    changes = decision.stamped or bool(moved)
    aliases, version = run.policy.dependencies.aliases, decision.version
    app_version = app_version_of(node, version, run) if changes else ""
    return Bumped(
        name=node.metadata.name,
        path=node.source.path,
        version=node.metadata.version,
        decision=decision,
        dependencies=node.dependencies,
        files=stamp.stamped_files(node.source.tree, version, moved, aliases, app_version) if changes else {},
    )


Prepare = Callable[[ChartNode, BuiltCharts, Run], Outcome]


def _each_in_order(
    prepare: Prepare, graph: ChartGraph, current: dict[str, Outcome], run: Run, workers: Workers
) -> list[Outcome]:
    """Decide every version, then prepare every chart of the run, those that others embed before them.

    Once the run is to stop, no other chart is begun: it stays what it is in ``so_far``.
    """
    built = BuiltCharts(graph=graph, decisions=Decisions(), run=run, workers=workers)
    if not run.stopping:
        built = decide_versions(graph, run, workers)
    by_name = {node.metadata.name: node for node in graph.charts}

    def prepare_one(name: str) -> Outcome:
        if not run.stopping:
            current[name] = prepare(by_name[name], built, run)
        return current[name]

    order = {name: node.dependencies for name, node in by_name.items()}
    return list(workers.in_order(order, prepare_one).values())


class _Promise(msgspec.Struct, frozen=True, kw_only=True):
    """Holds the plans of a run against what was promised; where one breaks it, none is carried out.

    ``broken`` are the charts that break it, by name, as they are found.
    """

    policy: ProjectPolicy
    broken: list[str] = msgspec.field(default_factory=list)

    def held(self, node: ChartNode, outcome: Outcome) -> Outcome:
        """Return the plan, or that it is not what was promised; it goes out to nobody before all have been here."""
        if isinstance(outcome, Plan) and outcome.going:
            try:
                self.policy.check_plan(outcome)
            except PublishError as error:
                self.broken.append(outcome.artifact.name)
                return failure(node, error)
        return outcome

    def all_or_none(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Return what is to be carried out once all have been held against the promise."""
        if not self.broken:
            return outcomes
        why = f"not published, because not all is as planned: {', '.join(sorted(self.broken))}"
        return [
            outcome.skipped(why) if isinstance(outcome, Plan) and outcome.going else outcome
            for outcome in outcomes
        ]


def _prepare_as_promised(promise: _Promise, node: ChartNode, built: BuiltCharts, run: Run) -> Outcome:
    return promise.held(node, prepare(node, built, run))


def _prepare_and_upload(
    promise: _Promise, node: ChartNode, built: BuiltCharts, run: Run, workers: Workers
) -> Outcome:
    outcome = _prepare_as_promised(promise, node, built, run)
    if isinstance(outcome, Failure) or promise.broken or run.stopping:
        return outcome
    if outcome.going:
        try:
            check_remembered(outcome.artifact, run.policy.layout)
        except PublishError as error:
            return failure(node, error)
    return protocol.upload(outcome, run.policy.layout, workers.gather)


def _put_manifest(plan: Plan, run: Run, workers: Workers) -> Plan:
    if run.stopping and plan.going:
        return plan.skipped(f"not published: {INTERRUPTED}")
    signers = run.policy.signers
    plan = protocol.put_manifest(plan, workers.gather, always=bool(signers))
    return protocol.sign(plan, signers, workers.gather)


def _entries(
    outcomes: Iterable[Outcome], run: Run, workers: Workers, *, wrote: bool
) -> tuple[document.Chart, ...]:
    settled = list(outcomes)
    entries = workers.each(partial(_entry, wrote=wrote), settled)
    run.listener.on_outcomes(lambda: entries)
    if run.options.details and not run.stopping:
        entries = details.detailed(entries, settled, run, workers)
    return tuple(entries)


def _entry(outcome: Outcome, *, wrote: bool) -> document.Chart:
    if isinstance(outcome, Failure):
        return compose.failed(outcome)
    return compose.pushed(protocol.result(outcome, wrote=wrote))
