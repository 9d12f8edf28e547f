"""plan, publish and verify: the flow from the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from oci_chart_publish.cli.options import given, setting_options
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.interruption import SAID, Interruption
from oci_chart_publish.report import document
from oci_chart_publish.report.compose import interrupted
from oci_chart_publish.report.markdown import render
from oci_chart_publish.report.table import show, show_problems
from oci_chart_publish.run import pipeline
from oci_chart_publish.run.output_files import write
from oci_chart_publish.run.policy import Run
from oci_chart_publish.run.project import Project
from oci_chart_publish.run.reporting import InterruptionListener, keep, reported
from oci_chart_publish.tree.tree import ChartSource

PATHS = click.argument("paths", nargs=-1, type=click.Path())
REGISTRY = ("registries", "plain-http", "ca-file", "insecure", "username", "password", "registry-auth")
BUILD = (
    "layout",
    "bump",
    "bump-dependents",
    "untyped",
    "squash",
    "ignore-changes",
    "conflicts",
    "tag-template",
    "channel",
    "annotations",
    "source",
    "include-untracked",
    "changed-since",
    "dependency",
    "offline",
    "jobs",
)
OUTPUT = ("report", "markdown")
ALL = click.option("--all", "everything", is_flag=True, help="List the charts that are unchanged, too.")

Decorated = Callable[..., Any]
Stages = Callable[[Sequence[ChartSource], Run], tuple[document.Chart, ...]]


def common(command: Decorated) -> Decorated:
    """Add the options that every command of the flow has."""
    for option in (
        click.option("-q", "--quiet", is_flag=True, help="Only results and errors: no progress."),
        click.option("-v", "--verbose", is_flag=True, help="Say what is done to each chart."),
        click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
        click.option("--config", metavar="FILE", default="", help="The settings file."),
    ):
        command = option(command)
    return command


@click.command()
@PATHS
@setting_options(*REGISTRY, *BUILD, *OUTPUT)
@ALL
@common
@click.pass_obj
def plan(environment: Mapping[str, str], /, **options: Any) -> int:  # noqa: ANN401  (click's own)
    """Show what would be published, and write nothing but the cache and the report.

    PATH is a folder of charts, a chart, or a glob; without any, charts/ or the chart at the root of the repository.
    Every chart is built, so the digest shown is the digest that `publish` will publish.
    """
    return _flow("plan", pipeline.plan, environment, options)


@click.command()
@PATHS
@setting_options(*REGISTRY, *BUILD, "from-plan", "overwrite", "dry-run", *OUTPUT)
@ALL
@common
@click.pass_obj
def publish(environment: Mapping[str, str], /, **options: Any) -> int:  # noqa: ANN401
    """Publish every chart whose version the registries lack.

    Without --registry the charts end in the local cache, complete and inspectable, named NAME:VERSION.
    A version that exists is compared: the same content is left alone, different content is a conflict (exit 4) and
    never overwritten. Run it again after any failure: it goes on where it stopped.
    """
    return _flow("publish", pipeline.publish, environment, options)


@click.command()
@PATHS
@setting_options(*REGISTRY, *BUILD, *OUTPUT)
@ALL
@common
@click.pass_obj
def verify(environment: Mapping[str, str], /, **options: Any) -> int:  # noqa: ANN401
    """Rebuild this checkout and compare it with what the registries hold.

    Every chart has to be there, the same, and whole; anything else is exit 8. Check out the tag of a release first to
    prove where a published chart came from.
    """
    return _flow("verify", pipeline.verify, environment, options)


def _flow(name: str, stages: Stages, environment: Mapping[str, str], options: dict[str, Any]) -> int:
    """Resolve settings, run, report; return the exit code."""
    interruption = Interruption()
    interruption.listen()
    quiet, as_json, everything = (options.pop(name) for name in ("quiet", "as_json", "everything"))
    session = Project.open(
        given({**options, "charts": options.pop("paths")}),
        environment,
        folder=Path.cwd(),
        config=options.pop("config"),
        quiet=quiet,
        verbose=options.pop("verbose"),
        writes=stages is pipeline.publish,
    )
    if session.writes and session.settings.dry_run:  # which the settings file may say, too
        session, stages = replace(session, writes=False), pipeline.plan

    listener = InterruptionListener(
        project=session,
        command=name,
        interruption=interruption,
        writer=Terminal(as_json=as_json, everything=everything),
    )
    try:
        if session.planned and session.planned.of_pull_request:
            raise ConfigError(
                f"{session.settings.from_plan} is the plan of a pull request, which is not merged",
                hint="publish once it is; previews of it are made by the action, with preview:",
            )
        listener.on_outcomes(lambda: ())
        sources = session.sources()
        report = reported(session, name, stages(sources, session.run(sources, listener)))
        if interruption.stopping.is_set():
            print(SAID, file=sys.stderr)
            report = interrupted(report)
    finally:
        session.close()
    interruption.report()
    listener.writer.write(session, report)
    return report.exit_code


class Terminal(msgspec.Struct, frozen=True, kw_only=True):
    """Writes reports to the files asked for, and to stdout; what went wrong to stderr."""

    as_json: bool
    everything: bool

    def write(self, project: Project, report: document.Report) -> None:
        """Write a report."""
        keep(project, report)
        encoded = document.encode(report)
        write(project.settings.report, encoded)
        write(project.settings.markdown, render(report).encode())
        if self.as_json:
            sys.stdout.write(encoded.decode())
        else:
            show(report, sys.stdout, everything=self.everything)
            show_problems(report, sys.stderr)
        sys.stdout.flush()
