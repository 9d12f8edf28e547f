"""Lines of ``.helmignore`` that hide what a chart cannot do without."""

from __future__ import annotations

from collections.abc import Iterator

from oci_chart_publish.chart.chart import Chart
from oci_chart_publish.chart.walk import IGNORE_FILE
from oci_chart_publish.lint.warning import ChartWarning

_MISSED = {
    "values.yaml": "the chart has no default values",
    "templates": "the chart installs nothing of its own",
    "crds": "the chart installs no custom resources",
    "values.schema.json": "values are not checked",
    "Chart.lock": "nobody can tell what was resolved",
}


def hidden(chart: Chart) -> Iterator[ChartWarning]:
    """Yield the lines that hide a part of the chart which is then missed."""
    for entry in chart.hidden:
        if entry.path in _MISSED:
            yield ChartWarning(
                f"the line {entry.pattern!r} of .helmignore hides {entry.path}: {_MISSED[entry.path]}",
                IGNORE_FILE,
                entry.line,
            )
