"""The Python API: what it names, what it costs to import, and the worked example of docs/python.md."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.flow.charts import chart
from tests.flow.command import ROOT
from tests.real.registries import Registry

import oci_chart_publish
from oci_chart_publish import ConfigError, diff, open_project, plan, promote, publish, verify

PAGE = (ROOT / "docs/python.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PRINTED = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def charts(tmp_path: Path) -> Path:
    chart(tmp_path, "db", "0.3.0")
    web = chart(tmp_path, "web", "1.0.0", {"db": "^0.3.0"})
    (web / "values.yaml").write_text("replicas: 2\n")
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {"HOME": str(folder / "home"), "PATH": "/usr/bin:/bin"}


def test_every_name_that_is_stated_is_there_and_on_the_page() -> None:
    assert len(oci_chart_publish.__all__) in range(10, 20)
    assert sorted(oci_chart_publish.__all__) == oci_chart_publish.__all__
    for name in oci_chart_publish.__all__:
        assert getattr(oci_chart_publish, name).__module__.startswith("oci_chart_publish.")
        assert f"`{name}" in PAGE
        assert name in dir(oci_chart_publish)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'publsh'"):
        oci_chart_publish.publsh  # noqa: B018


def test_importing_the_package_imports_nothing_else() -> None:
    told = (
        "import sys, oci_chart_publish; print([m for m in sys.modules if m.startswith('oci_chart_publish.')])"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_worked_example_prints_what_the_page_says(charts: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLES[0]],
        cwd=charts,
        env={**environment(charts), "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [done.stdout] == PRINTED
    assert oci_chart_publish.read_report(charts / "report.json").exit_code == 0


def test_a_registry_is_published_to_verified_and_promoted_from(
    charts: Path, plain_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(charts)
    place = f"{plain_registry.host}/api"
    settings = {"registries": [place], "plain-http": [plain_registry.host], "layout": charts / "layout"}
    with open_project(charts, settings, environment(charts)) as project:
        assert {entry.status for entry in plan(project).charts} == {"would-publish"}
        assert verify(project).exit_code == 8
        assert [entry.status for entry in publish(project).charts] == ["published", "published"]
        assert [entry.status for entry in publish(project).charts] == ["unchanged", "unchanged"]
        assert verify(project).exit_code == 0
        released = f"oci://{plain_registry.host}/api-released"
        assert [
            str(one).partition("@")[2].partition(": ")[2]
            for one in promote(project, f"oci://{place}/web", released)
        ] == ["copied"]
        assert not diff(project, f"oci://{place}/web:1.0.0", f"{released}/web:1.0.0")
        (refused,) = promote(project, f"oci://{place}/web:9.9.9", released)
        assert (refused.status, refused.digest) == ("failed", None)


def test_a_dry_run_publishes_nothing(charts: Path, plain_registry: Registry) -> None:
    settings = {
        "registries": [f"{plain_registry.host}/api-dry"],
        "plain-http": "*",
        "layout": charts / "layout",
        "dry-run": True,
    }
    with open_project(charts, settings, environment(charts)) as project:
        assert {entry.status for entry in publish(project).charts} == {"would-publish"}
        assert {entry.status for entry in publish(project).charts} == {"would-publish"}


def test_settings_that_there_are_not_are_refused(charts: Path) -> None:
    with pytest.raises(ConfigError, match="settings: unknown key 'registry'"):
        open_project(charts, {"registry": "x"}, environment(charts))
