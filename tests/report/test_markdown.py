from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from oci_chart_publish.report import document
from oci_chart_publish.report.markdown import render
from oci_chart_publish.report.text import units

GOLDEN = Path(__file__).parents[1] / "golden"
DIGEST = "sha256:2c13f6fed4582256859dcac8e2754ee39e06233eaaefebce6c20251ceb4e0ffa"


def target(name: str, status: document.Status, **more: object) -> document.Target:
    return document.Target(
        registry="ghcr.io/acme/charts",
        reference=f"ghcr.io/acme/charts/{name}",
        status=status,
        **more,  # type: ignore[arg-type]
    )


def report(*charts: document.Chart, **more: object) -> document.Report:
    return document.Report(
        command="plan",
        dry_run=False,
        conclusion="success",
        exit_code=0,
        charts=charts,
        totals=document.count(charts),
        **more,  # type: ignore[arg-type]
    )


WEB = document.Chart(
    name="web",
    path="charts/web",
    version="1.3.0",
    previous_version="1.2.0",
    status="would-publish",
    digest=DIGEST,
    size=10871,
    previous_size=10000,
    recent_sizes=tuple(
        document.Size(version=version, size=size)
        for version, size in (("1.0.0", 8000), ("1.1.0", 9100), ("1.2.0", 10000), ("1.3.0", 10871))
    ),
    bump=document.Bump(level="minor", reason="Chart.yaml was raised"),
    changes=document.Changes(added=("templates/hpa.yaml",), changed=("Chart.yaml", "values.yaml")),
    value_changes=(
        document.ValueChange(file="values.yaml", key="replicas", old="1", new="2"),
        document.ValueChange(file="values.yaml", key="hpa.enabled", new="false"),
    ),
    targets=(target("web:1.3.0", "would-publish", digest=DIGEST),),
)
CONFLICT = document.Chart(
    name="api",
    path="charts/api",
    version="1.0.0",
    next_version="1.0.1",
    status="conflict",
    digest=DIGEST,
    size=2048,
    targets=(
        target(
            "api:1.0.0",
            "conflict",
            digest="sha256:" + "1" * 64,
            error=document.Problem(
                kind="conflict",
                message="ghcr.io/acme/charts/api:1.0.0 is published with other content",
                hint="raise 'version' in charts/api/Chart.yaml to 1.0.1",
            ),
        ),
    ),
)
BROKEN = document.Chart(
    name="bad",
    path="charts/bad",
    version="",
    status="failed",
    error=document.Problem(
        kind="chart", message="found a tab where blanks belong", path="charts/bad/Chart.yaml", line=3
    ),
)
QUIET = tuple(
    document.Chart(name=f"same-{i}", path=f"charts/same-{i}", version="1.0.0", status="unchanged", size=1)
    for i in range(5)
)


def test_comment_is_the_golden_one() -> None:
    assert render(report(WEB, CONFLICT, BROKEN, *QUIET)) == (GOLDEN / "report.md").read_text()


def test_comment_without_charts_says_so() -> None:
    assert render(report()) == "### Helm charts: none found\n"


def test_comment_renders_to_one_table_and_balanced_details() -> None:
    html = MarkdownIt("gfm-like", {"linkify": False}).render(render(report(WEB, CONFLICT, BROKEN, *QUIET)))
    assert html.count("<table>") == 1
    assert html.count("<details>") == html.count("</details>") == 3


def many(number: int) -> document.Report:
    return report(
        *(
            document.Chart(
                name=f"chart-{i}",
                path=f"charts/chart-{i}",
                version="1.3.0",
                status="would-publish",
                digest=DIGEST,
                size=10871,
                changes=document.Changes(changed=tuple(f"templates/{n}.yaml" for n in range(30))),
                targets=(target(f"chart-{i}:1.3.0", "would-publish"),),
            )
            for i in range(number)
        )
    )


@pytest.mark.parametrize(
    ("number", "limit"), [(40, 60_000), (150, 60_000), (2000, 60_000), (2000, 500), (3, 10)]
)
def test_limit_is_kept_by_dropping_detail_and_rows_never_by_cutting(number: int, limit: int) -> None:
    text = render(many(number), limit=limit)
    assert units(text) <= max(limit, 60)
    assert text.count("<details>") == text.count("</details>")
    assert text.count("```") % 2 == 0
    assert all(line.endswith("|") for line in text.splitlines() if line.startswith("|"))


def test_rows_that_do_not_fit_are_counted() -> None:
    assert "more charts; the JSON report has them all." in render(many(2000), limit=60_000)


def test_hostile_names_stay_text() -> None:
    evil = document.Chart(
        name="</summary><script>alert(1)</script>|x",
        path="charts/`x`\n```",
        version="1.0.0|@octocat",
        status="published",
        digest=DIGEST,
        size=1,
        warnings=("![x](https://example.com/a.png)",),
        targets=(document.Target(registry="r", reference="r/`'; rm -rf ~ #:1", status="published"),),
    )
    html = MarkdownIt("gfm-like", {"linkify": False}).render(render(report(evil)))
    assert "<script" not in html
    assert "<img" not in html
    outside_code = re.sub(r"<code.*?</code>", "", html, flags=re.DOTALL)
    assert "@octocat" not in outside_code
    assert html.count("<tr>") == 2
