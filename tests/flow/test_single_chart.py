"""One chart whose version and appVersion come from a git tag: docs/single-chart.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.webs import Web, shown, web

from oci_chart_publish.chart.diff import files
from oci_chart_publish.errors import ConfigError


@pytest.fixture
def single(tmp_path: Path) -> Web:
    made = web(tmp_path)
    made.settings = {"bump": "auto", "tag_template": "v{version}", "app_version": "{tag}", "tags": False}
    made.chart("charts/app", "0.0.0", "libs/base 0.1.0")
    made.chart("libs/base", "0.1.0")
    chart = made.git.root / "charts/app/Chart.yaml"
    chart.write_text(chart.read_text() + "appVersion: dev # the tag says\n")
    made.git.commit("feat: begin")
    return made


def test_tag_is_version_and_app_version_and_all_else_stays(single: Web) -> None:
    written = (single.git.root / "charts/app/Chart.yaml").read_text()
    single.git.tag("v1.4.0")
    found = single.publish()
    assert (shown(found), found["app"].app_version) == ({"app": "1.4.0 published"}, "v1.4.0")
    chart = single.packed("app", "1.4.0")
    expected = written.replace("version: 0.0.0", "version: 1.4.0").replace("dev #", "v1.4.0 #")
    assert dict(files(chart))["Chart.yaml"].decode() == expected
    assert [(sub.name, sub.version) for sub in chart.subcharts] == [("base", "0.1.0")]
    assert (single.git.root / "charts/app/Chart.yaml").read_text() == written
    assert shown(single.publish()) == {"app": "1.4.0 unchanged"}
    assert single.verify()["app"].error is None


def test_pull_request_shows_what_its_commits_ask_for(single: Web) -> None:
    single.git.tag("v1.4.0")
    single.publish()
    single.change("charts/app", "more", "feat: more")
    found = single.plan(app_version="{version}-alpine")
    assert (shown(found), found["app"].app_version) == ({"app": "1.5.0 would-publish"}, "1.5.0-alpine")
    bumped, _ = single.bump()
    assert b"appVersion: v1.5.0 # the tag says" in bumped["app"].files["Chart.yaml"]


def test_bump_chart_stamps_the_app_version_alone(single: Web) -> None:
    single.set_version("charts/app", "2.0.0")
    found = single.publish(bump="chart")
    assert (shown(found), found["app"].app_version) == ({"app": "2.0.0 published"}, "v2.0.0")


def test_unknown_field_is_refused_before_anything_is_built(single: Web) -> None:
    with pytest.raises(ConfigError, match=r"app-version: '\{sha\}' has an unknown field \{sha\}"):
        single.plan(app_version="{sha}")


@pytest.mark.parametrize("version", ["0.0.0", "0.0.0-dev"])
def test_placeholder_that_is_about_to_be_published_is_warned_of(single: Web, version: str) -> None:
    single.set_version("charts/app", version)
    app = single.plan(bump="chart")["app"]
    (warning,) = app.warnings
    assert warning.startswith(f"{version} looks like a placeholder and would be published as it is")
    assert app.warning_lines[warning] == 3
    single.set_version("charts/app", "0.0.1")
    assert single.plan(bump="chart")["app"].warnings == ()
