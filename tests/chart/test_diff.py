from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci_chart_publish.chart.chart import Chart, from_files
from oci_chart_publish.chart.diff import difference, value_changes
from oci_chart_publish.chart.members import ChartFile


def changes(old: str, new: str) -> list[tuple[str, str | None, str | None]]:
    found = value_changes("values.yaml", old.encode(), new.encode())
    return [(one.key, one.old, one.new) for one in found]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a: 1", "a: 2", [("a", "1", "2")]),
        ("a: 1", "b: 1", [("a", "1", None), ("b", None, "1")]),
        ("a: {b: 1, c: 2}", "a: {c: 2, b: 1}", []),
        ("a: {b: 1}", "a: 5", [("a.b", "1", None), ("a", None, "5")]),
        ("a: []", "a: [1]", [("a[0]", None, "1")]),
        ("a: {}", "a: {b: 1}", [("a.b", None, "1")]),
        ("a: null", "a: x", [("a", "null", '"x"')]),
        ("a: [1, 2, 3]", "a: [0, 1, 2, 3]", [("a[0]", None, "0")]),
        ("a: [1, 2, 3]", "a: [1, 3]", [("a[1]", "2", None)]),
        ("a: [{n: x, v: 1}, {n: y}]", "a: [{n: x, v: 2}, {n: y}]", [("a[0].v", "1", "2")]),
        ("a: [v, w]", "a: [z]", [("a[0]", '"v"', '"z"'), ("a[1]", '"w"', None)]),
        ("- 1", "- 2", [("[0]", "1", "2")]),
    ],
)
def test_values_are_compared_key_by_key(
    old: str, new: str, expected: list[tuple[str, str | None, str | None]]
) -> None:
    assert changes(old, new) == expected


def test_an_entry_at_the_head_of_a_list_is_one_change() -> None:
    env = [{"name": f"A{i}", "value": str(i)} for i in range(3)]
    more = {"name": "NEW", "value": "x"}
    assert changes(json.dumps({"env": env}), json.dumps({"env": [more, *env]})) == [
        ("env[0]", None, json.dumps(more))
    ]


def test_long_lists_are_compared_in_no_time() -> None:
    old, new = {"a": [1, 2] * 3000}, {"a": [2, 1] * 3000}
    started = time.thread_time()
    assert len(changes(json.dumps(old), json.dumps(new))) == 6000
    assert time.thread_time() - started < 5


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from("ab"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


@given(old=VALUES, new=VALUES)
def test_what_differs_has_changes_and_what_is_equal_has_none(old: object, new: object) -> None:
    found = changes(json.dumps({"k": old}), json.dumps({"k": new}))
    assert bool(found) == (old != new or json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True))
    assert [change for change in found if change[1] == change[2]] == []


def chart_with(*leaves: tuple[str, str]) -> Chart:
    """Return a chart that holds ``leaf`` in several versions, with the values of each."""
    files = [ChartFile("Chart.yaml", b"apiVersion: v2\nname: top\nversion: 1.0.0\n")]
    for version, values in leaves:
        files.append(
            ChartFile(f"charts/leaf-{version}/Chart.yaml", f"name: leaf\nversion: {version}\n".encode())
        )
        files.append(ChartFile(f"charts/leaf-{version}/values.yaml", values.encode()))
    return from_files(files)


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ((("1.0.0", "a: 1"), ("2.0.0", "a: 1")), (("1.0.0", "a: 2"), ("2.0.0", "a: 1")), "charts/leaf"),
        ((("1.0.0", "a: 1"), ("2.0.0", "a: 1")), (("1.0.0", "a: 1"), ("2.0.0", "a: 2")), "charts/leaf-2.0.0"),
    ],
)
def test_a_subchart_that_is_there_in_two_versions_is_compared_by_its_place(
    old: tuple[tuple[str, str], ...], new: tuple[tuple[str, str], ...], path: str
) -> None:
    assert difference(chart_with(*old), chart_with(*old)).changed == ()
    assert difference(chart_with(*old), chart_with(*new)).changed == (f"{path}/values.yaml",)
