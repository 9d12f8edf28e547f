from __future__ import annotations

import threading
from typing import Literal

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.published import NamedCharts

from oci_chart_publish.github.api import Clock, Options
from oci_chart_publish.github.event import Event
from oci_chart_publish.github.gateway import GitHub
from oci_chart_publish.notify.chart_releases import Releaser
from oci_chart_publish.report import document


def released(github: FakeGitHub, kind: Literal["release", "tag"]) -> document.Report:
    """Release four charts that were published."""
    charts = tuple(
        document.Chart(name=name, path=f"charts/{name}", version="1.0.0", status="published")
        for name in "abcd"
    )
    report = document.Report(
        command="publish", dry_run=False, conclusion="success", exit_code=0, charts=charts, revision="1" * 40
    )
    options = Options(token="t0ken", api_url=github.api_url, between_writes=0)
    with GitHub("acme/charts", options, clock=Clock(sleep=lambda _: None)) as host:
        return Releaser(
            github=host,
            event=Event(),
            kind=kind,
            backfill=False,
            latest=False,
            dry_run=False,
            charts=NamedCharts(),
            stopping=threading.Event(),
        ).releases(report)


def test_code_host_that_does_not_answer_is_asked_for_two_charts_and_no_more(github: FakeGitHub) -> None:
    github.refuse("GET", "/git/ref/tags/", times=100)
    done = released(github, "tag")
    assert done.exit_code == 7
    first, rest = done.notes
    assert "/git/ref/tags/a-1.0.0: 502 Server Error" in first
    assert rest.startswith("3 charts are published and not tagged, b-1.0.0, c-1.0.0, d-1.0.0: GET ")
    assert rest.endswith("Then re-run this job: another attempt makes what is missing")
    assert len(github.sent("GET", "/git/ref/tags/c")) == 0


def test_repository_that_the_token_does_not_see_is_asked_for_two_charts_and_no_more(
    github: FakeGitHub,
) -> None:
    github.refuse("GET", "/releases", "not-found", times=100)
    done = released(github, "release")
    assert (done.exit_code, len(done.notes), len(github.requests)) == (7, 2, 2)
    assert done.notes[1].startswith(
        "3 charts are published and not released, b-1.0.0, c-1.0.0, d-1.0.0: GET "
    )


@pytest.mark.parametrize(
    ("kind", "method", "pattern", "refusal", "requests"),
    [
        ("tag", "POST", "/git/refs$", "ruleset-ref", 3),
        ("tag", "POST", "/git/refs$", "ruleset-ref-terse", 3),
        ("tag", "POST", "/git/refs$", "reference-update-failed", 3),
        ("tag", "POST", "/git/refs$", "archived", 2),
        ("tag", "POST", "/git/refs$", "ip-allow-list", 2),
        ("release", "POST", "/releases$", "ruleset-release", 3),
        ("release", "PATCH", "/releases/", "ruleset-release", 6),
        ("release", "POST", "/releases$", "saml", 3),
    ],
)
def test_what_a_rule_forbids_is_tried_for_one_chart(
    github: FakeGitHub,
    kind: Literal["release", "tag"],
    method: str,
    pattern: str,
    refusal: str,
    requests: int,
) -> None:
    github.state.commit("head", sha="1" * 40, branch="main")
    github.refuse(method, pattern, refusal, times=100)
    done = released(github, kind)
    assert (done.exit_code, len(github.sent(method, pattern))) == (7, 1)
    assert len(github.requests) == requests
    (note,) = done.notes
    what = "tagged" if kind == "tag" else "released"
    assert note.startswith(
        f"4 charts are published and not {what}, a-1.0.0, b-1.0.0, c-1.0.0, d-1.0.0: {method}"
    )
    hints = {
        "ruleset": "A ruleset of the repository forbids this",
        "reference": "Mostly a ruleset of the repository forbids this",
        "archived": "An archived repository takes nothing",
        "ip": "The owner lets this token in from elsewhere only",
        "saml": "The owner lets this token in from elsewhere only",
    }
    assert hints[refusal.partition("-")[0]] in note
    assert note.endswith("Then re-run this job: another attempt makes what is missing")
    assert github.state.releases == {}
