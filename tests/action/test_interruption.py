"""A run that is cancelled after the registries were written says what it did, however the code host behaves."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.action.minirunner import Runner, Step
from tests.fakes.git import GitRepo
from tests.fakes.github import FakeGitHub
from tests.fakes.registry import FakeRegistry
from tests.fakes.wire import Reply
from tests.flow.command import Command, repository
from tests.real.registries import Registry

from oci_chart_publish.interruption import GRACE

NUMBER = 12
RUNNER_WAITS = 7.5
"""Seconds from SIGINT to SIGTERM (actions/runner ``ProcessInvoker.cs``)."""
HANGS = 90.0
"""Seconds that a server keeps its answer to itself: more than any of this takes on a machine under load."""


@dataclass
class Cancelling(Runner):
    """Sends a signal as soon as something is so, and knows how long the process then took to end."""

    when: Callable[[], bool] = lambda: False
    signal: int = signal.SIGINT
    took: list[float] = field(default_factory=list)

    def start(self, environment: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
        process = subprocess.Popen(
            list(self.entry),
            cwd=self.workspace,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        while not self.when():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(self.signal)
        started = time.monotonic()
        out, err = process.communicate(timeout=2 * HANGS)
        self.took.append(time.monotonic() - started)
        return subprocess.CompletedProcess([], process.returncode, out, err)


@pytest.fixture
def runner(tmp_path: Path, github: FakeGitHub) -> Cancelling:
    repo = GitRepo(tmp_path / "origin")
    for number in range(NUMBER):
        name = f"c{number}"
        repo.write({f"charts/{name}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n"})
    sha = repo.commit("feat: charts")
    github.state.commit("pushed", sha=sha, branch="main")
    return Cancelling(workspace=repo.root, temp=tmp_path / "runner", api_url=github.api_url)


def push(runner: Runner, registry: Registry | FakeRegistry, **inputs: str) -> Step:
    sha = GitRepo(runner.workspace).git("rev-parse", "HEAD")
    place = f"{registry.host}/{runner.workspace.parent.name.replace('_', '-').strip('-')}"
    return runner.step(
        "push", {"before": "0" * 40}, ref="refs/heads/main", sha=sha, registries=place, **inputs
    )


def says_what_it_did(step: Step) -> None:
    assert step.code == 130, step.errors + step.log
    assert (step.outputs["conclusion"], step.outputs["published"]) == ("interrupted", "true")
    report = json.loads(Path(step.outputs["report"]).read_text())
    assert report["conclusion"] == "interrupted"
    assert [chart["status"] for chart in report["charts"]] == ["published"] * NUMBER
    assert step.summary.startswith(f"### Helm charts: {NUMBER} published\n")
    assert step.summary.count("### ") == 1
    assert step.artifacts.count("oci://") == NUMBER
    assert "::error::interrupted" in step.log


def test_grace_leaves_the_runner_time_for_the_report() -> None:
    assert GRACE + 2 <= RUNNER_WAITS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_tags_stop_between_two_charts(
    runner: Cancelling, github: FakeGitHub, plain_registry: Registry, number: int
) -> None:
    github.hang("POST", "/git/refs$", 0.5, times=NUMBER)
    runner.when = lambda: len(github.sent("POST", "/git/refs$")) >= 2
    runner.signal = number
    step = push(runner, plain_registry, release="tag")
    says_what_it_did(step)
    report = json.loads(Path(step.outputs["report"]).read_text())
    tagged = [chart["name"] for chart in report["charts"] if chart["git_tag"]]
    assert 2 <= len(tagged) < NUMBER
    assert f"{NUMBER - len(tagged)} charts have no tag yet" in step.summary
    assert len(github.sent("POST", "/git/refs$")) == len(tagged)


def test_a_code_host_that_hangs_costs_no_report(
    runner: Cancelling, github: FakeGitHub, plain_registry: Registry
) -> None:
    github.hang("POST", "/releases$", HANGS, times=100)
    runner.when = lambda: bool(github.sent("POST", "/releases$"))
    says_what_it_did(push(runner, plain_registry))
    assert runner.took[0] < HANGS / 2


def test_a_registry_that_hangs_where_details_are_read_costs_no_report(
    runner: Cancelling, github: FakeGitHub
) -> None:
    registry = FakeRegistry()
    try:
        registry.next("tags/list", *[Reply(status=503, delay=HANGS)] * 100)
        runner.when = lambda: any("tags/list" in line for line in registry.lines())
        says_what_it_did(push(runner, registry))
    finally:
        registry.close()
    assert runner.took[0] < HANGS / 2
    assert github.sent("POST") == []


def test_a_registry_that_hangs_at_the_last_tag_costs_no_report(
    runner: Cancelling, github: FakeGitHub
) -> None:
    registry = FakeRegistry()
    put = r"PUT .*/manifests/1\.0\.0"
    try:
        registry.next(r"PUT .*/c7/manifests/1\.0\.0", *[Reply(status=503, delay=HANGS)] * 10)
        runner.when = lambda: sum(bool(re.match(put, line)) for line in registry.lines()) == NUMBER
        step = push(runner, registry)
    finally:
        registry.close()
    assert step.code == 130, step.errors + step.log
    assert step.outputs["conclusion"] == "interrupted"
    statuses = {one["name"]: one["status"] for one in json.loads(step.outputs["charts"])}
    assert statuses == {f"c{i}": "skipped" if i == 7 else "published" for i in range(NUMBER)}
    assert step.artifacts.count("oci://") == NUMBER - 1
    assert runner.took[0] < HANGS / 2
    assert github.sent("POST") == []


def says_that_it_did_nothing(step: Step) -> None:
    assert step.code == 130, step.errors + step.log
    assert (step.outputs["conclusion"], step.outputs["published"]) == ("interrupted", "false")
    report = json.loads(Path(step.outputs["report"]).read_text())
    assert report["conclusion"] == "interrupted"
    assert [chart["status"] for chart in report["charts"]] == ["skipped"] * NUMBER
    for chart in report["charts"]:
        assert chart["error"]["message"] == "not published: the run was interrupted"
    assert step.summary.startswith(f"### Helm charts: {NUMBER} skipped\n")
    assert "::error::interrupted" in step.log
    assert step.artifacts == ""


def test_a_registry_that_hangs_where_blobs_go_up_costs_no_report(
    runner: Cancelling, github: FakeGitHub
) -> None:
    registry = FakeRegistry()
    try:
        registry.next("POST .*/c7/blobs/uploads/", *[Reply(status=503, delay=HANGS)] * 10)
        runner.when = lambda: any("POST" in line and "/c7/" in line for line in registry.lines())
        says_that_it_did_nothing(push(runner, registry))
    finally:
        registry.close()
    assert runner.took[0] < HANGS / 2
    assert not any(store.tags for store in registry.stores.values())
    assert github.sent("POST") == []


# The signal comes when the first of the modules is looked for that take long to load.
EARLY = """
import os, signal, sys
class Cancel:
    def find_spec(self, name, *_):
        if name in ("oci_chart_publish.action.action", "oci_chart_publish.cli.main"):
            os.kill(os.getpid(), signal.{signal})
