"""A comment that cannot be written fails no plan, and no publish that will be told of later."""

from __future__ import annotations

from typing import Literal

import pytest
from tests.fakes.github import FakeGitHub, Token
from tests.fakes.published import Pushed

from oci_chart_publish.github.api import Clock, Options
from oci_chart_publish.github.event import DEPENDABOT, Event, PullRequestEvent
from oci_chart_publish.github.gateway import GitHub
from oci_chart_publish.notify.comment import Commenter
from oci_chart_publish.report import document

HEAD = "1" * 40
PULL = PullRequestEvent(number=7, head_repository="acme/charts", base_ref="main")


def commented(
    github: FakeGitHub,
    event: Event,
    command: Literal["plan", "publish"] = "plan",
    *,
    expected: bool = False,
    said: list[str] | None = None,
) -> document.Report:
    """Write the comment of a report of one chart."""
    target = document.Target(
        registry="r.example/charts", reference="r.example/charts/web:1.0.1", status="published"
    )
    charts = (
        document.Chart(name="web", path="charts/web", version="1.0.1", status="published", targets=(target,)),
    )
    report = document.Report(
        command=command, dry_run=False, conclusion="success", exit_code=0, charts=charts, revision=HEAD
    )
    options = Options(token="t0ken", api_url=github.api_url, between_writes=0)
    say = said.append if said is not None else lambda _: None
    with GitHub("acme/charts", options, clock=Clock(sleep=lambda _: None), say=say) as host:
        return Commenter(
            github=host,
            event=event,
            when="always",
            key="charts",
            publish_refs=(),
            dry_run=False,
            pushed=Pushed(event.pushed),
        ).comment(report, expected=expected)


@pytest.fixture
def github() -> FakeGitHub:
    fake = FakeGitHub()
    fake.add_pull(7)
    return fake


@pytest.mark.parametrize(
    ("refusal", "headers"),
    [
        ("secondary-limit", {"Retry-After": "3600"}),
        ("creation-limit", {"Retry-After": "3600"}),
        ("primary-limit", {"X-RateLimit-Reset": "4000000000"}),
        ("too-quickly", {}),
        ("server-error", {}),
        ("body-too-long", {}),
        ("bad-credentials", {}),
        ("archived", {}),
        ("ip-allow-list", {}),
    ],
)
def test_plan_is_not_red_for_what_it_could_not_post(
    github: FakeGitHub, refusal: str, headers: dict[str, str]
) -> None:
    with github:
        github.refuse("POST", "/issues/7/comments$", refusal, headers=headers, times=10)
        done = commented(github, Event(repository="acme/charts", pull_request=PULL))
    assert (done.exit_code, done.conclusion) == (0, "success")
    (note,) = done.notes
    assert "the report is in the step summary only" in note


@pytest.mark.parametrize("refusal", ["secondary-limit", "server-error"])
def test_plan_whose_pull_request_cannot_be_looked_up_is_not_red(github: FakeGitHub, refusal: str) -> None:
    run = {"head_sha": HEAD, "head_repository": {"full_name": "acme/charts"}, "head_branch": "topic"}
    with github:
        github.refuse("GET", "/pulls", refusal, headers={"Retry-After": "3600"}, times=10)
        done = commented(github, Event(repository="acme/charts", workflow_run=run))
    assert done.exit_code == 0
    assert done.notes[0].startswith("which pull request this run belongs to is not known")


@pytest.mark.parametrize(("refusal", "code"), [("secondary-limit", 0), ("body-too-long", 7)])
def test_publish_is_red_for_words_that_no_later_run_can_write(
    github: FakeGitHub, refusal: str, code: int
) -> None:
    merged = PullRequestEvent(
        number=7, head_repository="acme/charts", base_ref="main", merged=True, closed=True
    )
    with github:
        marker = '<!-- oci-chart-publish key="charts" run="1" attempt="1" -->\nplan'
        github.state.comment(7, marker, "github-actions[bot]")
        github.refuse("PATCH", "/comments/", refusal, headers={"Retry-After": "3600"})
        done = commented(github, Event(repository="acme/charts", pull_request=merged), "publish")
    assert done.exit_code == code
    assert len(done.notes) == 1


