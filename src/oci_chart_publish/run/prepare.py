"""One chart from its tree to a plan: the artifact, and what the registries hold."""

from __future__ import annotations

from msgspec.structs import replace

from oci_chart_publish.chart.metadata import CHART_FILE
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ConflictError, PublishError
from oci_chart_publish.push.reconcile import Plan
from oci_chart_publish.run.built_charts import BuiltCharts
from oci_chart_publish.run.policy import ChartNode, Outcome, Run, failure
from oci_chart_publish.yamldoc.reader import line_of

NOTHING = (0, 0, 0)
"""The version that stands in Chart.yaml where something else is to set it."""


def prepare(node: ChartNode, built: BuiltCharts, run: Run) -> Outcome:
    """Build a chart, look at all its sites, and decide; what is published is compared before anything is fetched."""
    try:
        folder = node.source.path
        artifact, plan = built.draft(folder), built.compared(folder)
        if artifact.recalled and plan.status != "unchanged":
            # Only what registries hold is taken on trust: a cache that was tampered with gets no chart out.
            plan = built.look(built.certain(folder))
        lacking = artifact.unresolved or (run.options.update_dependencies and node.links)
        if lacking and (run.options.exact or _would_publish_ours(plan)):
            plan = built.look(built.complete(folder))
        _check_tag(node, plan, built, run)
        plan = _told_of_placeholder(node, plan)
    except PublishError as error:
        return failure(node, error)
    run.progress.step(artifact.name, "built")
    return plan


def _would_publish_ours(plan: Plan) -> bool:
    return plan.status == "would-publish" and plan.manifest is plan.artifact.manifest


def _told_of_placeholder(node: ChartNode, plan: Plan) -> Plan:
    """Return the plan with a warning where Chart.yaml holds a version that people write to be replaced."""
    version, decision = ChartVersion.parse(plan.artifact.version), plan.artifact.decision
    if (
        decision is not None
        or not _would_publish_ours(plan)
        or (version.major, version.minor, version.patch) != NOTHING
    ):
        return plan
    warning = (
        f"{version} looks like a placeholder and would be published as it is: set the version in Chart.yaml, "
        "or let git tags decide with bump: auto"
    )
    artifact = plan.artifact
    line = line_of(node.source.tree.read(CHART_FILE), "version")
    lines = {**artifact.warning_lines, **({warning: line} if line else {})}
    return replace(
        plan, artifact=replace(artifact, warnings=(*artifact.warnings, warning), warning_lines=lines)
    )


def _check_tag(node: ChartNode, plan: Plan, built: BuiltCharts, run: Run) -> None:
    """Raise ConflictError where a version that was released would be published with other content than its tag has."""
    decision, versions = plan.artifact.decision, run.policy.versions
    if decision is None or versions is None or not _would_publish_ours(plan):
        return
    sites = [site.reference for site in plan.missing if site.registry]
    if not sites or run.options.overwrite:
        return
    related = built.graph.related(node.source.path)
    tag = versions.differing_tag(node.metadata, node.source.path, decision.version, related)
    if tag:
        raise ConflictError(
            f"{', '.join(sites)} is not published, and the git tag {tag} has other content than this tree",
            hint=f"run on {tag} to publish it, or raise the version",
        ).at(CHART_FILE, key="version")
