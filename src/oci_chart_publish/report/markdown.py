"""The report as Markdown for comments, step summaries and files: what went wrong first, then what moved, then detail.

Everything that comes from a chart, a registry or a commit is escaped. A limit is kept by dropping diagrams, then
detail, then rows, never by cutting markup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from oci_chart_publish.report.document import Chart, Problem, Report, Target
from oci_chart_publish.report.sizes import diagram, worth_drawing
from oci_chart_publish.report.text import change, code, escaped, markup, plain, short, size, units

LABELS = {
    "failed": "❌ failed",
    "conflict": "⛔ conflict",
    "unknown": "❔ unknown",
    "drift": "🟠 drift",
    "would-publish": "🆕 would publish",
    "published": "✅ published",
    "skipped": "⏭️ skipped",
    "unchanged": "unchanged",
}
_WORDS = {
    "failed": "failed",
    "conflict": "in conflict",
    "unknown": "not known",
    "drift": "drifted",
    "would-publish": "to publish",
    "published": "published",
    "skipped": "skipped",
    "unchanged": "unchanged",
}
_ORDER = tuple(LABELS)
_LISTED = 20
"""Files or values listed for one chart before the rest is only counted."""


def render(report: Report, *, limit: int = 60_000, footer: str = "") -> str:
    """Return the report as Markdown of at most ``limit`` UTF-16 units (how GitHub counts)."""
    moved = [chart for chart in ordered(report) if chart.status != "unchanged"]
    drawn = tuple(worth_drawing(moved))
    for detail in (partial(_full, drawn=drawn), _full, _digests, _nothing):
        text = _document(report, moved, len(moved), detail, footer)
        if units(text) <= limit:
            return text
    rows = len(moved)
    while rows > 0:
        rows = rows * 3 // 4
        text = _document(report, moved, rows, _nothing, footer)
        if units(text) <= limit:
            return text
    return "\n\n".join(part for part in (_headline(report), footer) if part) + "\n"


def ordered(report: Report) -> list[Chart]:
    """Return the charts, worst first."""
    return sorted(report.charts, key=lambda chart: (_ORDER.index(chart.status), chart.path, chart.name))


def _document(
    report: Report, moved: list[Chart], rows: int, detail: Callable[[Chart], list[str]], footer: str
) -> str:
    shown = moved[:rows]
    blocks = [_headline(report), *_problems(shown), _table(shown)]
    if rows < len(moved):
        blocks.append(f"… and {len(moved) - rows} more charts; the JSON report has them all.")
    blocks += [_unchanged(report), *_notes(report)]
    blocks += [block for chart in shown for block in detail(chart)]
    return "\n\n".join(block for block in (*blocks, footer) if block) + "\n"


def _headline(report: Report) -> str:
    counts: dict[str, int] = {}
    for chart in report.charts:
        counts[chart.status] = counts.get(chart.status, 0) + 1
    parts = [f"{counts[status]} {_WORDS[status]}" for status in _ORDER if status in counts]
    dry = " (dry run)" if report.dry_run and report.command != "plan" else ""
    return f"### Helm charts: {', '.join(parts) or 'none found'}{dry}"


def _problems(charts: Iterable[Chart]) -> list[str]:
    lines = []
    for chart in charts:
        if chart.status not in {"failed", "conflict", "drift", "skipped", "unknown"}:
            continue
        found = (
            [chart.error]
            if chart.error is not None
            else [t.error for t in chart.targets if t.error is not None]
        )
        lines += [f"- {_problem(chart, error)}" for error in dict.fromkeys(found)]
    return ["\n".join(lines)] if lines else []


def _problem(chart: Chart, error: Problem) -> str:
    place = error.path + (f":{error.line}" if error.line else "")
    where = f" ({code(place)})" if place else ""
    hint = f"<br>→ {escaped(error.hint, 1000)}" if error.hint else ""
    return f"**{escaped(chart.name)}**{where}: {escaped(error.message, 1000)}{hint}"


def _table(charts: list[Chart]) -> str:
    if not charts:
        return ""
    head = ["| chart | version | status | size | digest |", "|:--|:--|:--|--:|:--|"]
    return "\n".join([*head, *(_row(chart) for chart in charts)])


def _row(chart: Chart) -> str:
    cells = (
        f"**{escaped(chart.name)}**",
        _version(chart),
        LABELS[chart.status] + (" ⚠️" if chart.warnings else ""),
        " ".join(part for part in (size(chart.size), _size_change(chart)) if part),
        code(short(chart.digest)),
    )
    return "| " + " | ".join(cells) + " |"


def _version(chart: Chart) -> str:
    if chart.previous_version and chart.previous_version != chart.version:
        return f"{escaped(chart.previous_version)} → **{escaped(chart.version)}**"
    if chart.next_version:
        return f"{escaped(chart.version)} (next: **{escaped(chart.next_version)}**)"
    return escaped(chart.version)


def _size_change(chart: Chart) -> str:
    delta = change(chart.size, chart.previous_size)
    return f"({delta})" if delta else ""


def _unchanged(report: Report) -> str:
    names = sorted(
        f"{chart.name} {chart.version}{_ignored(chart)}"
        for chart in report.charts
        if chart.status == "unchanged"
    )
    if not names:
        return ""
    if len(names) <= 3:
        return "Unchanged: " + ", ".join(escaped(name) for name in names)
    listed = ", ".join(escaped(name) for name in names[:200]) + (" …" if len(names) > 200 else "")
    return f"<details><summary>{len(names)} unchanged</summary>\n\n{listed}\n\n</details>"


def _ignored(chart: Chart) -> str:
    more = f" and {len(chart.ignored) - 3} more" if len(chart.ignored) > 3 else ""
    return f" (but for {', '.join(chart.ignored[:3])}{more})" if chart.ignored else ""


def _notes(report: Report) -> list[str]:
    return ["\n".join(f"> {escaped(note, 1000)}" for note in report.notes)] if report.notes else []


def _nothing(_: Chart) -> list[str]:
    return []


def _digests(chart: Chart) -> list[str]:
    return _details(chart, _where(chart))


def _full(chart: Chart, drawn: Sequence[Chart] = ()) -> list[str]:
    inside = [
        *_bump(chart),
        *_where(chart),
        *_files(chart),
        *_values(chart),
        *([diagram(chart)] if chart in drawn else []),
        *(f"⚠️ {escaped(warning, 1000)}" for warning in chart.warnings),
    ]
    return _details(chart, inside)


def _details(chart: Chart, inside: list[str]) -> list[str]:
    if not inside:
        return []
    title = f"{markup(chart.name)} {markup(chart.version)}"
    body = "\n\n".join(inside)
    return [f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"]


def _bump(chart: Chart) -> list[str]:
    return [f"Version: {escaped(chart.bump.reason)}"] if chart.bump and chart.bump.reason else []


def _where(chart: Chart) -> list[str]:
    blocks = []
    if chart.digest:
        release = f"; release secret at least {size(chart.release_size)}" if chart.release_size else ""
        blocks.append(f"Digest {code(chart.digest)}, {size(chart.size)}{release}")
    if chart.preview:
        repository, _, tag = chart.preview.rpartition(":")
        version = _word(tag.replace("_", "+"))
        blocks.append(f"Preview:\n\n```sh\nhelm pull oci://{_word(repository)} --version {version}\n```")
    targets = [_where_target(chart, target) for target in chart.targets]
    if targets:
        blocks.append("\n".join(targets))
    lines = commands(chart)
    if lines:
        blocks.append("```sh\n" + "\n".join(lines) + "\n```")
    return blocks


def _where_target(chart: Chart, target: Target) -> str:
    digest = f" holds {code(target.digest)}" if target.digest and target.digest != chart.digest else ""
    return f"- {code(target.reference)}: {LABELS[target.status]}{digest}"


def commands(chart: Chart) -> list[str]:
    """Return the commands that pull and verify a chart, as shell words."""
    lines = []
    for target in chart.targets:
        if target.status not in {"published", "would-publish", "unchanged"}:
            continue
        repository = target.reference.rpartition(":")[0]
        lines.append(f"helm pull oci://{_word(repository)} --version {_word(chart.version)}")
    if lines and chart.digest:
        folder = _word(chart.path or ".")
        lines.append(f"oci-chart-publish verify {folder} --registry {_word(chart.targets[0].registry)}")
    return lines


def _word(text: str) -> str:
    """Return text as one word of a POSIX shell inside a fence."""
    line = plain(text).replace("`", "")
    harmless = line and all(char.isalnum() or char in "@%+=:,./_-" for char in line)
    return line if harmless else "'" + line.replace("'", "'\\''") + "'"


def _files(chart: Chart) -> list[str]:
    if chart.changes is None:
        return []
    # A bare plus would begin a list inside the list.
    marks = (("\\+", chart.changes.added), ("\u2212", chart.changes.removed), ("±", chart.changes.changed))
    lines = [f"- {mark} {code(path)}" for mark, paths in marks for path in paths]
    return _listed("Files", lines)


def _values(chart: Chart) -> list[str]:
    lines = []
    for value in chart.value_changes:
        old = code(value.old, 120) if value.old is not None else "—"
        new = code(value.new, 120) if value.new is not None else "—"
        lines.append(f"- {code(f'{value.file}: {value.key}', 200)} {old} → {new}")
    return _listed("Values", lines)


def _listed(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    rest = [f"- … and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    return [f"{title}:\n\n" + "\n".join(lines[:_LISTED] + rest)]
