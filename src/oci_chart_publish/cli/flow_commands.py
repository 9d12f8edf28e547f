"""plan, publish and verify: the flow from the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import click
import msgspec

from oci_chart_publish.cli.options import open_project, setting_options
from oci_chart_publish.commands.flow import Command, carry_out
from oci_chart_publish.interruption import SAID, Interruption
from oci_chart_publish.report import document
from oci_chart_publish.report.markdown import render
from oci_chart_publish.report.table import show, show_problems
from oci_chart_publish.run.output_files import write
from oci_chart_publish.run.project import Project
from oci_chart_publish.run.reporting import keep

PATHS = click.argument("paths", nargs=-1, type=click.Path())
REGISTRY = (
    "registries",
    "plain-http",
    "ca-file",
    "insecure",
    "client-cert",
    "client-key",
    "username",
    "password",
    "registry-auth",
)
BUILD = (
    "layout",
    "bump",
    "bump-dependents",
    "untyped",
    "squash",
    "ignore-changes",
    "conflicts",
    "tag-template",
    "app-version",
    "channel",
    "annotations",
    "source",
    "include-untracked",
    "changed-since",
    "dependency",
    "offline",
    "strict",
    "jobs",
)
SIGN = ("sign", "cosign-key", "cosign-password", "notation-key", "notation-certificate")
OUTPUT = ("report", "markdown")
ALL = click.option("--all", "everything", is_flag=True, help="List the charts that are unchanged, too.")

Decorated = Callable[..., Any]


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
    return _flow("plan", environment, options)


@click.command()
@PATHS
@setting_options(*REGISTRY, *BUILD, *SIGN, "from-plan", "overwrite", "dry-run", *OUTPUT)
@ALL
@common
@click.pass_obj
def publish(environment: Mapping[str, str], /, **options: Any) -> int:  # noqa: ANN401
    """Publish every chart whose version the registries lack.

    Without --registry the charts end in the local cache, complete and inspectable, named NAME:VERSION.
    A version that exists is compared: the same content is left alone, different content is a conflict (exit 4) and
    never overwritten. Run it again after any failure: it goes on where it stopped.
    """
    return _flow("publish", environment, options)


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
    return _flow("verify", environment, options)


def _flow(command: Command, environment: Mapping[str, str], options: dict[str, Any]) -> int:
    """Carry a command out, with the settings of its options; return the exit code."""
    interruption = Interruption()
    interruption.listen()
    terminal = Terminal(as_json=options["as_json"], everything=options["everything"])
    project = open_project(environment, options, quiet=options["quiet"], verbose=options["verbose"])
    return carry_out(command, project, interruption, terminal, tells=False)


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

    def interrupted(self) -> None:
        """Say on stderr that the run was interrupted."""
        print(SAID, file=sys.stderr)
