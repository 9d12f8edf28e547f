"""Annotations of a report: messages at the line of a file, as a code host shows them beside a change."""

from __future__ import annotations

from typing import Literal

import msgspec

from oci_chart_publish.chart.metadata import chart_file
from oci_chart_publish.outcomes import FAILING
from oci_chart_publish.report.compose import unpublished
from oci_chart_publish.report.document import Chart, Problem, Report
from oci_chart_publish.report.problems import Grouped, grouped
from oci_chart_publish.report.text import counted

Level = Literal["error", "warning", "notice"]


class Annotation(msgspec.Struct, frozen=True, kw_only=True):
    """A message at a place in the repository; ``line`` counts from 1."""

    level: Level
    message: str
    title: str = ""
    file: str = ""
    line: int | None = None


def annotations_of(report: Report) -> list[Annotation]:
    """Return what to show: errors for what failed, warnings for what a user should know, notices for the rest."""
    notes = [note_of(report, note) for note in report.notes]
    warning = unpublished(report)
    if warning:
        notes.insert(0, Annotation(level="warning", message=warning))
    problems = (_problem(group) for group in grouped(report.charts))
    warnings = (_warning(chart, text) for chart in report.charts for text in chart.warnings)
    return [*problems, *warnings, *notes]


def note_of(report: Report, note: str) -> Annotation:
    """Return a note of a report: an error where it says what failed."""
    return Annotation(level="error" if note in report.failures else "notice", message=note)


def annotation_of(problem: Problem) -> Annotation:
    """Return an error that no chart of a report has, at its place where it has one."""
    return Annotation(level="error", message=_message(problem), file=problem.path, line=problem.line)


def _message(problem: Problem) -> str:
    return f"{problem.message}\n{problem.hint}" if problem.hint else problem.message


def _warning(chart: Chart, text: str) -> Annotation:
    inside, line = chart.warning_files.get(text, ""), chart.warning_lines.get(text)
    return Annotation(
        level="warning",
        message=text,
        title=chart.name,
        file=_below(chart.path, inside) if inside else chart_file(chart.path),
        line=line or (1 if inside else chart.version_line or 1),
    )


def _below(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder else path


def _problem(group: Grouped) -> Annotation:
    """Return a problem at its line, or, where several charts have it, without a place: it is in none of their files."""
    chart, problem = group.chart, group.problem
    level: Level = "error" if chart.status in FAILING else "notice"
    if len(group.charts) > 1:
        return Annotation(level=level, message=_message(problem), title=counted(len(group.charts), "chart"))
    line = problem.line if problem.path else chart.version_line
    return Annotation(
        level=level,
        message=_message(problem),
        title=f"{chart.name} {chart.version}".strip(),
        file=problem.path or chart_file(chart.path),
        line=line or 1,
    )
