"""The report as a table for a terminal or a log: one line a chart, problems below."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from oci_chart_publish.outcomes import FAILING, OUTCOMES
from oci_chart_publish.report.document import Chart, Problem, Report
from oci_chart_publish.report.status import ordered, shown, tally
from oci_chart_publish.report.text import plain, short, size

HEAD = ("CHART", "VERSION", "STATUS", "SIZE", "DIGEST", "WHERE")


def rows(report: Report) -> list[tuple[str, ...]]:
    """Return the cells of each chart, worst first, without the head."""
    return [_cells(chart) for chart in ordered(report)]


def _cells(chart: Chart) -> tuple[str, ...]:
    version = chart.version
    if chart.previous_version and chart.previous_version != chart.version:
        version = f"{chart.previous_version} -> {chart.version}"
    where = ", ".join(dict.fromkeys(t.reference for t in chart.targets)) if len(chart.targets) == 1 else ""
    where = where or ", ".join(dict.fromkeys(t.registry for t in chart.targets)) or chart.path or "."
    cells = (chart.name, version, shown(chart), size(chart.size), short(chart.digest), where)
    return tuple(plain(cell) for cell in cells)


def problems(report: Report) -> list[str]:
    """Return what went wrong and what to know, as lines."""
    lines: list[str] = []
    for chart in ordered(report):
        found = (
            [chart.error]
            if chart.error is not None
            else [t.error for t in chart.targets if t.error is not None]
        )
        lines += [_problem(chart, error) for error in dict.fromkeys(found)]
        name = plain(chart.name)
        lines += [f"warning: {name}: {plain(warning, 1000)}" for warning in chart.warnings]
        if chart.ignored:
            listed = plain(", ".join(chart.ignored), 1000)
            lines.append(f"note: {name}: differs from what is published in what is ignored: {listed}")
    return lines + [f"note: {plain(note, 1000)}" for note in report.notes]


def _problem(chart: Chart, error: Problem) -> str:
    place = error.path + (f":{error.line}" if error.line else "")
    said = (plain(chart.name), plain(place, 1000), plain(error.message, 2000))
    text = ": ".join(part for part in said if part)
    hint = f"\n  -> {plain(error.hint, 2000)}" if error.hint else ""
    word = "error" if chart.status in FAILING else chart.status
    return f"{word}: {text}{hint}"


def summary(report: Report) -> str:
    """Return one line that counts the charts by status."""
    parts = [f"{number} {key}" for key, number in tally(report).items()]
    moved = f" ({size(report.totals.size)})" if report.totals.size else ""
    return f"{len(report.charts)} charts: {', '.join(parts) or 'nothing'}{moved}"


def columns(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return left-aligned columns, two blanks apart, without trailing blanks."""
    table = [tuple(head), *(tuple(line) for line in lines)]
    widths = [max(len(line[i]) for line in table) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    )


def show(report: Report, stream: TextIO) -> None:
    """Print the table to ``stream``, in colour where it is a terminal."""
    if report.charts:
        if stream.isatty():
            _show_rich(report, stream)
        else:
            print(columns(HEAD, rows(report)), file=stream)
    print(summary(report), file=stream)


def _show_rich(report: Report, stream: TextIO) -> None:
    from rich.console import Console  # noqa: PLC0415  (only on a terminal: 50 ms)
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in HEAD:
        table.add_column(title, justify="right" if title == "SIZE" else "left", overflow="fold")
    for chart, cells in zip(ordered(report), rows(report), strict=True):
        style = OUTCOMES[shown(chart)].style
        table.add_row(*(Text(cell, style=style if i == 2 else "") for i, cell in enumerate(cells)))
    Console(file=stream, soft_wrap=False).print(table)


def show_problems(report: Report, stream: TextIO | None = None) -> None:
    """Print what went wrong to ``stream`` (stderr)."""
    for line in problems(report):
        print(line, file=stream or sys.stderr)
