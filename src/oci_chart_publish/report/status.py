"""What became of a chart, and how that is shown: in Markdown, in a sentence, and on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from oci_chart_publish.report.document import Chart, Report


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """``label`` stands in a table, ``counted`` after a number of charts; ``style`` is one of Rich."""

    label: str
    counted: str
    style: str


SHOWN: Mapping[str, Shown] = {
    "failed": Shown(label="❌ failed", counted="failed", style="bold red"),
    "conflict": Shown(label="⛔ conflict", counted="in conflict", style="bold red"),
    "unknown": Shown(label="❔ unknown", counted="not known", style="yellow"),
    "would-publish": Shown(label="🆕 would publish", counted="to publish", style="cyan"),
    "published": Shown(label="✅ published", counted="published", style="green"),
    "released": Shown(label="✅ released", counted="released", style="green"),
    "tagged": Shown(label="✅ tagged", counted="tagged", style="green"),
    "skipped": Shown(label="⏭️ skipped", counted="skipped", style="dim"),
    "drift": Shown(label="🟠 drift", counted="drifted", style="yellow"),
    "unchanged": Shown(label="unchanged", counted="unchanged", style="dim"),
}
"""By what became of a chart, worst first; drift is nobody's fault here and comes late."""


def became(chart: Chart) -> str:
    """Return what became of a chart, a key of ``SHOWN``: its status, or what followed where it had been published.

    An attempt of the run that ended between registry and release leaves that to the next one.
    """
    if chart.status != "unchanged" or not chart.released:
        return chart.status
    return "released" if chart.release_url else "tagged"


def ordered(report: Report) -> list[Chart]:
    """Return the charts, worst first."""
    places = {key: place for place, key in enumerate(SHOWN)}
    return sorted(report.charts, key=lambda chart: (places[became(chart)], chart.path, chart.name))


def tally(report: Report) -> dict[str, int]:
    """Return of how many charts each became, worst first; of nothing that none became."""
    counts = Counter(map(became, report.charts))
    return {key: counts[key] for key in SHOWN if key in counts}
