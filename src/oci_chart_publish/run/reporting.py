"""The report of a command: what became of the charts, and what the session knows of commit and event."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from msgspec.structs import replace

from oci_chart_publish import __version__
from oci_chart_publish.github.event import Event
from oci_chart_publish.interruption import Interruption
from oci_chart_publish.report import compose, document
from oci_chart_publish.report.document import REPORT
from oci_chart_publish.run.policy import Outcomes
from oci_chart_publish.run.project import Project
from oci_chart_publish.yamldoc.editor import write_file


def reported(session: Project, command: str, charts: Sequence[document.Chart]) -> document.Report:
    """Put the outcome of a command into the report."""
    replaced = session.changes.replaced(charts) if session.settings.bump == "chart" else ()
    settled = compose.settle(charts, session.settings.conflicts, session.touched(charts))
    unused_settings = session.unused_settings({chart.name: chart.path for chart in charts})
    return replace(
        outline(session, command, settled), revision=_commit(session), notes=(*replaced, *unused_settings)
    )


def outline(session: Project, command: str, charts: Sequence[document.Chart]) -> document.Report:
    """Return the report as far as it is known without asking anybody: git, registries or the code host."""
    event = session.event
    return replace(
        compose.report(
            charts,
            command=command,
            dry_run=session.settings.dry_run or command == "plan",
            tool_version=__version__,
            layout=str(session.layout.root),
        ),
        repository=event.repository or None,
        revision=event.revision or None,
        ref=event.ref or None,
        pull_request=_pull_request(event),
    )


class ReportWriter(Protocol):
    """The edge that a command was started from: it shows reports in its own way."""

    def write(self, project: Project, report: document.Report) -> None:
        """Write a report to where it was asked for: files, terminal, the runner's outputs."""


class InterruptionListener(msgspec.Struct, frozen=True, kw_only=True):
    """Keeps ready at any moment what is to be reported where the run is interrupted and hangs."""

    project: Project
    command: str
    interruption: Interruption
    writer: ReportWriter

    @property
    def stopping(self) -> threading.Event:
        """Set by the first signal."""
        return self.interruption.stopping

    def on_outcomes(self, outcomes: Outcomes) -> None:
        """Keep the outcomes ready as a report."""
        self.on_report(lambda: outline(self.project, self.command, outcomes()))

    def on_report(self, report: Callable[[], document.Report]) -> None:
        """Keep what makes a report ready; it replaces what was kept before."""
        self.interruption.leave(lambda: self.writer.write(self.project, compose.interrupted(report())))


def _commit(session: Project) -> str | None:
    """Return the commit that is built: tags go there, whichever commit the event is about."""
    if session.planned and session.planned.revision:
        return session.planned.revision
    return (session.repository.head() if session.repository else None) or session.event.revision or None


def _pull_request(event: Event) -> document.PullRequest | None:
    found = event.pull_request
    if found is None:
        return None
    return document.PullRequest(number=found.number, head=found.head, head_repository=found.head_repository)


def keep(session: Project, report: document.Report) -> None:
    """Leave the report of a plan in the layout that was named, so that the folder is all that ``--from`` needs."""
    if report.command == "plan" and session.settings.layout:
        write_file(session.layout.root / REPORT, document.encode(report), create=True)
