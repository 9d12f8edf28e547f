"""The end of a publish: tags, dependencies first, and what the layout calls by the names that registries now have."""

from __future__ import annotations

from collections.abc import Container, Sequence

from msgspec.structs import replace

from oci_chart_publish.errors import PublishError, SkippedError
from oci_chart_publish.model import Failure
from oci_chart_publish.push import publish as protocol
from oci_chart_publish.push.reconcile import Plan
from oci_chart_publish.run.policy import INTERRUPTED, Outcome, Run
from oci_chart_publish.workers import Workers


def tag_in_order(
    plans: Sequence[Plan],
    failures: Sequence[Failure],
    current: dict[str, Outcome],
    run: Run,
    workers: Workers,
) -> list[Outcome]:
    """Write tags, dependencies first; a chart whose dependency failed is left alone."""
    by_name = {plan.artifact.name: plan for plan in plans}
    bad = {failure.name for failure in failures}
    current.update(by_name)

    few = sum(plan.going for plan in plans) <= protocol.FEW
    patience = protocol.FRESH if few else protocol.SOON

    def tag(name: str) -> Outcome:
        outcome = current[name] = _tag(_unless_blocked(by_name[name], bad), run, workers, patience)
        # A dependency in conflict is published, if with other content: that must not hold up what depends on it.
        if _failed(outcome) and by_name[name].status not in {"conflict", "drift"}:
            bad.add(name)
        return outcome

    def confirm(outcome: Outcome) -> Outcome:
        if isinstance(outcome, Plan) and outcome.unconfirmed:
            outcome = current[outcome.artifact.name] = protocol.confirm_tags(outcome, workers.gather)
        return outcome

    graph = {name: plan.artifact.dependencies for name, plan in by_name.items()}
    return workers.each(confirm, workers.in_order(graph, tag).values())


def _unless_blocked(plan: Plan, bad: set[str]) -> Outcome:
    blocking = [name for name in plan.artifact.dependencies if name in bad]
    if not blocking or not plan.going:
        return plan
    return Failure(
        path=plan.artifact.path,
        error=SkippedError(f"not published, because its dependency {', '.join(blocking)} was not"),
        name=plan.artifact.name,
        version=plan.artifact.version,
        warnings=plan.artifact.warnings,
        dependencies=plan.artifact.dependencies,
    )


def _tag(outcome: Outcome, run: Run, workers: Workers, patience: float) -> Outcome:
    if isinstance(outcome, Failure) or not outcome.going:
        return outcome
    if run.stopping:
        return outcome.skipped(f"not published: {INTERRUPTED}")
    tagged = protocol.put_tags(outcome, workers.gather, overwrite=run.options.overwrite, patience=patience)
    written = "published" if run.policy.destinations(outcome.artifact.name) else "saved"
    run.progress.step(outcome.artifact.name, written if tagged.done else "failed")
    return tagged


def _failed(outcome: Outcome) -> bool:
    if isinstance(outcome, Failure):
        return True
    return bool(outcome.failures) or outcome.status not in {"would-publish", "unchanged"}


def named_in_layout(outcomes: Sequence[Outcome], run: Run) -> list[Outcome]:
    """Name in the layout, by its full reference, what a registry now holds, and warn where that cannot be done.

    The registries hold it, which is what the run was for: no report is lost because the layout was cleared meanwhile.
    """
    names = {
        finding.site.reference: outcome.manifest.descriptor
        for outcome in outcomes
        if isinstance(outcome, Plan) and not _failed(outcome)
        for finding in outcome.findings
        if finding.site.registry and _stored(outcome, run)
    }
    try:
        if names:
            run.policy.layout.name_all(names)
    except PublishError as error:
        return [_unnamed(outcome, names, error) for outcome in outcomes]
    return list(outcomes)


def _unnamed(outcome: Outcome, names: Container[str], problem: PublishError) -> Outcome:
    if isinstance(outcome, Failure) or not any(
        finding.site.reference in names for finding in outcome.findings
    ):
        return outcome
    warning = f"the registry has it, but it got no name in the cache: {problem.message}"
    warnings = (*outcome.artifact.warnings, warning)
    return replace(outcome, artifact=replace(outcome.artifact, warnings=warnings))


def _stored(plan: Plan, run: Run) -> bool:
    # What somebody else packed and published is only here if it had to be copied; gc may have taken parts of it since.
    manifest = plan.manifest
    return manifest is plan.artifact.manifest or all(
        run.policy.layout.has(part) for part in (manifest.descriptor, *manifest.blobs)
    )
