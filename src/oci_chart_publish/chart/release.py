"""How much of a Kubernetes secret a chart takes once it is installed.

Helm stores each release as base64 of gzip of JSON (``pkg/storage/driver/util.go`` encodeRelease), and a secret holds at
most 1 MiB. The chart is the part of it that is known beforehand; subcharts are not stored with their parent, the
rendered manifests and the user's values are, so this is a lower bound.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode

from oci_chart_publish.chart.chart import Chart
from oci_chart_publish.chart.metadata import encode_config
from oci_chart_publish.chart.yamldoc import load_document
from oci_chart_publish.errors import ChartError

_NOT_FILES = frozenset({"Chart.yaml", "Chart.lock", "values.yaml", "values.schema.json"})


def release_size(chart: Chart) -> int:
    """Return the bytes that the chart alone takes in the secret of a release."""
    document = {
        "metadata": json.loads(encode_config(chart.metadata)),
        "lock": None,
        "templates": [
            _file(file.path, file.data) for file in chart.files if file.path.startswith("templates/")
        ],
        "values": _values(chart),
        "schema": b64encode(chart.file("values.schema.json") or b"").decode() or None,
        "files": [
            _file(file.path, file.data)
            for file in chart.files
            if file.path not in _NOT_FILES and not file.path.startswith("templates/")
        ],
    }
    packed = gzip.compress(json.dumps(document, separators=(",", ":")).encode(), 9, mtime=0)
    return (len(packed) + 2) // 3 * 4


def _file(path: str, data: bytes) -> dict[str, str]:
    return {"name": path, "data": b64encode(data).decode()}


def _values(chart: Chart) -> object:
    try:
        return load_document(chart.file("values.yaml") or b"", path="values.yaml")
    except ChartError:
        return None  # multi-document values: the size stays a lower bound
