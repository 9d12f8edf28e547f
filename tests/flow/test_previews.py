"""Previews of pull requests: on real git, a real registry and the stand-in of GitHub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.action.minirunner import Runner, Step
from tests.action.payloads import pull_request
from tests.fakes.git import GitRepo
from tests.fakes.github import FakeGitHub
from tests.flow.asking import manifest, packed, tags
from tests.flow.charts import chart
from tests.real.registries import Registry


@dataclass(frozen=True)
class Project:
    """A repository with two charts, its releases, and a pull request that changes one of them."""

    repo: GitRepo
    runner: Runner
    github: FakeGitHub
    registry: Registry
    path: str
    base: str

    @property
    def releases(self) -> str:
        return f"{self.registry.host}/{self.path}/charts"

    @property
    def previews(self) -> str:
        return f"{self.registry.host}/{self.path}/previews"

    def release(self) -> None:
        self.github.state.commit("pushed", sha=self.base, branch="main")
        payload = {"before": "0" * 40}
        step = self.runner.step(
            "push", payload, ref="refs/heads/main", sha=self.base, registries=self.releases, release="off"
        )
        assert step.code == 0, step.errors + step.log

    def change(self, files: Mapping[str, str]) -> str:
        """Commit to the branch of pull request 7 and return its head."""
        self.repo.write(files)
        head = self.repo.commit("feat: change")
        if 7 in self.github.state.pulls:
            self.github.state.commit("head", sha=head)
            self.github.state.pulls[7].head_sha = head
        else:
            self.github.add_pull(7, head_sha=head)
        return head

    def look(self, head: str, *, repository: str = "acme/charts", **inputs: str) -> Step:
        """Run the action on the pull request."""
        payload = pull_request(7, head, self.base, repository=repository)
        given = {"registries": self.releases, "preview": self.previews, **inputs}
        return self.runner.step("pull_request", payload, ref="refs/pull/7/merge", sha=head, **given)

    def held(self, name: str) -> list[str]:
        """The tags of a chart's previews."""
        return tags(self.registry, f"{self.path}/previews/{name}")


@pytest.fixture
def project(tmp_path: Path, github: FakeGitHub, plain_registry: Registry) -> Project:
    repo = GitRepo(tmp_path / "origin")
    chart(repo.root, "web", "1.0.0")
    chart(repo.root, "api", "0.1.0")
    base = repo.commit("feat: first charts")
    runner = Runner(workspace=repo.root, temp=tmp_path / "runner", api_url=github.api_url)
    path = tmp_path.name.replace("_", "-").strip("-")
    return Project(repo, runner, github, plain_registry, path, base)


def preview(head: str) -> str:
    return f"0.0.0-pr.7.g{head[:7]}"


def test_only_the_changed_chart_gets_a_preview_and_the_comment_names_it(project: Project) -> None:
    project.release()
    head = project.change({"charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.1.0\n"})
    step = project.look(head)
    assert step.code == 0, step.errors + step.log
    assert project.held("web") == [preview(head)]
    assert project.held("api") == []
    assert packed(project.registry, f"{project.path}/previews/web", preview(head)) == {
        "web/Chart.yaml": f"apiVersion: v2\nname: web\nversion: {preview(head)}\n"
    }
    assert tags(project.registry, f"{project.path}/charts/web") == ["1.0.0"]
    (comment,) = project.github.state.comments.values()
    assert f"oci://{project.previews}/web --version {preview(head)}" in comment.body
    report = json.loads(Path(step.outputs["report"]).read_text())
    found = {one["name"]: one.get("preview") for one in report["charts"]}
    assert found == {"web": f"{project.previews}/web:{preview(head)}", "api": None}
    assert (project.repo.root / "charts/web/Chart.yaml").read_text().endswith("version: 1.1.0\n")


def test_each_head_has_a_preview_of_its_own_and_again_nothing_is_pushed(project: Project) -> None:
    first = project.change({"charts/web/values.yaml": "a: 1\n"})
    assert project.look(first).code == 0
    second = project.change({"charts/web/values.yaml": "a: 2\n"})
    assert project.look(second).code == 0
    assert project.held("web") == sorted([preview(first), preview(second)])
    project.registry.clear()
    assert project.look(second).code == 0
    assert set() < {method for method, _, _ in project.registry.requests()} <= {"GET", "HEAD"}


