"""What a pull request shows is what its merge publishes: labels and titles, on real git and the stand-in of GitHub."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.action.minirunner import Runner, Step
from tests.action.payloads import pull_request
from tests.fakes.git import GitRepo, chart_yaml
from tests.fakes.github import FakeGitHub, Token
from tests.real.registries import Registry


@dataclass
class Project:
    """A released chart, and a pull request that changes it in two commits."""

    repo: GitRepo
    runner: Runner
    github: FakeGitHub
    registry: str
    base: str
    head: str = ""

    def open(self, *messages: str, labels: tuple[str, ...] = (), title: str = "A change") -> None:
        self.repo.branch("topic")
        for number, message in enumerate(messages):
            self.repo.write({"charts/web/values.yaml": f"replicas: {number}\n"})
            self.head = self.repo.commit(message)
        commits = tuple(self.repo.git("rev-list", f"{self.base}..HEAD").split())
        self.github.add_pull(7, head_sha=self.head, title=title, labels=list(labels), commits=commits)

    def plan(self, **inputs: str) -> Step:
        pull = self.github.state.pulls[7]
        payload = pull_request(7, self.head, self.base)
        details = payload["pull_request"]
        assert isinstance(details, dict)
        details |= {"title": pull.title, "labels": [{"name": name} for name in pull.labels]}
        return self._run("pull_request", payload, "refs/pull/7/merge", self.head, **inputs)

    def squash(self, message: str) -> str:
        self.repo.switch("main")
        self.repo.git("merge", "--quiet", "--squash", "topic")
        return self._merged(self.repo.commit(message))

    def merge(self) -> str:
        self.repo.switch("main")
        return self._merged(self.repo.merge("topic"))

    def rebase(self) -> str:
        """Merge as GitHub does by rebase: copies of the commits, of which it knows the pull request."""
        before = self.repo.git("rev-list", "--reverse", f"{self.base}..topic").split()
        self.repo.switch("main")
        self.repo.write({"README.md": "something that came between\n"})
        self.repo.commit("docs: readme")
        for commit in before:
            self.repo.git("cherry-pick", commit)
        copies = self.repo.git("rev-list", f"--max-count={len(before)}", "HEAD").split()
        for copy in copies[1:]:
            self.github.state.commit("copy", sha=copy)
            self.github.state.pulls[7].commits += (copy,)
        return self._merged(copies[0])

    def _merged(self, sha: str) -> str:
        pull = self.github.state.pulls[7]
        self.github.state.commit("merged", sha=sha, branch="main")
        pull.merge_sha, pull.merged, pull.state = sha, True, "closed"
        return sha

    def push(self, sha: str, **inputs: str) -> Step:
        return self._run("push", {"before": self.base}, "refs/heads/main", sha, **inputs)

    def _run(self, event: str, payload: dict[str, object], ref: str, sha: str, **inputs: str) -> Step:
        given = {"registries": self.registry, "bump": "auto", "release": "off", **inputs}
        step = self.runner.step(event, payload, ref=ref, sha=sha, **given)
        assert step.code == 0, step.errors + step.log
        return step


@pytest.fixture
def project(tmp_path: Path, github: FakeGitHub, plain_registry: Registry) -> Project:
    repo = GitRepo(tmp_path / "origin")
    repo.write({"charts/web/Chart.yaml": chart_yaml("web")})
    base = repo.commit("feat: begin")
    github.state.commit("pushed", sha=base, branch="main")
    runner = Runner(workspace=repo.root, temp=tmp_path / "runner", api_url=github.api_url)
    place = f"{plain_registry.host}/{tmp_path.name.replace('_', '-').strip('-')}"
    project = Project(repo, runner, github, place, base)
    project.push(base)
    repo.tag("web-1.0.0")
    return project


def shown(step: Step) -> tuple[str, str, str]:
    """The version, status and digest of the one chart."""
    (chart,) = json.loads(Path(step.outputs["report"]).read_text())["charts"]
    return chart["version"], chart["status"], chart["digest"]


@pytest.mark.parametrize("way", ["squash", "merge", "rebase"])
def test_label_decides_after_the_merge_as_it_did_before(project: Project, way: str) -> None:
    project.open("fix: one", "fix: two", labels=("release:major",))
    version, status, digest = shown(project.plan())
    assert (version, status) == ("2.0.0", "would-publish")
    merged = project.squash("A change (#7)") if way == "squash" else getattr(project, way)()
    assert shown(project.push(merged)) == (version, "published", digest)


def test_label_that_skips_keeps_the_chart_from_being_released_after_the_merge_too(project: Project) -> None:
    project.open("fix: one", labels=("release:skip",))
    assert shown(project.plan())[:2] == ("1.0.0", "drift")
    step = project.push(project.squash("fix: one (#7)"))
    assert shown(step)[:2] == ("1.0.0", "drift")


def test_label_of_one_pull_request_is_none_of_the_next(project: Project) -> None:
    project.open("fix: one", labels=("release:major",))
    merged = project.squash("fix: one (#7)")
    project.push(merged)
    project.repo.tag("web-2.0.0")
    project.repo.write({"charts/web/values.yaml": "replicas: 9\n"})
    sha = project.repo.commit("fix: nine")
    project.github.state.commit("pushed", sha=sha, branch="main")
    assert shown(project.push(sha))[:2] == ("2.0.1", "published")


def test_labels_that_may_not_be_read_are_told_and_commits_decide(project: Project) -> None:
    project.open("fix: one", labels=("release:major",))
    merged = project.squash("fix: one (#7)")
    project.github.tokens["t0ken"] = Token(
        writes=frozenset({"contents"}), reads=frozenset()
    )  # of a private repository
    step = project.push(merged, comment="off")
    assert shown(step)[:2] == ("1.0.1", "published")
    (warning,) = [line for line in step.annotations if line.startswith("::warning")]
    assert "labels of pull requests do not count: " in warning
    assert "Resource not accessible by integration" in warning


def test_empty_token_is_warned_of_where_labels_might_have_decided(project: Project) -> None:
    project.open("fix: one", labels=("release:major",))
    step = project.push(project.squash("fix: one (#7)"), github_token="")
    assert shown(step)[:2] == ("1.0.1", "published")
    assert "labels of pull requests do not count: github-token is empty" in step.summary


def test_label_counts_however_long_ago_its_pull_request_was_merged(project: Project) -> None:
    project.open("fix: one", labels=("release:skip",))
    project.push(project.squash("fix: one (#7)"))
    for number in range(100, 400):
        project.github.add_pull(number).state = "closed"
    project.repo.write({"README.md": "later\n"})
    sha = project.repo.commit("docs: readme")
    project.github.state.commit("pushed", sha=sha, branch="main")
    assert shown(project.push(sha))[:2] == ("1.0.0", "drift")


def test_one_request_finds_the_labels_however_many_charts_ask(project: Project) -> None:
    project.open("fix: one", labels=("release:minor",))
    project.repo.write({f"charts/c{number}/Chart.yaml": chart_yaml(f"c{number}") for number in range(5)})
    project.repo.commit("feat: more")
    merged = project.squash("fix: one (#7)")
    project.github.forget()
    project.push(merged, comment="off")
    assert [(one.method, one.path) for one in project.github.requests] == [("POST", "/graphql")]


def test_title_that_a_squash_merge_would_take_is_read_ahead(project: Project) -> None:
    project.open("wip", "wip", title="feat: two")
    step = project.plan()
    assert shown(step)[0] == "1.0.1"
    assert "a squash merge as 'feat: two' makes it 1.1.0" in step.summary
    assert shown(project.push(project.squash("feat: two (#7)")))[0] == "1.1.0"


def test_title_counts_for_one_commit_where_the_repository_is_set_so(project: Project) -> None:
    project.open("wip", title="feat: two")
    said = (
        "a squash merge as 'feat: two', where the repository takes titles for one commit too, makes it 1.1.0"
    )
    assert said in project.plan().summary


def test_title_that_would_release_what_no_commit_wants_released_is_read_ahead(project: Project) -> None:
    (project.repo.root / ".oci-chart-publish.yaml").write_text("untyped: none\n")
    project.open("wip", "wip", title="feat: two")
    step = project.plan()
    assert shown(step)[0] == "1.0.0"
    assert "a squash merge as 'feat: two' makes it 1.1.0" in step.summary


def test_title_that_says_the_same_is_not_worth_a_word(project: Project) -> None:
    project.open("fix: one", "fix: two", title="Two fixes")
    assert "squash" not in project.plan().summary


def test_token_that_may_only_read_is_enough(project: Project) -> None:
    project.open("fix: one", labels=("release:major",))
    project.github.tokens["t0ken"] = Token(writes=frozenset())
    assert shown(project.push(project.squash("fix: one (#7)"), comment="off"))[0] == "2.0.0"
