"""The report for a terminal or a log of 80 columns: where to, one line a chart, problems once, a line that counts.

Unchanged charts are one line, and so are those with a problem that many have. Names are never cut: a long one pushes
the rest of its line to the right, and is no reason to pad the lines of others.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

import msgspec

from oci_chart_publish.outcomes import FAILING, OUTCOMES, Shown
from oci_chart_publish.report.document import Chart, Report
from oci_chart_publish.report.problems import Grouped, grouped, grouped_warnings
from oci_chart_publish.report.status import ordered, shown, tally, upgraded
from oci_chart_publish.report.text import counted, plain, short, size

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WIDTH = 80
"""Columns of a terminal that every user has."""
HEAD = ("CHART", "VERSION", "STATUS", "SIZE", "DIGEST")
_STATUS = HEAD.index("STATUS")
_ALONE = 4
"""Charts of one problem that still have a row each."""
_PADDED = 40
"""Columns of the widest cell that others are padded to."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The cells of a chart, and the word for what became of it."""

    word: Shown
    cells: tuple[str, ...]


def rows(charts: Iterable[Chart]) -> list[Row]:
    """Return the rows of charts, without the head."""
    return [_row(chart) for chart in charts]


def _row(chart: Chart) -> Row:
    word = shown(chart)
    fix = f": set {chart.next_version}" if chart.next_version and word == "conflict" else ""
    cells = (chart.name, _version(chart), word + fix, size(chart.size), short(chart.digest))
    return Row(word=word, cells=tuple(plain(cell) for cell in cells))


def _version(chart: Chart) -> str:
    before = upgraded(chart)
    return f"{before} -> {chart.version}" if before else chart.version


def columns(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return left-aligned columns, two blanks apart, without trailing blanks."""
    return "\n".join(_padded([tuple(head), *(tuple(line) for line in lines)]))


def _padded(table: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table; a cell of more than ``_PADDED`` characters pads no other."""
    widths = [
        max((len(cell) for cell in cells if len(cell) <= _PADDED), default=0)
        for cells in zip(*table, strict=True)
    ]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]


def _fitting(table: list[tuple[str, ...]], width: int) -> list[str]:
    """Return the lines of a table of at most ``width`` columns, without its last columns where it has to be."""
    lines = _padded(table)
    while max(map(len, lines)) > width and len(table[0]) > _STATUS + 1:
        table = [cells[:-1] for cells in table]
        lines = _padded(table)
    return lines


def listing(title: str, names: Iterable[str], width: int, more: str = "") -> str:
    """Return as many names as fit on a line after a title, the rest counted; the first one always."""
    all_names = list(names)
    line = f"{title}: "
    for number, name in enumerate(all_names):
        rest = len(all_names) - number
        ending = f"and {rest} more{more}"
        last = rest == 1
        needed = len(line) + len(name) + (0 if last else 2 + len(f"and {rest - 1} more{more}"))
        if number and needed > width:
            return line + ending
        line += name if last else f"{name}, "
    return line


def summary(report: Report) -> str:
    """Return one line that counts the charts by what became of them."""
    parts = [f"{number} {OUTCOMES[word].counted}" for word, number in tally(report).items()]
    moved = f" ({size(report.totals.size)})" if report.totals.size else ""
    return f"{counted(len(report.charts), 'chart')}: {', '.join(parts) or 'nothing'}{moved}"


def show(report: Report, stream: TextIO, *, everything: bool = False) -> None:
    """Print the report to ``stream``, in colour where it is a terminal; unchanged charts too where ``everything``."""
    terminal = stream.isatty()
    console = _console(stream) if terminal else None
    width = console.width if console else WIDTH
    folded: dict[int, str] = {}
    if not everything:
        folded = _folded(report, width)
    listed = [chart for chart in ordered(report) if id(chart) not in folded]
    lines: list[tuple[str, Shown | None]] = []
    place = _where(report)
    if place:
        lines.append((place, None))
    if listed:
        result = rows(listed)
        table = _fitting([HEAD, *(row.cells for row in result)], width)
        lines += [(table[0], None), *((line, row.word) for line, row in zip(table[1:], result, strict=True))]
    lines += [(line, None) for line in dict.fromkeys(folded.values())]
    lines.append((summary(report), None))
    for line, word in lines:
        if console is None:
            print(line, file=stream)
        else:
            console.print(_coloured(line, word))


def _where(report: Report) -> str:
    """Return a line with the registries of the charts, or with the layout where there are none."""
    registries = Counter(target.registry for chart in report.charts for target in chart.targets)
    if not registries:
        return ""
    return listing("registry" if len(registries) == 1 else "registries", map(plain, registries), WIDTH)


def _folded(report: Report, width: int) -> dict[int, str]:
    """Return by the identity of a chart the line that it is folded into."""
    quiet = [chart for chart in ordered(report) if shown(chart) == "unchanged"]
    names = (f"{plain(chart.name)} {plain(chart.version)}" for chart in quiet)
    result = dict.fromkeys(map(id, quiet), listing("unchanged", names, width, " (--all lists them)"))
    for group in grouped(report.charts):
        if len(group.charts) > _ALONE:
            names = (plain(chart.name) for chart in group.charts)
            line = listing(shown(group.chart), names, width)
            result |= {id(chart): line for chart in group.charts if len(chart.targets) <= 1}
    return result


def _console(stream: TextIO) -> Console:
    from rich.console import Console  # noqa: PLC0415  (only on a terminal: 50 ms)

    return Console(file=stream, soft_wrap=True, highlight=False, markup=False)


def _coloured(line: str, word: Shown | None) -> Text:
    from rich.text import Text  # noqa: PLC0415  (only on a terminal)

    text = Text(line)
    if word is not None and word in line:
        start = line.rindex(f"  {word}") + 2
        text.stylize(OUTCOMES[word].style, start, start + len(word))
    return text


def problems(report: Report) -> list[str]:
    """Return what went wrong and what to know, each once, as lines."""
    charts = ordered(report)
    lines = [_problem(group) for group in grouped(charts)]
    lines += [f"warning: {_of(of)}{plain(text, 1000)}" for text, of in grouped_warnings(charts)]
    for chart in charts:
        if chart.ignored:
            listed = plain(", ".join(chart.ignored), 1000)
            name = plain(chart.name)
            lines.append(f"note: {name}: differs from what is published in what is ignored: {listed}")
    return lines + [f"note: {plain(note, 1000)}" for note in report.notes]


def _problem(group: Grouped) -> str:
    error = group.problem
    place = plain(error.path + (f":{error.line}" if error.line else ""), 1000)
    text = f"{place}: {plain(error.message, 2000)}" if place else plain(error.message, 2000)
    hint = f"\n  -> {plain(error.hint, 2000)}" if error.hint else ""
    word = "error" if group.chart.status in FAILING else group.chart.status
    return f"{word}: {_of(group.charts)}{text}{hint}"


def _of(charts: Sequence[Chart]) -> str:
    """Return which charts something is about, for the beginning of a line."""
    names = [name for chart in charts[:3] if (name := plain(chart.name))]
    if len(charts) == 1:
        return f"{names[0]}: " if names else ""
    more = f" and {len(charts) - 3} more" if len(charts) > 3 else ""
    return f"{counted(len(charts), 'chart')} ({', '.join(names)}{more}): "


def show_problems(report: Report, stream: TextIO | None = None) -> None:
    """Print what went wrong to ``stream`` (stderr)."""
    for line in problems(report):
        print(line, file=stream or sys.stderr)
