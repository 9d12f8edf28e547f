"""The report as outputs of an action: flags, scalars for the one-chart case, a matrix, checksums, subjects."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from oci_chart_publish.report.document import Chart, Report

SUBJECTS = 500
"""Lines that ``$GITHUB_ARTIFACTS`` takes in one job."""


def moved(report: Report) -> list[Chart]:
    """Return the charts that this run published, or would publish."""
    return [chart for chart in report.charts if chart.status in {"published", "would-publish"}]


def outputs(report: Report) -> dict[str, str]:
    """Return the outputs by name; those for a single chart are empty unless exactly one moved."""
    charts = moved(report)
    one = charts[0] if len(charts) == 1 else None
    return {
        "published": str(any(chart.status == "published" for chart in report.charts)).lower(),
        "charts": msgspec.json.encode(report.charts).decode(),
        "matrix": json.dumps({"include": [_row(chart) for chart in charts]}, separators=(",", ":")),
        "digest": (one.digest or "") if one else "",
        "reference": _reference(one) if one else "",
        "version": one.version if one else "",
        "size": str(one.size) if one and one.size is not None else "",
        "conclusion": report.conclusion,
    }


def _row(chart: Chart) -> dict[str, Any]:
    return {
        "name": chart.name,
        "version": chart.version,
        "path": chart.path,
        "reference": _reference(chart),
        "digest": chart.digest or "",
    }


def _reference(chart: Chart) -> str:
    return chart.targets[0].reference if chart.targets else f"{chart.name}:{chart.version}"


def checksums(report: Report) -> str:
    """Return ``DIGEST  REPOSITORY`` lines for the input subject-checksums of actions/attest."""
    lines = []
    for chart in moved(report):
        lines += [
            f"{target.digest.partition(':')[2]}  {target.reference.rpartition(':')[0]}"
            for target in chart.targets
            if target.digest
        ]
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def artifacts(report: Report) -> str:
    """Return ``oci://`` lines for ``$GITHUB_ARTIFACTS``: what this run published, at most what the runner takes."""
    lines = [
        f"oci://{target.reference.rpartition(':')[0]}@{target.digest}"
        for chart in report.charts
        for target in chart.targets
        if target.status == "published" and target.digest and target.digest.startswith("sha256:")
    ]
    usable = [line for line in dict.fromkeys(lines) if "=" not in line]
    return "".join(f"{line}\n" for line in usable[:SUBJECTS])
