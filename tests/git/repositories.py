"""Repositories opened as a run opens them."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.git import ENV

from oci_chart_publish.git.repository import GitRepository


def opened(path: Path) -> GitRepository:
    repository = GitRepository.open(path, ENV)
    assert repository is not None
    return repository
