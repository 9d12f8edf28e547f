"""What charts, commits and saved reports say reaches the log of a step, and never the runner as a command."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.action.minirunner import Runner, command_lines
from tests.fakes.git import GitRepo
from tests.real.registries import Registry

MAIN = "refs/heads/main"
EVIL = "::stop-commands::abc"
LEGACY = "x ##[error]y"


def test_charts_say_nothing_to_the_runner(repo: GitRepo, runner: Runner) -> None:
    repo.write(
        {
            "charts/evil/Chart.yaml": f"apiVersion: v2\nname: '{EVIL}'\nversion: 1.0.0\n",
            "charts/worse/Chart.yaml": f"apiVersion: v2\nname: '{LEGACY}'\nversion: 1.0.0\n",
            f"charts/{EVIL}{LEGACY}/Chart.yaml": "apiVersion: v2\nname: named\nversion: '##[error]z'\n",
        }
    )
    sha = repo.commit("feat: more")
    step = runner.step("pull_request", {}, ref="refs/pull/1/merge", sha=sha, github_token="")
    assert step.code == 3, step.errors + step.log
    assert "stop-commands" in step.log + step.errors
    assert step.commands
    nowhere = "::warning::no registry is set: 3 charts would be saved in the layout and published nowhere"
    errors = [line for line in step.annotations if line.startswith("::error file=charts/")]
    assert sorted(step.commands) == sorted([*errors, nowhere])


def test_commits_say_nothing_to_the_runner(repo: GitRepo, runner: Runner) -> None:
    repo.tag("web-1.0.0")
    repo.write({"charts/web/values.yaml": "a: 1\n"})
    sha = repo.commit(f"feat: {LEGACY}")
    step = runner.step("push", {}, ref=MAIN, sha=sha, command="bump", github_token="")
    assert step.code == 0, step.errors + step.log
    assert "[error]" in step.log
    assert step.commands == []


def test_a_saved_report_says_nothing_to_the_runner(repo: GitRepo, runner: Runner) -> None:
    chart = {
        "name": "evil",
        "version": "1.0.0",
        "path": "charts/evil",
        "status": "failed",
        "error": {"kind": "chart", "message": f"m\n{EVIL}", "hint": LEGACY},
        "targets": [{"registry": "r.example", "reference": "r.example/evil:1.0.0", "status": "failed"}],
        "warnings": [f"w\r{EVIL}", LEGACY],
    }
    report = {
        "command": "plan",
        "dry_run": True,
        "conclusion": "success",
        "exit_code": 0,
        "charts": [chart],
        "notes": [f"n\n{EVIL}", LEGACY],
    }
    (repo.root / "report.json").write_text(json.dumps(report))
    for options in ("", " --json"):
        command = f"report report.json{options}"
        step = runner.step("workflow_run", {}, ref=MAIN, sha="1" * 40, command=command, github_token="")
        assert step.code == 0, step.errors + step.log
        assert "stop-commands" in step.log + step.errors
        assert step.commands == []
        assert not options or json.loads(step.log)["notes"] == report["notes"]


@pytest.mark.parametrize(
    "field", [{"version": LEGACY}, {"path": f"a\n{EVIL}"}, {"version": f"1.0.0\n{EVIL}"}]
)
def test_a_saved_report_with_commands_for_names_is_refused_and_they_are_none(
    repo: GitRepo, runner: Runner, field: dict[str, str]
) -> None:
    chart = {"name": "evil", "version": "1.0.0", "path": "charts/evil", "status": "failed", **field}
    report = {"command": "plan", "dry_run": True, "conclusion": "success", "exit_code": 0, "charts": [chart]}
    (repo.root / "report.json").write_text(json.dumps(report))
    step = runner.step(
        "workflow_run", {}, ref=MAIN, sha="1" * 40, command="report report.json", github_token=""
    )
    assert step.code == 2
    (command,) = step.commands
    assert command.startswith("::error::report.json is no report of schema 1")


def test_outside_of_actions_text_stays_as_it_is(repo: GitRepo, runner: Runner) -> None:
    repo.tag("web-1.0.0")
    repo.write({"charts/web/values.yaml": "a: 1\n"})
    sha = repo.commit(f"feat: {LEGACY}")
    entry = (*runner.entry, "bump")
    outside = Runner(repo.root, runner.temp, runner.api_url, entry=entry, extra={"GITHUB_ACTIONS": ""})
    step = outside.step("", {}, ref=MAIN, sha=sha, github_token="")
    assert step.code == 0, step.errors
    assert "##[error]y" in step.log
    assert command_lines(step.log)


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_job_with_debug_logging_says_more(
    repo: GitRepo, runner: Runner, plain_registry: Registry, debug: str
) -> None:
    runner.extra = {"RUNNER_DEBUG": debug}
    place = f"{plain_registry.host}/debug-{debug}x"
    head = repo.git("rev-parse", "HEAD")
    step = runner.step("push", {}, ref=MAIN, sha=head, registries=place, release="off")
    assert ("web: built" in step.errors) is bool(debug), step.errors


def test_warnings_are_annotated_at_the_line_that_they_are_about(
    repo: GitRepo, runner: Runner, plain_registry: Registry
) -> None:
    place = f"{plain_registry.host}/lines"
    lines = ["# of the web", "name: web", "version: 1.0.0", "apiVersion: v2", "appVersion: 1.10"]
    for version, warned in (("1.0.0", [5]), ("0.9.0", [5, 3])):
        lines[2] = f"version: {version}"
        repo.write({"charts/web/Chart.yaml": "\n".join(lines) + "\n"})
        head = repo.commit("web")
        step = runner.step("push", {}, ref=MAIN, sha=head, registries=place, release="off")
        assert step.code == 0, step.errors
        at = [f"::warning file=charts/web/Chart.yaml,line={line},title=web::" for line in warned]
        assert [one.startswith(start) for one, start in zip(step.annotations, at, strict=True)] == [
            True
        ] * len(at)


def test_a_file_whose_name_is_not_utf8_is_published_and_told(
    repo: GitRepo, runner: Runner, plain_registry: Registry
) -> None:
    (repo.root / "charts/web/templates").mkdir()
    (repo.root / "charts/web/templates" / os.fsdecode(b"caf\xe9.txt")).write_text("a: 1\n")
    head = repo.commit("a file")
    place = f"{plain_registry.host}/names"
    step = runner.step("push", {}, ref="refs/heads/main", sha=head, registries=place, release="off")
    assert (step.code, step.outputs["conclusion"]) == (0, "success"), step.errors
    repo.write({"charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.1.0\n"})
    (repo.root / "charts/web/templates" / os.fsdecode(b"caf\xe9.txt")).write_text("a: 2\n")
    head = repo.commit("it changed")
    step = runner.step("push", {}, ref="refs/heads/main", sha=head, registries=place, release="off")
    assert (step.code, step.outputs["published"]) == (0, "true"), step.errors
    (chart,) = json.loads(Path(step.outputs["report"]).read_text())["charts"]
    assert chart["changes"]["changed"] == ["Chart.yaml", r"templates/caf\udce9.txt"]
