"""What people are told became of a chart: its status, or what that meant in this run."""

from __future__ import annotations

from collections import Counter

from oci_chart_publish.outcomes import OUTCOMES, Shown
from oci_chart_publish.report.document import Chart, Report


def shown(chart: Chart) -> Shown:
    """Return the word for what became of a chart: its status, or what followed where it had been published before.

    An attempt of the run that ended between registry and release leaves that to the next one.
    """
    if chart.status != "unchanged" or not chart.released:
        return chart.status
    return "released" if chart.release_url else "tagged"


def upgraded(chart: Chart) -> str:
    """Return the version that a chart comes from, "" where it does not move from one to another."""
    before = chart.previous_version or ""
    return "" if before == chart.version or shown(chart) == "unchanged" else before


def ordered(report: Report) -> list[Chart]:
    """Return the charts, worst first."""
    places = {word: place for place, word in enumerate(OUTCOMES)}
    return sorted(report.charts, key=lambda chart: (places[shown(chart)], chart.path, chart.name))


def tally(report: Report) -> dict[Shown, int]:
    """Return the number of charts by word, worst first, without words that no chart has."""
    counts = Counter(map(shown, report.charts))
    return {word: counts[word] for word in OUTCOMES if word in counts}
