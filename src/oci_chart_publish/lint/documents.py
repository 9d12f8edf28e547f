"""values.yaml that Helm 3 and Helm 4 read otherwise: Helm 3 takes the first document, Helm 4 merges all of them.

Helm 4 parts the file at lines that begin with ``---`` before any YAML is read (``pkg/chart/common/util``,
``k8s.io/apimachinery/pkg/util/yaml``), and refuses what stands behind the dashes unless it is a comment.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from typing import Any

from oci_chart_publish.chart.chart import Chart, placed
from oci_chart_publish.chart.walk import CHARTS
from oci_chart_publish.errors import ChartError
from oci_chart_publish.lint.warning import ChartWarning
from oci_chart_publish.yamldoc.reader import chunks, load_document

VALUES = "values.yaml"
_SEPARATOR = re.compile(rb"^---", re.MULTILINE)
_WITH_TEXT = re.compile(rb"^---[^\S\n]*[^\s#]", re.MULTILINE)


def documents(chart: Chart, prefix: str = "") -> Iterator[ChartWarning]:
    """Yield what one Helm reads from the values of a chart or its subcharts and another does not."""
    data = chart.file(VALUES)
    if data is not None:
        yield from _values(data, f"{prefix}{VALUES}")
    for place, subchart in placed(chart.subcharts):
        yield from documents(subchart, f"{prefix}{CHARTS}{place}/")


def _values(data: bytes, path: str) -> Iterator[ChartWarning]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield ChartWarning(f"{path} is UTF-16, which Helm 4 cannot load; save it as UTF-8", path, 1)
        return
    if not _SEPARATOR.search(data) and not data.lstrip(b"\xef\xbb\xbf").startswith(b"%"):
        return  # nearly all of them: nothing is parsed again
    inline = _WITH_TEXT.search(data)
    if inline is not None:
        line = data.count(b"\n", 0, inline.start()) + 1
        yield ChartWarning(
            f"{path} has text behind --- in line {line}, with which Helm 4 cannot load the chart; put it on the next "
            "line",
            path,
            line,
        )
        return
    yield from _several(data, path)


def _several(data: bytes, path: str) -> Iterator[ChartWarning]:
    parts = [part for part in chunks(data) if part.strip()]
    try:
        merged: dict[str, Any] = {}
        for part in parts:
            merged = _merged(merged, _document(part, path))
    except ChartError as error:
        yield ChartWarning(f"{path}: Helm 4 cannot load it: {error.message}; Helm 3 can", path, error.line)
        return
    if merged != (load_document(data, path=path) or {}):
        line = parts[-1].count(b"\n", 0, len(parts[-1]) - len(parts[-1].lstrip(b"\n"))) + 1
        yield ChartWarning(
            f"{path} has several documents: Helm 3 reads the first alone, Helm 4 merges them all; keep one",
            path,
            line,
        )


def _document(part: bytes, path: str) -> Mapping[str, Any]:
    try:
        value = load_document(part, path=path)
    except ChartError as error:
        # What is missing at the end of a part is found on the line behind it.
        raise error.at(path, line=min(error.line or 1, part.count(b"\n"))) from error
    return value if isinstance(value, dict) else {}


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
