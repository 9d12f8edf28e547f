"""From what the stages handed on to the report's document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec.structs import replace

from oci_chart_publish.chart.layer import PROVENANCE_LAYER, chart_layer
from oci_chart_publish.errors import ExitCode, PublishError, worst
from oci_chart_publish.model import ChartArtifact, Failure, PushResult, TargetResult
from oci_chart_publish.oci import descriptor as oci
from oci_chart_publish.outcomes import FAILING, PUBLISHING, Status
from oci_chart_publish.outcomes import worst as worst_status
from oci_chart_publish.report import document
from oci_chart_publish.report.document import Chart
from oci_chart_publish.report.text import counted


def problem(error: PublishError) -> document.Problem:
    """Return an error as it stands in the report."""
    message = f"'{error.key}': {error.message}" if error.key else error.message
    return document.Problem(
        kind=error.kind, message=message, hint=error.hint, path=error.path, line=error.line
    )


def failed(failure: Failure) -> document.Chart:
    """Return the entry of a chart that could not be built."""
    skipped = failure.error.kind == "skipped"
    return document.Chart(
        name=failure.name or failure.path.rpartition("/")[2] or ".",
        path=failure.path,
        version=failure.version,
        status="skipped" if skipped else "failed",
        warnings=failure.warnings,
        dependencies=failure.dependencies,
        error=problem(failure.error),
    )


def pushed(result: PushResult) -> document.Chart:
    """Return the entry of a chart that was built and compared, and perhaps pushed."""
    artifact = result.artifact
    digest, config, layer = _held(result)
    return document.Chart(
        name=artifact.name,
        path=artifact.path,
        version=artifact.version,
        app_version=artifact.metadata.app_version,
        status=_status(result),
        bump=_bump(artifact),
        previous_version=artifact.decision.previous if artifact.decision else None,
        digest=digest,
        built_digest=str(artifact.digest),
        built_size=artifact.layer.size,
        size=layer.size if layer else None,
        config=_blob(config) if config else None,
        layer=_blob(layer) if layer else None,
        provenance=_provenance(result),
        dependencies=artifact.dependencies,
        targets=tuple(_target(target) for target in result.targets if target.registry),
        ignored=result.ignored,
        warnings=(*artifact.warnings, *result.warnings),
        warning_lines=dict(artifact.warning_lines),
        warning_files=dict(artifact.warning_files),
        error=problem(result.error) if result.error else _first_problem(result.targets),
    )


def _bump(artifact: ChartArtifact) -> document.Bump | None:
    decision = artifact.decision
    return document.Bump(level=decision.level, reason=decision.reason) if decision else None


def _status(result: PushResult) -> Status:
    if result.error is not None:
        return "failed"
    return worst_status(target.status for target in result.targets)


def _held(result: PushResult) -> tuple[str | None, oci.Descriptor | None, oci.Descriptor | None]:
    """Return digest, config and chart layer of one manifest: what the registries hold, or where nothing is, ours.

    All None where they disagree; the layer is None where they hold something that is no chart.
    """
    manifest = result.published
    if manifest is None and any(target.digest for target in result.targets):
        return None, None, None
    if manifest is None:
        return str(result.artifact.digest), result.artifact.config, result.artifact.layer
    return str(manifest.descriptor.digest), manifest.config, chart_layer(manifest)


def _provenance(result: PushResult) -> document.Descriptor | None:
    layers = result.published.layers if result.published else ()
    return next((_blob(layer) for layer in layers if layer.media_type == PROVENANCE_LAYER), None)


def _blob(blob: oci.Descriptor) -> document.Descriptor:
    return document.Descriptor(media_type=blob.media_type, digest=str(blob.digest), size=blob.size)


def _target(target: TargetResult) -> document.Target:
    return document.Target(
        registry=target.registry,
        reference=target.reference,
        status=target.status,
        digest=str(target.digest) if target.digest else None,
        error=problem(target.error) if target.error else None,
    )


def _first_problem(targets: Sequence[TargetResult]) -> document.Problem | None:
    error = next((t.error for t in targets if t.error and t.status != "unknown"), None)
    return problem(error) if error else None


_CODES: dict[str, ExitCode] = {
    "usage": ExitCode.USAGE,
    "chart": ExitCode.CHART,
    "conflict": ExitCode.CONFLICT,
    "registry": ExitCode.REGISTRY,
    "not-found": ExitCode.REGISTRY,
    "auth": ExitCode.AUTH,
    "forge": ExitCode.FORGE,
    "verification": ExitCode.VERIFICATION,
    "skipped": ExitCode.DONE,
}


def exit_code(charts: Sequence[document.Chart]) -> ExitCode:
    """Return the exit code that the charts stand for; conflicts that became drift or unknown targets do not count."""
    kinds: list[str] = []
    for chart in charts:
        if chart.status not in FAILING:
            continue
        problems = [t.error for t in chart.targets if t.error and t.status in FAILING]
        kinds += [p.kind for p in ([chart.error] if chart.error else problems)] + [p.kind for p in problems]
    return worst(_CODES.get(kind, ExitCode.UNEXPECTED) for kind in kinds)


def conclusion(charts: Sequence[document.Chart], code: ExitCode) -> document.Conclusion:
    """Sum the run up in one word."""
    if code is ExitCode.INTERRUPTED:
        return "interrupted"
    if code is ExitCode.CONFLICT:
        return "conflict"
    if code is not ExitCode.DONE:
        return "failure"
    return "success" if any(chart.status in PUBLISHING for chart in charts) else "nothing"


def concluded(report: document.Report, problems: Sequence[PublishError]) -> document.Report:
    """Return the report with what failed after the registries had succeeded: notes, and exit code 7 at least."""
    if not problems:
        return report
    code = worst([ExitCode(report.exit_code), *(problem.exit_code for problem in problems)])
    message = tuple(line(problem) for problem in problems)
    return replace(
        report,
        exit_code=int(code),
        conclusion=conclusion(report.charts, code),
        notes=(*report.notes, *message),
        failures=(*report.failures, *message),
    )


def line(error: PublishError) -> str:
    """Return what an error says, and what to do about it, on one line."""
    parts = (" ".join(part.split()) for part in str(error).split("\n"))
    return ". ".join(part.removesuffix(".") for part in parts if part)


def unpublished(report: document.Report) -> str:
    """Return a warning where charts had no registry to go to, and so are in the layout only; "" where all had."""
    saved = [
        chart
        for chart in report.charts
        if chart.status == "saved" or (chart.status == "would-publish" and not chart.targets)
    ]
    if not saved:
        return ""
    number = counted(len(saved), "chart")
    done = "would be" if report.dry_run else ("was" if len(saved) == 1 else "were")
    return f"no registry is set: {number} {done} saved in the layout and published nowhere"


def is_nowhere(report: document.Report) -> bool:
    """Whether a run that went well had charts and no registry for any of them."""
    return report.exit_code == 0 and bool(report.charts) and not any(chart.targets for chart in report.charts)


def interrupted(report: document.Report) -> document.Report:
    """Return the report of a run that was told to stop: what it did, and that it is not all."""
    return replace(report, conclusion="interrupted", exit_code=int(ExitCode.INTERRUPTED))


def report(
    charts: Sequence[document.Chart], *, command: str, dry_run: bool, tool_version: str, layout: str = ""
) -> document.Report:
    """Put the charts together into the document, failures as they are and everything counted."""
    entries = tuple(sorted(charts, key=lambda chart: (chart.path, chart.name)))
    code = exit_code(entries)
    return document.Report(
        tool_version=tool_version,
        command=command,
        dry_run=dry_run,
        conclusion=conclusion(entries, code),
        exit_code=int(code),
        layout=layout or None,
        charts=entries,
        totals=document.count(entries),
    )


def settle(
    charts: Sequence[Chart], policy: Literal["touched", "all", "warn"], touched: Callable[[Chart], bool]
) -> tuple[Chart, ...]:
    """Return the charts with every conflict that must not fail the run turned into drift.

    Of each chart in drift it is known then whether it was touched.
    """

    def settled(chart: Chart) -> Chart:
        if chart.status not in {"conflict", "drift"} or (chart.status == "conflict" and policy == "all"):
            return chart
        ours = touched(chart)
        if chart.status == "drift":
            return replace(chart, touched=ours)
        if policy == "touched" and ours:
            return chart
        targets = tuple(
            replace(target, status="drift") if target.status == "conflict" else target
            for target in chart.targets
        )
        return replace(chart, status="drift", targets=targets, touched=ours)

    return tuple(settled(chart) for chart in charts)
