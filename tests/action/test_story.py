"""One story from pull request to repair, on real git, a real registry and the stand-in of GitHub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.action.minirunner import Runner
from tests.action.payloads import pull_request
from tests.fakes.git import GitRepo
from tests.fakes.github import FakeGitHub, Token
from tests.real.registries import Registry

CHART = "apiVersion: v2\nname: web\nversion: {version}\nappVersion: '1'\n"
MAIN = "refs/heads/main"


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    repo = GitRepo(tmp_path / "origin")
    repo.write(
        {
            "charts/web/Chart.yaml": CHART.format(version="1.0.0"),
            "charts/web/values.yaml": "replicas: 1\n",
            "charts/web/templates/a.yaml": "kind: ConfigMap\n",
            "charts/api/Chart.yaml": "apiVersion: v2\nname: api\nversion: 0.1.0\n",
        }
    )
    repo.commit("feat: first charts")
    return repo


def known(github: FakeGitHub, sha: str) -> str:
    """Let the stand-in know a commit of the repository."""
    github.state.commit("pushed", sha=sha, branch="main")
    return sha


def test_story_of_a_chart(
    repo: GitRepo, runner: Runner, github: FakeGitHub, plain_registry: Registry
) -> None:
    registry = f"{plain_registry.host}/story"
    first = repo.git("rev-parse", "HEAD")

    # The first push publishes both charts, tags and releases them.
    step = runner.step("push", {"before": "0" * 40}, ref=MAIN, sha=known(github, first), registries=registry)
    assert step.code == 0, step.errors + step.log
    assert step.outputs["published"] == "true"
    assert step.outputs["conclusion"] == "success"
    assert {release.tag for release in github.state.releases.values()} == {"web-1.0.0", "api-0.1.0"}
    assert not any(release.draft for release in github.state.releases.values())
    published = json.loads(step.outputs["charts"])
    digest = {chart["name"]: chart["digest"] for chart in published}
    assert step.artifacts.count("oci://") == 2
    repo.tag("web-1.0.0")
    repo.tag("api-0.1.0")

    # A pull request that changes a chart without raising its version fails, and says which version would do.
    repo.git("checkout", "--quiet", "-b", "topic")
    repo.write({"charts/web/values.yaml": "replicas: 2\n"})
    head = repo.commit("fix: two replicas")
    github.add_pull(7, head_sha=head, title="Two replicas")
    step = runner.step(
        "pull_request", pull_request(7, head, first), ref="refs/pull/7/merge", sha=head, registries=registry
    )
    assert step.code == 4
    assert step.annotations == [
        next(
            line for line in step.annotations if line.startswith("::error file=charts/web/Chart.yaml,line=3,")
        )
    ]
    assert "set 'version: 1.0.1' in charts/web/Chart.yaml" in step.annotations[0]
    assert len(github.state.comments) == 1

    # The version is raised: the comment is edited in place and shows the digest to come.
    repo.write({"charts/web/Chart.yaml": CHART.format(version="1.0.1")})
    head = repo.commit("chore: raise version")
    github.state.pulls[7].head_sha = head
    github.state.commit("head", sha=head)
    step = runner.step(
        "pull_request", pull_request(7, head, first), ref="refs/pull/7/merge", sha=head, registries=registry
    )
    assert step.code == 0, step.errors + step.log
    (comment,) = github.state.comments.values()
    assert "1.0.0 → **1.0.1**" in comment.body
    planned = next(chart for chart in json.loads(step.outputs["charts"]) if chart["name"] == "web")
    assert planned["digest"] in comment.body
    saved = json.loads(Path(step.outputs["report"]).read_text())["charts"]
    assert next(c for c in saved if c["name"] == "web")["changes"]["changed"] == ["Chart.yaml", "values.yaml"]
    assert "changes" not in planned
    assert "`values.yaml: replicas` `1` → `2`" in comment.body

    # Merged: what is published is what the comment showed.
    repo.git("checkout", "--quiet", "main")
    repo.git("merge", "--quiet", "--squash", "topic")
    merged = repo.commit("fix: two replicas (#7)")
    known(github, merged)
    pull = github.state.pulls[7]
    pull.merged, pull.state, pull.merge_sha = True, "closed", merged
    step = runner.step("push", {"before": first}, ref=MAIN, sha=merged, registries=registry)
    assert step.code == 0, step.errors + step.log
    assert step.outputs["digest"] == planned["digest"]
    assert step.outputs["reference"] == f"{registry}/web:1.0.1"
    release = next(one for one in github.state.releases.values() if one.tag == "web-1.0.1")
    assert planned["digest"] in release.body
    assert "- fix: two replicas" in release.body
    assert sorted(asset.name for asset in release.assets) == [
        "SHA256SUMS",
        "report.json",
        "web-1.0.1.tgz",
    ]
    assert github.state.refs["tags/web-1.0.1"] == merged
    (comment,) = github.state.comments.values()
    assert "✅ published" in comment.body
    assert "(https://github.com/acme/charts/releases/tag/web-1.0.1)" in comment.body
    said = comment.body

    # The event of the merge itself, which comes late: nothing is left to do, and the comment stays as it is.
    payload = {**pull_request(7, head, first), "action": "closed"}
    payload["pull_request"] |= {"state": "closed", "merged": True}
    step = runner.step("pull_request", payload, ref=MAIN, sha=merged, registries=registry)
    assert step.code == 0, step.errors + step.log
    assert (comment.body, len(github.state.comments)) == (said, 1)

    # Again: nothing to do, nothing asked of the registry but one look a chart, nothing written.
    plain_registry.clear()
    github.forget()
    step = runner.step("push", {"before": first}, ref=MAIN, sha=merged, registries=registry)
    assert (step.code, step.outputs["conclusion"], step.outputs["published"]) == (0, "nothing", "false")
    assert [method for method, _, _ in plain_registry.requests()] == ["GET", "GET"]
    assert github.sent("POST", "releases") == []

    # A crash between registry and release is repaired by running again.
    del github.state.releases[release.id]
    del github.state.refs["tags/web-1.0.1"]
    step = runner.step("push", {"before": first}, ref=MAIN, sha=merged, registries=registry)
    assert step.code == 0, step.errors + step.log
    assert [one.tag for one in github.state.releases.values() if not one.draft].count("web-1.0.1") == 1
    assert {chart["name"]: chart["digest"] for chart in json.loads(step.outputs["charts"])}["api"] == digest[
        "api"
    ]


def test_fork_with_a_token_that_may_only_read_is_green(
    repo: GitRepo, runner: Runner, github: FakeGitHub, plain_registry: Registry
) -> None:
    head = repo.git("rev-parse", "HEAD")
    github.add_pull(8, head_sha=head, head_repository="someone/charts")
    github.tokens["t0ken"] = Token(writes=frozenset())
    payload = pull_request(8, head, head, repository="someone/charts")
    step = runner.step(
        "pull_request", payload, ref="refs/pull/8/merge", sha=head, registries=f"{plain_registry.host}/fork"
    )
    assert step.code == 0, step.errors + step.log
    assert "would publish" in step.summary
    assert "the token may not comment" in step.errors + step.log
    assert github.state.comments == {}


def test_pull_request_target_from_a_fork_is_refused(repo: GitRepo, runner: Runner) -> None:
    head = repo.git("rev-parse", "HEAD")
    payload = pull_request(9, head, head, repository="someone/charts")
    step = runner.step("pull_request_target", payload, ref=MAIN, sha=head, registries="localhost:1/x")
    assert step.code == 2
    assert "refused to run on pull_request_target" in step.errors


def test_unknown_command_is_advised(repo: GitRepo, runner: Runner) -> None:
    step = runner.step("push", {}, ref=MAIN, sha=repo.git("rev-parse", "HEAD"), command="publsh")
    assert step.code == 2
    assert "did you mean 'publish'?" in step.errors