def test_preview_of_one_head_follows_the_base_and_nothing_is_red(project: Project) -> None:
    project.release()
    head = project.change({"charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.1.0\n"})
    project.repo.git("checkout", "--quiet", "--detach")  # the merge ref that the runner checks out
    assert project.look(head).code == 0
    before = manifest(project.registry, f"{project.path}/previews/web", preview(head))

    project.repo.write({"charts/web/values.yaml": "of: the base\n"})
    merge = project.repo.commit("the same head, merged into a base that went on")
    project.github.state.commit("merge", sha=merge)
    step = project.look(head)
    assert step.code == 0, step.errors + step.log
    assert "no preview" not in step.summary
    assert project.held("web") == [preview(head)]
    after = manifest(project.registry, f"{project.path}/previews/web", preview(head))
    assert after["layers"] != before["layers"]
    (comment,) = project.github.state.comments.values()
    assert f"oci://{project.previews}/web --version {preview(head)}" in comment.body
    assert tags(project.registry, f"{project.path}/charts/web") == ["1.0.0"]


def test_conflict_has_a_preview_all_the_same_and_stays_a_conflict(project: Project) -> None:
    project.release()
    head = project.change({"charts/web/values.yaml": "a: 1\n"})
    step = project.look(head)
    assert step.code == 4, step.errors + step.log
    assert project.held("web") == [preview(head)]
    assert tags(project.registry, f"{project.path}/charts/web") == ["1.0.0"]


def test_drift_that_the_pull_request_does_not_touch_has_no_preview(project: Project) -> None:
    project.release()
    project.repo.write({"charts/api/values.yaml": "a: 1\n"})
    moved = Project(**{**project.__dict__, "base": project.repo.commit("fix: forgotten bump")})
    head = moved.change({"charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.1.0\n"})
    step = moved.look(head)
    assert step.code == 0, step.errors + step.log
    assert (moved.held("web"), moved.held("api")) == ([preview(head)], [])


def test_chart_with_registries_of_its_own_goes_to_the_previews_alone(project: Project) -> None:
    own = f"{project.registry.host}/{project.path}/own"
    head = project.change({".oci-chart-publish.yaml": f"charts:\n  web:\n    registries: [{own}]\n"})
    step = project.look(head)
    assert step.code == 0, step.errors + step.log
    assert tags(project.registry, f"{project.path}/own/web") == []
    assert project.held("web") == [preview(head)]


def test_preview_embeds_the_chart_of_the_tree(project: Project) -> None:
    chart(project.repo.root, "web", "1.1.0", {"api": "^0.2.0"})
    head = project.change({"charts/api/Chart.yaml": "apiVersion: v2\nname: api\nversion: 0.2.0\n"})
    step = project.look(head)
    assert step.code == 0, step.errors + step.log
    assert (project.held("web"), project.held("api")) == ([preview(head)], [preview(head)])
    found = packed(project.registry, f"{project.path}/previews/web", preview(head))
    assert sorted(found) == ["web/Chart.yaml", "web/charts/api/Chart.yaml"]


def test_dry_run_makes_no_preview(project: Project) -> None:
    head = project.change({"charts/web/values.yaml": "a: 1\n"})
    step = project.look(head, dry_run="true")
    assert step.code == 0, step.errors + step.log
    assert project.held("web") == []


def test_registry_of_previews_is_trusted_as_those_of_releases_are(
    project: Project, tls_registry: Registry
) -> None:
    head = project.change({"charts/web/values.yaml": "a: 1\n"})
    place = f"{tls_registry.host}/{project.path}"
    step = project.look(
        head, preview=place, ca_file=str(tls_registry.ca_file), plain_http=project.registry.host
    )
    assert step.code == 0, step.errors + step.log
    report = json.loads(Path(step.outputs["report"]).read_text())
    assert {one["preview"] for one in report["charts"]} == {
        f"{place}/{name}:{preview(head)}" for name in ("api", "web")
    }


def test_fork_gets_no_preview(project: Project) -> None:
    head = project.change({"charts/web/values.yaml": "a: 1\n"})
    project.github.state.pulls[7].head_repository = "someone/charts"
    step = project.look(head, repository="someone/charts")
    assert step.code == 0, step.errors + step.log
    assert project.held("web") == []


def test_previews_among_the_releases_are_refused(project: Project) -> None:
    head = project.change({"charts/web/values.yaml": "a: 1\n"})
    step = project.look(head, preview=project.releases)
    assert step.code == 2, step.errors + step.log
    assert "preview" in step.errors
    assert tags(project.registry, f"{project.path}/charts/web") == []


