"""`bump --commit`: the commit is made whole, on the branch that was looked at, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.action.project import Project
from tests.fakes.github import FakeGitHub
from tests.flow.command import Command
from tests.real.registries import Registry

COMMIT = {"command": "bump --commit"}


@pytest.fixture
def project(tmp_path: Path, github: FakeGitHub, plain_registry: Registry) -> Project:
    """A chart that was released, and a pull request whose head changes it."""
    project = Project.begin(tmp_path, github, plain_registry)
    project.repo.tag("web-1.0.0")
    project.repo.git("checkout", "--quiet", "-b", "topic-7")
    project.repo.write({"charts/web/values.yaml": "replicas: 2\n"})
    head = project.commit(message="fix: two replicas")
    github.add_pull(7, head_sha=head)
    github.state.refs["heads/topic-7"] = head
    return project


def version(project: Project) -> str:
    return (project.repo.root / "charts/web/Chart.yaml").read_text().splitlines()[2]


def committed(project: Project, branch: str) -> bytes | None:
    state = project.github.state
    return state.commits[state.refs[f"heads/{branch}"]].files.get("charts/web/Chart.yaml")


def test_merge_that_github_tests_is_refused_before_anything_is_written(project: Project) -> None:
    project.repo.git("checkout", "--quiet", "--detach", "main")
    project.repo.merge("topic-7")
    for _ in range(2):
        step = project.pull_request(7, **COMMIT)
        assert step.code == 2
        assert "what is checked out is not the head of pull request 7, but the merge" in step.errors
        assert "add `ref: ${{ github.head_ref }}` to the `with:` of actions/checkout" in step.errors
    assert (version(project), committed(project, "topic-7")) == ("version: 1.0.0", None)
    assert project.pull_request(7, command="bump --check").code == 4  # which needs no branch


def test_head_of_a_pull_request_is_committed_to_and_the_files_here_stay(project: Project) -> None:
    step = project.pull_request(7, **COMMIT)
    assert step.code == 0, step.errors + step.log
    assert (committed(project, "topic-7") or b"").endswith(b"version: 1.0.1\n")
    assert version(project) == "version: 1.0.0"
    # Once more on the old commit: nothing is lost, nothing is said to be done.
    step = project.pull_request(7, **COMMIT)
    assert step.code == 7
    assert "topic-7 went on since" in step.errors


def test_files_are_written_too_where_that_is_asked_for_once_the_commit_is_made(project: Project) -> None:
    project.github.state.protected_branches = "topic-.*"
    step = project.pull_request(7, command="bump --write --commit")
    assert (step.code, version(project)) == (7, "version: 1.0.0"), step.errors
    project.github.state.protected_branches = ""
    step = project.pull_request(7, command="bump --write --commit")
    assert (step.code, version(project)) == (0, "version: 1.0.1"), step.errors


def test_branch_of_a_fork_and_a_tag_are_refused(project: Project) -> None:
    project.github.state.pulls[7].head_repository = "someone/charts"
    step = project.pull_request(7, **COMMIT)
    assert (step.code, "pull request 7 comes from another repository" in step.errors) == (2, True)
    step = project.run("push", {}, ref="refs/tags/v1", **COMMIT)
    assert (step.code, "refs/tags/v1 is no branch" in step.errors) == (2, True)
    assert version(project) == "version: 1.0.0"


def test_dry_run_says_what_it_would_write_and_commit(project: Project) -> None:
    step = project.pull_request(7, command="bump --write --commit", dry_run="true")
    assert step.code == 0, step.errors
    assert "would write charts/web/Chart.yaml\nwould commit charts/web/Chart.yaml to topic-7\n" in step.log
    assert (version(project), committed(project, "topic-7")) == ("version: 1.0.0", None)


def test_commit_by_git_leaves_everything_as_it_was_where_it_fails(project: Project, tmp_path: Path) -> None:
    command = Command(folder=project.repo.root, home=tmp_path)
    git = project.repo.git
    before = git("rev-parse", "HEAD")
    git("config", "user.useConfigOnly", "true")
    for _ in range(2):
        done = command.run("bump", "--commit")
        assert done.code == 2, done.err
        assert "set user.name and user.email with git config" in done.err
    assert (version(project), git("status", "--porcelain"), git("rev-parse", "HEAD")) == (
        "version: 1.0.0",
        "",
        before,
    )
    git("config", "user.name", "Ada")
    git("config", "user.email", "ada@example.com")
    done = command.run("bump", "--commit")
    assert (done.code, version(project), git("status", "--porcelain")) == (0, "version: 1.0.1", ""), done.err
    assert git("rev-parse", "HEAD~1") == before
