from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from oci_chart_publish.chart.ignore import IgnoreRules, glob
from oci_chart_publish.chart.walk import packing
from oci_chart_publish.errors import ChartError
from oci_chart_publish.tree.tree import FolderTree

TABLE = json.loads((Path(__file__).parents[1] / "vectors" / "helm" / "helmignore.json").read_text())


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: repr(case["rules"])[:60])
def test_rules_decide_as_in_helm(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(ChartError):
            IgnoreRules.parse(case["rules"])
        return
    rules = IgnoreRules.parse(case["rules"])
    ignored = [path for path in TABLE["paths"] if rules.ignores(path.rstrip("/"), is_dir=path.endswith("/"))]
    assert ignored == case["ignored"]


def test_bad_pattern_is_named_with_its_line() -> None:
    with pytest.raises(ChartError) as caught:
        IgnoreRules.parse("*.bak\n\n[a\n")
    assert str(caught.value).startswith(".helmignore:3: syntax error in pattern '[a'")
    with pytest.raises(ChartError, match=r"\.helmignore:1: double-star"):
        IgnoreRules.parse("a/**\n")


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", ".hidden", True),
        ("*", "a/b", False),
        ("?", "/", False),
        ("[!a]", "!", True),
        ("[!a]", "b", False),
        ("[^a]", "b", True),
        ("[b-a]", "a", False),
        (r"\*", "*", True),
        ("a.b", "axb", False),
        ("é?", "éß", True),
        ("*a*b*", "xxaxxbxx", True),
        ("*a*b", "xxaxxbxxb", True),
        ("*a*b", "xxbxxa", False),
        ("a**", "abc", True),
        ("*.*", "a.b.c", True),
        ("*?", "", False),
        ("*[^a]*b", "x/yb", False),  # the class has taken the slash, and Go does not think again
        ("x[^a]y", "x/y", True),
        (r"[\]]", "]", True),
    ],
)
def test_glob_is_gos(pattern: str, name: str, *, expected: bool) -> None:
    assert (glob(pattern).fullmatch(name) is not None) is expected


@pytest.mark.parametrize("pattern", ["[]a]", "[a-]", "[-]", "a\\", "[", "[a", "[\\"])
def test_bad_globs_of_go_are_bad(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        glob(pattern)


def test_many_stars_take_no_time() -> None:
    started = time.process_time()
    assert glob("*a" * 25 + "b").fullmatch("a" * 2000) is None
    assert time.process_time() - started < 1


def test_pattern_that_loses_its_slash_matches_nothing_as_in_helm() -> None:
    rules = IgnoreRules.parse("foo\\/\n")
    assert not rules.ignores("foo", is_dir=True)


def test_only_what_go_calls_space_is_cut_off() -> None:
    assert IgnoreRules.parse("\u2003*.txt\u00a0\n").ignores("a.txt", is_dir=False)
    assert not IgnoreRules.parse("\x1c*.txt\n").ignores("a.txt", is_dir=False)


def test_a_chart_packs_what_its_rules_leave_and_the_rules_count_in_any_case(tmp_path: Path) -> None:
    (tmp_path / ".helmignore").write_text("ci/\n.*\n")
    packs = packing(FolderTree(tmp_path))
    paths = [
        "values.yaml",
        "ci/a.yaml",
        "charts/db/values.yaml",
        "charts/_db/values.yaml",
        ".git",
        ".helmignore",
    ]
    assert [path for path in paths if packs(path, False)] == [
        "values.yaml",
        "charts/db/values.yaml",
        ".helmignore",
    ]
    assert not packs("ci", True)
