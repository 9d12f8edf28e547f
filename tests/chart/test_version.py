from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from oci_chart_publish.chart.version import ChartVersion, Level, is_lenient, is_strict
from oci_chart_publish.errors import ChartError


@pytest.mark.parametrize("text", ["1.2.3", "v1.2", "1", "01.2.3", "1.2.3-rc.1+b.5", "0.0.0-pr.12.gabcdef1"])
def test_lenient_versions_print_as_written(text: str) -> None:
    assert str(ChartVersion.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "1.x", "1.2.3.4", "1.2.3-01", " 1.2.3", "latest", "1.2.3-", "v", "1..2"]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    assert not is_lenient(text)
    with pytest.raises(ChartError, match="not a semantic version"):
        ChartVersion.parse(text)


@pytest.mark.parametrize("text", ["v1.2.3", "1.2", "01.2.3"])
def test_strict_takes_only_full_versions(text: str) -> None:
    assert not is_strict(text)
    with pytest.raises(ChartError, match="not a full semantic version"):
        ChartVersion.parse_strict(text)


def test_plus_is_an_underscore_in_the_tag_and_back() -> None:
    assert ChartVersion.parse("1.2.3+build.1").tag == "1.2.3_build.1"
    assert str(ChartVersion.from_tag("1.2.3_build.1")) == "1.2.3+build.1"
    assert ChartVersion.from_tag("latest") is None
    assert ChartVersion.from_tag("sha256-" + "a" * 64) is None


@pytest.mark.parametrize(
    ("text", "level", "expected"),
    [
        ("1.2.3", "patch", "1.2.4"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "major", "2.0.0"),
        ("0.2.3", "major", "1.0.0"),
        ("1.3.0-rc.1", "minor", "1.3.0"),
        ("1.3.0-rc.1", "patch", "1.3.0"),
        ("1.2.3+b", "patch", "1.2.4"),
    ],
)
def test_next_version(text: str, level: Level, expected: str) -> None:
    assert str(ChartVersion.parse(text).bumped(level)) == expected


VERSIONS = st.from_regex(
    r"[0-9]{1,2}\.[0-9]\.[0-9](-(0|[1-9][0-9]?|[a-z][a-z0-9-]{0,3})(\.(0|[1-9]|rc))?)?(\+[a-z0-9]{1,3})?",
    fullmatch=True,
).filter(Version.is_valid)


@given(VERSIONS, VERSIONS)
def test_order_is_that_of_the_semver_library(one: str, other: str) -> None:
    ours, theirs = (
        (ChartVersion.parse(one), ChartVersion.parse(other)),
        (Version.parse(one), Version.parse(other)),
    )
    assert (ours[0] < ours[1]) is (theirs[0] < theirs[1])
    assert (ours[0] == ours[1]) is (theirs[0] == theirs[1])
    assert ours[0] != ours[1] or hash(ours[0]) == hash(ours[1])
