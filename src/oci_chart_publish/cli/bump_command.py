"""bump: the next version of each chart, shown, checked, written or committed."""

from __future__ import annotations

import sys
import threading
from collections.abc import Container, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import click
from msgspec.structs import replace

from oci_chart_publish.chart.metadata import chart_file
from oci_chart_publish.cli.flow_commands import PATHS, REGISTRY, common
from oci_chart_publish.cli.main import show
from oci_chart_publish.cli.options import open_project, setting_options
from oci_chart_publish.commands import bump_commit as committing
from oci_chart_publish.errors import ConfigError, ConflictError, ExitCode, PublishError, worst
from oci_chart_publish.report import document, results
from oci_chart_publish.report.table import columns
from oci_chart_publish.report.text import plain
from oci_chart_publish.run import pipeline
from oci_chart_publish.run.pipeline import Bumped
from oci_chart_publish.run.policy import StopOnly
from oci_chart_publish.run.project import Project
from oci_chart_publish.yamldoc.reader import line_of

HEAD = ("CHART", "NOW", "NEXT", "LEVEL", "WHY")


@click.command()
@PATHS
@click.option("--write", is_flag=True, help="Edit Chart.yaml, one scalar, and the locks that name it.")
@click.option("--check", is_flag=True, help="Exit with 4 where a changed chart was not raised.")
@click.option(
    "--commit", is_flag=True, help="Commit the edits to the branch, through the API where there is a token."
)
@click.option(
    "--message", default="chore: bump chart versions", show_default=True, help="The commit's message."
)
@setting_options(
    "bump",
    "tag-template",
    "app-version",
    "bump-dependents",
    "ignore-changes",
    "squash",
    "untyped",
    "channel",
    "github-token",
    "dry-run",
)
@setting_options(*REGISTRY)
@common
@click.pass_obj
def bump(environment: Mapping[str, str], /, *, write: bool, check: bool, commit: bool, **options: Any) -> int:  # noqa: ANN401
    """Show the next version of each chart, from its own history.

    Without --bump it is decided as `bump: auto` would: the commits since the chart's last tag, labels, Release-As.
    Only single scalars are edited: comments, quotes and line ends stay. A commit through the API leaves the files here
    as they are, unless --write is given too.
    """
    if check and (write or commit):
        raise ConfigError(
            f"bump: --check changes nothing, and --{'write' if write else 'commit'} does",
            hint="give one of them",
        )
    if options["bump"] == "chart":
        raise ConfigError(
            "bump: --bump chart decides nothing: Chart.yaml has the version",
            hint="leave it out, or give auto, major, minor or patch",
        )
    if commit and not options["message"].strip():
        raise ConfigError(
            "bump: --message is empty", hint="say what the commit does, or leave the option out"
        )
    message, as_json, quiet = options.pop("message"), options.pop("as_json"), options.pop("quiet")
    project = open_project(environment, options)
    if project.settings.bump == "chart":
        project = project.with_settings(replace(project.settings, bump="auto"))
    with closing(project):
        to = committing.destination(project) if commit else None
        sources = project.sources()
        # What is written is not to be a number that a registry has.
        run = project.run(sources, StopOnly(threading.Event()))
        run = replace(run, options=replace(run.options, tags_suffice=not (write or commit)))
        bumped, errors = pipeline.bump(sources, run)
        moving = [chart for chart in bumped if chart.files]
        change = partial(_change, project, _files(moving), message, to, write=write)
        lines: list[str] | None = None
        if as_json:
            # Changes come first, so that what keeps them from being made is the one document on stdout.
            lines = change() if (write or to) and not errors else []
            sys.stdout.write(results.encode([_document(chart) for chart in bumped]))
        else:
            print(columns(HEAD, [_cells(chart) for chart in bumped]))
        for chart in bumped:
            if chart.decision.warning and not quiet:
                print(f"warning: {plain(chart.name)}: {plain(chart.decision.warning)}", file=sys.stderr)
        for note in (
            project.unused_settings({chart.name: chart.path for chart in bumped}) if not quiet else ()
        ):
            print(f"warning: {plain(note, 1000)}", file=sys.stderr)
        for error in {str(error): error for error in errors}.values():  # what all charts lack is said once
            show(error)
        if errors:
            return int(worst(error.exit_code for error in errors))
        if check:
            # What is published already lacks nothing, though the tree names an older version.
            due = [chart for chart in moving if chart.decision.level != "none"]
            touched = _touched(project, bumped) if due and project.settings.conflicts != "all" else None
            return _check(due, touched)
        if write or to:
            for line in change() if lines is None else lines:
                print(line, file=sys.stderr if as_json else sys.stdout)
    return int(ExitCode.DONE)


def _cells(chart: Bumped) -> tuple[str, ...]:
    decision = chart.decision
    later = decision.version if decision.version != chart.version else ""
    return tuple(plain(cell) for cell in (chart.name, chart.version, later, decision.level, decision.reason))


def _document(chart: Bumped) -> results.BumpedChart:
    return results.BumpedChart(
        name=chart.name,
        path=chart.path,
        version=chart.version,
        next=chart.decision.version,
        previous=chart.decision.previous,
        level=chart.decision.level,
        reason=chart.decision.reason,
        warning=chart.decision.warning,
        files=tuple(sorted(chart.files)),
    )


def _touched(project: Project, bumped: Sequence[Bumped]) -> frozenset[str]:
    """Return the names of the charts that this push or pull request changed, by themselves or in what they embed."""
    charts = [
        document.Chart(name=chart.name, path=chart.path, version=chart.version, status="unknown")
        for chart in bumped
    ]
    touched = project.touched(charts)
    return frozenset(chart.name for chart in charts if touched(chart))


def _check(due: Sequence[Bumped], touched: Container[str] | None) -> int:
    """Show the charts that were not raised; an earlier change turns no later pull request red."""
    errors = []
    for chart in due:
        error = _not_raised(chart)
        if touched is None or chart.name in touched:
            errors.append(error)
            show(error)
        else:
            print(f"note: {plain(str(error).splitlines()[0])}, before this change", file=sys.stderr)
    return int(worst(error.exit_code for error in errors))


def _not_raised(chart: Bumped) -> PublishError:
    """Return what is wrong with a version, at its line."""
    error = ConflictError(
        f"{chart.version} was not raised: {chart.decision.reason}",
        hint=f"set it to {chart.decision.version}, or run `bump --write`",
    )
    # Only scalars change: the line is the same before and after.
    return error.at(
        chart_file(chart.path), key="version", line=line_of(chart.files.get("Chart.yaml", b""), "version")
    )


def _files(moving: Sequence[Bumped]) -> dict[str, bytes]:
    """Return the new bytes of every file that changes, by path below the root."""
    return {
        f"{chart.path}/{path}" if chart.path else path: data
        for chart in moving
        for path, data in chart.files.items()
    }


def _change(
    project: Project,
    files: Mapping[str, bytes],
    message: str,
    to: committing.Destination | None,
    *,
    write: bool,
) -> list[str]:
    """Write and commit what was asked for, the commit first; return what to say of it."""
    if project.settings.dry_run:
        said = [f"would write {path}" for path in sorted(files)] if write else []
        return [*said, f"would commit {', '.join(sorted(files))} to {to}"] if to and files else said
    made = [committing.commit(project, files, message, to)] if to and files else []
    if write and not (to and not to.branch):  # git has committed what it wrote
        committing.write(project.root, files)
    return made