sys.meta_path.insert(0, Cancel())
sys.argv[0] = "oci-chart-publish"
from oci_chart_publish.__main__ import main
main()
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_while_the_action_is_being_loaded_is_one_before_the_first_chart(
    runner: Cancelling, github: FakeGitHub, number: str
) -> None:
    plain = Runner(workspace=runner.workspace, temp=runner.temp, api_url=runner.api_url)
    plain.entry = (sys.executable, "-c", EARLY.format(signal=number))
    registry = FakeRegistry()
    try:
        says_that_it_did_nothing(push(plain, registry))
    finally:
        registry.close()
    assert registry.lines() == []
    assert github.sent("POST") == []


@pytest.mark.parametrize(
    ("verb", "done"), [("plan", "planned"), ("publish", "published"), ("verify", "verified")]
)
def test_a_signal_while_the_command_line_is_being_loaded_is_reported(
    tmp_path: Path, verb: str, done: str
) -> None:
    (tmp_path / "home").mkdir()
    command = Command(folder=repository(tmp_path / "repo"), home=tmp_path / "home")
    process = subprocess.run(
        [sys.executable, "-c", EARLY.format(signal="SIGTERM"), verb, "--json", "--registry", "127.0.0.1:1/x"],
        cwd=command.folder,
        env=command.environment(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == 130, process.stderr
    assert b"interrupted; what was pushed stays" in process.stderr
    charts = json.loads(process.stdout)["charts"]
    assert [chart["error"]["message"] for chart in charts] == [f"not {done}: the run was interrupted"] * 4


def test_the_command_line_reports_what_it_did_as_well(tmp_path: Path) -> None:
    registry = FakeRegistry()
    (tmp_path / "home").mkdir()
    command = Command(folder=repository(tmp_path / "repo"), home=tmp_path / "home")
    report = tmp_path / "report.json"
    try:
        registry.next("tags/list", *[Reply(status=503, delay=HANGS)] * 10)
        process = command.start(
            "publish", "--json", "--plain-http", "--registry", registry.host + "/x", "--report", str(report)
        )
        while not any("tags/list" in line for line in registry.lines()):
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=2 * HANGS)
    finally:
        registry.close()
    assert process.returncode == 130, err
    assert json.loads(out) == json.loads(report.read_text())
    assert {chart["status"] for chart in json.loads(out)["charts"]} == {"published"}
