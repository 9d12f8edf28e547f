"""The report as Markdown for comments, step summaries and files: what went wrong first, then what moved, then detail.

A limit is kept by dropping diagrams, then the details of the last charts, then their digests, then rows; never by
cutting markup, and never without saying so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from oci_chart_publish.outcomes import OUTCOMES, PUBLISHING
from oci_chart_publish.report.compose import unpublished
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
from oci_chart_publish.report.status import ordered, shown, tally
from oci_chart_publish.report.text import Unit, code, counted, escaped, length

IN_REPORT = "the JSON report has everything"
IN_SUMMARY = "the step summary of the run has more, and the JSON report everything"

ERRORS = 100
"""Errors that are listed where there is no report."""

NOTES = 2000
"""Notes that are looked at: a run has a few, and what a stranger writes takes no longer to show."""

_HEAD = "| chart | version | status | size | digest |\n|:--|:--|:--|--:|:--|"
_SPARE = 600
"""Units for saying what was left out, and for what stands around all details."""
FOLDED = 8
"""Charts from which on their details are folded together."""


def render(
    report: Report,
    *,
    limit: int = 60_000,
    unit: Unit = "utf-16",
    footer: str = "",
    home: str = "",
    elsewhere: str = IN_REPORT,
    source: str = "",
) -> str:
    """Return the report as Markdown of at most ``limit`` units: UTF-16 for a comment, bytes for a file.

    ``home`` is the page of the repository, below which releases are linked to, and ``elsewhere`` says where all of
    what had to be left out is. ``source`` is the repository that made the report, where that is another one.
    """
    parts = _Parts.of(report, Page.of(report, "" if source else home), footer, source)
    drawn = frozenset(map(id, worth_drawing(parts.moved)))
    for diagrams in () if parts.more_notes else dict.fromkeys((drawn, frozenset[int]())):
        text = _joined(_whole(parts, diagrams, limit), limit, unit)
        if text is not None:
            return text
    return _fitted(parts, _Room(limit, unit), elsewhere)


class _Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the Markdown is made of.

    ``moved`` are the charts that there is something to say of, worst first, ``foreign`` those in drift that nothing
    reported brought about; ``wrong`` and ``drift`` are the problems of either, a line each. The first ``failed`` of
    the ``notes`` say what failed after the registries had succeeded.
    """

    report: Report
    page: Page
    moved: Sequence[Chart]
    foreign: Sequence[Chart]
    wrong: Sequence[str]
    drift: Sequence[str]
    notes: Sequence[str]
    more_notes: int
    failed: int
    footer: str
    source: str

    @classmethod
    def of(cls, report: Report, page: Page, footer: str, source: str) -> _Parts:
        """Sort the charts of a report into what is shown of them."""
        charts = ordered(report)
        failures = frozenset(report.failures)
        failed = [note for note in report.notes if note in failures]
        others = [note for note in report.notes if note not in failures]
        foreign = [chart for chart in charts if is_foreign(chart)]
        moved = [chart for chart in charts if not _is_quiet(chart) and not is_foreign(chart)]
        return cls(
            report=report,
            page=page,
            moved=moved,
            foreign=foreign,
            wrong=problems(moved, page),
            drift=problems(foreign, page),
            notes=[f"> {escaped(note, 1000)}\n" for note in (*failed, *others)[:NOTES]],
            more_notes=max(0, len(report.notes) - NOTES),
            failed=len(failed),
            footer=footer,
            source=source,
        )

    def placed(self, notes: Sequence[str]) -> tuple[str, str]:
        """Return what of the first notes stands before the table, and what after it."""
        return _quoted(notes[: self.failed]), _quoted(notes[self.failed :])


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
    return shown(chart) == "unchanged" and chart.touched is not True


def _joined(blocks: Iterable[str], limit: int, unit: Unit) -> str | None:
    """Return the blocks, blank lines between them, or None as soon as that is too long."""
    parts: list[str] = []
    total = 0
    for block in blocks:
        if block:
            parts.append(block)
            total += length(block, unit) + 2
        if total - 1 > limit:
            return None
    return "\n\n".join(parts) + "\n"


def _whole(parts: _Parts, drawn: frozenset[int], limit: int) -> Iterator[str]:
    yield _headline(parts.report, parts.source)
    first, later = parts.placed(parts.notes)
    yield "\n".join(parts.wrong)
    yield first
    yield verdict(parts.report, parts.source)
    yield _table([row(chart, parts.page) for chart in parts.moved])
    yield _unchanged(parts.report)
    yield later
    details: list[str] = []
    size = 0
    for chart in parts.moved:
        details.append(detail(chart, parts.page, drawn=id(chart) in drawn))
        size += len(details[-1])
        if size > limit:  # in whatever unit
            break
    yield _detail_blocks([text for text in details if text])
    yield _foreign(parts, parts.drift)
    yield parts.footer


def _detail_blocks(details: Sequence[str]) -> str:
    """Return the details of charts below each other; of many in one block that opens with a click."""
    text = "\n\n".join(details)
    return folded(f"Details of {counted(len(details), 'chart')}", text) if len(details) >= FOLDED else text


def _table(rows: Sequence[str]) -> str:
    return "\n".join([_HEAD, *rows]) if rows else ""


def _headline(report: Report, source: str) -> str:
    parts = [f"{number} {OUTCOMES[key].counted}" for key, number in tally(report).items()]
    dry = " (dry run)" if report.dry_run and report.command != "plan" else ""
    of = f", the plan of {code(source, 200)}" if source else ""
    return f"### Helm charts{of}: {', '.join(parts) or 'none found'}{dry}"


