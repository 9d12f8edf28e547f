from __future__ import annotations

import pytest
from tests.fakes.github import FakeGitHub
from tests.fakes.github_state import Run

from oci_chart_publish.errors import ForgeError
from oci_chart_publish.github.gateway import GitHub
from oci_chart_publish.github.workflow_runs import WorkflowRun

SHA = "1" * 40


def test_runs_that_ended_before_this_one_are_told_the_newest_first(fake: FakeGitHub, github: GitHub) -> None:
    fake.state.runs = [
        Run(1, "publish.yml", SHA, "success"),
        Run(2, "publish.yml", SHA, "failure"),
        Run(3, "other.yml", SHA, "failure"),
        Run(4, "publish.yml", SHA, "failure", head_branch="topic"),
        Run(5, "publish.yml", SHA, "failure", event="pull_request"),
        Run(6, "publish.yml", SHA, None),
        Run(7, "publish.yml", SHA, "cancelled", event="schedule"),
        Run(8, "publish.yml", SHA, "success"),
    ]
    assert github.workflow_runs.before(8, "publish.yml", "main") == [
        WorkflowRun(id=7, commit=SHA, good=False),
        WorkflowRun(id=2, commit=SHA, good=False),
        WorkflowRun(id=1, commit=SHA, good=True),
    ]
    assert len(fake.requests) == 1


def test_record_that_is_hidden_from_the_token_is_an_error(fake: FakeGitHub, github: GitHub) -> None:
    fake.refuse("GET", "/runs$", "not-accessible")
    with pytest.raises(ForgeError, match="403 Resource not accessible"):
        github.workflow_runs.before(8, "publish.yml", "main")
