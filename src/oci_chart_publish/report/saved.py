"""Reports in files, which may come from strangers."""

from __future__ import annotations

from pathlib import Path

import msgspec

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.report import document

REPORT = "report.json"
"""The name of a plan's report in its layout."""
REPORT_LIMIT = 16 * 1024 * 1024
"""Bytes of the largest report that is read."""


def read_report(path: Path) -> document.Report:
    """Read a saved report; ConfigError for anything that is none."""
    try:
        with path.open("rb") as file:
            data = file.read(REPORT_LIMIT + 1)
    except OSError as error:
        raise ConfigError(f"cannot read the report {path}: {error.strerror}") from error
    if len(data) > REPORT_LIMIT:
        raise ConfigError(f"{path}: more than {REPORT_LIMIT} bytes, which is no report of ours")
    try:
        return document.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            f"{path} is no report of schema 1: {error}", hint="save one with --report FILE"
        ) from error
