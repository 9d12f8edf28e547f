"""Without a registry charts end in the layout: that is said, and nothing is called published, tagged or released."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.action.project import Project, charts, notes
from tests.fakes.github import FakeGitHub
from tests.real.registries import Registry
from tests.real.tools import REPOSITORY as ROOT


@pytest.fixture
def project(tmp_path: Path, github: FakeGitHub, plain_registry: Registry) -> Project:
    return Project.begin(tmp_path, github, plain_registry)


@pytest.mark.parametrize("kind", ["release", "tag"])
def test_a_push_without_a_registry_publishes_nothing(project: Project, kind: str) -> None:
    step = project.push(registries="", release=kind)
    assert (step.code, step.outputs["published"]) == (0, "false"), step.errors + step.log
    assert step.outputs["conclusion"] == "nothing"
    # The workflow of this repository, which no test can start, runs the action so and compares these words.
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    assert f'= "{step.outputs["published"]} {step.outputs["conclusion"]}"' in workflow
    assert step.outputs["matrix"] == '{"include":[]}'
    assert {name: chart["status"] for name, chart in charts(step).items()} == {"web": "saved"}
    assert step.annotations == [
        "::warning::no registry is set: 1 chart was saved in the layout and published nowhere"
    ]
    assert step.summary.startswith("### Helm charts: 1 saved\n")
    assert "No registry is set: 1 chart was saved in the layout and published nowhere." in step.summary
    assert (project.github.state.tags(), project.github.state.releases) == ({}, {})
    assert notes(step) == []
    assert step.artifacts == ""


def test_the_comment_of_the_plan_stays_where_the_merge_published_nothing(project: Project) -> None:
    project.open(7, "web", "1.1.0")
    step = project.pull_request(7, "opened", registries="")
    assert (
        "::warning::no registry is set: 1 chart would be saved in the layout and published nowhere"
        in step.log
    )
    planned = project.comment(7)
    assert "### Helm charts: 1 to publish\n" in planned
    before = project.repo.git("rev-parse", "main")
    project.merge(7)
    assert project.push(before, registries="").code == 0
    assert project.comment(7) == planned
    step = project.push(before)
    assert step.outputs["published"] == "true"
    assert "✅ published" in project.comment(7)
