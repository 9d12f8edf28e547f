"""Sizes that some of those who install a chart refuse: Helm before 4.3, and Flux by default."""

from __future__ import annotations

from collections.abc import Iterator

from oci_chart_publish.chart.chart import Chart, placed
from oci_chart_publish.chart.walk import CHARTS
from oci_chart_publish.lint.warning import ChartWarning

FILE_LIMIT = 5 * 1024 * 1024
"""Bytes of one file: Helm 3.17.3 to 4.2 (``MaxDecompressedFileSize``), and Flux's ``--helm-chart-file-max-size``."""
FLUX_CHART_LIMIT = 10 * 1024 * 1024
"""Bytes of the packed chart: Flux's ``--helm-chart-max-size``."""


def file_sizes(chart: Chart, prefix: str = "") -> Iterator[ChartWarning]:
    """Yield the files that are larger than Helm 3 and Flux load."""
    for file in chart.files:
        if len(file.data) > FILE_LIMIT:
            yield ChartWarning(
                f"{prefix}{file.path} has {len(file.data)} bytes: Helm 3 and Helm 4 before 4.3 refuse a chart with a "
                f"file of more than {FILE_LIMIT}, as Flux does; make it smaller, or name it in .helmignore",
                f"{prefix}{file.path}",
            )
    for place, subchart in placed(chart.subcharts):
        yield from file_sizes(subchart, f"{prefix}{CHARTS}{place}/")


def packed_size(size: int) -> Iterator[ChartWarning]:
    """Yield a packed chart that is larger than Flux fetches; ``size`` is in bytes."""
    if size > FLUX_CHART_LIMIT:
        yield ChartWarning(
            f"the packed chart has {size} bytes: Flux fetches at most {FLUX_CHART_LIMIT} unless it is started with "
            "--helm-chart-max-size; name what does not belong to the chart in .helmignore"
        )
