from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace
from tests.report.work import lines_run

from oci_chart_publish.errors import ForgeError
from oci_chart_publish.outcomes import Status
from oci_chart_publish.report import compose, document
from oci_chart_publish.report.annotations import annotations_of
from oci_chart_publish.report.markdown import render
from oci_chart_publish.report.text import escaped, units

GOLDEN = Path(__file__).parents[1] / "golden"
DIGEST = "sha256:2c13f6fed4582256859dcac8e2754ee39e06233eaaefebce6c20251ceb4e0ffa"


def target(name: str, status: Status, **more: object) -> document.Target:
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
    assert units(text) <= limit
    assert text.count("<details>") == text.count("</details>")
    assert text.count("```") % 2 == 0
    assert all(line.endswith("|") for line in text.splitlines() if line.startswith("|"))


def test_what_does_not_fit_is_counted_and_where_it_is_is_said() -> None:
    text = render(many(2000), limit=60_000, elsewhere="the summary has it")
    rows = text.count("| **chart-")
    assert 500 < rows < 2000
    said = f"Left out for its length: {2000 - rows} of 2000 rows, the details of 2000 charts, the digests of "
    assert said in text
    assert "; the summary has it.\n" in text


def test_detail_is_dropped_step_by_step() -> None:
    """Of 200 charts all have a row and a digest, as many as fit have everything, and the page is used."""
    text = render(many(200), limit=60_000)
    whole = text.count("Files:")
    assert units(text) > 58_000
    assert text.count("| **chart-") == 200
    assert text.count(DIGEST) == 200
    assert 10 < whole < 100
    assert f"Digests of {200 - whole} more" in text
    assert f"Left out for its length: the details of {200 - whole} charts; the JSON report" in text
    assert text.count("helm pull oci://ghcr.io/acme/charts/chart-") == whole + 1


def test_failures_keep_their_details_before_what_is_published() -> None:
    failed = replace(many(1).charts[0], status="failed", name="bad", path="z")
    text = render(report(*many(200).charts, failed), limit=60_000)
    assert "<summary>bad 1.3.0</summary>" in text
    assert text.index("<summary>bad 1.3.0") < text.index("<summary>chart-0 1.3.0")


def test_the_work_of_rendering_is_linear_in_the_number_of_charts() -> None:
    render(many(10))  # what is made once
    few, many_more = (lines_run(partial(render, many(number))) for number in (500, 1000))
    assert many_more < 2.1 * few


TEXTS = st.one_of(st.text(max_size=40), st.text(alphabet="|`*<>#@[]~\\\U0001f600a", max_size=600))
STATUSES = st.sampled_from(get_args(Status))
PROBLEMS = st.builds(document.Problem, kind=TEXTS, message=TEXTS, hint=TEXTS, path=TEXTS, line=st.none())
CHARTS = st.builds(
    document.Chart,
    name=TEXTS,
    path=TEXTS,
    version=TEXTS,
    status=STATUSES,
    previous_version=st.none() | TEXTS,
    digest=st.none() | TEXTS,
    built_digest=st.none() | TEXTS,
    size=st.none() | st.integers(0, 2**40),
    changes=st.none() | st.builds(document.Changes, added=st.lists(TEXTS, max_size=30).map(tuple)),
    preview=st.none() | TEXTS,
    git_tag=st.none() | TEXTS,
    release_url=st.none() | TEXTS,
    released=st.booleans(),
    touched=st.none() | st.booleans(),
    targets=st.lists(
        st.builds(
            document.Target,
            registry=TEXTS,
            reference=TEXTS,
            status=STATUSES,
            digest=st.none() | TEXTS,
            error=st.none() | PROBLEMS,
        ),
        max_size=2,
    ).map(tuple),
    warnings=st.lists(TEXTS, max_size=2).map(tuple),
    error=st.none() | PROBLEMS,
)
REPORTS = st.builds(
    document.Report,
    command=TEXTS,
    dry_run=st.booleans(),
    conclusion=st.just("failure"),
    exit_code=st.just(4),
    charts=st.lists(CHARTS, max_size=6).map(lambda charts: tuple(charts) * 3),
    notes=st.lists(TEXTS, max_size=4).map(tuple),
)


