"""Annotations of a report: messages at the line of a file, as a code host shows them beside a change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from oci_chart_publish.chart.metadata import chart_file
from oci_chart_publish.outcomes import FAILING
from oci_chart_publish.report.compose import unpublished
from oci_chart_publish.report.document import Chart, Problem, Report

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
    return [*(annotation for chart in report.charts for annotation in _chart(chart)), *notes]


def note_of(report: Report, note: str) -> Annotation:
    """Return a note of a report: an error where it says what failed."""
    return Annotation(level="error" if note in report.failures else "notice", message=note)


def annotation_of(problem: Problem) -> Annotation:
    """Return an error that no chart of a report has, at its place where it has one."""
    return Annotation(level="error", message=_message(problem), file=problem.path, line=problem.line)


def _message(problem: Problem) -> str:
    return f"{problem.message}\n{problem.hint}" if problem.hint else problem.message


def _chart(chart: Chart) -> Iterator[Annotation]:
    found = [chart.error] if chart.error else [target.error for target in chart.targets if target.error]
    for problem in dict.fromkeys(found):
        if problem is not None:
            yield _problem(chart, problem)
    for warning in chart.warnings:
        line = chart.warning_lines.get(warning) or chart.version_line or 1
        yield Annotation(
            level="warning", message=warning, title=chart.name, file=chart_file(chart.path), line=line
        )


def _problem(chart: Chart, problem: Problem) -> Annotation:
    level: Level = "error" if chart.status in FAILING else "notice"
    title = f"{chart.name} {chart.version}".strip()
    line = problem.line if problem.path else chart.version_line
    return Annotation(
        level=level,
        message=_message(problem),
        title=title,
        file=problem.path or chart_file(chart.path),
        line=line or 1,
    )
