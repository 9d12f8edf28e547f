from __future__ import annotations

import pytest

from oci_chart_publish.bump.policy import Step, next_version
from oci_chart_publish.chart.version import ChartVersion

CASES: list[tuple[str, Step, str, str, str]] = [
    # top, level, stable, channel, next
    ("1.2.3", "patch", "1.2.3", "", "1.2.4"),
    ("1.2.3", "minor", "1.2.3", "", "1.3.0"),
    ("1.2.3", "major", "1.2.3", "", "2.0.0"),
    ("1.2.3+build.5", "patch", "1.2.3", "", "1.2.4"),
    ("1.3.0-rc.1", "patch", "1.2.3", "", "1.3.0-rc.2"),
    ("1.3.0-rc.9", "minor", "1.2.3", "", "1.3.0-rc.10"),
    ("1.3.0-rc.1", "major", "1.2.3", "", "2.0.0-rc.1"),
    ("1.2.4-rc.1", "minor", "1.2.3", "", "1.3.0-rc.1"),
    ("2.0.0-alpha", "major", "1.2.3", "", "2.0.0-alpha.1"),
    ("2.0.0-alpha3", "patch", "1.2.3", "", "2.0.0-alpha4"),
    ("2.0.0-5", "patch", "1.2.3", "", "2.0.0-6"),
    ("1.0.0-rc.1", "major", "", "", "1.0.0-rc.2"),
    ("1.2.3", "minor", "1.2.3", "beta", "1.3.0-beta.1"),
    ("1.3.0-beta.1", "patch", "1.2.3", "beta", "1.3.0-beta.2"),
    ("1.3.0-beta.1", "patch", "1.2.3", "rc", "1.3.0-rc.1"),
    ("1.3.0-rc.1", "patch", "1.2.3", "beta", "1.3.1-beta.1"),
]


@pytest.mark.parametrize(("top", "level", "stable", "channel", "following"), CASES)
def test_the_next_version(top: str, level: Step, stable: str, channel: str, following: str) -> None:
    before = ChartVersion.parse(top)
    found = next_version(
        before, level, stable=ChartVersion.parse(stable) if stable else None, channel=channel
    )
    assert str(found) == following
    assert found > before
