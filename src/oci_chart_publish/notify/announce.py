"""What a finished run tells the code host: releases, and the comment."""

from __future__ import annotations

import threading
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from msgspec.structs import replace as replace_struct

from oci_chart_publish.errors import NotFoundError, PublishError, VerificationError
from oci_chart_publish.lazy import lazy
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.reference import Repository, parse_reference
from oci_chart_publish.registry.connect import PULL
from oci_chart_publish.report import document
from oci_chart_publish.report.foreign import GONE
from oci_chart_publish.run.project import Project

if TYPE_CHECKING:
    from oci_chart_publish.github import GitHub
    from oci_chart_publish.notify import chart_releases, comment, unfinished
    from oci_chart_publish.notify.comment import Commenter
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
    versions = project.versions(charts)
    settings = project.settings
    return chart_releases.Releaser(
        github=github,
        event=project.event,
        kind=settings.release,
        backfill=settings.backfill,
        latest=settings.latest,
        dry_run=settings.dry_run,
        blob=partial(_blob, project),
        tag_name=lambda chart: charts.template(chart.name).tag(chart.name, chart.version),
        versions=lambda chart, tags: charts.template(chart.name).versions(chart.name, tags),
        subjects=lambda chart: versions.subjects(chart.name, chart.path, chart.version),
        stopping=stopping.is_set,
        begun=unfinished.Unfinished(
            github=github,
            event=project.event,
            repository=project.repository,
            revision=project.revision,
            touched=project.touched(report.charts),
            belonging=charts.packed,
        ),
    )


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

    touched = project.touched(report.charts)
    settings = project.settings
    return comment.Commenter(
        github=github,
        event=project.event,
        when=settings.comment,
        key=settings.comment_key,
        publish_refs=settings.publish_refs,
        dry_run=settings.dry_run,
        source=source,
        pushed=partial(_pushed, project),
        touched=lambda chart: project.changes.paths is not None and touched(chart),
    )


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
