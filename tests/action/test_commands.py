"""Commands of the action besides publish and plan, and the paths it tells to later steps."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.action.minirunner import Runner
from tests.fakes.git import GitRepo
from tests.fakes.github import FakeGitHub
from tests.real.registries import Registry
from tests.real.tools import as_root, tool

from oci_chart_publish.action.action import on_runner

MAIN = "refs/heads/main"
CONTAINER = {
    "RUNNER_TEMP": "/github/runner_temp",
    "RUNNER_WORKSPACE": "/home/runner/work/charts",
    "GITHUB_REPOSITORY": "acme/charts",
}


def test_bump_is_run_with_its_options(repo: GitRepo, runner: Runner) -> None:
    repo.tag("web-1.0.0")
    repo.write({"charts/web/values.yaml": "a: 1\n"})
    sha = repo.commit("feat: values")
    step = runner.step("push", {}, ref=MAIN, sha=sha, command="bump --check", github_token="")
    assert step.code == 4, step.errors + step.log
    place = "file=charts/web/Chart.yaml,line=3"
    said = "'version': 1.0.0 was not raised: 'feat: values'"
    assert step.annotations == [f"::error {place}::{said}%0Aset it to 1.1.0, or run `bump --write`"]
    assert f"charts/web/Chart.yaml:3: {said}" in step.errors
    assert "`charts/web/Chart.yaml:3`: 'version': 1.0.0 was not raised" in step.summary
    assert "→ set it to 1.1.0" in step.summary
    assert step.outputs["conclusion"] == "conflict"
    step = runner.step("push", {}, ref=MAIN, sha=sha, command="bump --write", github_token="")
    assert step.code == 0, step.errors + step.log
    assert "version: 1.1.0" in (repo.root / "charts/web/Chart.yaml").read_text()
    assert (step.outputs["conclusion"], step.summary) == ("success", "")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"jobs": "many"}, "'jobs'"),
        ({"command": "publsh"}, "did you mean 'publish'?"),
        ({"command": "bump --chek"}, "No such option"),
        ({"command": "bump --message 'x"}, "close every quote"),
        ({"command": "bump --message x\\"}, "No escaped character"),
        ({"charts": "charts/*"}, "two charts of one name"),
        ({"layout": "/proc/none"}, "/proc/none"),
    ],
)
def test_what_ends_a_run_before_it_begins_is_said_everywhere(
    repo: GitRepo, runner: Runner, inputs: dict[str, str], message: str
) -> None:
    repo.write({"charts/twin/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"})
    if "charts" not in inputs:
        inputs = {**inputs, "charts": "charts/web"}
    sha = repo.commit("feat: twin")
    step = runner.step("push", {}, ref=MAIN, sha=sha, github_token="", **inputs)
    assert step.code == 2, step.errors + step.log
    assert step.outputs == {"conclusion": "failure"}
    assert step.summary.startswith("### Helm charts: an error\n")
    assert message in step.errors
    (annotation,) = step.annotations
    assert annotation.startswith("::error")


def test_saved_report_is_commented_by_a_job_of_the_base_repository(
    repo: GitRepo, runner: Runner, github: FakeGitHub
) -> None:
    sha = repo.git("rev-parse", "HEAD")
    head = {"sha": sha, "ref": "topic", "repo": {"full_name": "acme/charts"}}
    pull = {"number": 7, "state": "open", "head": head, "base": {"sha": sha, "ref": "main"}, "labels": []}
    github.state.commit("pushed", sha=sha, branch="main")
    github.add_pull(7, head_sha=sha)
    plan = runner.step(
        "pull_request",
        {"action": "opened", "pull_request": pull},
        ref="refs/pull/7/merge",
        sha=sha,
        comment="off",
    )
    assert plan.code == 0, plan.errors
    assert github.state.comments == {}

    saved = runner.workspace / "report.json"
    saved.write_bytes(Path(plan.outputs["report"]).read_bytes())
    run = {
        "event": "pull_request",
        "head_sha": sha,
        "pull_requests": [{"number": 7}],
        "head_repository": {"full_name": "acme/charts"},
    }
    step = runner.step(
        "workflow_run",
        {"action": "completed", "workflow_run": run},
        ref=MAIN,
        sha=sha,
        command="report report.json",
    )
    assert step.code == 0, step.errors + step.log
    (comment,) = github.state.comments.values()
    digest = json.loads(plan.outputs["charts"])[0]["digest"]
    assert digest in comment.body
    assert digest in step.summary


def test_a_schedule_publishes(repo: GitRepo, runner: Runner, plain_registry: Registry) -> None:
    sha = repo.git("rev-parse", "HEAD")
    place = f"{plain_registry.host}/schedule"
    payload = {"schedule": "0 4 * * *"}
    step = runner.step("schedule", payload, ref=MAIN, sha=sha, registries=place, github_token="")
    assert step.code == 0, step.errors + step.log
    assert step.outputs["published"] == "true"


def test_steps_of_a_job_leave_files_of_their_own(
    repo: GitRepo, runner: Runner, plain_registry: Registry, tmp_path: Path
) -> None:
    runner.extra = {"RUNNER_TEMP": str(tmp_path)}
    registries = [f"{plain_registry.host}/{name}" for name in ("first", "second")]
    head = repo.git("rev-parse", "HEAD")
    steps = [
        runner.step("push", {}, ref="refs/heads/main", sha=head, registries=one, release="off")
        for one in registries
    ]
    for step, registry in zip(steps, registries, strict=True):
        assert Path(step.outputs["checksums"]).read_text().endswith(f"  {registry}/web\n")


def test_what_root_leaves_in_the_workspace_belongs_to_its_owner(repo: GitRepo, runner: Runner) -> None:
    as_root("only root can give a folder to another user")
    head = repo.git("rev-parse", "HEAD")
    for path in (repo.root, *repo.root.rglob("*")):
        os.chown(path, 1001, 1001)
    before = set(repo.root.rglob("*"))
    runner.extra = {"OCI_CHART_PUBLISH_REPORT": "out/report.json"}
    step = runner.step("push", {}, ref="refs/heads/x", sha=head, layout="out/plan")
    assert step.code == 0, step.errors
    written = set(repo.root.rglob("*")) - before
    assert {repo.root / "out/plan/index.json", repo.root / "out/report.json"} < written
    assert [path for path in written if path.lstat().st_uid != 1001] == []


def test_where_root_may_give_nothing_away_the_run_goes_on(repo: GitRepo, runner: Runner) -> None:
    as_root("only root can take rights from a process")
    setpriv = tool("setpriv")
    head = repo.git("rev-parse", "HEAD")
    for path in (repo.root, *repo.root.rglob("*")):
        os.chown(path, 1001, 1001)
    runner.entry = (setpriv, "--bounding-set=-chown", "--inh-caps=-chown", *runner.entry)
    step = runner.step("push", {}, ref="refs/heads/x", sha=head, layout="plan")
    assert (step.code, step.outputs["conclusion"]) == (0, "success"), step.errors
    assert (repo.root / "plan/index.json").lstat().st_uid == 0


def test_blanks_around_inputs_do_not_count(repo: GitRepo, runner: Runner, plain_registry: Registry) -> None:
    (repo.root / ".x.yaml").write_text("annotations: helm\n")
    step = runner.step(
        "push",
        {},
        ref="refs/heads/other",
        sha=repo.git("rev-parse", "HEAD"),
        command="publish\n",
        comment=" off\n",
        config=".x.yaml\n",
        dry_run=" true\n",
        release="\n",
        jobs="2\n",
        password=" secret\n",
        username="me\n",
        registries=f"\n  {plain_registry.host}/trimmed  \n\n",
        github_token="",
    )
    assert step.code == 0, step.errors + step.log
    report = json.loads(Path(step.outputs["report"]).read_text())
    assert (report["command"], report["dry_run"]) == ("publish", True)


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        (
            "/github/runner_temp/oci-chart-publish/report.json",
            "/home/runner/work/_temp/oci-chart-publish/report.json",
        ),
        ("/github/home/.cache/x/layout", "/home/runner/work/_temp/_github_home/.cache/x/layout"),
        ("/github/workspace/out.json", "/home/runner/work/charts/charts/out.json"),
        ("/github/workspaces/out.json", "/github/workspaces/out.json"),
        ("/opt/layout", "/opt/layout"),
    ],
)
def test_paths_are_told_as_the_runner_names_them(inside: str, outside: str) -> None:
    assert on_runner(inside, CONTAINER) == outside


def test_paths_stay_outside_a_container() -> None:
    path = "/home/runner/work/_temp/oci-chart-publish/report.json"
    assert on_runner(path, {**CONTAINER, "RUNNER_TEMP": "/home/runner/work/_temp"}) == path
    assert on_runner("/github/home/x", {"RUNNER_TEMP": "/github/runner_temp"}) == "/github/home/x"


@pytest.mark.parametrize(
    "command",
    [
        "verify --report out/verify.json",
        "bump --write minor",
        "report plan.json --markdown out/report.md",
    ],
)
def test_files_in_the_workspace_belong_to_its_owner_after_every_command(
    runner: Runner, repo: GitRepo, command: str
) -> None:
    as_root("only root can write what is not its owner's")
    plan = runner.step("workflow_dispatch", {}, ref="refs/heads/topic", sha="1" * 40, layout="layout")
    (repo.root / "plan.json").write_bytes(Path(plan.outputs["report"]).read_bytes())
    for folder, folders, names in os.walk(repo.root):
        for name in (".", *folders, *names):
            os.chown(Path(folder) / name, 1000, 1000, follow_symlinks=False)
    runner.step("workflow_dispatch", {}, ref="refs/heads/topic", sha="1" * 40, command=command)
    owners = {
        (path.relative_to(repo.root).as_posix(), path.lstat().st_uid)
        for path in repo.root.rglob("*")
        if path.lstat().st_uid != 1000
    }
    assert owners == set()
