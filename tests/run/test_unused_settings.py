from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.fakes.git import GitRepo, chart_yaml
from tests.flow.command import Command

from oci_chart_publish.run.unused_settings import unused_settings
from oci_chart_publish.settings import ChartSettings, Settings

CHARTS = {"web": "charts/web", "db": "charts/db", "root": ""}
NO_CHART = "chart-settings: no chart is called {!r}, so what stands there has no effect: {}"


def told(by_chart: Mapping[str, ChartSettings], *, ignore: tuple[str, ...] = ()) -> tuple[str, ...]:
    """What is told of settings where ``lib`` and ``elsewhere`` are the other path and chart of the repository."""
    settings = Settings(chart_settings=dict(by_chart), ignore_changes=ignore)
    return unused_settings(settings, CHARTS, others=lambda: ["elsewhere"], exists=lambda path: path == "lib")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("wep", "did you mean 'web'?"),
        ("charts/web", "did you mean 'web'?"),
        ("Web", "did you mean 'web'?"),
        ("nothing-like-it", "keys are names of charts, or globs of names"),
        ("queue-*", "keys are names of charts, or globs of names"),
    ],
)
def test_settings_for_a_chart_that_there_is_not_are_told(key: str, said: str) -> None:
    assert told({key: ChartSettings(), "*": ChartSettings()}) == (NO_CHART.format(key, said),)


def test_settings_for_charts_that_are_not_of_the_run_are_no_mistake() -> None:
    assert told({"elsewhere": ChartSettings(), "else*": ChartSettings(), "w?b": ChartSettings()}) == ()


def test_extra_paths_that_are_not_there_are_told() -> None:
    web = ChartSettings(extra_paths=("./lib/", "lib/*.tpl"))
    assert told({"web": web}) == (
        "chart-settings: web: extra-paths: there is no 'lib/*.tpl' in the repository: files and folders, from its top",
    )


def test_globs_that_can_fit_nothing_are_told() -> None:
    web = ChartSettings(ignore_changes=("/charts/web/ci", "ci"))
    assert told({"web": web}, ignore=("!NOTES.txt", "charts/db/docs/", "charts/db/", "docs/")) == (
        "chart-settings: web: ignore-changes: '/charts/web/ci' fits nothing: globs are read below its folder, as 'ci'",
        "ignore-changes: '!NOTES.txt' takes nothing back, and fits nothing",
        "ignore-changes: 'charts/db/docs/' fits nothing: globs are read below its folder, as 'docs/'",
    )


def test_every_command_tells_of_them_and_none_fails(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.write(
        {
            "charts/web/Chart.yaml": chart_yaml("web"),
            "charts/db/Chart.yaml": chart_yaml("db"),
            ".oci-chart-publish.yaml": "charts: {wep: {}, db: {}}\n",
        }
    )
    repo.commit()
    command = Command(folder=repo.root, home=tmp_path)
    expected = NO_CHART.format("wep", "did you mean 'web'?")
    planned = command.run("plan", "--json", "charts/web")
    assert (planned.code, planned.report["notes"]) == (0, [expected])
    assert f"note: {expected}" in command.run("plan").err
    bumped = command.run("bump")
    assert (bumped.code, bumped.err) == (0, f"warning: {expected}\n")
