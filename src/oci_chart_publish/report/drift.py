"""Conflicts that this run is not to blame for become drift: listed, and no failure.

One forgotten bump must not turn every later push red. Which charts a push touched is asked for only if there is a
conflict at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec.structs import replace

from oci_chart_publish.report.document import Chart


def settle(
    charts: Sequence[Chart], policy: Literal["touched", "all", "warn"], touched: Callable[[Chart], bool]
) -> tuple[Chart, ...]:
    """Return the charts with every conflict that must not fail the run turned into drift.

    Of each chart in drift it is known then whether it was touched.
    """

    def settled(chart: Chart) -> Chart:
        if chart.status not in {"conflict", "drift"} or (chart.status == "conflict" and policy == "all"):
            return chart
        ours = touched(chart)
        if chart.status == "drift":
            return replace(chart, touched=ours)
        if policy == "touched" and ours:
            return chart
        targets = tuple(
            replace(target, status="drift") if target.status == "conflict" else target
            for target in chart.targets
        )
        return replace(chart, status="drift", targets=targets, touched=ours)

    return tuple(settled(chart) for chart in charts)
