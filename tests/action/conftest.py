"""Repositories of charts and runners for them. Tests that begin with something else have fixtures of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.action.minirunner import Runner
from tests.action.project import Project
from tests.fakes.git import GitRepo
from tests.fakes.github import FakeGitHub
from tests.real.registries import Registry


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    """A repository of one chart."""
    repo = GitRepo(tmp_path / "origin")
    repo.write({"charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"})
    repo.commit("feat: first chart")
    return repo


@pytest.fixture
def runner(repo: GitRepo, tmp_path: Path, github: FakeGitHub) -> Runner:
    """A runner that has ``repo`` checked out."""
    return Runner(workspace=repo.root, temp=tmp_path / "runner", api_url=github.api_url)


@pytest.fixture
def project(tmp_path: Path, github: FakeGitHub, plain_registry: Registry) -> Project:
    """A repository of two charts, on the code host and with a registry."""
    return Project.begin(tmp_path, github, plain_registry, ("web", "api"))
