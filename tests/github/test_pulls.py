from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.github import FakeGitHub, Pull, Token

from oci_chart_publish.errors import ForgeError, ReadOnlyError
from oci_chart_publish.github.gateway import GitHub
from oci_chart_publish.github.pull_requests import PullRequest

FORK = "mallory/charts"


def run_of(pull: Pull, *, listed: int | None = None, base: int | None = None) -> dict[str, Any]:
    """Return the ``workflow_run`` of an event, as far as it matters."""
    source = {"full_name": pull.head_repository} if pull.head_repository else None
    pulls: list[dict[str, Any]] = []
    if listed is not None:
        pulls = [{"number": listed, "base": {"repo": {"id": 1 if base is None else base}}}]
    return {
        "repository": {"id": 1},
        "head_sha": pull.head_sha,
        "head_branch": pull.head_ref,
        "head_repository": source,
        "pull_requests": pulls,
    }


def test_a_pull_request_is_read_as_plain_values(fake: FakeGitHub, github: GitHub) -> None:
    pull = fake.add_pull(12, head_repository=FORK, labels=["release:minor", "bug"], title="Add a probe")
    assert github.pulls.get(12) == PullRequest(
        number=12,
        title="Add a probe",
        head=pull.head_sha,
        head_ref="feature",
        head_repository=FORK,
        base=fake.state.refs["heads/main"],
        base_ref="main",
        labels=("release:minor", "bug"),
        open=True,
        merged=False,
        merge_commit="",
    )


def test_the_head_of_a_deleted_fork_has_no_repository(fake: FakeGitHub, github: GitHub) -> None:
    fake.add_pull(12, head_repository=None)
    assert github.pulls.get(12).head_repository == ""


def test_a_pull_request_that_does_not_exist_is_an_error(github: GitHub) -> None:
    with pytest.raises(ForgeError, match="pulls/404: 404 Not Found"):
        github.pulls.get(404)


def test_a_commit_without_a_pull_request_has_none(fake: FakeGitHub, github: GitHub) -> None:
    assert github.pulls.of_commit(fake.state.refs["heads/main"]) == ()


def test_a_commit_that_github_does_not_have_belongs_to_no_pull_request(github: GitHub) -> None:
    assert github.pulls.of_commit("0" * 40) == ()


def test_a_server_in_trouble_is_not_taken_for_no_pull_request(fake: FakeGitHub, github: GitHub) -> None:
    fake.refuse("GET", "/pulls", times=5)
    with pytest.raises(ForgeError, match="502 Server Error"):
        github.pulls.of_commit(fake.state.refs["heads/main"])


def test_a_workflow_run_without_a_branch_is_found_by_its_head(fake: FakeGitHub, github: GitHub) -> None:
    fake.state.commit_pulls_sees_forks = False
    pull = fake.add_pull(30, head_repository=FORK)
    found = github.pulls.of_workflow_run({**run_of(pull), "head_branch": None})
    assert found is not None
    assert found.number == 30


def test_a_workflow_run_of_this_repository_names_its_pull_request(fake: FakeGitHub, github: GitHub) -> None:
    found = github.pulls.of_workflow_run(run_of(fake.state.pulls[7], listed=7))
    assert found is not None
    assert found.number == 7
    assert len(fake.requests) == 1


@pytest.mark.parametrize("origin", ["acme/charts", FORK])
def test_of_two_pull_requests_of_one_branch_the_run_is_called_after_its_own(
    fake: FakeGitHub, github: GitHub, origin: str
) -> None:
    one = fake.add_pull(30, head_repository=origin, title="Add a probe")
    fake.add_pull(31, head_sha=one.head_sha, head_repository=origin, base_ref="next", title="Add it to next")
    run = run_of(one)
    if origin != FORK:
        run["pull_requests"] = [{"number": 30}, {"number": 31}]
    found = [
        github.pulls.of_workflow_run({**run, "display_title": title}) for title in ("Add it to next", "?")
    ]
    assert [pull and pull.number for pull in found] == [31, 30]


@pytest.mark.parametrize("sees_forks", [True, False], ids=["by commit", "by open pull requests"])
def test_a_workflow_run_of_a_fork_is_found_by_its_head(
    fake: FakeGitHub, github: GitHub, *, sees_forks: bool
) -> None:
    fake.state.commit_pulls_sees_forks = sees_forks
    for number in range(20, 26):
        fake.add_pull(number, head_repository=f"user{number}/charts")
    pull = fake.add_pull(30, head_repository=FORK, head_ref="patch-1")
    found = github.pulls.of_workflow_run(run_of(pull))
    assert found is not None
    assert (found.number, found.head_repository) == (30, FORK)


