from __future__ import annotations

import pytest

from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.push.previous import overtaken


@pytest.mark.parametrize(
    ("version", "published", "expected"),
    [
        ("1.0.0", "", None),
        ("1.1.0", "1.0.0", None),
        ("0.9.0", "1.0.0", "1.0.0"),
        ("1.0.0", "1.5.0 2.0.0", "2.0.0"),
        ("1.4.9", "1.5.0", "1.5.0"),
        ("1.4.3", "1.4.2 2.0.0", None),
        ("1.4.3", "1.4.2 1.5.0", None),
        ("1.5.0", "1.4.2 2.0.0", None),
        ("1.4.1", "1.4.0 1.4.2", "1.4.2"),
        ("1.4.3", "1.4.2 1.4.3 2.0.0", None),
        ("0.9.0", "0.9.0 1.0.0", "1.0.0"),
        ("1.1.0-rc.1", "1.0.0", None),
        ("1.0.0-rc.2", "1.0.0-rc.1 1.0.0", "1.0.0"),
        ("1.0.0", "2.0.0-rc.1", None),
    ],
)
def test_a_version_that_goes_on_with_nothing_and_is_below_a_release_was_lowered(
    version: str, published: str, expected: str | None
) -> None:
    found = overtaken(ChartVersion.parse(version), map(ChartVersion.parse, published.split()))
    assert (str(found) if found else None) == expected
