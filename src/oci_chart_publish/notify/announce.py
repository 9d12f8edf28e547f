"""What a finished run tells the code host: releases, and the comment."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace as replace_struct

from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import NotFoundError, PublishError, VerificationError
from oci_chart_publish.lazy import lazy
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.reference import Repository, parse_reference
from oci_chart_publish.registry.connect import PULL
from oci_chart_publish.report import document
from oci_chart_publish.report.foreign import GONE
from oci_chart_publish.run.chart_settings import ChartSettingsResolver
from oci_chart_publish.run.project import Project
from oci_chart_publish.run.pushed_changes import Touched

if TYPE_CHECKING:
    from oci_chart_publish.github.gateway import GitHub
    from oci_chart_publish.notify import chart_releases, comment, unfinished
    from oci_chart_publish.notify.comment import Commenter
    from oci_chart_publish.notify.unfinished import Unfinished
    from oci_chart_publish.run.versions import Versions
else:
    chart_releases = lazy("oci_chart_publish.notify.chart_releases")
    comment = lazy("oci_chart_publish.notify.comment")
    unfinished = lazy("oci_chart_publish.notify.unfinished")

_LISTED = 2048
"""Commits that the event of a push lists at most."""


def announced(project: Project, report: document.Report, stopping: threading.Event) -> document.Report:
    """Tell the code host of a finished run: releases after a publish, then the comment.

    Nothing more is begun once it is ``stopping``.
    """
    github = project.github()
    if github is None:
        return _untold(project, report)
    with github:
        pull_request = project.event.pull_request
        if report.command == "publish" and (pull_request is None or pull_request.merged):
            report = _releaser(project, github, report, stopping).releases(report)
        elif pull_request is not None and project.settings.release != "off" and _published(report):
            note = f"nothing was released: pull request {pull_request.number} is not merged"
            report = replace_struct(report, notes=(*report.notes, note))
        return report if stopping.is_set() else _commenter(project, github, report).comment(report)


def _published(report: document.Report) -> bool:
    return report.command == "publish" and any(chart.status == "published" for chart in report.charts)


def source_of(project: Project, report: document.Report) -> str:
    """Return which other repository made a saved report, "" where this one did, or nobody knows of any.

    The event tells, which no stranger writes; what the report says of itself can only make it more of a stranger's.
    """
    event = project.event
    claimed = report.repository or event.repository
    if not event.repository or event.source == claimed == event.repository:
        return ""
    return (event.source if event.source != event.repository else claimed) or GONE


def configured(project: Project) -> tuple[str, ...]:
    """Return the registries that the settings name, those of single charts too."""
    of_charts = (chart.registries or () for chart in project.settings.chart_settings.values())
    return (*project.settings.registries, *chain.from_iterable(of_charts))


def posted(project: Project, report: document.Report, source: str = "") -> document.Report:
    """Write the comment of a report that another job saved, on the pull request of this event.

    ``source`` is the repository that made it, where that is another one.
    """
    github = project.github()
    if github is None:
        return _untold(project, report)
    with github:
        return _commenter(project, github, report, source).comment(report, expected=True)


def _untold(project: Project, report: document.Report) -> document.Report:
    """Return the report with what was left out because nobody was asked, where it would have been done."""
    settings, event = project.settings, project.event
    if not event.name:
        return report  # on the command line nobody expects it
    left_out = []
    about_pull_request = event.pull_request is not None or event.workflow_run is not None
    if settings.comment != "off" and about_pull_request:
        left_out.append("commented on")
    if settings.release != "off" and _published(report) and not about_pull_request:
        left_out.append("tagged" if settings.release == "tag" else "released")
    note = f"nothing was {' or '.join(left_out)}: {project.code_host.missing}"
    return replace_struct(report, notes=(*report.notes, note)) if left_out else report


def _releaser(
    project: Project, github: GitHub, report: document.Report, stopping: threading.Event
) -> chart_releases.Releaser:
    charts = project.chart_settings(chart.path for chart in report.charts)
    settings = project.settings
    return chart_releases.Releaser(
        github=github,
        event=project.event,
        kind=settings.release,
        backfill=settings.backfill,
        latest=settings.latest,
        dry_run=settings.dry_run,
        stopping=stopping,
        charts=_PublishedCharts(
            project=project,
            settings=charts,
            history=project.versions(charts),
            unfinished=unfinished.Unfinished(
                github=github,
                event=project.event,
                repository=project.repository,
                revision=project.revision,
                changed=project.touched(report.charts),
            ),
        ),
    )


class _PublishedCharts(msgspec.Struct, frozen=True, kw_only=True):
    """What a project knows of the charts of its report."""

    project: Project
    settings: ChartSettingsResolver
    history: Versions
    unfinished: Unfinished

    def blob(self, chart: document.Chart, blob: Descriptor) -> bytes:
        """Return a part of what is published of a chart."""
        return _blob(self.project, chart, blob)

    def tag_name(self, chart: document.Chart) -> str:
        """Return the git tag of a chart at its version."""
        return self.settings.template(chart.name).tag(chart.name, chart.version)

    def versions(self, chart: document.Chart, tags: Iterable[str]) -> Iterable[ChartVersion]:
        """Return the versions of a chart that git tags are of."""
        return self.settings.template(chart.name).versions(chart.name, tags)

    def subjects(self, chart: document.Chart) -> Sequence[str]:
        """Return the subjects of the commits of a chart since the version before."""
        return self.history.subjects(chart.name, chart.path, chart.version)

    def may_be_unfinished(self, chart: document.Chart) -> bool:
        """Tell whether an earlier run may have published a chart and ended before its release."""
        return self.unfinished(chart)


def _blob(project: Project, chart: document.Chart, blob: Descriptor) -> bytes:
    """Read a blob of a published chart from the layout, or from the first registry that has it.

    The layout lacks what another tool has published, and what was copied from registry to registry.
    """
    try:
        return project.layout.blob(blob)
    except (NotFoundError, VerificationError) as error:
        problem: PublishError = error
    for target in chart.targets:
        if target.digest == chart.digest:
            try:
                named = parse_reference(target.reference)
                repository = named if isinstance(named, Repository) else named.repository
                return project.stores.registries.repository(repository, actions=PULL).blob(blob)
            except PublishError as error:
                problem = error
    raise problem


def _commenter(project: Project, github: GitHub, report: document.Report, source: str = "") -> Commenter:
    settings = project.settings
    return comment.Commenter(
        github=github,
        event=project.event,
        when=settings.comment,
        key=settings.comment_key,
        publish_refs=settings.publish_refs,
        dry_run=settings.dry_run,
        source=source,
        pushed=_PushedCommits(project=project, changed=project.touched(report.charts)),
    )


class _PushedCommits(msgspec.Struct, frozen=True, kw_only=True):
    """The commits of the event of a project."""

    project: Project
    changed: Touched

    def commits(self) -> frozenset[str]:
        """Return the shas of the commits of a push."""
        return _pushed(self.project)

    def touched(self, chart: document.Chart) -> bool:
        """Tell whether they are known to have changed a chart."""
        return self.project.changes.paths is not None and self.changed(chart)


def _pushed(project: Project) -> frozenset[str]:
    """Return the commits of this push: those that the event lists, or where it lists no more, those that git knows."""
    event, repository = project.event, project.repository
    listed = frozenset(event.pushed)
    if 0 < len(listed) < _LISTED or not event.before or repository is None:
        return listed
    try:
        known = repository.log([f"{event.before}..{project.revision}"])
    except PublishError:
        return listed  # a shallow clone; which pull request HEAD came with is found all the same
    return listed | {commit.sha for commit in known}
