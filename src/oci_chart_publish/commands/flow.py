"""plan, publish and verify: discover -> bump -> build -> push -> report, for command line, action and Python."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec
from msgspec.structs import replace

from oci_chart_publish.errors import ConfigError, ExitCode
from oci_chart_publish.interruption import Interruption
from oci_chart_publish.lazy import lazy
from oci_chart_publish.report import compose, document
from oci_chart_publish.run import pipeline
from oci_chart_publish.run.policy import Outcomes
from oci_chart_publish.run.project import Project
from oci_chart_publish.run.reporting import outline, reported

if TYPE_CHECKING:
    from oci_chart_publish.commands import preview
    from oci_chart_publish.notify import announce
else:
    preview = lazy("oci_chart_publish.commands.preview")
    announce = lazy("oci_chart_publish.notify.announce")

Command = Literal["plan", "publish", "verify"]

_STAGES = {"plan": pipeline.plan, "publish": pipeline.publish, "verify": pipeline.verify}


def plan(project: Project) -> document.Report:
    """Return what ``publish`` would do; nothing is written but the layout.

    A chart that cannot be published is in the report, with its error. PublishError for what no chart is to blame for:
    settings, git, two charts of one name.
    """
    return execute(resolve("plan", project), _Unheard())


def publish(project: Project) -> document.Report:
    """Publish every chart whose version the registries lack, and return what became of each; errors as for ``plan``.

    With ``dry_run`` in the settings nothing is published.
    """
    return execute(resolve("publish", project), _Unheard())


def verify(project: Project) -> document.Report:
    """Rebuild every chart and return whether all its registries hold just that, whole; errors as for ``plan``."""
    return execute(resolve("verify", project), _Unheard())


class ReportListener(Protocol):
    """Who started a command: may tell it to stop, and is told what to report if it has to be ended before its end."""

    @property
    def stopping(self) -> threading.Event:
        """Set once the command is to stop."""

    def on_report(self, report: Callable[[], document.Report]) -> None:
        """Take what makes a report of what was done so far, from any thread; it replaces what was given before."""


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """A command and the project that it is carried out on, once event and settings have been looked at."""

    command: Command
    project: Project
    tells: bool
    """Whether the code host is told: previews are made, releases and comments are written."""
    note: str = ""
    """What the report of a plan says besides."""


def resolve(command: Command, project: Project, *, tells: bool = False, note: str = "") -> Execution:
    """Return what a command becomes under these settings; ConfigError for a saved plan that may not be published.

    With ``dry_run`` nothing is written. The plan of a pull request becomes previews, where the code host is told of it.
    """
    writes = command == "publish" and not project.settings.dry_run
    project = replace(project, writes=writes)
    if project.planned is None or not project.planned.of_pull_request:
        return Execution(command=command, project=project, tells=tells, note=note)
    if tells:
        project = preview.for_pull_request(project)
        return Execution(command="plan", project=project, tells=True, note=note)
    raise ConfigError(
        f"{project.settings.from_plan} is the plan of a pull request, which is not merged",
        hint="publish once it is; previews of it are made by the action, with preview:",
    )


def execute(execution: Execution, listener: ReportListener) -> document.Report:
    """Carry a command out and return its report, in which a chart that failed is one entry among the others."""
    command, project = execution.command, execution.project
    outcomes = _OutcomesAsReport(project=project, command=command, listener=listener)
    outcomes.on_outcomes(lambda: ())
    sources = project.sources()
    stages = _STAGES["plan" if command == "publish" and not project.writes else command]
    report = reported(project, command, stages(sources, project.run(sources, outcomes)))
    if not execution.tells:
        return report
    if command == "plan" and execution.note:
        report = replace(report, notes=(execution.note, *report.notes))
    listener.on_report(lambda: report)
    stopping = listener.stopping
    broken = project.planned is not None and report.exit_code != ExitCode.DONE
    if command == "plan" and not broken and not stopping.is_set():
        report = preview.previewed(project, report, sources, stopping)
    return report if stopping.is_set() else announce.announced(project, report, stopping)


class Edge(Protocol):
    """What a command was started from: the command line or the action, each of which shows reports in its own way."""

    def write(self, project: Project, report: document.Report) -> None:
        """Write a report to where it was asked for: files, terminal, the runner's outputs."""

    def interrupted(self) -> None:
        """Say that the run was interrupted."""


def carry_out(
    command: Command,
    project: Project,
    interruption: Interruption,
    edge: Edge,
    *,
    tells: bool,
    note: str = "",
) -> int:
    """Carry a command out for an edge, show its report, and return its exit code; the project is closed.

    What was done so far is shown where the run is interrupted and hangs.
    """
    with closing(project):
        execution = resolve(command, project, tells=tells, note=note)
        project = execution.project
        report = execute(execution, _Interruptible(project=project, interruption=interruption, edge=edge))
    interruption.report()
    if interruption.stopping.is_set():
        edge.interrupted()
        report = compose.interrupted(report)
    edge.write(project, report)
    return report.exit_code


class _OutcomesAsReport(msgspec.Struct, frozen=True, kw_only=True):
    """The listener of a run: hands on what has become of its charts as a report."""

    project: Project
    command: str
    listener: ReportListener

    @property
    def stopping(self) -> threading.Event:
        """Set once the run is to stop."""
        return self.listener.stopping

    def on_outcomes(self, outcomes: Outcomes) -> None:
        """Hand on the outcomes."""
        self.listener.on_report(lambda: outline(self.project, self.command, outcomes()))


class _Interruptible(msgspec.Struct, frozen=True, kw_only=True):
    """The listener of an edge: keeps ready what is shown where the process has to be ended."""

    project: Project
    interruption: Interruption
    edge: Edge

    @property
    def stopping(self) -> threading.Event:
        """Set by the first signal."""
        return self.interruption.stopping

    def on_report(self, report: Callable[[], document.Report]) -> None:
        """Keep a report ready."""
        self.interruption.leave(lambda: self.edge.write(self.project, compose.interrupted(report())))


class _Unheard(msgspec.Struct, frozen=True):
    """The listener of a Python program, which neither stops a command nor is told of it before its end."""

    stopping: threading.Event = msgspec.field(default_factory=threading.Event)

    def on_report(self, report: Callable[[], document.Report]) -> None:
        """Keep nothing."""
