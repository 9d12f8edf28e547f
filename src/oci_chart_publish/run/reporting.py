"""The report of a command: what became of the charts, and what the project knows of commit and event."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from oci_chart_publish import __version__
from oci_chart_publish.github.event import Event
from oci_chart_publish.report import compose, document
from oci_chart_publish.report.document import REPORT
from oci_chart_publish.run.project import Project
from oci_chart_publish.yamldoc.editor import write_file


def reported(project: Project, command: str, charts: Sequence[document.Chart]) -> document.Report:
    """Put the outcome of a command into the report."""
    replaced = project.changes.replaced(charts) if project.settings.bump == "chart" else ()
    settled = compose.settle(charts, project.settings.conflicts, project.touched(charts))
    unused_settings = project.unused_settings({chart.name: chart.path for chart in charts})
    return replace(
        outline(project, command, settled), revision=_commit(project), notes=(*replaced, *unused_settings)
    )


def outline(project: Project, command: str, charts: Sequence[document.Chart]) -> document.Report:
    """Return the report as far as it is known without asking anybody: git, registries or the code host."""
    event = project.event
    return replace(
        compose.report(
            charts,
            command=command,
            dry_run=project.settings.dry_run or command == "plan",
            tool_version=__version__,
            layout=str(project.layout.root),
        ),
        repository=event.repository or None,
        revision=event.revision or None,
        ref=event.ref or None,
        pull_request=_pull_request(event),
    )


def _commit(project: Project) -> str | None:
    """Return the commit that is built: tags go there, whichever commit the event is about."""
    if project.planned and project.planned.revision:
        return project.planned.revision
    return (project.repository.head() if project.repository else None) or project.event.revision or None


def _pull_request(event: Event) -> document.PullRequest | None:
    pull = event.pull_request
    if pull is None:
        return None
    return document.PullRequest(number=pull.number, head=pull.head, head_repository=pull.head_repository)


def keep(project: Project, report: document.Report) -> None:
    """Leave the report of a plan in the layout that was named, so that the folder is all that ``--from`` needs."""
    if report.command == "plan" and project.settings.layout:
        write_file(project.layout.root / REPORT, document.encode(report), create=True)
