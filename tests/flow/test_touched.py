"""Which charts a run has touched, for events that say it in other ways than an ordinary push does."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.action.minirunner import Runner, Step
from tests.fakes.git import GitRepo, chart_yaml
from tests.real.registries import Registry

NOTHING = "0" * 40


@dataclass
class Drifted:
    """A repository whose chart ``web`` differs from what is published, and a later commit for ``db``."""

    origin: GitRepo
    runner: Runner
    registry: str
    base: str

    def run(self, event: str, payload: Mapping[str, object], ref: str, **inputs: str) -> Step:
        sha = GitRepo(self.runner.workspace, init=False).git("rev-parse", "HEAD")
        given = {"registries": self.registry, "release": "off", "comment": "off", "github_token": ""}
        return self.runner.step(event, payload, ref=ref, sha=sha, **{**given, **inputs})


@pytest.fixture
def drifted(tmp_path: Path, olareg: Registry) -> Drifted:
    origin = GitRepo(tmp_path / "origin")
    for name in ("web", "db"):
        origin.write({f"charts/{name}/Chart.yaml": chart_yaml(name)})
    origin.commit("begin")
    runner = Runner(workspace=origin.root, temp=tmp_path / "runner", api_url="http://127.0.0.1:9")
    found = Drifted(origin, runner, f"{olareg.host}/{uuid.uuid4().hex}", "")
    assert found.run("push", {"before": NOTHING}, "refs/heads/main").code == 0
    origin.write({"charts/web/values.yaml": "text: forgotten\n"})
    found.base = origin.commit("forget to raise the version")
    origin.branch("topic")
    origin.write({"charts/db/Chart.yaml": chart_yaml("db", "1.0.1")})
    origin.commit("raise db")
    return found


def statuses(step: Step) -> dict[str, str]:
    document = json.loads(Path(step.outputs["report"]).read_text())
    return {chart["name"]: chart["status"] for chart in document["charts"]}


def test_merge_group_is_judged_by_what_it_brings(drifted: Drifted) -> None:
    group = {"action": "checks_requested", "merge_group": {"base_sha": drifted.base}}
    step = drifted.run("merge_group", group, "refs/heads/gh-readonly-queue/main/pr-7")
    assert (step.code, statuses(step)) == (0, {"web": "drift", "db": "would-publish"}), step.log
    drifted.origin.write({"charts/web/values.yaml": "text: its own\n"})
    drifted.origin.commit("change web as well")
    assert drifted.run("merge_group", group, "refs/heads/gh-readonly-queue/main/pr-7").code == 4


def test_default_branch_may_be_one_of_the_clone_alone(drifted: Drifted) -> None:
    step = drifted.run("push", {"before": NOTHING}, "refs/heads/topic")
    assert (step.code, statuses(step)) == (0, {"web": "drift", "db": "would-publish"}), step.log
    assert "conflicts count" not in step.errors


@pytest.mark.parametrize("options", [(), ("--depth=1", "--single-branch")], ids=["whole", "shallow"])
def test_first_push_of_a_branch_is_judged_by_what_it_has_that_the_default_branch_has_not(
    drifted: Drifted, tmp_path: Path, options: tuple[str, ...]
) -> None:
    drifted.origin.git("checkout", "--quiet", "main")
    drifted.origin.write({"charts/web/values.yaml": "text: went on\n"})
    drifted.origin.commit("main goes on")
    clone = GitRepo.clone(drifted.origin.root, tmp_path / "clone", "--branch", "topic", *options)
    drifted.runner.workspace = clone.root
    step = drifted.run("push", {"before": NOTHING}, "refs/heads/topic")
    assert (step.code, statuses(step)) == (0, {"web": "drift", "db": "would-publish"}), step.log
    clone.write({"charts/web/values.yaml": "text: its own\n"})
    clone.commit("change web as well")
    step = drifted.run("push", {"before": NOTHING}, "refs/heads/topic")
    assert (step.code, statuses(step)["web"]) == (4, "conflict")


def test_first_push_of_the_default_branch_and_of_a_tag_touch_everything(drifted: Drifted) -> None:
    for ref in ("refs/heads/main", "refs/tags/v1"):
        step = drifted.run("push", {"before": NOTHING}, ref, command="plan")
        assert (step.code, statuses(step)["web"]) == (4, "conflict")
