"""Previews of pull requests: made in a repository named for them, and listed in the report.

A preview's version sorts below every release.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace
from msgspec.structs import replace as replace_struct

from oci_chart_publish.bump.preview_template import preview_version
from oci_chart_publish.chart.metadata import ChartMetadata
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.github.event import PullRequestEvent
from oci_chart_publish.model import VersionDecision
from oci_chart_publish.report import document
from oci_chart_publish.run import pipeline
from oci_chart_publish.run.policy import Run, StopOnly
from oci_chart_publish.run.project import Project
from oci_chart_publish.run.settings_policy import PreviewPolicy
from oci_chart_publish.tree.tree import ChartSource


class PreviewVersions(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Stands in for the bump stage: every chart gets the version of a preview, made from its own by a template."""

    template: str
    number: int
    """The pull request."""
    head: str
    """The full sha of its head."""
    moving: frozenset[str]
    """The folders of the charts that previews are made of; others are only embedded."""
    follow_dependencies: bool = False

    def version(self, own: str) -> str:
        """Return the version of the preview of a chart at ``own``; ConfigError where the template makes none."""
        return preview_version(self.template, number=self.number, head=self.head, version=own)

    def decide(
        self,
        metadata: ChartMetadata,
        folder: str,
        published: Callable[[], Iterable[ChartVersion]],  # noqa: ARG002  (the interface of the bump stage)
        is_same: Callable[[ChartVersion], bool],  # noqa: ARG002
        bumped: str = "",  # noqa: ARG002
        related: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> VersionDecision:
        """Return the preview's version, whatever the chart says; that of the chart where it is only embedded."""
        if folder not in self.moving:
            return VersionDecision(version=metadata.version, level="none", reason="Chart.yaml says so")
        return VersionDecision(
            version=self.version(metadata.version),
            level="none",
            reason=f"preview of pull request {self.number}",
            previous=metadata.version,
            stamped=True,
        )

    def differing_tag(self, *_: object) -> str:
        """Return no tag: nobody tags previews."""
        return ""


def previewed(
    project: Project, report: document.Report, sources: Sequence[ChartSource], stopping: threading.Event
) -> document.Report:
    """Publish a preview of every chart that a pull request of this repository changes, where that is asked for."""
    settings, event = project.settings, project.event
    pull_request = event.pull_request
    if not settings.preview or pull_request is None or event.from_fork or pull_request.closed:
        return report
    if settings.dry_run:
        return report
    touched = project.touched(report.charts)
    moving = {
        chart.path
        for chart in report.charts
        if chart.status == "would-publish" or (chart.status in {"conflict", "drift"} and touched(chart))
    }
    template, number, head = settings.preview_template, pull_request.number, pull_request.head

    versions = PreviewVersions(template=template, number=number, head=head, moving=frozenset(moving))
    versions.version("1.0.0")  # a template that makes no version is refused before anything is built
    writing = replace(project, writes=True)
    run = Run(
        policy=PreviewPolicy(
            registry=settings.preview,
            stores=writing.stores,
            writes=True,
            charts=writing.chart_settings(()),
            artifacts=writing.artifact_options,
            dependencies=writing.dependencies,
            versions=versions,
            approved=None,  # a saved plan shows releases, and those have been compared by now
            signers=(),  # a preview is no release
        ),
        # A preview is named for the head and built from its merge: once the base went on, the newer one counts.
        options=replace(writing.options, overwrite=True, details=False),
        listener=StopOnly(stopping),
        progress=writing.progress,
    )
    previews = pipeline.publish([source for source in sources if source.path in moving], run)
    return _listed(report, previews)


def for_pull_request(project: Project) -> Project:
    """Return the project for a saved plan of a pull request: it makes previews, and writes nothing else.

    What is not merged never becomes a release. Which pull request it is comes from the event, and for a
    ``workflow_run`` from the code host. ConfigError where no previews are asked for, or nothing says which it is.
    """
    event, settings = project.event, project.settings
    if not settings.preview:
        raise ConfigError(
            f"{settings.from_plan} is the plan of a pull request, of which only previews are published",
            hint="name a repository for them with preview:, or publish once it is merged",
        )
    pull_request = event.pull_request or _of_workflow_run(project)
    if pull_request is None:
        raise ConfigError(
            f"{settings.from_plan} is the plan of a pull request, and this event is of none",
            hint="run on workflow_run, with github-token, so that the event says which one it is",
        )
    if event.workflow_run is not None and pull_request.head != event.workflow_run.get("head_sha"):
        # The pull request went on since: this preview is of the commit that was planned, and the comment of the newer.
        pull_request = replace(pull_request, head=str(event.workflow_run.get("head_sha") or ""))
        settings = replace_struct(settings, comment="off")
    # The new project reads the plan anew and holds it against this pull request, whose head may be in a fork.
    return replace(project, event=replace(event, pull_request=pull_request), settings=settings, writes=False)


def _listed(report: document.Report, previews: Sequence[document.Chart]) -> document.Report:
    """Return the report with the reference of each chart's preview, and what failed as a note."""
    by_name = {chart.name: chart for chart in previews}
    charts = []
    problems = []
    for chart in report.charts:
        preview = by_name.get(chart.name)
        is_made = preview is not None and preview.status in {"published", "unchanged"} and preview.targets
        charts.append(
            replace_struct(chart, preview=preview.targets[0].reference) if preview and is_made else chart
        )
        if preview is not None and preview.error is not None:
            problems.append(f"no preview of {chart.name}: {preview.error.message}")
    return replace_struct(report, charts=tuple(charts), notes=(*report.notes, *problems))


def _of_workflow_run(project: Project) -> PullRequestEvent | None:
    github = project.github()
    if github is None or project.event.workflow_run is None:
        return None
    with github:
        pull = github.pulls.of_workflow_run(project.event.workflow_run)
    return PullRequestEvent.of(pull) if pull else None
