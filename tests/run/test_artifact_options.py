"""What is asked of a run by its environment and by the names of its files, read or refused in our own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.run.artifact_options import source_date_epoch
from oci_chart_publish.run.output_files import check_writable


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("", ""),
        ("0", "1970-01-01T00:00:00Z"),
        ("1609459200", "2021-01-01T00:00:00Z"),
        ("253402300799", "9999-12-31T23:59:59Z"),
    ],
)
def test_source_date_epoch_is_a_time(text: str, time: str) -> None:
    assert source_date_epoch({"SOURCE_DATE_EPOCH": text}) == time


@pytest.mark.parametrize("text", ["99999999999999", "253402300800", "9" * 5000, "-1", "1e9", "\u0663", "now"])
def test_source_date_epoch_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="SOURCE_DATE_EPOCH: expected seconds since 1970") as caught:
        source_date_epoch({"SOURCE_DATE_EPOCH": text})
    assert len(caught.value.message) < 150


@pytest.mark.parametrize(
    ("name", "message"),
    [("x" * 5000, "File name too long"), ("a/" + "x" * 5000 + "/r.json", "File name too long")],
)
def test_name_that_no_file_may_have_is_refused_before_the_run(
    name: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        check_writable(str(tmp_path / name))
    assert len(caught.value.message) < 300