def test_preview_that_cannot_be_pushed_is_told_and_the_plan_stays_green(project: Project) -> None:
    head = project.change({"charts/web/values.yaml": "a: 1\n"})
    step = project.look(head, preview="127.0.0.1:1/previews", jobs="1")
    assert step.code == 0, step.errors + step.log
    assert "no preview of web" in step.summary
    (comment,) = project.github.state.comments.values()
    assert "no preview of web" in comment.body


def test_template_without_the_number_is_refused(project: Project) -> None:
    head = project.change({"charts/web/values.yaml": "a: 1\n"})
    head = project.change({".oci-chart-publish.yaml": "preview-template: 0.0.0-g{sha7}\n"})
    step = project.look(head)
    assert step.code == 2, step.errors + step.log
    assert "needs {number}" in step.errors


def test_template_may_hold_the_version_of_the_chart(project: Project) -> None:
    head = project.change(
        {
            "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.1.0\n",
            ".oci-chart-publish.yaml": "preview-template: '{version}-pr.{number}.g{sha7}'\n",
        }
    )
    step = project.look(head)
    assert step.code == 0, step.errors + step.log
    assert project.held("web") == [f"1.1.0-pr.7.g{head[:7]}"]
    assert project.held("api") == [f"0.1.0-pr.7.g{head[:7]}"]


@dataclass(frozen=True)
class TwoPhases:
    """A job of a pull request that may write nothing, and one of the default branch that takes its layout."""

    project: Project
    layout: Path
    head: str
    merge: str
    privileged: Runner

    def plan(self) -> Step:
        payload = pull_request(7, self.head, self.project.base)
        return self.project.runner.step(
            "pull_request", payload, ref="refs/pull/7/merge", sha=self.merge,
            registries=self.project.releases, layout=str(self.layout), github_token="", comment="off",
        )  # fmt: skip

    def publish(self, *, source: str = "acme/charts", **inputs: str) -> Step:
        run = {
            "event": "pull_request",
            "head_sha": self.head,
            "pull_requests": [{"number": 7}] if source == "acme/charts" else [],
            "head_repository": {"full_name": source},
        }
        payload = {"action": "completed", "workflow_run": run}
        given = {"registries": self.project.releases, "preview": self.project.previews, **inputs}
        return self.privileged.step(
            "workflow_run", payload, ref="refs/heads/main", sha=self.project.base,
            command="publish", from_plan=str(self.layout), **given,
        )  # fmt: skip

    def change_report(self, **fields: object) -> None:
        file = self.layout / "report.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | fields))


@pytest.fixture
def phases(project: Project, tmp_path: Path) -> TwoPhases:
    """Pull request 7 changes a chart; the second job has the default branch, and not the pull request, checked out."""
    project.release()
    project.repo.branch("topic")
    head = project.change({"charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.1.0\n"})
    project.repo.switch("main")
    project.repo.git("switch", "--quiet", "--detach")
    merge = project.repo.merge("topic")
    project.repo.git("config", "uploadpack.allowAnySHA1InWant", "true")
    project.repo.git("config", "uploadpack.allowFilter", "true")
    checkout = GitRepo.clone(project.repo.root, tmp_path / "checkout", "--depth=1", "--branch=main")
    privileged = Runner(workspace=checkout.root, temp=tmp_path / "two", api_url=project.github.api_url)
    return TwoPhases(project, tmp_path / "plan", head, merge, privileged)


def test_layout_of_a_job_without_rights_becomes_a_preview_in_one_that_has_them(phases: TwoPhases) -> None:
    assert phases.plan().code == 0
    step = phases.publish()
    assert step.code == 0, step.errors + step.log
    project = phases.project
    assert project.held("web") == [preview(phases.head)]
    assert packed(project.registry, f"{project.path}/previews/web", preview(phases.head)) == {
        "web/Chart.yaml": f"apiVersion: v2\nname: web\nversion: {preview(phases.head)}\n"
    }
    assert tags(project.registry, f"{project.path}/charts/web") == ["1.0.0"]
    (comment,) = project.github.state.comments.values()
    assert comment.issue == 7
    assert f"oci://{project.previews}/web --version {preview(phases.head)}" in comment.body
    assert project.github.state.releases == {}