def verdict(report: Report, source: str = "") -> str:
    """Return in a sentence where the charts went or are to go; "" where there is nothing to say of that.

    Of a report that ``source`` made, another repository, only that it is its own.
    """
    if source:
        return "⚠️ This is what a run of that repository reported; nothing of it was checked here."
    warning = unpublished(report)
    if warning:
        return f"⚠️ {warning[0].upper()}{warning[1:]}."
    if report.command not in {"plan", "publish"} or not report.charts:
        return ""
    moved = [chart for chart in report.charts if chart.status in PUBLISHING]
    registries = list(dict.fromkeys(target.registry for chart in moved for target in chart.targets))
    where = ", ".join(code(registry, 200) for registry in registries[:3])
    if len(registries) > 3:
        where = f"{len(registries)} registries"
    if any(chart.status == "published" for chart in moved):
        return f"Published {counted(len(moved), 'chart')} to {where}."
    subject = "Merging publishes" if report.pull_request else "This publishes"
    if moved:
        return f"{subject} {counted(len(moved), 'chart')} to {where}."
    if report.dry_run and report.exit_code == 0:
        return f"{subject} nothing: no chart has a new version."
    return ""


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


def _quoted(notes: Sequence[str]) -> str:
    """Return notes one below the other; without a blank line between them they would be one paragraph."""
    return "\n".join(notes).rstrip("\n")


def _foreign(parts: _Parts, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    by = "this pull request" if parts.page.pull_request else "this run"
    return folded(f"{OUTCOMES['drift'].label}: {len(parts.foreign)} not changed by {by}", "\n".join(lines))


class _Room(msgspec.Struct):
    """What is left of a limit."""

    left: int
    unit: Unit

    def needs(self, text: str) -> int:
        """Return how much of the room a text takes."""
        return length(text, self.unit)

    def take(self, texts: Iterable[str], most: int, around: int = 2) -> list[str]:
        """Return the first texts that fit on lines of their own, within ``most``.

        ``around`` of them are for what stands around all.
        """
        result: list[str] = []
        used = around
        for text in texts:
            needed = self.needs(text) + 1
            if used + needed > min(most, self.left):
                break
            used += needed
            result.append(text)
        if result:
            self.left -= used
        return result


def _fitted(parts: _Parts, room: _Room, elsewhere: str) -> str:
    """Return what fits: problems, notes and rows before the details of one chart."""
    report = parts.report
    headline = _headline(report, parts.source)
    limit = room.left
    if room.needs(headline) + 1 > limit:
        return headline.removeprefix("### ")[:limit]  # plain words of ours
    room.left -= room.needs(headline) + 1 + _SPARE
    ending = room.take([parts.footer], limit // 4)
    ruling = room.take([verdict(parts.report, parts.source)], room.left // 4)
    wrong = room.take(parts.wrong, room.left // 3)
    notes = room.take(parts.notes, room.left // 4)
    rows = room.take((row(chart, parts.page) for chart in parts.moved), room.left, room.needs(_HEAD) + 3)
    drift = room.take(parts.drift, room.left // 4, room.needs(_foreign(parts, [""])) + 2)
    unchanged = room.take([_unchanged(parts.report)], room.left // 4)
    moved = parts.moved
    details, digests = _detailed(moved[: len(rows)], parts.page, room)
    with_digest = sum(1 for chart in moved if chart.digest)
    known = sum(1 for chart in moved[: len(details)] if chart.digest) + len(digests)
    left_out = [
        *_counted("", len(parts.wrong) - len(wrong), f" of {len(parts.wrong)} problems"),
        *_counted("", len(moved) - len(rows), f" of {len(moved)} rows"),
        *_of_charts("details", len(moved) - len(details)),
        *_of_charts("digests", with_digest - known),
        *_counted("", len(parts.drift) - len(drift), f" of {len(parts.drift)} that drifted"),
        *_counted("", len(report.notes) - len(notes), f" of {len(report.notes)} notes"),
    ]
    first, later = parts.placed(notes)
    blocks = [
        headline,
        "\n".join(wrong),
        first,
        *ruling,
        _table(rows),
        f"Left out for its length: {', '.join(left_out)}; {elsewhere}."
        if left_out and room.left >= 0
        else "",
        *unchanged,
        later,
        _detail_blocks(details),
        _digests(moved[len(details) :], digests),
        _foreign(parts, drift),
        *ending,
    ]
    return _joined(blocks, limit, room.unit) or f"{headline}\n"


def _counted(before: str, number: int, after: str) -> list[str]:
    return [f"{before}{number}{after}"] if number > 0 else []


def _of_charts(what: str, number: int) -> list[str]:
    return [f"the {what} of {counted(number, 'chart')}"] if number > 0 else []


def _detailed(charts: Sequence[Chart], page: Page, room: _Room) -> tuple[list[str], list[str]]:
    """Return the details of the first charts, and the digests of those after them, as items of a list.

    All digests come before the details of more charts; where not even they fit, both have half of the room.
    """
    listed = [digest_item(chart) for chart in charts]
    needed = [room.needs(line) + 1 for line in listed]
    title = room.needs(_digests(charts, [""])) + 2
    reserved = sum(needed) + title
    most = room.left - reserved if reserved <= room.left else room.left // 2
    details: list[str] = []
    used = 0
    for chart, saved in zip(charts, needed, strict=True):
        text = detail(chart, page)
        # Who has details needs no line with the digest.
        most += saved if reserved <= room.left else 0
        used += room.needs(text) + 2
        if used > most:
            used -= room.needs(text) + 2
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
