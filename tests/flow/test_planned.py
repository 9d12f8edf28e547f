"""Publishing exactly what a saved plan showed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.fakes.git import GitRepo
from tests.flow.command import Command, Done
from tests.flow.test_dependencies import chart
from tests.real.registries import Registry


class Two:
    """A plan in one job and the publishing in another, each with a cache of its own."""

    def __init__(self, tmp_path: Path, registry: Registry) -> None:
        self.place = f"{registry.host}/{tmp_path.name}"
        self.folder = tmp_path / "repo"
        self.saved = tmp_path / "saved"
        self.saved.mkdir()
        chart(self.folder, "web", "1.0.0")
        self.git = GitRepo(self.folder)
        self.commit = self.git.commit("add web")
        self.jobs = [tmp_path / "one", tmp_path / "two"]
        for job in self.jobs:
            job.mkdir()

    def plan(self) -> Done:
        report = str(self.saved / "report.json")
        run = Command(folder=self.folder, home=self.jobs[0])
        return run.run("plan", "--json", "--registry", self.place, "--report", report)

    def publish(self, *options: str, **extra: str) -> Done:
        run = Command(folder=self.folder, home=self.jobs[1], extra=extra)
        return run.publish(self.place, options=["--from", str(self.saved), *options])


@pytest.fixture
def two(tmp_path: Path, plain_registry: Registry) -> Two:
    return Two(tmp_path, plain_registry)


def test_what_was_planned_is_published_and_again_is_unchanged(two: Two) -> None:
    assert two.plan().code == 0
    planned = json.loads((two.saved / "report.json").read_text())["charts"][0]["digest"]
    done = two.publish()
    assert (done.code, done.statuses(), done.digests()) == (0, {"web": "published"}, {"web": planned})
    assert two.publish().statuses() == {"web": "unchanged"}


def test_other_content_than_planned_is_not_published(two: Two) -> None:
    assert two.plan().code == 0
    done = two.publish("--source", "https://example.com/other")
    assert done.code == 8, done.err
    assert "was planned as sha256:" in done.err + done.out
    assert two.plan().statuses() == {"web": "would-publish"}


def test_chart_that_the_plan_does_not_show_is_not_published(two: Two) -> None:
    assert two.plan().code == 0
    report = json.loads((two.saved / "report.json").read_text())
    report["charts"] = []
    (two.saved / "report.json").write_text(json.dumps(report))
    done = two.publish()
    assert done.code == 8, done.err
    assert "web:1.0.0 would be published and is not in the plan" in done.err + done.out


def test_plan_of_another_commit_is_refused(two: Two) -> None:
    assert two.plan().code == 0
    (two.folder / "README.md").write_text("changed\n")
    two.git.commit("change the readme")
    done = two.publish()
    assert done.code == 2, done.err
    assert two.commit in done.err


def test_plan_of_a_fork_is_refused(two: Two) -> None:
    assert two.plan().code == 0
    report = json.loads((two.saved / "report.json").read_text())
    report |= {"repository": "ours/charts", "pull_request": {"number": 1, "head_repository": "theirs/charts"}}
    (two.saved / "report.json").write_text(json.dumps(report))
    done = two.publish(GITHUB_REPOSITORY="ours/charts", GITHUB_SHA=two.commit)
    assert done.code == 2, done.err
    assert "comes from theirs/charts" in done.err


def test_plan_that_failed_is_refused(two: Two) -> None:
    (two.folder / "charts/web/Chart.yaml").write_text("name: web\n")
    assert two.plan().code == 3
    done = two.publish()
    assert done.code == 2, done.err
    assert "not the report of a plan that went well" in done.err
