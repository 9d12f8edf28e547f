"""Release notes of one chart: its own commits, where it is, and how to pull and verify it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from oci_chart_publish.report.detail import commands
from oci_chart_publish.report.document import Chart
from oci_chart_publish.report.text import cell_code, code, escaped, size

COMMITS = 50
"""Commits listed before the rest is only counted."""


def notes(chart: Chart, subjects: Sequence[str], beside: Sequence[str] = ()) -> str:
    """Return the notes as Markdown. ``subjects`` are those of the commits since the version before, newest first.

    ``beside`` are the folders of what the chart embeds, without which its version is not decided again.
    """
    blocks = [*_commits(chart, subjects), _artifact(chart), _where(chart), *_commands(chart, beside)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _commits(chart: Chart, subjects: Sequence[str]) -> list[str]:
    if not subjects:
        return []
    since = f" since {escaped(chart.previous_version)}" if chart.previous_version else ""
    lines = [f"- {_subject(subject)}" for subject in subjects[:COMMITS]]
    if len(subjects) > COMMITS:
        lines.append(f"- … and {len(subjects) - COMMITS} more")
    return [f"### Changes{since}\n\n" + "\n".join(lines)]


def _subject(text: str) -> str:
    """Return a subject as it was written: it may begin as a list, a heading or a line does, and name an issue."""
    line = re.sub(r"^([0-9]{1,9})\.", r"\1\\.", escaped(text))
    return f"\\{line}" if line.startswith(("-", "+", "=")) else line


def _artifact(chart: Chart) -> str:
    rows = [
        ("digest", cell_code(chart.digest or "")),
        ("size", size(chart.size)),
        ("app version", escaped(chart.app_version)),
        (
            "before",
            f"{escaped(chart.previous_version or '')} {cell_code(chart.previous_digest or '')}".strip(),
        ),
    ]
    cells = [f"| {name} | {value} |" for name, value in rows if value]
    head = f"| version | {escaped(chart.version)} |"
    return "\n".join(["### Artifact", "", head, "|:--|:--|", *cells])


def _where(chart: Chart) -> str:
    return "\n".join(f"- {code(target.reference)}" for target in chart.targets)


def _commands(chart: Chart, beside: Sequence[str]) -> list[str]:
    lines = commands(chart, beside)
    return ["```sh\n" + "\n".join(lines) + "\n```"] if lines else []
