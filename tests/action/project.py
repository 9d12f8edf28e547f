"""A repository of charts on the stand-in of GitHub, its registry, and a runner that is given the events."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.action.minirunner import WORKFLOW, Runner, Step
from tests.fakes.git import GitRepo, chart_yaml
from tests.fakes.github import FakeGitHub, Release
from tests.fakes.github_state import Run
from tests.real.registries import Registry

MAIN = "refs/heads/main"
NOTHING = "0" * 40


@dataclass
class Project:
    """Runs the action for events; ``given`` are inputs of every run."""

    repo: GitRepo
    github: FakeGitHub
    registry: Registry
    runner: Runner
    given: dict[str, str] = field(default_factory=dict)

    @classmethod
    def begin(
        cls, folder: Path, github: FakeGitHub, registry: Registry, charts: Sequence[str] = ("web",)
    ) -> Project:
        """Make a repository of one commit."""
        repo = GitRepo(folder / "origin")
        runner = Runner(workspace=repo.root, temp=folder / "runner", api_url=github.api_url)
        place = f"{registry.host}/{uuid.uuid4().hex}"
        project = cls(repo, github, registry, runner, {"registries": place})
        project.commit(*charts)
        return project

    @property
    def head(self) -> str:
        """The commit that is checked out."""
        return self.repo.git("rev-parse", "HEAD")

    def commit(self, *charts: str, version: str = "1.0.0", message: str = "change") -> str:
        """Commit a version of some charts on the branch that is checked out; on main, GitHub knows it."""
        for name in charts:
            self.repo.write({f"charts/{name}/Chart.yaml": chart_yaml(name, version)})
        sha = self.repo.commit(message)
        on_main = self.repo.git("branch", "--show-current") == "main"
        self.github.state.commit(message, sha=sha, branch="main" if on_main else None)
        return sha

    def open(self, number: int, chart: str, version: str, **more: Any) -> str:
        """Open a pull request off main that raises a chart; return its head, which is checked out."""
        self.repo.git("checkout", "--quiet", "-B", f"topic-{number}", "main")
        head = self.commit(chart, version=version)
        self.github.add_pull(number, head_sha=head, **more)
        self.github.state.refs[f"heads/topic-{number}"] = head
        return head

    def merge(self, *numbers: int) -> list[str]:
        """Merge pull requests as one commit each, as a merge queue does; main is checked out then."""
        self.repo.git("checkout", "--quiet", "main")
        merged = []
        for number in numbers:
            self.repo.git("cherry-pick", "--no-commit", f"topic-{number}")
            sha = self.commit(message=f"change (#{number})")
            pull = self.github.state.pulls[number]
            pull.merged, pull.state, pull.merge_sha = True, "closed", sha
            merged.append(sha)
        return merged

    def push(self, before: str = NOTHING, *, commits: Sequence[str] = (), **inputs: str) -> Step:
        """Run for a push to main that ended at HEAD."""
        payload = {"before": before, "commits": [{"id": sha} for sha in commits]}
        return self.run("push", payload, **inputs)

    def pull_request(self, number: int, action: str = "synchronize", **inputs: str) -> Step:
        """Run for a pull request as it is now, at what is checked out."""
        pull = self.github.state.pulls[number]
        document = {
            "number": number,
            "state": pull.state,
            "merged": pull.merged,
            "head": {
                "sha": pull.head_sha,
                "ref": f"topic-{number}",
                "repo": {"full_name": pull.head_repository},
            },
            "base": {"sha": self.repo.git("rev-parse", "main"), "ref": pull.base_ref},
            "labels": [],
        }
        # https://docs.github.com/actions/reference/variables-reference: the branch that it was merged into
        ref = f"refs/heads/{pull.base_ref}" if pull.merged else f"refs/pull/{number}/merge"
        return self.run("pull_request", {"action": action, "pull_request": document}, ref=ref, **inputs)

    def run(self, event: str, payload: Mapping[str, object], *, ref: str = MAIN, **inputs: str) -> Step:
        """Run for an event at what is checked out."""
        step = self.runner.step(event, payload, ref=ref, sha=self.head, **{**self.given, **inputs})
        done = "failure" if step.code else "success"
        branch = ref.removeprefix("refs/heads/")
        run = Run(self.runner.run_id, WORKFLOW, self.head, done, event=event, head_branch=branch)
        self.github.state.runs.append(run)
        return step

    def comment(self, number: int) -> str:
        """Return the one comment on a pull request."""
        (found,) = [one for one in self.github.state.comments.values() if one.issue == number]
        return found.body

    def released(self) -> dict[str, str]:
        """Return the commit of each published release, by tag."""
        tags = self.github.state.tags()
        return {one.tag: tags[one.tag] for one in self.github.state.releases.values() if not one.draft}


def charts(step: Step) -> dict[str, dict[str, Any]]:
    """Return the charts of a run's report, by name."""
    return {chart["name"]: chart for chart in json.loads(step.outputs["charts"])}


def notes(step: Step) -> list[str]:
    """Return the notes of a run's report."""
    return list(json.loads(Path(step.outputs["report"]).read_text())["notes"])


def release(github: FakeGitHub, tag: str) -> Release:
    """Return the one release, draft or not, of a tag."""
    (found,) = [one for one in github.state.releases.values() if one.tag == tag]
    return found
