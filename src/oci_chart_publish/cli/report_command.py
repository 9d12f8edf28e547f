"""report: post a saved report, from a privileged job that runs none of the reported code."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from oci_chart_publish.cli.options import open_project, setting_options
from oci_chart_publish.notify.announce import configured, posted, source_of
from oci_chart_publish.report import document
from oci_chart_publish.report.annotations import note_of
from oci_chart_publish.report.document import read_report
from oci_chart_publish.report.foreign import as_plan
from oci_chart_publish.report.markdown import render
from oci_chart_publish.report.table import show, show_problems
from oci_chart_publish.run.output_files import write
from oci_chart_publish.runner.workflow_commands import SUMMARY_LIMIT, annotate, append


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@setting_options("github-token", "comment", "comment-key", "dry-run", "markdown")
@click.option("--config", metavar="FILE", default="", help="The settings file.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_obj
def report(environment: Mapping[str, str], /, file: Path, *, as_json: bool, **options: Any) -> int:  # noqa: ANN401
    """Post the report in FILE: comment, step summary, table.

    The pull request is that of the event, `workflow_run` for instance, and never the one that FILE names: FILE may
    come from a job that ran the code of a stranger. Exits with the code of the reported run.
    """
    saved = read_report(file)
    known = frozenset(saved.notes)  # and shown by the job that made it
    project = open_project(environment, options)
    source = source_of(project, saved)
    if source:
        saved = as_plan(saved, source, configured(project))
    with closing(project):
        saved = posted(project, saved, source)
    if project.event.name:
        notes = (note for note in saved.notes if note not in known)
        annotate((note_of(saved, note) for note in notes), sys.stderr)
    home = project.event.url
    append(
        environment.get("GITHUB_STEP_SUMMARY", ""),
        render(saved, limit=SUMMARY_LIMIT, unit="utf-8", home=home, source=source),
    )
    write(project.settings.markdown, render(saved, home=home, source=source).encode())
    if as_json:
        sys.stdout.write(document.encode(saved).decode())
    else:
        show(saved, sys.stdout)
        show_problems(saved, sys.stderr)
    return saved.exit_code