def test_job_that_only_posts_fails_if_it_cannot(github: FakeGitHub) -> None:
    with github:
        github.refuse("POST", "/comments$", "secondary-limit", headers={"Retry-After": "3600"})
        done = commented(github, Event(repository="acme/charts", pull_request=PULL), expected=True)
    assert done.exit_code == 7


def test_waits_are_told_of(github: FakeGitHub) -> None:
    said: list[str] = []
    with github:
        github.refuse("POST", "/comments$", "secondary-limit", headers={"Retry-After": "90"})
        github.refuse("POST", "/comments$", "server-error")
        done = commented(github, Event(repository="acme/charts", pull_request=PULL), said=said)
    assert (done.exit_code, done.notes) == (0, ())
    (line,) = said
    assert "/issues/7/comments: 403 You have exceeded a secondary rate limit" in line
    assert line.endswith(": again in 90 s")


@pytest.mark.parametrize("actor", ["octocat", DEPENDABOT])
def test_dependabot_is_not_told_of_a_permission_that_it_cannot_get(github: FakeGitHub, actor: str) -> None:
    with github:
        github.tokens["t0ken"] = Token(writes=frozenset())
        done = commented(github, Event(repository="acme/charts", actor=actor, pull_request=PULL))
    (note,) = done.notes
    assert note.startswith("the token may not comment: the report is in the step summary only")
    assert ("Add `pull-requests: write`" in note) == (actor != DEPENDABOT)


@pytest.mark.parametrize("lag", [0, 3])
def test_workflow_run_after_a_push_finishes_the_comment(github: FakeGitHub, lag: int) -> None:
    with github:
        github.state.lag = 0
        github.state.comment(
            7, '<!-- oci-chart-publish key="charts" run="1" attempt="1" -->\nplan', "github-actions[bot]"
        )
        github.state.lag = lag
        sha = github.merge(7)
        run = {
            "id": 5,
            "run_attempt": 1,
            "event": "push",
            "head_sha": sha,
            "head_branch": "main",
            "head_repository": {"full_name": "acme/charts"},
            "head_commit": {"message": "A change (#7)"},
        }
        event = Event(
            name="workflow_run", repository="acme/charts", workflow_run=run, named=(7,), default_branch="main"
        )
        done = commented(github, event, "publish")
    assert (done.exit_code, done.notes) == (0, ())
    (comment,) = github.state.comments.values()
    assert "1 published" in comment.body


def test_push_finds_its_pull_request_though_github_does_not_know_it_yet(github: FakeGitHub) -> None:
    with github:
        github.state.comment(
            7, '<!-- oci-chart-publish key="charts" run="1" attempt="1" -->\nplan', "github-actions[bot]"
        )
        github.state.lag = 5
        sha = github.merge(7)
        event = Event(
            name="push",
            repository="acme/charts",
            revision=sha,
            pushed=(sha,),
            named=(7,),
            default_branch="main",
        )
        done = commented(github, event, "publish")
    assert done.exit_code == 0
    assert "1 published" in next(iter(github.state.comments.values())).body


def test_number_that_a_subject_names_for_another_reason_is_nobodys(github: FakeGitHub) -> None:
    """A commit that was picked from elsewhere keeps its subject, and (#9) may be an issue."""
    with github:
        github.merge(7)
        sha = github.state.commit("picked (#7)", branch="main")
        options = Options(token="t0ken", api_url=github.api_url)
        with GitHub("acme/charts", options, clock=Clock(sleep=lambda _: None)) as host:
            assert host.pulls.merged_with([sha], named=[7, 9]) == {}
