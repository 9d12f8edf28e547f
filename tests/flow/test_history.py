"""Histories as real repositories have them, replayed as the runner would: forgotten bumps, merges, shallow clones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.action.minirunner import ROOT, Runner, Step
from tests.fakes.git import GitRepo, chart_yaml
from tests.fakes.githttp import serve
from tests.flow.command import Command
from tests.real.registries import Registry

MAIN = "refs/heads/main"
NOTHING = "0" * 40
NEEDS_WEB = "dependencies:\n- name: web\n  version: 1.x\n  repository: file://../web\n"


@dataclass
class Project:
    """A repository of charts, its registry, and the runner."""

    repo: GitRepo
    registry: str
    runner: Runner

    def change(self, chart: str, text: str, *, version: str = "", message: str = "change") -> str:
        """Commit a new values.yaml, and a version where one is given."""
        self.repo.write({f"charts/{chart}/values.yaml": f"text: {text}\n"})
        if version:
            self.repo.write({f"charts/{chart}/Chart.yaml": chart_yaml(chart, version)})
        return self.repo.commit(message)

    def push(self, before: str, *, ref: str = MAIN, commits: int = 1, **inputs: str) -> Step:
        """Run for a push that ended at HEAD."""
        given = {"registries": self.registry, "release": "off", "comment": "off", "github_token": ""}
        sha = self.repo.git("rev-parse", "HEAD")
        payload = {"before": before, "commits": [{"message": "change"}] * commits}
        return self.runner.step("push", payload, ref=ref, sha=sha, **{**given, **inputs})

    def pull_request(self, base: str, *labels: str, **inputs: str) -> Step:
        """Run for a pull request whose head is checked out."""
        head = self.repo.git("rev-parse", "HEAD")
        payload = {
            "action": "synchronize",
            "pull_request": {
                "number": 7,
                "state": "open",
                "head": {"sha": head, "ref": "topic", "repo": {"full_name": "acme/charts"}},
                "base": {"sha": base, "ref": "main"},
                "labels": [{"name": label} for label in labels],
            },
        }
        given = {"registries": self.registry, "github_token": "", **inputs}
        return self.runner.step("pull_request", payload, ref="refs/pull/7/merge", sha=head, **given)


@pytest.fixture
def project(tmp_path: Path, olareg: Registry) -> Project:
    repo = GitRepo(tmp_path / "origin")
    repo.write(
        {
            f"charts/{name}/Chart.yaml": chart_yaml(name, version)
            for name, version in (("web", "1.0.0"), ("db", "0.3.0"))
        }
    )
    repo.commit("begin")
    runner = Runner(workspace=repo.root, temp=tmp_path / "runner", api_url="http://127.0.0.1:9")
    project = Project(repo, f"{olareg.host}/{uuid.uuid4().hex}", runner)
    assert statuses(project.push(NOTHING)) == {"web 1.0.0": "published", "db 0.3.0": "published"}
    return project


def report(step: Step) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(step.outputs["report"]).read_text())
    return document


def statuses(step: Step) -> dict[str, str]:
    return {f"{chart['name']} {chart['version']}": chart["status"] for chart in report(step)["charts"]}


def test_a_forgotten_bump_fails_its_own_push_and_no_later_one(project: Project) -> None:
    before = project.repo.git("rev-parse", "HEAD")
    forgotten = project.change("web", "new")
    step = project.push(before)
    assert (step.code, statuses(step)) == (4, {"web 1.0.0": "conflict", "db 0.3.0": "unchanged"})
    assert "set 'version: 1.0.1' in charts/web/Chart.yaml" in step.annotations[0]

    other = project.change("db", "new", version="0.3.1")
    step = project.push(forgotten)
    assert (step.code, statuses(step)) == (0, {"web 1.0.0": "drift", "db 0.3.1": "published"})

    project.change("web", "newer", version="1.0.1")
    step = project.push(other)
    assert (step.code, statuses(step)) == (0, {"web 1.0.1": "published", "db 0.3.1": "unchanged"})


@pytest.mark.parametrize(("conflicts", "codes"), [("touched", [4, 0]), ("all", [4, 4]), ("warn", [0, 0])])
def test_what_a_forgotten_bump_fails_is_a_setting(project: Project, conflicts: str, codes: list[int]) -> None:
    before = project.repo.git("rev-parse", "HEAD")
    forgotten = project.change("web", "new")
    first = project.push(before, conflicts=conflicts)
    project.change("db", "new", version="0.3.1")
    second = project.push(forgotten, conflicts=conflicts)
    assert [first.code, second.code] == codes
    assert statuses(second)["db 0.3.1"] == "published"


def test_a_version_that_one_push_brought_and_replaced_is_named(project: Project) -> None:
    before = project.repo.git("rev-parse", "HEAD")
    passed = project.change("web", "one", version="1.1.0")
    project.change("web", "two", version="1.2.0")
    step = project.push(before, commits=2)
    assert statuses(step)["web 1.2.0"] == "published"
    (note,) = report(step)["notes"]
    assert note == (
        "web 1.1.0 was replaced by 1.2.0 within this push, which does not publish it; "
        f"to publish it, run on {passed[:9]}"
    )
    assert f"::notice::{note}" in step.annotations


def test_only_as_much_history_is_fetched_as_the_push_brought(project: Project, tmp_path: Path) -> None:
    for number in range(9):
        project.change("db", f"{number}")
    before = project.repo.git("rev-parse", "HEAD")
    passed = project.change("web", "one", version="1.1.0")
    project.change("web", "two", version="1.2.0")
    clone = GitRepo.clone(project.repo.root, tmp_path / "clone", "--depth=1")
    project.runner.workspace = clone.root
    shallow = Project(clone, project.registry, project.runner)
    (note,) = report(shallow.push(before, commits=2))["notes"]
    assert f"run on {passed[:9]}" in note
    # Both ends of the push go deeper by the commits of the push; there are a dozen.
    assert len(clone.git("rev-list", "HEAD").split()) == 5


def test_ignored_changes_need_no_new_version_and_are_named(project: Project, tmp_path: Path) -> None:
    before = project.repo.git("rev-parse", "HEAD")
    (published,) = [chart for chart in report(project.push(NOTHING))["charts"] if chart["name"] == "web"]
    project.repo.write({"charts/web/README.md": "Hello.\n", "charts/web/docs/a.md": "a\n"})
    project.repo.commit("docs: hello")
    assert project.push(before).code == 4
    assert project.push(before, ignore_changes="README.md").code == 4  # docs/a.md is no README.md

    globs = "README.md\ndocs/"
    for step in (
        project.push(before, ignore_changes=globs),
        project.pull_request(before, ignore_changes=globs),
    ):
        (web,) = [chart for chart in report(step)["charts"] if chart["name"] == "web"]
        others = [line for line in step.annotations if "github-token is empty" not in line]
        assert (step.code, web["status"], others) == (0, "unchanged", [])
        assert web["ignored"] == ["README.md", "docs/a.md"]
        assert (web["digest"], web["size"]) == (published["digest"], published["size"])
        assert web["built_digest"] != published["digest"]
        assert r"web 1.0.0 \(but for README.md, docs/a.md\)" in Path(step.outputs["markdown"]).read_text()

    step = project.push(before, bump="auto", ignore_changes=globs)
    assert (step.code, statuses(step)["web 1.0.0"]) == (0, "unchanged")

    project.repo.write({".oci-chart-publish.yaml": "charts:\n  w*:\n    ignore-changes: [docs/**]\n"})
    step = project.push(before, ignore_changes="README.md")
    assert (step.code, statuses(step)["web 1.0.0"]) == (0, "unchanged")

    # What is ignored is still not equal, and what is overwritten is asked for.
    command = Command(project.repo.root, tmp_path / "home", {"OCI_CHART_PUBLISH_IGNORE_CHANGES": globs})
    plan = command.run("plan", "--registry", project.registry)
    said = "note: web: differs from what is published in what is ignored: README.md, docs/a.md"
    assert (plan.code, said in plan.err) == (0, True)
    verify = command.run("verify", "--registry", project.registry, "--json")
    assert (verify.code, verify.statuses()) == (8, {"web": "failed", "db": "unchanged"})
    overwritten = command.publish(project.registry, options=["--overwrite"])
    assert overwritten.statuses() == {"web": "published", "db": "unchanged"}


def test_ignored_changes_hide_no_others(project: Project) -> None:
    before = project.repo.git("rev-parse", "HEAD")
    project.repo.write({"charts/web/README.md": "Hello.\n", "charts/web/values.yaml": "a: 1\n"})
    project.repo.commit("docs: hello")
    step = project.push(before, ignore_changes="README.md")
    (web,) = [chart for chart in report(step)["charts"] if chart["name"] == "web"]
    assert (step.code, web["status"], web["ignored"]) == (4, "conflict", [])
    assert web["changes"]["added"] == ["README.md", "values.yaml"]


def test_what_is_not_packed_touches_no_chart(project: Project) -> None:
    project.repo.write({"charts/web/.helmignore": "ci/\n"})
    before = project.repo.commit("forgotten")
    project.repo.write({"charts/web/ci/test.yaml": "a: 1\n"})
    project.repo.commit("tests")
    step = project.push(before)
    assert (step.code, statuses(step)["web 1.0.0"]) == (0, "drift")
    project.change("web", "packed")
    step = project.push(before)
    assert (step.code, statuses(step)["web 1.0.0"]) == (4, "conflict")


def test_what_a_link_leads_to_belongs_to_the_chart(project: Project) -> None:
    repo = project.repo
    repo.write({"lib/rules.yaml": "groups: []\n", "charts/web/Chart.yaml": chart_yaml("web", "1.1.0")})
    (repo.root / "charts/web/rules.yaml").symlink_to("../../lib/rules.yaml")
    begin = repo.commit("link")
    assert statuses(project.push(begin))["web 1.1.0"] == "published"
    repo.tag("web-1.1.0")
    repo.tag("db-0.3.0")

    repo.write({"lib/rules.yaml": "groups: [new]\n"})
    repo.commit("fix: rules")
    step = project.push(begin)
    assert (step.code, statuses(step)["web 1.1.0"]) == (4, "conflict")
    step = project.push(begin, bump="auto")
    assert (step.code, statuses(step)) == (0, {"web 1.1.1": "published", "db 0.3.0": "unchanged"})


def test_a_dependency_that_drifted_does_not_hold_up_what_depends_on_it(project: Project) -> None:
    before = project.repo.git("rev-parse", "HEAD")
    forgotten = project.change("db", "new")
    assert project.push(before).code == 4
    needs = "dependencies:\n- name: db\n  version: 0.3.0\n  repository: file://../db\n"
    project.repo.write(
        {
            "charts/web/Chart.yaml": chart_yaml("web", "1.1.0") + needs,
            "charts/web/charts/db/Chart.yaml": chart_yaml("db", "0.3.0"),
        }
    )
    project.repo.commit("embed")
    step = project.push(forgotten)
    assert (step.code, statuses(step)) == (0, {"web 1.1.0": "published", "db 0.3.0": "drift"})


def test_a_pull_request_is_judged_by_what_it_changed_itself(project: Project) -> None:
    project.repo.branch("topic")
    project.change("web", "topic")
    project.repo.switch("main")
    moved = project.change("db", "forgotten")  # the base goes on, and forgets a bump of its own
    project.repo.git("checkout", "--quiet", "--detach")
    project.repo.merge("topic", "the merge ref that the runner checks out")
    step = project.pull_request(moved)
    assert (step.code, statuses(step)) == (4, {"web 1.0.0": "conflict", "db 0.3.0": "drift"})
    (error,) = [line for line in step.annotations if line.startswith("::error")]
    assert error.startswith("::error file=charts/web/Chart.yaml,line=3,title=web 1.0.0::")
    assert error.endswith("set 'version: 1.0.1' in charts/web/Chart.yaml, or restore what was published")


@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
def test_a_merged_branch_is_one_push_however_it_was_merged(project: Project, how: str) -> None:
    project.repo.branch("topic")
    project.change("web", "one")
    project.change("web", "two", version="1.1.0")
    project.change("db", "two")
    project.repo.switch("main")
    before = project.repo.commit("elsewhere")
    if how == "merge":
        project.repo.merge("topic")
    elif how == "squash":
        project.repo.git("merge", "--quiet", "--squash", "topic")
        project.repo.commit("topic (#7)")
    else:
        project.repo.git("cherry-pick", "main..topic")
    step = project.push(before)
    assert (step.code, statuses(step)) == (4, {"web 1.1.0": "published", "db 0.3.0": "conflict"})


def test_after_a_forced_push_everything_may_have_been_touched(project: Project) -> None:
    gone = project.change("db", "gone")
    project.repo.git("reset", "--quiet", "--hard", "HEAD~1")
    project.change("web", "rewritten")
    assert project.push("1" * 40).code == 4
    assert project.push(gone).code == 4


def test_a_shallow_clone_fetches_the_commit_before_the_push(project: Project, tmp_path: Path) -> None:
    before = project.repo.git("rev-parse", "HEAD")
    project.change("web", "forgotten")
    touched = GitRepo.clone(project.repo.root, tmp_path / "touched", "--depth=1")
    project.runner.workspace = touched.root
    assert (
        statuses(Project(touched, project.registry, project.runner).push(before))["web 1.0.0"] == "conflict"
    )

    before = project.repo.git("rev-parse", "HEAD")
    project.change("db", "new", version="0.3.1")
    later = GitRepo.clone(project.repo.root, tmp_path / "later", "--depth=1")
    project.runner.workspace = later.root
    step = Project(later, project.registry, project.runner).push(before)
    assert (step.code, statuses(step)) == (0, {"web 1.0.0": "drift", "db 0.3.1": "published"})


def test_a_pull_request_in_a_shallow_clone_fetches_the_history_with_the_token(
    project: Project, tmp_path: Path
) -> None:
    repo = project.repo
    project.change("db", "forgotten long ago")
    repo.branch("topic")
    project.change("web", "topic")
    repo.switch("main")
    moved = project.change("db", "forgotten")
    repo.git("checkout", "--quiet", "--detach", "topic")
    bare = tmp_path / "served" / "charts.git"
    GitRepo(tmp_path, init=False).git("clone", "--quiet", "--bare", str(repo.root), str(bare))
    GitRepo(bare, init=False).git("config", "uploadpack.allowFilter", "true")
    authorization = "basic " + b64encode(b"x-access-token:s3cret").decode()
    with serve(bare.parent, authorization) as server:
        shallow = GitRepo.clone(
            f"{server.url}/charts.git",
            tmp_path / "shallow",
            "--depth=1",
            "--branch=topic",
            f"--config=http.{server.url}/.extraheader=Authorization: {authorization}",
        )
        shallow.git("config", "--unset-all", f"http.{server.url}/.extraheader")  # persist-credentials: false
        project.runner.workspace = shallow.root
        project.runner.extra = {"GITHUB_SERVER_URL": server.url}
        step = Project(shallow, project.registry, project.runner).pull_request(
            moved, github_token="s3cret", comment="off"
        )
    assert (step.code, statuses(step)) == (4, {"web 1.0.0": "conflict", "db 0.3.0": "drift"})
    assert "s3cret" not in step.log.replace("::add-mask::s3cret", "") + step.errors


def test_a_checkout_that_is_deeper_than_the_history_gets_the_tags_that_it_lacks(
    project: Project, tmp_path: Path
) -> None:
    repo = project.repo
    repo.write({"charts/web/a.yaml": "a: 1\n"})
    before = repo.commit("feat!: released long ago")
    assert statuses(project.push(before, bump="auto"))["web 2.0.0"] == "published"
    repo.tag("web-2.0.0")
    repo.write({"charts/web/a.yaml": "a: 2\n"})
    repo.commit("fix: port")
    deep = GitRepo.clone(repo.root, tmp_path / "deep", "--depth=99", "--no-tags")
    assert (deep.git("rev-parse", "--is-shallow-repository"), deep.git("tag")) == ("false", "")
    project.runner.workspace = deep.root
    there = Project(deep, project.registry, project.runner)
    inputs = {"bump": "auto", "comment": "off"}
    gone = deep.git("remote", "get-url", "origin")
    deep.git("remote", "set-url", "origin", str(tmp_path / "gone"))
    step = there.pull_request(before, **inputs)
    assert (step.code, "tags that this clone lacks do not count: cannot fetch" in step.summary) == (0, True)
    deep.git("remote", "set-url", "origin", gone)
    step = there.pull_request(before, **inputs)
    assert (step.code, statuses(step)["web 2.0.1"]) == (0, "would-publish")


def test_a_maintenance_branch_goes_on_from_its_own_release(project: Project) -> None:
    repo = project.repo
    repo.tag("web-1.0.0")
    repo.tag("db-0.3.0")
    before = repo.git("rev-parse", "HEAD")
    project.change("web", "two", message="feat!: two")
    assert statuses(project.push(before, bump="auto"))["web 2.0.0"] == "published"
    repo.tag("web-2.0.0")

    repo.branch("release/1.x", before)
    repo.write({"charts/web/templates/a.yaml": "kind: ConfigMap\n"})
    repo.commit("fix: patched")
    ref = "refs/heads/release/1.x"
    assert project.push(before, bump="auto", ref=ref).outputs["published"] == "false"  # a plan: not asked for
    step = project.push(before, bump="auto", ref=ref, publish_refs="refs/heads/release/*")
    assert (step.code, statuses(step)) == (0, {"web 1.0.1": "published", "db 0.3.0": "unchanged"})
    repo.tag("web-1.0.1")

    repo.switch("main")
    repo.merge("release/1.x", "merge the maintenance branch")
    assert statuses(project.push(before, bump="auto"))["web 2.0.1"] == "published"


def test_a_version_that_was_taken_back_is_what_it_was_before(project: Project) -> None:
    begin = project.repo.git("rev-parse", "HEAD")
    raised = project.change("web", "raised", version="1.1.0")
    assert statuses(project.push(begin))["web 1.1.0"] == "published"
    project.repo.git("revert", "--no-edit", raised)
    step = project.push(raised)
    assert (step.code, statuses(step)) == (0, {"web 1.0.0": "unchanged", "db 0.3.0": "unchanged"})

    # A version that goes back while the content stays is a conflict with what that version holds.
    reverted = project.repo.git("rev-parse", "HEAD")
    project.change("web", "raised")
    step = project.push(reverted)
    assert (step.code, statuses(step)["web 1.0.0"]) == (4, "conflict")
    assert "set 'version: 1.0.1' in charts/web/Chart.yaml" in step.annotations[0]


def test_an_earlier_forgotten_bump_fails_the_check_of_no_later_pull_request(project: Project) -> None:
    for tag in ("web-1.0.0", "db-0.3.0"):
        project.repo.tag(tag)
    base = project.change("web", "forgotten")
    project.repo.branch("topic")
    project.change("db", "new", version="0.3.1")
    step = project.pull_request(base, command="bump --check")
    assert step.code == 0, step.errors
    assert "note: charts/web/Chart.yaml:3: 'version': 1.0.0 was not raised" in step.errors
    assert project.pull_request(base, command="bump --check", conflicts="all").code == 4
    project.change("db", "newer")  # after a release, say
    project.repo.tag("db-0.3.1", "HEAD~1")
    step = project.pull_request(base, command="bump --check")
    assert (step.code, "'version': 0.3.1 was not raised" in step.errors) == (4, True)
    assert "error: charts/web" not in step.errors


def test_the_check_of_a_pull_request_wants_what_embeds_its_charts_raised_too(project: Project) -> None:
    needs = NEEDS_WEB.replace("web", "db").replace("1.x", "0.x")
    project.repo.write({"charts/web/Chart.yaml": chart_yaml("web") + needs})
    base = project.repo.commit("embed")
    for tag in ("web-1.0.0", "db-0.3.0"):
        project.repo.tag(tag)
    project.repo.branch("topic")
    project.change("db", "new", version="0.3.1")
    step = project.pull_request(base, command="bump --check")
    assert (step.code, "'version': 1.0.0 was not raised" in step.errors) == (4, True)


@pytest.mark.parametrize("conflicts", ["touched", "all"])
def test_what_no_commit_wants_released_is_held_and_fails_no_push(project: Project, conflicts: str) -> None:
    repo = project.repo
    repo.write(
        {".oci-chart-publish.yaml": "untyped: none\n", "charts/app/Chart.yaml": chart_yaml("app") + NEEDS_WEB}
    )
    begin = repo.commit("feat: begin")
    inputs: dict[str, Any] = {"bump": "auto", "conflicts": conflicts}
    assert statuses(project.push(begin, **inputs))["app 1.0.0"] == "published"
    for tag in ("web-1.0.0", "db-0.3.0", "app-1.0.0"):
        repo.tag(tag)
    before = repo.git("rev-parse", "HEAD")
    project.change("web", "docs", message="docs: a comment")
    repo.write({"charts/app/values.yaml": "a: 1\n"})
    repo.commit("fix: app")
    step = project.push(before, **inputs)
    assert (step.code, statuses(step)) == (
        0,
        {"web 1.0.0": "drift", "db 0.3.0": "unchanged", "app 1.0.1": "published"},
    )
    (web,) = [chart for chart in report(step)["charts"] if chart["name"] == "web"]
    assert web["error"]["message"].startswith(
        "not released: no commit asks for a release, such as 'docs: a comment'; "
    )
    assert (web["next_version"], web["changes"]["added"]) == (None, ["values.yaml"])
    said = [line for line in step.annotations if line.startswith(("::error", "::warning"))]
    assert [line for line in said if "github-token is empty" not in line] == []
    assert [line for line in step.annotations if line.startswith("::notice")] != []
    assert project.push(before, bump="auto", command="verify").code == 8

    project.change("web", "fixed", message="fix: port")
    assert statuses(project.push(before, **inputs))["web 1.0.1"] == "published"


def test_a_pull_request_that_skips_its_release_is_green(project: Project) -> None:
    for tag in ("web-1.0.0", "db-0.3.0"):
        project.repo.tag(tag)
    base = project.repo.git("rev-parse", "HEAD")
    project.change("web", "later", message="feat: later")
    assert statuses(project.pull_request(base, bump="auto"))["web 1.1.0"] == "would-publish"
    step = project.pull_request(base, "release:skip", bump="auto")
    assert (step.code, statuses(step)) == (0, {"web 1.0.0": "drift", "db 0.3.0": "unchanged"})
    assert "not released: label release:skip; " in Path(step.outputs["markdown"]).read_text()


def test_a_release_that_was_reverted_becomes_the_next_one(project: Project) -> None:
    repo = project.repo
    repo.tag("web-1.0.0")
    repo.tag("db-0.3.0")
    begin = repo.git("rev-parse", "HEAD")
    added = project.change("web", "added", message="feat: add")
    assert statuses(project.push(begin, bump="auto"))["web 1.1.0"] == "published"
    repo.tag("web-1.1.0")
    repo.git("revert", "--no-edit", added)
    step = project.push(added, bump="auto")
    assert (step.code, statuses(step)["web 1.1.1"]) == (0, "published")


def test_the_replay_of_a_clone_tells_what_failed_and_what_auto_would_have_chosen(
    project: Project, tmp_path: Path
) -> None:
    project.repo.tag("web-1.0.0")
    project.repo.tag("db-0.3.0")
    project.change("web", "forgotten", message="fix: forgotten (#1)")
    project.change("db", "new", version="0.3.1", message="fix: raised (#2)")
    project.repo.tag("db-0.3.1")
    project.change("web", "new", version="1.1.0", message="chore: raised (#3)")
    project.repo.tag("web-1.1.0")

    def replay(what: str, *options: str) -> str:
        clone = os.path.relpath(project.repo.root, ROOT)
        program = [sys.executable, "benchmarks/history.py", what, clone, "--commits=3", *options]
        done = subprocess.run(program, cwd=ROOT, capture_output=True, check=False, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    pushes = replay("pushes")
    assert pushes.startswith(
        "3 pushes: 1 red, 2 red if all conflicts failed, 3 agree, 2 published, 2 tagged, 2 both\n"
    )
    assert "fix: forgotten (#1) | web 1.0.0 | conflict | 1.0.1 | +values.yaml |" in pushes
    levels = replay("levels")
    assert levels.startswith("3 commits: 1 of 3 levels agree, 1 of 1 of charts below 1.0.0\n")
    assert "fix: forgotten (#1) | web | none | patch |" in levels
    assert "chore: raised (#3) | web | minor | patch |" in levels

    rules = tmp_path / "rules.yaml"
    rules.write_text("commit-types:\n  'raised .#3.$': minor\n")
    levels = replay("levels", f"--settings={rules}")
    assert levels.startswith("3 commits: 2 of 3 levels agree, 1 of 1 of charts below 1.0.0\n")


@pytest.mark.parametrize("bump", ["auto", "minor"])
def test_a_plan_without_permission_takes_its_versions_from_git(
    project: Project, tmp_path: Path, htpasswd_registry: Registry, bump: str
) -> None:
    project.repo.tag("web-1.0.0")
    project.change("web", "new", message="feat: new")
    command = Command(folder=project.repo.root, home=tmp_path)
    place = ("charts/web", "--registry", f"{htpasswd_registry.host}/charts", "--bump", bump)
    planned = command.run("plan", "--json", *place)
    (web,) = planned.report["charts"]
    assert (planned.code, web["version"], web["status"]) == (0, "1.1.0", "unknown")
    assert "git tags alone decided, what is published is not known: GET" in web["warnings"][0]
    shown = command.run("bump", *place)
    assert (shown.code, "warning: web: git tags alone decided" in shown.err) == (0, True)
    # What writes a version, or publishes it, has to know.
    for writing in (("bump", "--write", *place), ("bump", "--commit", *place), ("publish", *place)):
        assert command.run(*writing).code == 6


def test_history_that_cannot_be_read_costs_no_report(project: Project, tmp_path: Path) -> None:
    before = project.repo.git("rev-parse", "HEAD")
    project.change("web", "forgotten")
    project.repo.git("config", "uploadpack.allowFilter", "true")
    clone = GitRepo.clone(project.repo.root, tmp_path / "clone", "--filter=tree:0", "--no-checkout")
    clone.git("checkout", "--quiet", "main")
    clone.git("remote", "set-url", "origin", "http://127.0.0.1:1/gone")
    project.runner.workspace = clone.root
    step = Project(clone, project.registry, project.runner).push(before)
    assert (step.code, statuses(step)["web 1.0.0"]) == (4, "conflict"), step.errors
    assert "conflicts count as this run's own" in step.errors + step.log
