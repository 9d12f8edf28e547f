"""The scripts of the release workflow, run by bash on a real repository; `gh` only notes what it was asked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.fakes.git import GitRepo

ROOT = Path(__file__).parents[1]
JOBS: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]
IMAGE = f"ghcr.io/org/oci-chart-publish@sha256:{'a' * 64}"


def script(job: str, name: str) -> str:
    (found,) = [step["run"] for step in JOBS[job]["steps"] if step.get("name", "").startswith(name)]
    return str(found)


class Runner:
    """A machine with a clone of the repository and a `gh` that knows no release."""

    def __init__(self, folder: Path, origin: GitRepo) -> None:
        self.clone = GitRepo.clone(origin.root, folder / "clone", "--no-tags")
        self.folder = folder
        program = folder / "bin/gh"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\necho "$*" >>{folder}/asked\ntest "$1 $2" != "release view"\n')
        program.chmod(0o755)

    def run(self, script: str, version: str = "1.2.0") -> int:
        environment = {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "GITHUB_REF": "refs/heads/main",
            "VERSION": version,
            "IMAGE": IMAGE,
        }
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.clone.root,
            env=environment,
            capture_output=True,
            check=False,
        )
        return done.returncode


@pytest.fixture
def origin(tmp_path: Path) -> GitRepo:
    repo = GitRepo(tmp_path / "origin")
    repo.write(
        {
            "action.yml": (ROOT / "action.yml").read_bytes(),
            "CHANGELOG.md": "# Changelog\n\n## [1.2.0]\n\n- new\n\n## [1.1.0]\n\n- old\n",
            "src/oci_chart_publish/__init__.py": '__version__ = "1.2.0"\n',
        }
    )
    repo.commit("ready")
    return repo


def test_release_tags_a_commit_that_names_the_image_and_run_again_comes_to_the_same(
    tmp_path: Path, origin: GitRepo
) -> None:
    tagging = script("tag", "Tag a commit")
    (tmp_path / "first").mkdir()
    first = Runner(tmp_path / "first", origin)
    assert first.run(tagging) == 0
    commit = origin.git("rev-parse", "v1.2.0")
    assert f"\n  image: docker://{IMAGE} # v1.2.0\n" in origin.git("show", "v1.2.0:action.yml") + "\n"
    assert origin.git("rev-parse", "v1") == commit
    assert origin.git("rev-parse", "v1.2.0~1") == origin.git("rev-parse", "main")
    assert (first.clone.root / "notes.md").read_text().strip() == "- new"
    assert "release create v1.2.0 --verify-tag" in (first.folder / "asked").read_text()

    (tmp_path / "second").mkdir()
    assert Runner(tmp_path / "second", origin).run(tagging) == 0
    assert {origin.git("rev-parse", tag) for tag in ("v1.2.0", "v1")} == {commit}


@pytest.mark.parametrize(("version", "code"), [("1.2.0", 0), ("1.3.0", 1), ("1.2.0-rc.1", 1), ("v1.2.0", 1)])
def test_only_the_version_of_the_source_is_released(
    tmp_path: Path, origin: GitRepo, version: str, code: int
) -> None:
    (tmp_path / "runner").mkdir()
    runner = Runner(tmp_path / "runner", origin)
    assert runner.run(script("check", "The branch, the version"), version) == code
