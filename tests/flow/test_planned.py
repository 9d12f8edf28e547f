"""Publishing exactly what a saved plan showed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.fakes.git import GitRepo, chart_yaml
from tests.flow.charts import chart
from tests.flow.command import Command, Done
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

    def change_digest(self, name: str) -> None:
        """Let the saved plan promise another digest of a chart."""
        file = self.saved / "report.json"
        report = json.loads(file.read_text())
        for one in report["charts"]:
            if one["name"] == name:
                one["digest"] = "sha256:" + "0" * 64
        file.write_text(json.dumps(report))


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


@pytest.mark.parametrize("wrong", ["api", "web"])
def test_one_digest_that_is_not_the_planned_one_stops_every_chart_before_the_first_tag(
    two: Two, plain_registry: Registry, wrong: str
) -> None:
    chart(two.folder, "api", "1.0.0")
    two.git.commit("add api")
    assert two.plan().code == 0
    other = next(name for name in ("api", "web") if name != wrong)
    two.change_digest(wrong)
    plain_registry.clear()
    done = two.publish()
    assert done.code == 8, done.err
    assert done.statuses() == {wrong: "failed", other: "skipped"}
    left = next(one for one in done.report["charts"] if one["name"] == other)
    assert left["error"]["message"] == f"not published, because not all is as planned: {wrong}"
    assert [target["status"] for target in left["targets"]] == ["skipped"]
    asked = [method for method, path, _ in plain_registry.requests() if "/manifests/" in path]
    assert asked == ["GET", "GET"]
    assert two.plan().statuses() == {"api": "would-publish", "web": "would-publish"}


def test_nothing_is_uploaded_once_the_plan_is_broken(two: Two, plain_registry: Registry) -> None:
    chart(two.folder, "base", "1.0.0")
    chart(two.folder, "later", "1.0.0", {"base": "1.0.0"})
    two.git.commit("add charts")
    assert two.plan().code == 0
    two.change_digest("web")
    plain_registry.clear()
    done = two.publish("--jobs", "1")  # base and web, and then what has to wait for base
    assert done.code == 8, done.err
    assert done.statuses() == {"base": "skipped", "later": "skipped", "web": "failed"}
    written = [path for method, path, _ in plain_registry.requests() if method not in {"GET", "HEAD"}]
    assert any("/base/blobs/" in path for path in written)
    assert [path for path in written if "/base/blobs/" not in path] == []


def test_chart_that_the_plan_does_not_show_is_not_published(two: Two) -> None:
    assert two.plan().code == 0
    report = json.loads((two.saved / "report.json").read_text())
    report["charts"] = []
    (two.saved / "report.json").write_text(json.dumps(report))
    done = two.publish()
    assert done.code == 8, done.err
    assert "web:1.0.0 would be published and is not in the plan" in done.err + done.out


def test_charts_come_from_the_commit_of_the_plan_and_not_from_what_is_checked_out(two: Two) -> None:
    assert two.plan().code == 0
    planned = json.loads((two.saved / "report.json").read_text())["charts"][0]["digest"]
    chart(two.folder, "web", "1.1.0")
    (two.folder / "charts/web/templates/new.yaml").write_text("new: true\n")
    two.git.commit("raise web")
    (two.folder / "charts/web/Chart.yaml").write_text("broken")
    done = two.publish()
    assert (done.code, done.statuses(), done.digests()) == (0, {"web": "published"}, {"web": planned}), (
        done.err
    )
    assert done.report["charts"][0]["version"] == "1.0.0"
    assert done.report["revision"] == two.commit


def test_links_and_charts_of_the_repository_come_from_the_commit_too(two: Two) -> None:
    chart(two.folder, "app", "1.0.0", {"base": "1.0.0"}, repository="file://../../lib/base")
    two.git.write(
        {
            "lib/base/Chart.yaml": chart_yaml("base"),
            "lib/base/values.yaml": "a: 1\n",
            "shared/notes.txt": "shared\n",
        }
    )
    (two.folder / "charts/web/notes.txt").symlink_to("../../shared/notes.txt")
    two.git.commit("add app")
    assert two.plan().code == 0
    planned = json.loads((two.saved / "report.json").read_text())["charts"]
    shutil.rmtree(two.folder / "lib")
    shutil.rmtree(two.folder / "charts")
    (two.folder / "shared/notes.txt").write_text("changed\n")
    done = two.publish()
    assert done.code == 0, done.err
    assert done.digests() == {one["name"]: one["digest"] for one in planned}
    assert done.statuses() == {"app": "published", "web": "published"}


def test_layout_of_a_plan_is_all_that_the_second_job_needs(two: Two, tmp_path: Path) -> None:
    first = Command(folder=two.folder, home=two.jobs[0])
    assert first.run("plan", "--registry", two.place, "--layout", str(tmp_path / "layout")).code == 0
    second = Command(folder=two.folder, home=two.jobs[1])
    done = second.publish(two.place, options=["--from", str(tmp_path / "layout")])
    assert (done.code, done.statuses()) == (0, {"web": "published"}), done.err


def test_layout_of_another_job_is_no_cache(two: Two, tmp_path: Path) -> None:
    first = Command(folder=two.folder, home=two.jobs[0])
    layout = str(tmp_path / "layout")
    assert first.run("plan", "--registry", two.place, "--layout", layout).code == 0
    event = {"GITHUB_EVENT_NAME": "push", "GITHUB_SHA": two.commit}
    second = Command(folder=two.folder, home=two.jobs[1], extra=event)
    done = second.publish(two.place, options=["--from", layout, "--layout", layout])
    assert done.code == 2, done.err
    assert "must not be the cache" in done.err


def test_commit_that_is_not_here_is_fetched(two: Two, tmp_path: Path) -> None:
    assert two.plan().code == 0
    chart(two.folder, "web", "1.1.0")
    two.git.commit("raise web")
    clone = GitRepo.clone(two.folder, tmp_path / "clone", "--depth=1")
    two.git.git("config", "uploadpack.allowAnySHA1InWant", "true")
    two.git.git("config", "uploadpack.allowFilter", "true")
    done = Command(folder=clone.root, home=two.jobs[1]).publish(two.place, options=["--from", str(two.saved)])
    assert (done.code, done.report["charts"][0]["version"]) == (0, "1.0.0"), done.err
    assert done.statuses() == {"web": "published"}


def test_commit_that_cannot_be_had_is_named(two: Two, tmp_path: Path) -> None:
    assert two.plan().code == 0
    report = json.loads((two.saved / "report.json").read_text())
    (two.saved / "report.json").write_text(json.dumps(report | {"revision": "1" * 40}))
    clone = GitRepo.clone(two.folder, tmp_path / "clone")
    done = Command(folder=clone.root, home=two.jobs[1]).publish(two.place, options=["--from", str(two.saved)])
    assert done.code == 2, done.err
    assert "cannot fetch" in done.err


def test_commit_that_the_event_is_not_about_is_refused(two: Two) -> None:
    two.git.branch("other")
    (two.folder / "charts/web/values.yaml").write_text("other: true\n")
    other = two.git.commit("something nobody has merged")
    assert two.plan().code == 0
    two.git.switch("main")
    done = two.publish(GITHUB_EVENT_NAME="push", GITHUB_REPOSITORY="", GITHUB_SHA=two.commit)
    assert done.code == 2, done.err
    assert other in done.err
    two.git.merge("other")
    merged = two.git.git("rev-parse", "HEAD")
    done = two.publish(GITHUB_EVENT_NAME="push", GITHUB_REPOSITORY="", GITHUB_SHA=merged)
    assert (done.code, done.statuses()) == (0, {"web": "published"}), done.err


def test_chart_that_this_run_does_not_find_stops_it_before_it_writes(two: Two) -> None:
    chart(two.folder, "api", "1.0.0")
    two.git.commit("add api")
    assert two.plan().code == 0
    done = two.publish("charts/web")
    assert done.code == 2, done.err
    assert "plans charts/api" in done.err


def test_plan_of_a_pull_request_is_no_release(two: Two) -> None:
    assert two.plan().code == 0
    report = json.loads((two.saved / "report.json").read_text())
    report |= {"pull_request": {"number": 1, "head_repository": "ours/charts"}}
    (two.saved / "report.json").write_text(json.dumps(report))
    done = two.publish(GITHUB_REPOSITORY="ours/charts", GITHUB_SHA=two.commit)
    assert done.code == 2, done.err
    assert "not merged" in done.err


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
