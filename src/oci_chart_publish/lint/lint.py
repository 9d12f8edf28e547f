"""All checks of a chart, and what becomes of their warnings."""

from __future__ import annotations

from collections.abc import Sequence

from oci_chart_publish.chart.chart import Chart
from oci_chart_publish.errors import ChartError
from oci_chart_publish.lint.documents import documents
from oci_chart_publish.lint.fields import fields
from oci_chart_publish.lint.hidden import hidden
from oci_chart_publish.lint.limits import file_sizes
from oci_chart_publish.lint.subcharts import subcharts
from oci_chart_publish.lint.warning import ChartWarning


def lint(chart: Chart) -> tuple[ChartWarning, ...]:
    """Return what Helm accepts of a chart and people stumble over, each once."""
    inherited = (ChartWarning(message) for message in chart.warnings)
    warnings = (
        *inherited,
        *fields(chart),
        *subcharts(chart),
        *documents(chart),
        *hidden(chart),
        *file_sizes(chart),
    )
    return tuple(dict.fromkeys(warnings))


def refuse(warnings: Sequence[ChartWarning]) -> None:
    """Raise ChartError for the first of the warnings, which names the others too; nothing without any."""
    if warnings:
        first, *others = warnings
        also = "; ".join(f"{other.path}: {other.message}" for other in others)
        raise ChartError(
            f"{first.message} (an error because of strict)",
            path=first.path,
            line=first.line,
            hint=f"and {len(others)} more: {also}" if others else "",
        )
