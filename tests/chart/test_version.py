from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from oci_chart_publish.chart.version import ChartVersion, Level, is_lenient, is_strict
from oci_chart_publish.errors import ChartError

HELM = Path(__file__).parents[1] / "vectors" / "helm-4.3.1"
VERSIONS_OF_HELM: list[dict[str, Any]] = json.loads((HELM / "versions.json").read_text())
ORDER_OF_HELM: list[dict[str, Any]] = json.loads((HELM / "order.json").read_text())


@pytest.mark.parametrize("case", VERSIONS_OF_HELM, ids=lambda case: repr(case["version"]))
def test_versions_are_parsed_as_helm_parses_them(case: dict[str, Any]) -> None:
    text = case["version"]
    assert is_lenient(text) is ("semver" in case)
    assert is_strict(text) is case["strict"]
    if "semver" in case:
        assert str(ChartVersion.parse(text).semver) == case["semver"]


@pytest.mark.parametrize("case", ORDER_OF_HELM, ids=lambda case: f"{case['left']} and {case['right']}")
def test_versions_are_ordered_as_helm_orders_them(case: dict[str, Any]) -> None:
    left, right = ChartVersion.parse(case["left"]), ChartVersion.parse(case["right"])
    assert (left > right) - (left < right) == case["compare"]
    assert (left == right) is (case["compare"] == 0)


def test_the_order_of_the_specification() -> None:
    texts = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
    ]
    versions = [
        ChartVersion.parse(text) for text in [*texts, "1.0.0-rc.1", "1.0.0", "2.0.0", "2.1.0", "2.1.1"]
    ]
    assert all(one < other for one, other in pairwise(versions))
    assert sorted([*versions[1::2], *versions[::2]]) == versions


def test_build_metadata_is_ignored_in_order_equality_and_hash() -> None:
    one, other = ChartVersion.parse("1.2.3+a"), ChartVersion.parse("v1.2.3+b")
    assert one == other
    assert not one < other
    assert hash(one) == hash(other)
    assert one != "1.2.3+a"


@pytest.mark.parametrize("text", ["1" * 257, "18446744073709551616.0.0", "1.2.3-" + "a" * 300])
def test_versions_too_long_or_too_large_are_refused(text: str) -> None:
    assert not is_lenient(text)
    assert not is_strict(text)
    assert ChartVersion.from_tag(text) is None


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
    assert ChartVersion.from_tag(text) is None


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
        ("1.2.3-rc.1", "patch", "1.2.3"),
        ("1.2.3-rc.1", "minor", "1.3.0"),
        ("2.0.0-rc.1", "major", "2.0.0"),
        ("1.3.0-rc.1", "major", "2.0.0"),
        ("v1.2", "minor", "1.3.0"),
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


@given(VERSIONS)
def test_a_tag_names_its_version(text: str) -> None:
    version = ChartVersion.parse(text)
    assert str(ChartVersion.from_tag(version.tag)) == text


@given(VERSIONS, st.sampled_from(["major", "minor", "patch"]))
def test_a_bump_is_a_greater_release(text: str, level: Level) -> None:
    bumped = ChartVersion.parse(text).bumped(level)
    assert bumped > ChartVersion.parse(text)
    assert (bumped.prerelease, bumped.build) == ("", "")
    assert is_strict(str(bumped))


@given(VERSIONS, VERSIONS, VERSIONS)
def test_order_is_total_and_transitive(one: str, two: str, three: str) -> None:
    low, middle, high = sorted(map(ChartVersion.parse, (one, two, three)))
    assert low <= middle <= high
    assert low <= high
    assert (low < high) or (low == middle == high)
