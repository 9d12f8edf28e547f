"""A saved report, posted by another job than the one that made it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.action.minirunner import Runner, Step
from tests.fakes.git import GitRepo
from tests.fakes.github import FakeGitHub, Token
from tests.flow.charts import chart
from tests.flow.command import Command, Done
from tests.real.registries import Registry


class Saved:
    """The report of a plan, in a folder of its own, and jobs that post it."""

    def __init__(self, tmp_path: Path, registry: Registry, github: FakeGitHub) -> None:
        self.github = github
        self.folder = tmp_path / "repo"
        chart(self.folder, "web", "1.0.0")
        self.git = GitRepo(self.folder)
        self.head = self.git.commit("add web")
        (tmp_path / "home").mkdir()
        self.summary = tmp_path / "summary"
        self.summary.touch()
        extra = {"GITHUB_STEP_SUMMARY": str(self.summary)}
        self.command = Command(folder=self.folder, home=tmp_path / "home", extra=extra)
        self.runner = Runner(workspace=self.folder, temp=tmp_path / "runner", api_url=github.api_url)
        self.file = tmp_path / "report.json"
        self.place = f"{registry.host}/{tmp_path.name.replace('_', '-').strip('-')}"

    def plan(self) -> Done:
        return self.command.run("plan", "--json", "--registry", self.place, "--report", str(self.file))

    def change(self, **fields: object) -> None:
        document = json.loads(self.file.read_text())
        self.file.write_text(json.dumps(document | fields))

    def show(self, *options: str) -> Done:
        return self.command.run("report", str(self.file), *options)

    def post(self, number: int = 7, source: str = "acme/charts", **inputs: str) -> Step:
        """Post it from a job that follows the one of a pull request of the repository ``source``."""
        run: dict[str, Any] = {
            "event": "pull_request",
            "head_sha": self.head,
            "pull_requests": [{"number": number}],
            "head_repository": {"full_name": source},
        }
        payload = {"action": "completed", "workflow_run": run}
        return self.runner.step(
            "workflow_run",
            payload,
            ref="refs/heads/main",
            sha=self.head,
            command=f"report {self.file}",
            **inputs,
        )


@pytest.fixture
def saved(tmp_path: Path, plain_registry: Registry, github: FakeGitHub) -> Saved:
    saved = Saved(tmp_path, plain_registry, github)
    assert saved.plan().code == 0
    return saved


def test_without_a_code_host_it_is_shown_as_it_was_saved(saved: Saved) -> None:
    done = saved.show("--json")
    assert (done.code, done.report) == (0, json.loads(saved.file.read_text())), done.err
    table = saved.show()
    assert table.code == 0
    assert "would-publish" in table.out
    assert done.digests()["web"] in saved.summary.read_text()


def test_markdown_goes_to_the_file_that_is_named(saved: Saved, tmp_path: Path) -> None:
    assert saved.show("--markdown", str(tmp_path / "out.md")).code == 0
    assert "web" in (tmp_path / "out.md").read_text()


def test_markdown_that_cannot_be_written_is_said_in_one_line(saved: Saved, tmp_path: Path) -> None:
    (tmp_path / "nowhere").write_text("no folder")
    done = saved.show("--markdown", str(tmp_path / "nowhere/out.md"))
    assert done.code == 2, done.err
    assert "nowhere/out.md" in done.err
    assert "Traceback" not in done.err


def test_failed_run_stays_failed(saved: Saved) -> None:
    (saved.folder / "charts/web/Chart.yaml").write_text("name: web\n")
    assert saved.plan().code == 3
    done = saved.show()
    assert done.code == 3
    assert "charts/web" in done.err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"schema": 2}', "is no report of schema 1"),
        ("[]", "is no report of schema 1"),
        ("", "is no report of schema 1"),
        ("\x00\x01", "is no report of schema 1"),
        ("[" * 100_000, "is no report of schema 1"),
    ],
)
def test_file_that_is_no_report_is_refused(saved: Saved, text: str, why: str) -> None:
    saved.file.write_text(text)
    done = saved.show()
    assert done.code == 2, done.err
    assert why in done.err
    assert saved.summary.read_text() == ""


def test_report_of_another_schema_is_refused_whatever_else_it_says(saved: Saved) -> None:
    saved.change(schema=2)
    step = saved.post()
    assert step.code == 2
    assert "is no report of schema 1" in step.errors
    assert saved.github.state.comments == {}


def test_file_that_is_not_there_is_refused(saved: Saved) -> None:
    saved.file.unlink()
    done = saved.show()
    assert done.code == 2
    assert f"cannot read the report {saved.file}" in done.err


def test_comment_goes_to_the_pull_request_of_the_event_and_not_of_the_file(saved: Saved) -> None:
    saved.github.add_pull(7, head_sha=saved.head)
    saved.github.add_pull(8)
    saved.change(pull_request={"number": 8, "head": saved.head, "head_repository": "acme/charts"})
    saved.post()
    step = saved.post()
    assert step.code == 0, step.errors + step.log
    assert [comment.issue for comment in saved.github.state.comments.values()] == [7]
    assert "web" in step.summary


def test_nothing_is_commented_where_comments_are_off(saved: Saved) -> None:
    saved.github.add_pull(7, head_sha=saved.head)
    step = saved.post(comment="off")
    assert step.code == 0, step.errors + step.log
    assert saved.github.state.comments == {}


def test_settings_file_of_the_action_counts(saved: Saved) -> None:
    saved.github.add_pull(7, head_sha=saved.head)
    (saved.folder / "mine.yaml").write_text("comment: 'off'\n")
    step = saved.post(config="mine.yaml")
    assert step.code == 0, step.errors + step.log
    assert saved.github.state.comments == {}


def test_token_that_may_not_comment_leaves_the_summary(saved: Saved) -> None:
    saved.github.add_pull(7, head_sha=saved.head)
    saved.github.tokens["t0ken"] = Token(writes=frozenset())
    step = saved.post()
    assert step.code == 0, step.errors + step.log
    assert "would publish" in step.summary
    assert saved.github.state.comments == {}


def test_report_that_finds_no_pull_request_says_so(saved: Saved) -> None:
    step = saved.post(8)
    assert step.code == 7  # the event names one that is not there
    run = {
        "event": "push",
        "head_sha": "a" * 40,
        "pull_requests": [],
        "head_repository": {"full_name": "acme/charts"},
    }
    for event, payload in (("workflow_run", {"workflow_run": run}), ("push", {})):
        step = saved.runner.step(
            event, payload, ref="refs/heads/main", sha=saved.head, command=f"report {saved.file}"
        )
        assert step.code == 0, step.errors + step.log
        said = "::notice::no pull request was found for this event, so no comment was written"
        assert said in step.errors.splitlines()


def test_report_without_a_token_says_so(saved: Saved) -> None:
    saved.github.add_pull(7, head_sha=saved.head)
    step = saved.post(github_token="")
    assert step.code == 0, step.errors + step.log
    assert "::notice::nothing was commented on: github-token is empty" in step.errors.splitlines()


def test_dry_run_posts_nothing(saved: Saved) -> None:
    saved.github.add_pull(7, head_sha=saved.head)
    step = saved.post(dry_run="true")
    assert step.code == 0, step.errors + step.log
    assert "::notice::dry run: would comment on #7" in step.errors.splitlines()
    assert saved.github.state.comments == {}


def test_key_of_the_comment_is_that_of_the_job_that_posts(saved: Saved) -> None:
    saved.github.add_pull(7, head_sha=saved.head)
    saved.post(comment_key="one")
    saved.post(comment_key="two")
    saved.post(comment_key="one")
    assert len(saved.github.state.comments) == 2


def test_report_of_a_pull_request_that_is_closed_by_now_says_how_it_ended(saved: Saved) -> None:
    pull = saved.github.add_pull(7, head_sha=saved.head)
    saved.post()
    pull.state = "closed"
    saved.post()
    (comment,) = saved.github.state.comments.values()
    assert comment.body.splitlines()[1].endswith("closed without a merge, nothing of it was published")


def test_code_host_that_fails_is_a_failure_to_report(saved: Saved) -> None:
    saved.github.add_pull(7, head_sha=saved.head)
    saved.github.tokens.clear()
    step = saved.post()
    assert step.code == 7, step.errors + step.log
    assert "web" in step.summary


def test_markup_of_a_stranger_is_escaped(saved: Saved) -> None:
    saved.github.add_pull(7, head_sha=saved.head)
    saved.change(notes=["<img src=x> @acme/admins [click](https://evil.example)"])
    step = saved.post()
    assert step.code == 0, step.errors + step.log
    (comment,) = saved.github.state.comments.values()
    for text in (comment.body, step.summary):
        assert " <img" not in text
        assert "](https://evil.example)" not in text
        assert " @acme/admins" not in text


def test_what_a_fork_says_that_it_published_is_its_plan(saved: Saved) -> None:
    saved.github.add_pull(7, head_sha=saved.head, head_repository="mallory/charts")
    report = json.loads(saved.file.read_text())
    forged = {
        "registry": "evil.example/charts",
        "reference": "evil.example/charts/web:1.0.0",
        "status": "published",
    }
    (web,) = report["charts"]
    web |= {"status": "published", "released": True, "git_tag": "web-1.0.0", "preview": forged["reference"]}
    web["targets"] = [{**web["targets"][0], "status": "published"}, forged]
    saved.change(
        command="publish", dry_run=False, conclusion="success", charts=[web], repository="acme/charts"
    )
    step = saved.post(source="mallory/charts", registries=saved.place)
    assert step.code == 0, step.errors + step.log
    (comment,) = saved.github.state.comments.values()
    for text in (comment.body, step.summary):
        assert "### Helm charts, the plan of `mallory/charts`: 1 to publish\n" in text
        assert f"`{saved.place}/web:1.0.0`: 🆕 would publish" in text
        assert "evil.example" not in text
        assert "✅" not in text
        assert "releases/tag" not in text
    saved.change(repository="mallory/charts")
    step = saved.post()
    assert "the plan of `mallory/charts`" in step.summary
    assert saved.place not in step.summary  # no registry is configured in this job