@pytest.mark.parametrize(
    ("branch", "refs", "code"),
    [
        ("topic", "", 2),
        ("topic", "refs/heads/t*", 0),
        ("main", "", 0),
        ("gh-readonly-queue/main/pr-7", "", 2),
    ],
)
def test_plan_of_a_branch_that_is_not_published_from_becomes_no_release(
    phases: TwoPhases, branch: str, refs: str, code: int
) -> None:
    project = phases.project
    project.repo.switch("topic")
    plan = project.runner.step(
        "push", {}, ref=f"refs/heads/{branch}", sha=phases.head, registries=project.releases,
        layout=str(phases.layout), command="plan", comment="off",
    )  # fmt: skip
    assert plan.code == 0, plan.errors + plan.log
    run = {"event": "push", "head_sha": phases.head, "head_branch": branch, "pull_requests": []}
    step = phases.privileged.step(
        "workflow_run", {"workflow_run": {**run, "head_repository": {"full_name": "acme/charts"}}},
        ref="refs/heads/main", sha=project.base, command="publish", from_plan=str(phases.layout),
        registries=project.releases, publish_refs=refs, release="off", comment="off",
    )  # fmt: skip
    assert step.code == code, step.errors + step.log
    assert ("which is not what this run is about" in step.errors) is bool(code)
    published = ["1.0.0"] if code else ["1.0.0", "1.1.0"]
    assert tags(project.registry, f"{project.path}/charts/web") == published


def test_preview_of_a_plan_that_was_overtaken_is_of_its_own_commit_and_leaves_the_comment(
    phases: TwoPhases,
) -> None:
    assert phases.plan().code == 0
    newer = phases.project.github.state.commit("newer")
    phases.project.github.state.pulls[7].head_sha = newer
    step = phases.publish()
    assert step.code == 0, step.errors + step.log
    assert phases.project.held("web") == [preview(phases.head)]
    assert phases.project.github.state.comments == {}


def test_other_content_than_the_plan_shows_becomes_no_preview(phases: TwoPhases) -> None:
    assert phases.plan().code == 0
    report = json.loads((phases.layout / "report.json").read_text())
    for chart_ in report["charts"]:
        chart_["digest"] = "sha256:" + "0" * 64
    phases.change_report(charts=report["charts"])
    step = phases.publish()
    assert step.code == 8, step.errors + step.log
    assert phases.project.held("web") == []


def test_one_digest_that_is_not_the_planned_one_stops_the_previews_of_every_chart(phases: TwoPhases) -> None:
    project = phases.project
    project.repo.git("switch", "--quiet", "topic")
    head = project.change({"charts/api/Chart.yaml": "apiVersion: v2\nname: api\nversion: 0.2.0\n"})
    project.repo.git("switch", "--quiet", "--detach", "main")
    both = replace(phases, head=head, merge=project.repo.merge("topic"))
    assert both.plan().code == 0
    report = json.loads((phases.layout / "report.json").read_text())
    assert [chart_["status"] for chart_ in report["charts"]] == ["would-publish"] * 2
    report["charts"][0]["digest"] = "sha256:" + "0" * 64
    phases.change_report(charts=report["charts"])
    step = both.publish()
    assert step.code == 8, step.errors + step.log
    assert (project.held("web"), project.held("api")) == ([], [])


def test_plan_of_another_pull_request_than_the_events_is_refused(phases: TwoPhases) -> None:
    assert phases.plan().code == 0
    project = phases.project
    project.repo.branch("elsewhere", project.base)
    project.repo.write({"charts/web/values.yaml": "evil: true\n"})
    phases.change_report(revision=project.repo.commit("something else"))
    step = phases.publish()
    assert step.code == 2, step.errors + step.log
    assert "not what this run is about" in step.errors
    assert project.held("web") == []


def test_layout_from_a_fork_is_refused_whatever_it_says(phases: TwoPhases) -> None:
    assert phases.plan().code == 0
    step = phases.publish(source="someone/charts")
    assert step.code == 2, step.errors + step.log
    assert "comes from someone/charts" in step.errors
    assert phases.project.held("web") == []


def test_plan_of_a_pull_request_is_never_released(phases: TwoPhases) -> None:
    assert phases.plan().code == 0
    phases.change_report(pull_request=None)
    step = phases.publish(preview="")
    assert step.code == 2, step.errors + step.log
    assert "of which only previews are published" in step.errors
    assert tags(phases.project.registry, f"{phases.project.path}/charts/web") == ["1.0.0"]
