from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci_chart_publish.bump.conventional import Level
from oci_chart_publish.bump.upgrade import Upgrade, moved, upgrade
from oci_chart_publish.chart.metadata import ChartMetadata, decode_metadata


@pytest.mark.parametrize(
    ("old", "new", "level"),
    [
        ("1.2.3", "1.2.4", "patch"),
        ("1.2.3", "1.3.0", "minor"),
        ("1.2.3", "2.0.0", "minor"),
        ("1.3.0", "1.2.9", "minor"),
        ("1.2.3", "1.2.3", "none"),
        ("1.3.0-rc.1", "1.3.0", "none"),
        ("v1.2", "v1.3", "minor"),
        ("v1.2", "1.2.1", "patch"),
        ("0.24.0", "v0.25.0", "minor"),
        ("7.4.*", "7.5.*", "minor"),
        (">=1.2.0 <2", ">=1.2.3 <2", "patch"),
        ("~ 1.2", "~ 1.2", "none"),
        ("8", "9", "minor"),
        ("8-alpine", "9-alpine", "minor"),
        ("nginx-1.25.3", "nginx-1.25.4", "patch"),
        ("1.2.3@sha256:0123", "1.2.4@sha256:4567", "patch"),
        ("9.8p1", "9.9p2", "minor"),
        ("2024.01.15", "2024.02.01", "minor"),
        ("20240115", "20250115", "none"),
        ("2024-01-15", "2025-01-15", "none"),
        ("RELEASE.2024-01-15T00-00-00Z", "RELEASE.2025-01-15T00-00-00Z", "none"),
        ("sha-1a2b3c4", "sha-2a2b3c4", "none"),
        ("latest", "1.0.0", "none"),
        ("", "1.0.0", "none"),
        ("1.0.0", "", "none"),
        ("*", "1.x", "none"),
        ("1.x", "2.x", "minor"),
    ],
)
def test_versions_of_others_are_compared_as_far_as_they_can_be(old: str, new: str, level: Level) -> None:
    assert moved(old, new) == level


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_is_written_there_has_a_level(old: str, new: str) -> None:
    assert moved(old, new) in {"none", "patch", "minor"}
    assert moved(old, new) == moved(new, old)


def test_a_version_of_many_digits_is_no_version() -> None:
    assert moved("1" * 5000 + ".0", "2" * 5000 + ".0") == "none"


def chart(app_version: str, **dependencies: str) -> ChartMetadata:
    listed = "".join(f"- {{name: {name}, version: '{version}'}}\n" for name, version in dependencies.items())
    lines = f"name: web\nversion: 1.0.0\nappVersion: '{app_version}'\n"
    return decode_metadata((lines + (f"dependencies:\n{listed}" if listed else "")).encode())


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (chart("1.2.0"), chart("1.3.0"), Upgrade(level="minor", reason="appVersion 1.2.0 -> 1.3.0")),
        (chart("1.2.0"), chart("1.2.1"), Upgrade(level="patch", reason="")),
        (chart("1.2.0"), chart("1.2.0"), Upgrade(level="patch", reason="")),
        (chart("2024-01-15"), chart("2025-01-15"), Upgrade(level="patch", reason="")),
        (
            chart("1.2.0", redis="17.0.0"),
            chart("1.2.1", redis="18.1.0"),
            Upgrade(level="minor", reason="dependency redis 17.0.0 -> 18.1.0"),
        ),
        (
            chart("1.2.0", redis="17.0.0"),
            chart("2.0.0", redis="18.1.0"),
            Upgrade(level="minor", reason="appVersion 1.2.0 -> 2.0.0"),
        ),
        (chart("1.2.0", redis="17.0.0"), chart("1.2.0", valkey="1.0.0"), Upgrade(level="patch", reason="")),
    ],
)
def test_the_first_large_step_is_named(
    before: ChartMetadata, after: ChartMetadata, expected: Upgrade
) -> None:
    assert upgrade(before, after) == expected


def test_one_chart_under_two_aliases_is_two_dependencies() -> None:
    def two(one: str, other: str) -> ChartMetadata:
        return decode_metadata(
            f"name: web\nversion: 1.0.0\ndependencies:\n- {{name: redis, version: {one}}}\n"
            f"- {{name: redis, alias: queue, version: {other}}}\n".encode()
        )

    assert upgrade(two("17.0.0", "18.0.0"), two("17.0.1", "18.0.0")) == Upgrade()
    moving = upgrade(two("17.0.0", "18.0.0"), two("17.0.0", "18.1.0"))
    assert moving == Upgrade(level="minor", reason="dependency queue 18.0.0 -> 18.1.0")
