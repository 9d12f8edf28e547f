"""Nothing is imported that a command does not use: that is most of the time a small run takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.flow.command import Command, repository
from tests.real.registries import Registry

NEVER = {
    "github",
    "rich",
    "asyncio",
    "oci_chart_publish.action.action",
    "oci_chart_publish.chartrepo.fetch",
    "oci_chart_publish.cache.verbs",
    "oci_chart_publish.run.details",
    "oci_chart_publish.forge.github",
    "oci_chart_publish.layout.gc",
    "oci_chart_publish.commands.promote",
    "oci_chart_publish.chartrepo.chart_repository",
    "oci_chart_publish.notify.chart_releases",
    "oci_chart_publish.run.versions",
}


@pytest.fixture
def command(tmp_path: Path) -> Command:
    (tmp_path / "home").mkdir()
    folder = repository(tmp_path / "repo")
    return Command(folder=folder, home=tmp_path / "home", extra={"PYTHONPROFILEIMPORTTIME": "1"})


def imported(told: str) -> set[str]:
    """Return the modules that Python says it imported."""
    return {line.rpartition("|")[2].strip() for line in told.splitlines() if line.startswith("import time:")}


def test_publishing_imports_only_what_it_uses(command: Command, plain_registry: Registry) -> None:
    done = command.run("publish", "--registry", f"{plain_registry.host}/startup")
    assert done.code == 0, done.err
    assert "requests" in imported(done.err)
    assert imported(done.err) & NEVER == set()


def test_without_a_registry_there_is_no_http(command: Command) -> None:
    done = command.run("publish")
    assert done.code == 0, done.err
    assert imported(done.err) & (NEVER | {"requests", "urllib3"}) == set()


def test_the_version_imports_next_to_nothing(command: Command) -> None:
    done = command.run("--version")
    assert done.code == 0
    assert (
        imported(done.err) & (NEVER | {"requests", "yaml", "msgspec", "oci_chart_publish.run.project"})
        == set()
    )
