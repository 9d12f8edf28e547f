"""What every check of this folder returns."""

from __future__ import annotations

import msgspec

from oci_chart_publish.chart.metadata import CHART_FILE


class ChartWarning(msgspec.Struct, frozen=True):
    """A sentence about a chart that Helm takes, and where it was written.

    ``path`` is that of the file inside the chart, ``line`` counts from 1, None where it is about the whole file.
    """

    message: str
    path: str = CHART_FILE
    line: int | None = None
