from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.git import GitRepo, chart_yaml
from tests.flow.command import Command

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.run.setting_sources import from_file, resolve
from oci_chart_publish.run.unused_settings import unused_credentials, unused_settings
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


def test_globs_that_fit_no_file_are_told() -> None:
    settings = Settings(
        ignore_changes=("docs/", "*.md", "charts/*.yaml"),
        include_untracked=("gen/*.yaml", "**/*.tgz"),
        publish_refs=("refs/heads/v*", "main", "!v1", "**/x"),
    )
    said = unused_settings(
        settings,
        {"web": "charts/web"},
        others=list,
        exists=lambda _: True,
        paths=lambda: ["charts/web/Chart.yaml", "charts/web/a/NOTES.md", "docs/x", "charts/db/values.yaml"],
        untracked=lambda: ["charts/web/gen/a.yaml", "charts/db/x.tgz"],
    )
    below = "globs count below its folder, as in .gitignore"
    assert said == (
        "publish-refs: 'main' fits no ref: write it whole, as refs/heads/main or refs/tags/main",
        "publish-refs: '!v1' fits no ref: write it whole, as refs/heads/v1 or refs/tags/v1",
        f"include-untracked: '**/*.tgz' fits no untracked file of a chart: {below}",
        f"ignore-changes: 'docs/' fits no file of a chart: {below}",
        f"ignore-changes: 'charts/*.yaml' fits no file of a chart: {below}",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ignore-changes: ['[z-a]']", "ignore-changes: '[z-a]' is no glob: bad character range z-a"),
        ("include-untracked: ['[!]']", "include-untracked: '[!]' is no glob: a class [...] is not closed"),
        ("publish-refs: ['refs/[']", "publish-refs: 'refs/[' is no glob: a class [...] is not closed"),
        ("charts: ['!x[']", "charts: 'x[' is no glob: a class [...] is not closed"),
        ("charts: {'w[': {}}", "chart-settings: 'w[' is no glob: a class [...] is not closed"),
        (
            "chart-settings: {web: {ignore-changes: 'a['}}",
            "chart-settings: web: ignore-changes: 'a[' is no glob: a class [...] is not closed",
        ),
    ],
)
def test_a_bad_glob_is_refused_before_anything_is_done(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        resolve([from_file(tmp_path, str(tmp_path / "settings.yaml"))])
    assert caught.value.message == message


def test_no_glob_library_is_loaded_for_plain_names() -> None:
    code = (
        "import sys; from oci_chart_publish.paths.globs import covers; "
        "assert covers(('README.md', '/docs/'), 'docs/a');"
        " print('pathspec' in sys.modules); covers(('*.md',), 'a'); print('pathspec' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize(
    ("auth", "more", "message"),
    [
        ("{}", {}, "registry-auth: there is nothing below 'auths', so it is a login to no registry"),
        (
            '{"r.example": {"auth": "YTpi"}}',
            {},
            "registry-auth: there is nothing below 'auths', so it is a login to no registry",
        ),
        (
            '{"auths": {"https://quay.io/v2/": {"auth": "YTpi"}}}',
            {},
            "registry-auth: quay.io is no registry of this run, which asks r.example",
        ),
        ('{"auths": {"https://r.example/v2/": {"auth": "YTpi"}}}', {}, ""),
        ('{"auths": {"r.example/team": {"auth": "YTpi"}}}', {}, ""),
        ('{"auths": {"quay.io": {}}, "credsStore": "desktop"}', {"registries": ("quay.io/x",)}, ""),
        ('{"credsStore": "desktop"}', {}, ""),
        # For dependencies: the registry of the run has the job's own token.
        ('{"auths": {"quay.io": {}}}', {"registries": ("ghcr.io/acme",), "github_token": "t"}, ""),
        ('{"auths": {"quay.io": {}}}', {"username": "u", "password": "p"}, ""),
        ('{"auths": {"p.example": {}}}', {"preview": "p.example/previews"}, ""),
        ("not JSON", {}, ""),
        ("[]", {}, ""),
    ],
)
def test_login_that_serves_no_registry_of_the_run_is_told_of(
    auth: str, more: dict[str, Any], message: str
) -> None:
    settings = Settings(**{"registries": ("r.example/charts",), "registry_auth": auth, **more})
    assert unused_credentials(settings) == ((message,) if message else ())