@given(found=REPORTS, limit=st.integers(0, 8000), footer=TEXTS.map(escaped))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_report_is_longer_than_the_limit(found: document.Report, limit: int, footer: str) -> None:
    text = render(found, limit=limit, footer=footer, home="https://github.com/acme/charts")
    assert units(text) <= limit
    html = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert html.count("<details>") == html.count("</details>")
    assert html.count("<table>") <= 1
    assert set(re.findall(r"<(\w+)", html)) <= RENDERED
    assert all(
        link.startswith("https://github.com/acme/charts/releases/tag/")
        for link in re.findall('href="([^"]*)', html)
    )


RENDERED = {
    *("h3", "p", "ul", "li", "strong", "em", "code", "pre", "br", "a", "details", "summary", "blockquote"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


def test_a_release_is_linked_to_below_the_page_that_posts() -> None:
    published = replace(WEB, status="published", git_tag="web@1.3.0/a", release_url="https://evil.example/x")
    text = render(report(published), home="https://github.com/acme/charts")
    link = "https://github.com/acme/charts/releases/tag/web%401.3.0%2Fa"
    assert f"1.2.0 → [**1.3.0**]({link})" in text
    assert f"Release [web\\@\u20601.3.0/a]({link})" in text
    assert "evil" not in text
    assert "](" not in render(report(published))
    assert "](" not in render(report(replace(published, status="would-publish")), home="https://x.example")


def test_what_can_be_pulled_only_later_says_so() -> None:
    planned = report(WEB, pull_request=document.PullRequest(number=1))
    assert "After the merge:\n\n```sh\nhelm pull" in render(planned)
    assert "Once it is published:\n\n```sh\nhelm pull" in render(report(WEB))
    assert ":\n\n```sh\nhelm pull" not in render(report(replace(WEB, status="published")))


def test_a_conflict_says_what_is_published_and_what_this_tree_is() -> None:
    built = "sha256:" + "b" * 64
    text = render(report(replace(CONFLICT, built_digest=built, built_size=3072)))
    assert f"Published: `{DIGEST}`, 2.0 KiB" in text
    assert f"This tree: `{built}`, 3.0 KiB (+1.0 KiB)" in text
    assert "| **api** | 1.0.0 | ⛔ version not raised: set **1.0.1** | 2.0 KiB |" in text


def test_drift_of_others_is_folded_at_the_end() -> None:
    theirs = replace(CONFLICT, status="drift", touched=False)
    ours = replace(theirs, name="ours", touched=True)
    text = render(report(theirs, WEB, ours, pull_request=document.PullRequest(number=1)), footer="END")
    assert "| **ours** |" in text
    assert "| **api** |" not in text
    assert text.index("<summary>web 1.3.0") < text.index("1 not changed by this pull request")
    assert text.index("- **api**: ghcr.io/acme/charts/api:1.0.0 is published") > text.index("not changed by")
    assert text.endswith("</details>\n\nEND\n")


def test_a_bar_in_a_file_name_stays_one() -> None:
    changed = replace(WEB, changes=document.Changes(added=("files/a|b",)))
    assert "- \\+ `files/a|b`" in render(report(changed))


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


@pytest.mark.parametrize("limit", [60_000, 1_000])
def test_releases_that_failed_come_before_what_was_published(limit: int) -> None:
    done = compose.concluded(report(WEB, notes=("fine",)), [ForgeError("it failed")])
    text = render(done, limit=limit)
    assert text.splitlines()[2] == "> it failed"
    assert text.index("| chart |") < text.index("> fine")
    assert text.count("> it failed") == 1
    notes = [one for one in annotations_of(done) if not one.file]
    assert [(one.level, one.message) for one in notes] == [("notice", "fine"), ("error", "it failed")]


def test_each_note_is_a_paragraph_of_its_own() -> None:
    html = MarkdownIt("gfm-like").render(render(report(WEB, notes=("one", "two"))))
    assert "<p>one</p>" in html
    assert "<p>two</p>" in html


HOME = "https://github.com/acme/charts"


def test_charts_are_linked_to_their_folders_and_places_to_their_lines() -> None:
    head, merge = "a" * 40, "b" * 40
    found = report(WEB, BROKEN, revision=merge)
    text = render(found, home=HOME)
    assert f"| [**web**]({HOME}/tree/{merge}/charts/web) |" in text
    assert (
        f"- **bad** ([`charts/bad/Chart.yaml:3`]({HOME}/blob/{merge}/charts/bad/Chart.yaml#L3)): found"
        in text
    )
    # What was tested of a pull request is gone once it is closed; its head stays.
    pull_request = document.PullRequest(number=1, head=head, head_repository="acme/charts")
    assert f"({HOME}/tree/{head}/charts/web)" in render(replace(found, pull_request=pull_request), home=HOME)
    odd = replace(WEB, path="charts/a b)](x")
    assert f"({HOME}/tree/{merge}/charts/a%20b%29%5D%28x)" in render(report(odd, revision=merge), home=HOME)
    assert "](" not in render(found)
    assert "](" not in render(found, home=HOME, source="mallory/charts")


@pytest.mark.parametrize(("number", "outer"), [(7, 0), (8, 1), (40, 1)])
def test_details_of_many_charts_are_folded_once(number: int, outer: int) -> None:
    text = render(many(number), limit=1_000_000)
    assert text.count(f"<details><summary>Details of {number} charts</summary>") == outer
    assert text.count("<details>") == text.count("</details>") == number + outer
    html = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert html.count("<table>") == 1


def test_a_summary_is_counted_in_bytes_and_keeps_what_fits() -> None:
    found = many(600)
    text = render(found, limit=900 * 1024, unit="utf-8")
    assert len(text.encode()) <= 900 * 1024
    assert text.count("Files:") == 600
    assert "Left out" not in text
    tight = render(found, limit=300 * 1024, unit="utf-8")
    assert 250 * 1024 < len(tight.encode()) <= 300 * 1024
    assert "Left out for its length: the details of " in tight


def test_the_same_problem_of_many_charts_is_told_once() -> None:
    problem = document.Problem(kind="registry", message="GET https://x/v2/: no such host", hint="check it")
    failed = [replace(chart, status="failed", error=problem) for chart in many(44).charts]
    text = render(report(*failed))
    assert text.count("no such host") == 1
    assert "- **chart-0**, **chart-1**, **chart-10** and 41 more: GET https" in text
    (annotation,) = annotations_of(report(*failed))
    assert (annotation.level, annotation.title, annotation.file) == ("error", "44 charts", "")


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (report(WEB), "This publishes 1 chart to `ghcr.io/acme/charts`."),
        (
            report(WEB, WEB, pull_request=document.PullRequest(number=1)),
            "Merging publishes 2 charts to `ghcr.io/acme/charts`.",
        ),
        (replace(report(replace(WEB, status="published")), command="publish"), "Published 1 chart to `ghcr"),
        (
            replace(report(*QUIET, pull_request=document.PullRequest(number=1)), dry_run=True),
            "Merging publishes nothing: no chart has a new version.",
        ),
        (
            replace(report(replace(WEB, status="saved", targets=())), command="publish"),
            "⚠️ No registry is set: 1 chart was saved in the layout and published nowhere.",
        ),
    ],
)
def test_a_sentence_says_what_it_comes_to(found: document.Report, sentence: str) -> None:
    assert f"\n\n{sentence}" in render(found)
