"""The report as outputs of an action: flags, scalars for the one-chart case, a matrix, checksums, subjects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from oci_chart_publish.outcomes import MOVED, PUBLISHING
from oci_chart_publish.report import document
from oci_chart_publish.report.document import Chart, Report
from oci_chart_publish.report.text import units

LIMIT = 400_000
"""UTF-16 units of all outputs together. The runner takes 1 MB a job, counted as UTF-16; other steps need some."""
SUBJECTS = 500
"""Lines that ``$GITHUB_ARTIFACTS`` takes in one job."""
CHECKSUMS = 1024
"""Subjects that actions/attest takes (``MAX_SUBJECT_COUNT``)."""

_INSIDE = frozenset({"changes", "value_changes", "recent_sizes", "warning_lines", "warning_files"})
_MORE = frozenset({"bump", "config", "layer", "dependencies", "ignored", "warnings"})
_LEAST = ("name", "path", "version", "status", "digest", "size")


def moved(report: Report) -> list[Chart]:
    """Return the charts that this run brought to a registry, or would."""
    return [chart for chart in report.charts if chart.status in PUBLISHING]


def outputs(report: Report) -> dict[str, str]:
    """Return the outputs by name, of at most ``LIMIT`` units together.

    Those for a single chart are about the one that moved, or where none did, about the only one of the run, which was
    published before. Otherwise they are empty.
    """
    one = _one(report)
    matrix = _json({"include": [_row(chart) for chart in moved(report)]})
    if units(matrix) > LIMIT * 9 // 10:
        matrix = _json({"include": []})
    result = {
        "published": str(any(chart.status == "published" for chart in report.charts)).lower(),
        "matrix": matrix,
        "digest": (one.digest or "") if one else "",
        "reference": _reference(one) if one else "",
        "version": one.version if one else "",
        "size": str(one.size) if one and one.size is not None else "",
        "conclusion": report.conclusion,
    }
    room = LIMIT - sum(units(name) + units(value) for name, value in result.items())
    return {**result, "charts": next(text for text in _charts(report) if units(text) <= room)}


def _one(report: Report) -> Chart | None:
    charts = [chart for chart in report.charts if chart.status in MOVED]
    charts = charts or [chart for chart in report.charts if chart.status == "unchanged"]
    alone = len(charts) == 1 and (charts[0].status != "unchanged" or len(report.charts) == 1)
    return charts[0] if alone else None


def _charts(report: Report) -> Iterator[str]:
    """Yield the charts as JSON, each time with less of them; last with nothing at all."""
    charts = [_without(document.builtins(chart), _INSIDE) for chart in report.charts]
    yield _json(charts)
    yield _json([_without(chart, _MORE) for chart in charts])
    least = [{key: chart[key] for key in _LEAST} for chart in charts]
    yield _json(least)
    yield _json([chart for chart in least if chart["status"] != "unchanged"])
    yield "[]"


def _without(chart: dict[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in chart.items() if key not in keys}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _row(chart: Chart) -> dict[str, Any]:
    return {
        "name": chart.name,
        "version": chart.version,
        "path": document.spelled(chart.path),
        "reference": _reference(chart),
        "digest": chart.digest or "",
    }


def _reference(chart: Chart) -> str:
    return chart.targets[0].reference if chart.targets else f"{chart.name}:{chart.version}"


def checksums(report: Report) -> str:
    """Return ``DIGEST  REPOSITORY`` lines for the input subject-checksums of actions/attest.

    They are what the registries hold and this run built, byte for byte: what it published, then what an earlier run
    did. What somebody else packed is not among it, though the chart be the same: nobody saw how that was made.
    """
    result = []
    for status in ("published", "unchanged"):
        result += [
            f"{target.digest.partition(':')[2]}  {target.reference.rpartition(':')[0]}"
            for chart in report.charts
            for target in chart.targets
            if target.status == status and target.digest and target.digest == chart.built_digest
        ]
    return "".join(f"{line}\n" for line in list(dict.fromkeys(result))[:CHECKSUMS])


def artifacts(report: Report) -> str:
    """Return ``oci://`` lines for ``$GITHUB_ARTIFACTS``: what this run built and published, up to ``SUBJECTS``."""
    lines = [
        f"oci://{target.reference.rpartition(':')[0]}@{target.digest}"
        for chart in report.charts
        for target in chart.targets
        if target.status == "published" and target.digest and target.digest == chart.built_digest
    ]
    usable = [line for line in dict.fromkeys(lines) if "=" not in line]
    return "".join(f"{line}\n" for line in usable[:SUBJECTS])
