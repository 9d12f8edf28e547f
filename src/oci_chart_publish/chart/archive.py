"""A packed chart: loading it, and unpacking it to a folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from oci_chart_publish.chart.chart import Chart, check_contents, from_files
from oci_chart_publish.chart.members import read_members
from oci_chart_publish.errors import ChartError


def load_archive(data: bytes, *, title: str) -> Chart:
    """Load a packed chart; errors name ``title`` and the member."""
    try:
        chart = from_files(read_members(data))
        check_contents(chart)
    except ChartError as error:
        raise error.within(title) from error
    return chart


def extract(data: bytes, target: Path) -> None:
    """Unpack a chart to the new folder ``target``: whole, or not at all. ChartError where the folder exists."""
    files = read_members(data)
    if os.path.lexists(target):
        raise ChartError(
            "exists already", path=str(target), hint="remove it, or choose another folder with -d"
        )
    parent = target.parent
    parent.mkdir(parents=True, exist_ok=True)
    workspace = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=parent))
    try:
        for file in files:
            path = workspace / "chart" / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
        os.rename(workspace / "chart", target)  # noqa: PTH104  (fails where a folder with content appeared meanwhile)
    except OSError as error:
        raise ChartError(f"cannot be unpacked: {error.strerror}", path=str(target)) from error
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
