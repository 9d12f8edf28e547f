from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from oci_chart_publish.report import document
from oci_chart_publish.report.markdown import render
from oci_chart_publish.report.sizes import diagram, worth_drawing
from oci_chart_publish.report.text import units


def chart(*sizes: int, name: str = "web", versions: tuple[str, ...] = ()) -> document.Chart:
    """Return a chart that moves, with these recent sizes in bytes."""
    named = versions or tuple(f"1.{number}.0" for number in range(len(sizes)))
    return document.Chart(
        name=name,
        path=f"charts/{name}",
        version="9.0.0",
        status="would-publish",
        digest="sha256:" + "a" * 64,
        size=sizes[-1] if sizes else None,
        recent_sizes=tuple(
            document.Size(version=version, size=size) for version, size in zip(named, sizes, strict=True)
        ),
    )


def report(*charts: document.Chart) -> document.Report:
    return document.Report(command="plan", dry_run=False, conclusion="success", exit_code=0, charts=charts)


def test_diagram_has_one_bar_for_each_version() -> None:
    sizes = (10_240, 20_480, 30_720, 51_200)
    assert (
        diagram(chart(*sizes, versions=("1.0.0", "1.1.0", "2.0.0+b.7", "2.1.0-rc.1")))
        == """\
Sizes of 4 versions, 10.0 KiB to 50.0 KiB:

```mermaid
---
config:
  xyChart:
    height: 156
  themeVariables:
    xyChart:
      plotColorPalette: "#4493f8"
---
xychart-beta horizontal
  x-axis ["1.0.0", "1.1.0", "2.0.0+b.7", "2.1.0-rc.1"]
  y-axis "KiB" 0 --> 55.0
  bar [10.0, 20.0, 30.0, 50.0]
```"""
    )


def test_small_sizes_have_two_digits_so_that_they_can_be_told_apart() -> None:
    assert "bar [0.78, 0.80, 0.83, 0.88]" in diagram(chart(800, 820, 850, 900))


@pytest.mark.parametrize(
    ("sizes", "helps"),
    [
        ((), False),
        ((1000, 2000, 3000), False),
        ((1000, 1000, 1000, 1099), False),
        ((1000, 1000, 1000, 1100), True),
        ((1100, 1000, 1000, 1000), True),
        ((0, 0, 0, 0), False),
    ],
)
def test_diagram_is_drawn_where_it_says_more_than_the_table(sizes: tuple[int, ...], *, helps: bool) -> None:
    assert bool(worth_drawing([chart(*sizes)])) is helps
    assert ("```mermaid" in render(report(chart(*sizes)))) is helps


def test_three_charts_that_differed_most_have_a_diagram() -> None:
    charts = [chart(1000, 1000, 1000, 1000 + 200 * number, name=f"c{number}") for number in range(8)]
    assert [one.name for one in worth_drawing(charts)] == ["c7", "c6", "c5"]
    text = render(report(*charts))
    drawn = [part for part in text.split("<details>") if "```mermaid" in part]
    assert [re.findall("<summary>(c[0-9])", part) for part in drawn] == [["c5"], ["c6"], ["c7"]]


def test_diagrams_are_the_first_that_a_limit_drops() -> None:
    one = replace(
        chart(1000, 1200, 1400, 1600), changes=document.Changes(added=("templates/hpa.yaml",), changed=("a",))
    )
    whole = render(report(one))
    tight = render(report(one), limit=units(whole) - 1)
    assert "```mermaid" in whole
    assert "```mermaid" not in tight
    assert "templates/hpa.yaml" in tight
    assert render(report(one), limit=units(whole)) == whole


def test_last_twelve_versions_are_drawn() -> None:
    text = diagram(chart(*range(1000, 2500, 100)))
    assert "Sizes of 12 versions" in text
    assert '["1.3.0", ' in text
    assert text.count('"1.') == 12


def test_nothing_of_a_hostile_report_leaves_its_quotes() -> None:
    hostile = (
        '1.0.0"] bar [1]',
        "2.0.0\n```\n<script>alert(1)</script>",
        "%%{init: {'securityLevel': 'loose'}}%%",
        "𝟑.0.0@octocat",
        "",
        "9" * 300,
    )
    text = diagram(chart(100, 200, 300, 400, 500, 600, name='"]```', versions=hostile))
    (axis,) = re.findall(r"x-axis \[(.*)\]", text)
    assert axis == (
        '"1.0.0bar1", "2.0.0scriptalert1script", "initsecurityLevelloose", ".0.0octocat", "9999999999999999999999.."'
    )
    assert text.count("```") == 2
    assert len(text.splitlines()) == 16
    assert "bar [0.10, 0.20, 0.29, 0.39, 0.59]" in text


def test_versions_that_look_alike_are_one_bar() -> None:
    text = diagram(chart(100, 200, 300, 400, 500, versions=("1", "2", "2", "3@", "3")))
    assert '["1", "2", "3"]' in text
    assert "bar [0.10, 0.29, 0.49]" in text
