"""The comment on a pull request over its whole life, as the runs of a workflow leave it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.action.project import NOTHING, Project, charts, notes
from tests.fakes.git import GitRepo, chart_yaml
from tests.fakes.github import Token

READS = "Add `pull-requests: read` to the `permissions:` of the job"


@pytest.fixture
def project(project: Project) -> Project:
    """The two charts, published."""
    step = project.push(release="off")
    assert step.code == 0, step.errors + step.log
    return project


def test_closed_without_a_merge_ends_as_that(project: Project) -> None:
    project.open(7, "web", "1.0.1")
    project.pull_request(7)
    assert "1 to publish" in project.comment(7).splitlines()[1]
    project.github.state.pulls[7].state = "closed"
    step = project.pull_request(7, "closed")
    assert step.code == 0, step.errors + step.log
    lines = project.comment(7).splitlines()
    assert lines[1] == "### Helm charts: closed without a merge, nothing of it was published"
    assert lines[3] == "<details><summary>The last plan</summary>"
    project.github.state.pulls[7].state = "open"
    project.pull_request(7, "reopened")
    assert "1 to publish" in project.comment(7).splitlines()[1]


def test_nobody_who_closes_a_pull_request_gets_a_new_comment(project: Project) -> None:
    project.open(7, "web", "1.0.1")
    project.github.state.pulls[7].state = "closed"
    assert project.pull_request(7, "closed").code == 0
    assert project.github.state.comments == {}


@pytest.mark.parametrize("first", ["push", "closed"])
def test_what_was_published_stays_whichever_run_comes_last(project: Project, first: str) -> None:
    before = project.head
    project.open(7, "web", "1.0.1")
    project.pull_request(7)
    project.merge(7)
    if first == "push":
        assert project.push(before, release="off").code == 0
        said = project.comment(7)
        assert "✅ published" in said
        assert project.pull_request(7, "closed").code == 0
        assert project.push(before, release="off").code == 0  # again: unchanged by now
        assert project.comment(7) == said
    else:
        assert project.pull_request(7, "closed").code == 0
        assert project.comment(7).splitlines()[1:4] == [
            "### Helm charts: merged",
            "",
            "What the publish run of `main` makes of it will be said here.",
        ]
        project.runner.run_id -= 50  # the run that publishes began before
        assert project.push(before, release="off").code == 0
        assert "✅ published" in project.comment(7)


def test_merge_into_a_branch_that_is_not_known_to_publish_promises_nothing(project: Project) -> None:
    project.open(7, "web", "1.0.1")
    project.pull_request(7)
    pull = project.github.state.pulls[7]
    pull.merged, pull.state, pull.base_ref = True, "closed", "next"
    for refs, said in (
        ("", "If a run publishes `next`, what it makes of it will be said here."),
        ("refs/heads/n*", "What the publish run of `next` makes of it will be said here."),
    ):
        step = project.pull_request(7, "closed", publish_refs=refs)
        assert step.code == 0, step.errors + step.log
        assert project.comment(7).splitlines()[1:4] == ["### Helm charts: merged", "", said]


def test_push_that_plans_promises_nothing(project: Project) -> None:
    project.open(7, "web", "1.0.1")
    project.pull_request(7)
    project.github.state.pulls[7].base_ref = "next"
    (merged,) = project.merge(7)
    payload = {"before": NOTHING, "commits": [{"id": merged}]}
    step = project.run("push", payload, ref="refs/heads/next")
    assert step.code == 0, step.errors + step.log
    assert project.comment(7).splitlines()[3] == (
        "If a run publishes `next`, what it makes of it will be said here."
    )


def test_report_of_an_older_plan_that_comes_late_replaces_no_newer_one(project: Project) -> None:
    head = project.open(7, "web", "1.0.1")
    for run, version, shown in ((20, "1.0.2", "1.0.2"), (19, "1.0.1", "1.0.2"), (20, "1.0.3", "1.0.3")):
        project.repo.write({"charts/web/Chart.yaml": chart_yaml("web", version)})
        plan = project.pull_request(7, comment="off")
        (project.repo.root / "plan.json").write_bytes(Path(plan.outputs["report"]).read_bytes())
        payload = {
            "workflow_run": {
                "id": run,
                "run_attempt": 1,
                "event": "pull_request",
                "head_sha": head,
                "pull_requests": [{"number": 7}],
                "head_repository": {"full_name": "acme/charts"},
            }
        }
        step = project.run("workflow_run", payload, command="report plan.json", registries="")
        assert step.code == 0, step.errors + step.log
        assert f"**{shown}**" in project.comment(7)


@pytest.mark.parametrize("listed", [True, False], ids=["event lists commits", "git knows them"])
def test_every_pull_request_of_a_push_is_told(project: Project, *, listed: bool) -> None:
    before = project.head
    for number, chart in ((7, "web"), (8, "api"), (9, "web")):
        project.open(number, chart, f"1.0.{number}")
        project.pull_request(number)
    other = project.comment(9)
    project.github.add_pull(10)  # has no comment, and gets none
    commits = project.merge(7, 8)
    step = project.push(before, commits=commits if listed else (), release="off")
    assert step.code == 0, step.errors + step.log
    assert "2 published" in project.comment(7).splitlines()[1]
    assert project.comment(7).splitlines()[1:] == project.comment(8).splitlines()[1:]
    assert project.comment(9) == other
    assert len(project.github.state.comments) == 3


def test_shallow_clone_tells_the_pull_request_of_its_head(project: Project, tmp_path: Path) -> None:
    before = project.head
    project.open(7, "web", "1.0.1")
    project.pull_request(7)
    project.merge(7)
    clone = GitRepo.clone(project.repo.root, tmp_path / "clone", "--depth=1")
    project.repo, project.runner.workspace = clone, clone.root
    step = project.push(before, release="off")
    assert step.code == 0, step.errors + step.log
    assert "✅ published" in project.comment(7)


def test_a_failed_publish_is_replaced_by_the_one_that_repairs_it(project: Project) -> None:
    before = project.head
    project.open(7, "web", "1.0.1")
    project.pull_request(7)
    project.merge(7)
    project.github.refuse("POST", "/releases$", "burnt-tag")
    project.runner.extra = {"GITHUB_SERVER_URL": project.github.url}
    assert project.push(before).code == 7
    assert "422 Validation Failed" in project.comment(7)
    step = project.push(before)
    assert step.code == 0, step.errors + step.log
    assert "422 Validation" not in project.comment(7)
    assert "1 released" in project.comment(7).splitlines()[1]
    url = charts(step)["web"]["release_url"]
    assert url == f"{project.github.url}/acme/charts/releases/tag/web-1.0.1"
    # Once more: what is there already is named with its release, too.
    assert charts(project.push(before))["web"]["release_url"] == url


@pytest.mark.parametrize(
    ("release", "path", "refusal", "done"),
    [
        ("release", "/releases$", "burnt-tag", "released"),
        ("tag", "/git/refs$", "not-found", "tagged"),
    ],
)
def test_what_one_attempt_published_and_the_next_released_is_shown_whole(
    project: Project, release: str, path: str, refusal: str, done: str
) -> None:
    before = project.head
    project.repo.write({"charts/api/Chart.yaml": chart_yaml("api", "1.1.0")})
    project.open(7, "web", "1.1.0")
    project.pull_request(7)
    project.merge(7)
    project.github.refuse("POST", path, refusal)
    assert project.push(before, release=release).code == 7
    assert project.comment(7).splitlines()[1] == "### Helm charts: 2 published"
    assert ("404 Not Found" if release == "tag" else "422 Validation Failed") in project.comment(7)
    project.runner.extra = {"GITHUB_RUN_ATTEMPT": "2"}
    step = project.push(before, release=release)
    assert step.code == 0, step.errors + step.log
    assert {(one["status"], one["released"]) for one in charts(step).values()} == {
        ("unchanged", True),
        ("unchanged", False),
    }
    said = project.comment(7)
    headline = f"### Helm charts: 1 {done}, 1 unchanged"
    assert said.splitlines()[1] == headline
    assert "422 Validation" not in said
    for name, label in (("api", f"✅ {done}"), ("web", "unchanged")):
        chart, tag = charts(step)[name], f"{name}-1.1.0"
        link = f"https://github.com/acme/charts/releases/tag/{tag}"
        digest = chart["digest"].removeprefix("sha256:")[:12]
        folder = f"https://github.com/acme/charts/tree/{project.head}/charts/{name}"
        row = f"| [**{name}**]({folder}) | [1.1.0]({link}) | {label} | {chart['size']} B | `{digest}` |"
        assert row in said.splitlines()
        assert f"{'Release' if release == 'release' else 'Tag'} [{tag}]({link})" in said
        assert f"Digest `{chart['digest']}`" in said
        assert f"helm pull oci://{project.given['registries']}/{name} --version 1.1.0" in said
        assert (row in step.summary.splitlines()) is chart["released"]  # it is of this attempt alone
    assert step.summary.splitlines()[0] == headline
    assert re.search(rf"^api +1\.1\.0 +{done} ", step.log, re.MULTILINE)
    assert f"2 charts: 1 {done}, 1 unchanged\n" in step.log
    # What is told whole stays, and nothing is left to do.
    project.runner.extra = {"GITHUB_RUN_ATTEMPT": "3"}
    step = project.push(before, release=release)
    assert {one["released"] for one in charts(step).values()} == {False}
    assert project.comment(7) == said


def test_comment_that_could_not_be_written_shows_in_the_next_attempt_what_was_published(
    project: Project,
) -> None:
    before = project.head
    project.open(7, "web", "1.1.0")
    project.pull_request(7)
    project.merge(7)
    project.github.refuse("PATCH", "/comments/", "body-too-long")
    assert project.push(before, release="off").code == 7
    assert "1 to publish" in project.comment(7).splitlines()[1]
    project.runner.extra = {"GITHUB_RUN_ATTEMPT": "2"}
    step = project.push(before, release="off")
    assert step.code == 0, step.errors + step.log
    lines = project.comment(7).splitlines()
    assert lines[1] == "### Helm charts: 2 unchanged"
    (row,) = [line for line in lines if line.startswith("| [**")]
    digest = charts(step)["web"]["digest"]
    folder = f"https://github.com/acme/charts/tree/{project.head}/charts/web"
    assert row.startswith(f"| [**web**]({folder}) | 1.1.0 | unchanged | ")
    assert row.endswith(f" | `{digest.removeprefix('sha256:')[:12]}` |")
    assert "Unchanged: api 1.0.0" in lines


def test_dry_run_says_what_it_would_do_and_does_nothing(project: Project) -> None:
    before = project.head
    project.open(7, "web", "1.0.1")
    step = project.pull_request(7, dry_run="true")
    assert (step.code, notes(step)) == (0, ["dry run: would comment on #7"]), step.errors + step.log
    project.merge(7)
    step = project.push(before, dry_run="true")
    assert (step.code, charts(step)["web"]["status"]) == (0, "would-publish")
    assert notes(step) == ["dry run: would release web-1.0.1", "dry run: would comment on #7"]
    sent = [one for one in project.github.requests if one.method in {"POST", "PATCH", "DELETE"}]
    assert [one for one in sent if not str((one.body or {}).get("query")).startswith("query ")] == []


def test_drift_of_others_is_not_worth_a_comment_where_changes_are(project: Project) -> None:
    project.repo.write({"charts/api/values.yaml": "forgotten: 1\n"})
    project.commit()
    project.repo.git("checkout", "--quiet", "-b", "topic-7")
    project.repo.write({"README.md": "hello\n"})
    project.github.add_pull(7, head_sha=project.commit())
    step = project.pull_request(7, comment="changes")
    assert (step.code, charts(step)["api"]["status"]) == (0, "drift")
    assert project.github.state.comments == {}
    # Where conflicts only warn, this pull request's own is drift as well.
    project.repo.write({"charts/web/values.yaml": "forgotten: 1\n"})
    project.github.state.pulls[7].head_sha = project.commit()
    assert project.pull_request(7, comment="changes", conflicts="warn").code == 0
    assert "web" in project.comment(7)


def test_runs_of_different_keys_have_a_comment_each(project: Project) -> None:
    project.open(7, "web", "1.0.1")
    for key in ("stable", "incubator", "stable"):
        assert project.pull_request(7, comment_key=key).code == 0
    keys = [
        comment.body.partition('key="')[2].partition('"')[0]
        for comment in project.github.state.comments.values()
    ]
    assert keys == ["stable", "incubator"]
    step = project.pull_request(7, comment_key="Not a key")
    assert step.code == 2
    assert "comment-key" in step.errors


def test_token_that_may_not_read_pull_requests_is_told_what_it_was_for(project: Project) -> None:
    before = project.head
    project.commit("web", version="1.0.1")
    refusal = "Resource not accessible by integration"
    project.github.tokens["t0ken"] = Token(writes=frozenset({"contents"}), reads=frozenset({"contents"}))
    step = project.push(before, release="off")
    assert step.code == 0
    (note,) = notes(step)
    assert note.startswith(
        "which pull request this run belongs to is not known, so no comment was written: GET "
    )
    assert note.endswith(f"{refusal}. {READS}")


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ("locked", "403 Unable to create comment because issue is locked."),
        ("not-found", "404 Not Found"),
    ],
)
def test_pull_request_that_takes_no_comment_fails_nothing(project: Project, refusal: str, words: str) -> None:
    project.open(7, "web", "1.0.1")
    project.github.refuse("POST", "/issues/7/comments$", refusal)
    step = project.pull_request(7)
    assert (step.code, project.github.state.comments) == (0, {}), step.errors + step.log
    (note,) = notes(step)
    assert note.startswith(
        "pull request 7 takes no comment, the report is in the step summary only: POST http"
    )
    assert note.endswith(words)
    assert f"::notice::{note}" in step.annotations


def test_hint_of_a_refused_release_is_one_plain_line(project: Project) -> None:
    before = project.head
    project.commit("web", version="1.0.1")
    project.github.tokens["t0ken"] = Token(writes=frozenset({"pull_requests"}))
    step = project.push(before)
    assert step.code == 7
    (note,) = notes(step)
    assert note.startswith("1 chart is published and not released, web-1.0.1: POST http")
    assert note.endswith(
        "/releases: 403 Resource not accessible by integration. "
        "Add `contents: write` to the `permissions:` of the job. GitHub accepts: contents=write. "
        "Then run once with `backfill: true` in the settings file for what is missing"
    )


def test_run_without_a_token_says_what_it_left_out(project: Project) -> None:
    before = project.head
    project.open(7, "web", "1.0.1")
    step = project.pull_request(7, github_token="")
    assert (step.code, notes(step)) == (0, ["nothing was commented on: github-token is empty"])
    assert "::notice::nothing was commented on: github-token is empty" in step.log
    assert notes(project.pull_request(7, github_token="", comment="off")) == []
    project.merge(7)
    step = project.push(before, github_token="")
    assert (step.code, notes(step)) == (0, ["nothing was released: github-token is empty"])
    assert notes(project.push(before, github_token="")) == []  # nothing was published either


def test_new_branch_and_merge_group_comment_nowhere(project: Project) -> None:
    project.open(7, "web", "1.0.1")
    group = {"action": "checks_requested", "merge_group": {"base_sha": project.repo.git("rev-parse", "main")}}
    project.github.forget()
    step = project.run("merge_group", group, ref="refs/heads/gh-readonly-queue/main/pr-7")
    assert (step.code, charts(step)["web"]["status"]) == (0, "would-publish")
    assert project.github.requests == []
    assert project.run("push", {"before": NOTHING}, ref="refs/heads/topic-7").code == 0
    assert project.github.state.comments == {}
