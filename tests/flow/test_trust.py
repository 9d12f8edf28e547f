"""What may be published by whom, and where a setting says that nothing is: real registry, real git."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.action.minirunner import Runner, Step
from tests.action.payloads import pull_request
from tests.fakes.git import GitRepo
from tests.flow.asking import tags
from tests.flow.charts import chart
from tests.flow.command import Command
from tests.real.registries import Registry


class Project:
    """A repository with one chart that its registry lacks."""

    def __init__(self, tmp_path: Path, registry: Registry) -> None:
        self.registry = registry
        self.path = tmp_path.name.replace("_", "-").strip("-")
        chart(tmp_path / "repo", "web", "1.0.0")
        self.git = GitRepo(tmp_path / "repo")
        self.base = self.git.commit("feat: web")
        (tmp_path / "home").mkdir()
        self.temp = tmp_path
        self.runner = Runner(workspace=self.git.root, temp=tmp_path / "runner", api_url="http://127.0.0.1:1")

    @property
    def place(self) -> str:
        return f"{self.registry.host}/{self.path}"

    def command(self, **extra: str) -> Command:
        return Command(folder=self.git.root, home=self.temp / "home", extra=extra)

    def step(
        self, event: str, payload: dict[str, object], *, ref: str = "refs/heads/main", **inputs: str
    ) -> Step:
        given = {"registries": self.place, "github_token": "", **inputs}
        return self.runner.step(event, payload, ref=ref, sha=self.base, **given)

    def published(self) -> list[str]:
        return tags(self.registry, f"{self.path}/web")


@pytest.fixture
def project(tmp_path: Path, plain_registry: Registry) -> Project:
    return Project(tmp_path, plain_registry)


@pytest.mark.parametrize("origin", ["option", "environment", "file"])
def test_dry_run_writes_nothing_whoever_says_it(project: Project, origin: str) -> None:
    if origin == "file":
        project.git.write({".oci-chart-publish.yaml": "dry-run: true\n"})
    command = project.command(**({"OCI_CHART_PUBLISH_DRY_RUN": "true"} if origin == "environment" else {}))
    done = command.publish(project.place, options=["--dry-run"] if origin == "option" else [])
    assert (done.code, done.statuses()) == (0, {"web": "would-publish"}), done.err
    assert (done.report["command"], done.report["dry_run"]) == ("publish", True)
    assert project.published() == []


def test_dry_run_in_the_settings_file_holds_for_the_action_too(project: Project) -> None:
    project.git.write({".oci-chart-publish.yaml": "dry-run: true\n"})
    step = project.step("push", {"before": ""})
    assert step.code == 0, step.errors + step.log
    assert project.published() == []


def test_refs_that_publish_may_stand_in_the_settings_file(project: Project) -> None:
    step = project.step("push", {"before": ""}, ref="refs/heads/release-1")
    assert (step.code, project.published()) == (0, []), step.errors + step.log
    project.git.write({".oci-chart-publish.yaml": "publish-refs: [refs/heads/release-*]\n"})
    step = project.step("push", {"before": ""}, ref="refs/heads/release-1")
    assert (step.code, project.published()) == (0, ["1.0.0"]), step.errors + step.log


def test_what_a_fork_proposes_is_not_published_on_workflow_run(project: Project) -> None:
    project.git.write({"charts/web/values.yaml": "evil: true\n"})
    head = project.git.commit("something of a fork")
    run = {"event": "pull_request", "head_sha": head, "head_repository": {"full_name": "evil/charts"}}
    step = project.step("workflow_run", {"workflow_run": run}, command="publish")
    assert step.code == 2, step.errors + step.log
    assert f"refused to publish {head} on workflow_run for evil/charts" in step.errors
    assert project.published() == []
    # The default branch is nobody else's, whatever ran before.
    project.git.git("checkout", "--quiet", project.base)
    step = project.step("workflow_run", {"workflow_run": run}, command="publish")
    assert (step.code, project.published()) == (0, ["1.0.0"]), step.errors + step.log


def test_what_a_fork_proposes_is_published_once_it_is_merged(project: Project) -> None:
    payload = pull_request(7, project.base, project.base, repository="evil/charts")
    step = project.step("pull_request", payload, ref="refs/pull/7/merge", command="publish")
    assert (step.code, project.published()) == (2, []), step.errors + step.log
    assert "refused to publish pull request 7 of evil/charts, which is not merged" in step.errors
    payload["pull_request"]["merged"] = True
    step = project.step("pull_request", payload, command="publish")
    assert (step.code, project.published()) == (0, ["1.0.0"]), step.errors + step.log


def test_command_line_refuses_what_the_action_does(project: Project, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps(pull_request(7, project.base, project.base, repository="evil/charts")))
    command = project.command(
        GITHUB_EVENT_NAME="pull_request_target",
        GITHUB_EVENT_PATH=str(event),
        GITHUB_REPOSITORY="acme/charts",
        GITHUB_SHA=project.base,
    )
    done = command.publish(project.place)
    assert done.code == 2, done.err
    assert "refused to run on pull_request_target" in done.err
    assert project.published() == []


def test_command_line_may_let_conflicts_pass(project: Project) -> None:
    assert project.command().publish(project.place).code == 0
    project.git.write({"charts/web/values.yaml": "other: true\n"})
    assert project.command().publish(project.place).code == 4
    done = project.command().publish(project.place, options=["--conflicts", "warn"])
    assert (done.code, done.statuses()) == (0, {"web": "drift"}), done.err


def test_path_that_cannot_be_looked_at_and_bare_repository_are_said_in_one_line(
    project: Project, tmp_path: Path
) -> None:
    done = project.command().run("plan", "n" * 300)
    assert (done.code, "cannot look at 'nnn" in done.err) == (2, True), done.err
    bare = GitRepo.clone(project.git.root, tmp_path / "bare.git", "--bare")
    done = Command(folder=bare.root, home=tmp_path / "home").run("plan")
    assert (done.code, "is a bare repository, without the files of any chart" in done.err) == (2, True), (
        done.err
    )
