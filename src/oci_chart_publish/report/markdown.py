"""The report as Markdown for comments, step summaries and files: what went wrong first, then what moved, then detail.

A limit is kept by dropping diagrams, then the details of the last charts, then their digests, then rows; never by
cutting markup, and never without saying so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from oci_chart_publish.report.detail import (
    Page,
    commands,
    detail,
    digest_item,
    folded,
    problem_text,
    problems,
    row,
)
from oci_chart_publish.report.document import Chart, Problem, Report
from oci_chart_publish.report.sizes import worth_drawing
from oci_chart_publish.report.status import SHOWN, became, ordered, tally
from oci_chart_publish.report.text import escaped, units

IN_REPORT = "the JSON report has everything"
IN_SUMMARY = "the step summary of the run has more, and the JSON report everything"

ERRORS = 100
"""Errors that are listed where there is no report."""

_HEAD = "| chart | version | status | size | digest |\n|:--|:--|:--|--:|:--|"
_SPARE = 500
"""UTF-16 units for saying what was left out."""


def render(
    report: Report, *, limit: int = 60_000, footer: str = "", home: str = "", elsewhere: str = IN_REPORT
) -> str:
    """Return the report as Markdown of at most ``limit`` UTF-16 units (how GitHub counts).

    ``home`` is the page of the repository, below which releases are linked to, and ``elsewhere`` says where all of
    what had to be left out is.
    """
    page = Page.of(report, home)
    charts = ordered(report)
    foreign = [chart for chart in charts if is_foreign(chart)]
    moved = [chart for chart in charts if not _is_quiet(chart) and not is_foreign(chart)]
    drawn = frozenset(map(id, worth_drawing(moved)))
    for diagrams in (drawn, frozenset[int]()) if drawn else (drawn,):
        text = _joined(_whole(report, moved, foreign, page, diagrams, footer), limit)
        if text is not None:
            return text
    return _fitted(report, moved, foreign, page, limit, footer, elsewhere)


def render_errors(errors: Sequence[Problem]) -> str:
    """Return errors that came before or instead of a report as Markdown, the first ``ERRORS`` of them."""
    lines = [f"- {problem_text(error)}" for error in errors[:ERRORS]]
    more = [f"- … and {len(errors) - ERRORS} more"] if len(errors) > ERRORS else []
    return "\n".join(
        [
            f"### Helm charts: {'an error' if len(errors) == 1 else f'{len(errors)} errors'}",
            "",
            *lines,
            *more,
            "",
        ]
    )


def is_foreign(chart: Chart) -> bool:
    """Tell whether a chart differs from what is published, and what is reported did not make it so."""
    return chart.status == "drift" and chart.touched is False


def _is_quiet(chart: Chart) -> bool:
    """Tell whether there is nothing to say of a chart: it did not move, and it is not known that it was to."""
    return became(chart) == "unchanged" and chart.touched is not True


def _joined(blocks: Iterable[str], limit: int) -> str | None:
    """Return the blocks, blank lines between them, or None as soon as that is too long."""
    parts: list[str] = []
    total = 0
    for block in blocks:
        if block:
            parts.append(block)
            total += units(block) + 2
        if total - 1 > limit:
            return None
    return "\n\n".join(parts) + "\n"


def _whole(
    report: Report,
    moved: Sequence[Chart],
    foreign: Sequence[Chart],
    page: Page,
    drawn: frozenset[int],
    footer: str,
) -> Iterator[str]:
    yield _headline(report)
    yield "\n".join(line for chart in moved for line in problems(chart))
    yield _table([row(chart, page) for chart in moved])
    yield _unchanged(report)
    yield _quoted(_notes(report))
    for chart in moved:
        yield detail(chart, page, drawn=id(chart) in drawn)
    yield _foreign(foreign, page, [line for chart in foreign for line in problems(chart)])
    yield footer


def _table(rows: Sequence[str]) -> str:
    return "\n".join([_HEAD, *rows]) if rows else ""


def _headline(report: Report) -> str:
    parts = [f"{number} {SHOWN[key].counted}" for key, number in tally(report).items()]
    dry = " (dry run)" if report.dry_run and report.command != "plan" else ""
    return f"### Helm charts: {', '.join(parts) or 'none found'}{dry}"


def _unchanged(report: Report) -> str:
    names = sorted(
        f"{chart.name} {chart.version}{_ignored(chart)}" for chart in report.charts if _is_quiet(chart)
    )
    if not names:
        return ""
    if len(names) <= 3:
        return "Unchanged: " + ", ".join(escaped(name) for name in names)
    listed = ", ".join(escaped(name) for name in names[:200]) + (" …" if len(names) > 200 else "")
    return folded(f"{len(names)} unchanged", listed)


def _ignored(chart: Chart) -> str:
    more = f" and {len(chart.ignored) - 3} more" if len(chart.ignored) > 3 else ""
    return f" (but for {', '.join(chart.ignored[:3])}{more})" if chart.ignored else ""


def _notes(report: Report) -> list[str]:
    return [f"> {escaped(note, 1000)}\n" for note in report.notes]


def _quoted(notes: Sequence[str]) -> str:
    """Return notes one below the other; without a blank line between them they would be one paragraph."""
    return "\n".join(notes).rstrip("\n")


def _foreign(charts: Sequence[Chart], page: Page, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    by = "this pull request" if page.pull_request else "this run"
    return folded(f"{SHOWN['drift'].label}: {len(charts)} not changed by {by}", "\n".join(lines))


@dataclass(slots=True)
class _Room:
    """UTF-16 units that are left."""

    left: int

    def take(self, texts: Iterable[str], most: int, around: int = 2) -> list[str]:
        """Return the first texts that fit on lines of their own, within ``most`` units.

        ``around`` of them are for what stands around all.
        """
        found: list[str] = []
        used = around
        for text in texts:
            needed = units(text) + 1
            if used + needed > min(most, self.left):
                break
            used += needed
            found.append(text)
        if found:
            self.left -= used
        return found


def _fitted(
    report: Report,
    moved: Sequence[Chart],
    foreign: Sequence[Chart],
    page: Page,
    limit: int,
    footer: str,
    elsewhere: str,
) -> str:
    """Return what fits: problems, notes and rows before the details of one chart."""
    headline = _headline(report)
    if units(headline) + 1 > limit:
        return headline.removeprefix("### ")[:limit]  # plain words of ours
    room = _Room(limit - units(headline) - 1 - _SPARE)
    ending = room.take([footer], limit // 4)
    wrong = [line for chart in moved for line in problems(chart)]
    shown_wrong = room.take(wrong, room.left // 3)
    notes = _notes(report)
    shown_notes = room.take(notes, room.left // 4)
    shown = room.take((row(chart, page) for chart in moved), room.left, units(_HEAD) + 3)
    drift = [line for chart in foreign for line in problems(chart)]
    title = units(_foreign(foreign, page, [""])) + 2
    shown_drift = room.take(drift, room.left // 4, title)
    unchanged = room.take([_unchanged(report)], room.left // 4)
    details, digests = _detailed(moved[: len(shown)], page, room)
    with_digest = sum(1 for chart in moved if chart.digest)
    known = sum(1 for chart in moved[: len(details)] if chart.digest) + len(digests)
    left_out = [
        *_counted("", len(wrong) - len(shown_wrong), f" of {len(wrong)} problems"),
        *_counted("", len(moved) - len(shown), f" of {len(moved)} rows"),
        *_counted("the details of ", len(moved) - len(details), " charts"),
        *_counted("the digests of ", with_digest - known, " charts"),
        *_counted("", len(drift) - len(shown_drift), f" of {len(drift)} that drifted"),
        *_counted("", len(notes) - len(shown_notes), f" of {len(notes)} notes"),
    ]
    blocks = [
        headline,
        "\n".join(shown_wrong),
        _table(shown),
        f"Left out for its length: {', '.join(left_out)}; {elsewhere}."
        if left_out and room.left >= 0
        else "",
        *unchanged,
        _quoted(shown_notes),
        *details,
        _digests(moved[len(details) :], digests),
        _foreign(foreign, page, shown_drift),
        *ending,
    ]
    return _joined(blocks, limit) or f"{headline}\n"


def _counted(before: str, number: int, after: str) -> list[str]:
    return [f"{before}{number}{after}"] if number > 0 else []


def _detailed(charts: Sequence[Chart], page: Page, room: _Room) -> tuple[list[str], list[str]]:
    """Return the details of the first charts, and the digests of those after them, as items of a list.

    All digests come before the details of more charts; where not even they fit, both have half of the room.
    """
    listed = [digest_item(chart) for chart in charts]
    needed = [units(line) + 1 for line in listed]
    title = units(_digests(charts, [""])) + 2
    reserved = sum(needed) + title
    most = room.left - reserved if reserved <= room.left else room.left // 2
    details: list[str] = []
    used = 0
    for chart, saved in zip(charts, needed, strict=True):
        text = detail(chart, page)
        # Who has details needs no line with the digest.
        most += saved if reserved <= room.left else 0
        used += units(text) + 2
        if used > most:
            used -= units(text) + 2
            break
        details.append(text)
    room.left -= used
    return details, room.take((line for line in listed[len(details) :] if line), room.left, title)


def _digests(charts: Sequence[Chart], lines: Sequence[str]) -> str:
    """Return digests, folded, and how such charts are pulled."""
    if not lines:
        return ""
    pull = next((line for chart in charts for line in commands(chart)[:1]), "")
    example = f"\n\n```sh\n{pull}\n```" if pull else ""
    return folded(f"Digests of {len(lines)} more", "\n".join(lines) + example)
