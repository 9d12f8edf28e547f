"""What a finished run tells the code host: previews for a pull request, releases, the comment, a commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from oci_chart_publish import pipeline
from oci_chart_publish.discover.source import ChartSource
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.forge.event import PullRequestEvent
from oci_chart_publish.previews import PreviewVersions, listed
from oci_chart_publish.report import document
from oci_chart_publish.session import Session

if TYPE_CHECKING:
    from oci_chart_publish.forge.github import GitHub
    from oci_chart_publish.report.announce import Announcer


def announced(session: Session, report: document.Report) -> document.Report:
    """Tell the code host of a finished run: releases after a publish, then the comment."""
    github = session.github()
    if github is None:
        return report
    with github:
        announcer = _announcer(session, github, report)
        if report.command == "publish" and session.event.pull_request is None:
            report = announcer.releases(report)
        return announcer.comment(report)


def posted(session: Session, report: document.Report) -> document.Report:
    """Write the comment of a report that another job saved, on the pull request of this event."""
    github = session.github()
    if github is None:
        return report
    with github:
        return _announcer(session, github, report).comment(report)


def _announcer(session: Session, github: GitHub, report: document.Report) -> Announcer:
    from oci_chart_publish.report.announce import Announcer  # noqa: PLC0415  (only where there is somebody to tell)

    versions = session.versions_of(report.charts)
    return Announcer(
        github=github,
        event=session.event,
        settings=session.settings,
        layout=session.layout,
        tag_name=lambda chart: versions.template(chart.name).tag(chart.name, chart.version),
        subjects=lambda chart: versions.subjects(chart.name, chart.path, chart.version),
    )


def previewed(session: Session, report: document.Report, sources: Sequence[ChartSource]) -> document.Report:
    """Publish a preview of every chart that a pull request of this repository changes, where that is asked for."""
    settings, event = session.settings, session.event
    pull_request = event.pull_request
    if not settings.preview or pull_request is None or event.from_fork or pull_request.closed:
        return report
    if settings.dry_run:
        return report
    touched = session.touched(report.charts)
    moving = {
        chart.path
        for chart in report.charts
        if chart.status == "would-publish" or (chart.status in {"conflict", "drift"} and touched(chart))
    }
    run = replace(
        replace(session, writes=True).run(),
        registries=(settings.preview,),
        own_registries=lambda _: None,  # those are for releases
        versions=PreviewVersions(version=session.versions(sources).preview(), number=pull_request.number),
        # A preview is named for the head and built from its merge: once the base went on, the newer one counts.
        overwrite=True,
        details=False,
        check=lambda _: None,  # a saved plan shows releases, and those have been compared by now
    )
    made = pipeline.publish([source for source in sources if source.path in moving], run)
    return listed(report, made)


def for_pull_request(session: Session) -> Session:
    """Return the session for a saved plan of a pull request: it makes previews, and writes nothing else.

    What is not merged never becomes a release. Which pull request it is comes from the event, and for a
    ``workflow_run`` from the code host. ConfigError where no previews are asked for, or nothing says which it is.
    """
    event, settings = session.event, session.settings
    if not settings.preview:
        raise ConfigError(
            f"{settings.from_plan} is the plan of a pull request, of which only previews are published",
            hint="name a repository for them with preview:, or publish once it is merged",
        )
    pull_request = event.pull_request or _of_workflow_run(session)
    if pull_request is None:
        raise ConfigError(
            f"{settings.from_plan} is the plan of a pull request, and this event is of none",
            hint="run on workflow_run, with github-token, so that the event says which one it is",
        )
    return replace(session, event=replace(event, pull_request=pull_request), writes=False)


def _of_workflow_run(session: Session) -> PullRequestEvent | None:
    github = session.github()
    if github is None or session.event.workflow_run is None:
        return None
    with github:
        found = github.pulls.of_workflow_run(session.event.workflow_run)
    if found is None:
        return None
    return PullRequestEvent(
        number=found.number,
        head=found.head,
        head_ref=found.head_ref,
        title=found.title,
        head_repository=found.head_repository,
        base=found.base,
        base_ref=found.base_ref,
        merged=found.merged,
        closed=not found.open,
        labels=found.labels,
    )


def committed(session: Session, files: Mapping[str, bytes], message: str) -> str:
    """Commit files to the branch of the event through the API, where it still ends at HEAD; return the commit."""
    event = session.event
    head = session.repository.head() if session.repository else None
    branch = event.pull_request.head_ref if event.pull_request else event.ref.removeprefix("refs/heads/")
    github = session.github()
    if head is None or not branch or github is None:
        raise ConfigError("--commit: it is not known which branch to commit to", hint="run it on a branch")
    with github:
        return github.commits.commit_files(branch, head, files, message).sha
