"""Recent sizes of a chart as a diagram, where that says more than the line of the table.

The diagram is mermaid's ``xychart-beta`` (https://mermaid.js.org/syntax/xyChart), which GitHub draws. The bars are
horizontal, since labels below upright ones overlap (mermaid-js/mermaid#5926), and of a colour that is seen on light and
on dark. Of a chart only versions get into it, and of those only the characters that versions are made of: a saved
report may hold anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from oci_chart_publish.report.document import Chart, Size
from oci_chart_publish.report.text import size

DIAGRAMS = 3
"""Diagrams in one document: each is drawn in a frame of its own, and a page with many of them is slow."""

_MOST = 12
_FEWEST = 4
_SPREAD = 1.1
_LABEL = 24
_AROUND, _EACH = 60, 24
"""Pixels: the axis with its title, and one bar."""


def worth_drawing(charts: Iterable[Chart]) -> list[Chart]:
    """Return the charts, at most ``DIAGRAMS``, whose size differed most lately: by a tenth, in four versions."""
    able = [chart for chart in charts if len(_recent(chart)) >= _FEWEST and _spread(chart) >= _SPREAD]
    return sorted(able, key=_spread, reverse=True)[:DIAGRAMS]


def diagram(chart: Chart) -> str:
    """Return the recent sizes of a chart as Markdown: a sentence, and a diagram in KiB from 0 on."""
    recent = _recent(chart)
    sizes = [one.size for one in recent]
    digits = 1 if max(sizes) >= 10 * 1024 else 2
    labels = ", ".join(f'"{_label(one.version)}"' for one in recent)
    bars = ", ".join(f"{one / 1024:.{digits}f}" for one in sizes)
    lines = [
        "---",
        "config:",
        "  xyChart:",
        f"    height: {_AROUND + _EACH * len(recent)}",
        "  themeVariables:",
        "    xyChart:",
        '      plotColorPalette: "#4493f8"',
        "---",
        "xychart-beta horizontal",
        f"  x-axis [{labels}]",
        f'  y-axis "KiB" 0 --> {max(sizes) / 1024 * 1.1:.{digits}f}',
        f"  bar [{bars}]",
    ]
    message = f"Sizes of {len(recent)} versions, {size(min(sizes))} to {size(max(sizes))}:"
    return "\n".join([message, "", "```mermaid", *lines, "```"])


def _recent(chart: Chart) -> list[Size]:
    """Return the last versions; one for each label, since those that are equal would be drawn as one bar."""
    result = {
        label: recent_size for recent_size in chart.recent_sizes if (label := _label(recent_size.version))
    }
    return list(result.values())[-_MOST:]


def _label(version: str) -> str:
    """Return a version without anything that could end the quotes around it."""
    kept = re.sub(r"[^0-9A-Za-z.+-]", "", version)
    return kept if len(kept) <= _LABEL else kept[: _LABEL - 2] + ".."


def _spread(chart: Chart) -> float:
    """Return how many times the smallest recent size the largest is."""
    sizes = [item.size for item in _recent(chart)]
    return max(sizes) / max(1, min(sizes))