@pytest.mark.parametrize("origin", ["acme/charts", FORK])
def test_a_workflow_run_finds_its_pull_request_closed(fake: FakeGitHub, github: GitHub, origin: str) -> None:
    """GitHub lists none of them in the event, nor for the commit."""
    pull = fake.add_pull(30, head_repository=origin, head_ref="patch-1", state="closed")
    found = github.pulls.of_workflow_run(run_of(pull))
    assert found is not None
    assert (found.number, found.open, found.merged) == (30, False, False)


def test_a_fork_that_has_the_same_commit_is_not_taken_for_another(fake: FakeGitHub, github: GitHub) -> None:
    """Somebody may open a pull request with a commit of somebody else's."""
    victim = fake.add_pull(30, head_repository="victim/charts")
    attacker = fake.add_pull(31, head_sha=victim.head_sha, head_repository=FORK)
    found = github.pulls.of_workflow_run(run_of(attacker))
    assert found is not None
    assert found.number == 31


def test_a_pull_request_that_belongs_to_the_fork_itself_does_not_count(
    fake: FakeGitHub, github: GitHub
) -> None:
    pull = fake.add_pull(30, head_repository=FORK)
    found = github.pulls.of_workflow_run(run_of(pull, listed=7, base=2))
    assert found is not None
    assert found.number == 30


def test_a_head_that_has_moved_on_has_no_pull_request(fake: FakeGitHub, github: GitHub) -> None:
    pull = fake.add_pull(30, head_repository=FORK)
    payload = run_of(pull)
    pull.head_sha = fake.state.commit("pushed again")
    assert github.pulls.of_workflow_run(payload) is None


def test_a_fork_that_is_gone_has_no_pull_request(fake: FakeGitHub, github: GitHub) -> None:
    assert github.pulls.of_workflow_run(run_of(fake.add_pull(30, head_repository=None))) is None


def test_an_open_pull_request_comes_before_a_closed_one(fake: FakeGitHub, github: GitHub) -> None:
    closed = fake.add_pull(30, head_repository=FORK, state="closed")
    fake.add_pull(31, head_sha=closed.head_sha, head_repository=FORK)
    found = github.pulls.of_workflow_run(run_of(closed))
    assert found is not None
    assert found.number == 31


def test_merged_ones_are_found_by_the_commits_that_they_brought(fake: FakeGitHub, github: GitHub) -> None:
    fake.state.pulls.clear()
    one = fake.add_pull(1, labels=["release:major", "bug"], title="One", head_repository=FORK)
    fake.add_pull(3)
    merged = fake.merge(1)
    fake.forget()
    found = github.pulls.merged_with([merged, one.head_sha, fake.state.pulls[3].head_sha, "0" * 40, merged])
    assert found == {merged: github.pulls.get(1), one.head_sha: github.pulls.get(1)}
    assert found[merged].labels == ("release:major", "bug")
    assert len(fake.sent("POST", "graphql")) == 1


def test_many_commits_are_asked_for_fifty_at_a_time(fake: FakeGitHub, github: GitHub) -> None:
    fake.forget()
    assert github.pulls.merged_with(f"{number:040x}" for number in range(101)) == {}
    assert len(fake.requests) == 3


def test_a_commit_of_many_pull_requests_is_asked_for_to_the_last_page(
    fake: FakeGitHub, github: GitHub
) -> None:
    """One that is not on the default branch has the open ones too, and the oldest come first."""
    fake.state.commit("start", branch="release-1")
    head = fake.state.commit("shared")
    for number in range(1, 12):
        fake.add_pull(number, head_sha=head, head_repository=f"user{number}/charts")
    fake.add_pull(12, head_sha=head, base_ref="release-1")
    merged = fake.merge(12)
    fake.forget()
    found = github.pulls.merged_with([head, merged])
    assert {commit: pull.number for commit, pull in found.items()} == {head: 12, merged: 12}
    assert len(fake.sent("POST", "graphql")) == 3


def test_as_many_labels_as_a_pull_request_may_have_are_read(fake: FakeGitHub, github: GitHub) -> None:
    labels = (*(f"area/{number}" for number in range(99)), "release:major")
    fake.add_pull(1, labels=list(labels))
    merged = fake.merge(1)
    assert github.pulls.merged_with([merged])[merged].labels == labels


def test_who_may_not_read_pull_requests_is_told(fake: FakeGitHub, github: GitHub) -> None:
    fake.tokens["t0ken"] = Token(writes=frozenset({"contents"}), reads=frozenset())
    with pytest.raises(ReadOnlyError, match="Resource not accessible by integration"):
        github.pulls.merged_with([fake.state.refs["heads/main"]])
