"""Which commits an event brings: computed from the commits, whatever the event says of them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.git import GitRepo, chart_yaml
from tests.git.repositories import opened

from oci_chart_publish.github.event import Event, PullRequestEvent
from oci_chart_publish.progress import Lines, Silent
from oci_chart_publish.run.pushed_changes import Changes

NOTHING = "0" * 40


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "repo")
    made.write({f"charts/{name}/Chart.yaml": chart_yaml(name) for name in ("web", "db")})
    made.commit("begin")
    return made


def change(repo: GitRepo, name: str, text: str) -> str:
    repo.write({f"charts/{name}/values.yaml": f"text: {text}\n"})
    return repo.commit(text)


def brought(repo: GitRepo, event: Event) -> tuple[list[str], set[str] | None]:
    """Return the subjects of the commits that an event brings, and the charts that they changed."""
    said = io.StringIO()
    with opened(repo.root) as repository:
        changes = Changes(event=event, repository=repository, revision="HEAD", progress=Lines(said))
        paths = changes.paths
        assert said.getvalue() == ""
        charts = None if paths is None else {path.split("/")[1] for path in paths}
        return [commit.subject for commit in changes.commits], charts


def pull_request(head: str, base: str) -> Event:
    pull = PullRequestEvent(number=7, head=head, base=base, base_ref="main")
    return Event(name="pull_request", ref="refs/pull/7/merge", pull_request=pull)


def merged(repo: GitRepo, head: str) -> None:
    """Check out what GitHub tests: the pull request merged into the base as it is now."""
    repo.git("checkout", "--quiet", "--detach", "main")
    repo.merge(head, "Merge head into main")


def test_pull_request_brings_the_other_parent_of_its_merge_whatever_base_the_event_names(
    repo: GitRepo,
) -> None:
    frozen = repo.git("rev-parse", "HEAD")
    repo.branch("topic")
    head = change(repo, "db", "topic")
    repo.switch("main")
    current = change(repo, "web", "somebody else")
    merged(repo, head)
    for base in (frozen, current, NOTHING):
        assert brought(repo, pull_request(head, base)) == (["Merge head into main", "topic"], {"db"})


def test_pull_request_that_took_its_base_in_does_not_bring_what_it_took(repo: GitRepo) -> None:
    frozen = repo.git("rev-parse", "HEAD")
    repo.branch("topic")
    change(repo, "db", "topic")
    repo.switch("main")
    current = change(repo, "web", "somebody else")
    repo.git("update-ref", "refs/remotes/origin/main", current)
    repo.switch("topic")
    head = repo.merge("main", "Merge main into topic")
    assert brought(repo, pull_request(head, frozen)) == (["Merge main into topic", "topic"], {"db"})
    # The same once it is merged, and run again.
    repo.git("update-ref", "refs/remotes/origin/main", head)
    assert brought(repo, pull_request(head, current)) == (["Merge main into topic", "topic"], {"db"})


@pytest.mark.parametrize("depth", [(), ("--depth=1",), ("--depth=2",)], ids=["whole", "merge", "parents"])
def test_shallow_checkout_of_a_merge_fetches_the_base_that_was_tested(
    repo: GitRepo, tmp_path: Path, depth: tuple[str, ...]
) -> None:
    frozen = repo.git("rev-parse", "HEAD")
    repo.branch("topic")
    head = change(repo, "db", "topic")
    repo.switch("main")
    change(repo, "web", "somebody else")
    merged(repo, head)
    repo.git("switch", "--quiet", "--create", "merged")
    clone = GitRepo.clone(repo.root, tmp_path / "clone", "--branch=merged", "--no-tags", *depth)
    with opened(clone.root) as repository:
        changes = Changes(
            event=pull_request(head, frozen), repository=repository, revision="HEAD", progress=Silent()
        )
        assert changes.paths == frozenset({"charts/db/values.yaml"})


@pytest.mark.parametrize(
    "event",
    [
        lambda before: Event(name="push", ref="refs/heads/main", before=before),
        lambda before: Event(name="merge_group", ref="refs/heads/gh-readonly-queue/main/pr-7", before=before),
    ],
    ids=["push", "merge group"],
)
def test_push_and_merge_group_go_on_from_the_commit_before(
    repo: GitRepo, event: Callable[[str], Event]
) -> None:
    before = change(repo, "web", "earlier")
    change(repo, "db", "one")
    change(repo, "db", "two")
    assert brought(repo, event(before)) == (["two", "one"], {"db"})


def test_new_branch_brings_what_the_default_branch_has_not(repo: GitRepo) -> None:
    repo.branch("topic")
    change(repo, "db", "topic")
    repo.switch("main")
    change(repo, "web", "went on")
    repo.switch("topic")
    event = Event(name="push", ref="refs/heads/topic", default_branch="main", created=True)
    assert brought(repo, event) == (["topic"], {"db"})


def test_what_is_no_push_and_no_pull_request_brings_nobody_knows_what(repo: GitRepo) -> None:
    assert brought(repo, Event(name="schedule")) == ([], None)
