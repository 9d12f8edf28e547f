from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci_chart_publish.chart.constraint import Constraint
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ChartError

VECTORS = Path(__file__).parents[1] / "vectors"
TABLE: dict[str, Any] = json.loads((VECTORS / "helm" / "semver.json").read_text())
CASES: list[dict[str, Any]] = json.loads((VECTORS / "helm-4.3.1" / "constraints.json").read_text())


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: repr(case["constraint"]))
def test_every_constraint_of_the_table_matches_what_helm_matches(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(ChartError) as caught:
            Constraint.parse(case["constraint"])
        assert caught.value.message == case["error"]
        return
    constraint = Constraint.parse(case["constraint"])
    matching = [text for text in TABLE["versions"] if constraint.allows(ChartVersion.parse(text))]
    assert matching == case["match"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['constraint']} and {case['version']}")
def test_constraints_allow_what_helm_allows(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(ChartError):
            Constraint.parse(case["constraint"])
        return
    assert Constraint.parse(case["constraint"]).allows(ChartVersion.parse(case["version"])) is case["allows"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latest", 'improper constraint: "latest"'),
        ("1.x || ", 'improper constraint: " "'),
        ('"1"', 'improper constraint: "\\"1\\""'),
        ("1" * 513, f"constraint of more than 512 bytes: '{'1' * 50}'..."),
        (
            " || ".join(["1"] * 33),
            (
                "constraint with more than 32 alternatives: "
                "'1 || 1 || 1 || 1 || 1 || 1 || 1 || 1 || 1 || 1 || '..."
            ),
        ),
    ],
)
def test_what_is_no_constraint_is_named(text: str, message: str) -> None:
    with pytest.raises(ChartError) as caught:
        Constraint.parse(text)
    assert caught.value.message == message


def test_a_part_that_is_no_version_is_named_in_the_hint() -> None:
    with pytest.raises(ChartError) as caught:
        Constraint.parse("1|2")
    assert str(caught.value) == "constraint parser error\n'1|2.0.0' in '1|2' is no version"


def test_a_constraint_prints_as_written() -> None:
    assert str(Constraint.parse(">=1.2  <2 || 3.x")) == ">=1.2  <2 || 3.x"


@pytest.mark.parametrize("text", ["1  " * 170 + "!", ">" + " " * 510 + "!", "1-" * 255, "1 - " * 127 + "!"])
def test_hostile_constraints_take_no_time(text: str) -> None:
    began = time.thread_time()
    with pytest.raises(ChartError):
        Constraint.parse(text)
    assert time.thread_time() - began < 0.5


NUMBERS = st.tuples(*[st.integers(0, 5)] * 3)


@given(NUMBERS, NUMBERS)
def test_comparisons_agree_with_the_order_of_versions(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    left, right = (".".join(map(str, numbers)) for numbers in (one, other))
    version = ChartVersion.parse(left)
    expected = {
        ">": one > other,
        ">=": one >= other,
        "<": one < other,
        "<=": one <= other,
        "!=": one != other,
    }
    assert {op: Constraint.parse(op + right).allows(version) for op in expected} == expected
