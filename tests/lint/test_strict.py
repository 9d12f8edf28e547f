"""From a trap in a chart to the annotation on its line, and to an error where that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.flow.charts import chart
from tests.flow.command import command

from oci_chart_publish.report.annotations import annotations_of
from oci_chart_publish.report.document import read_report


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = chart(tmp_path / "repo", "web", "1.0.0")
    (path / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\nkubeVersion: 1.20\n")
    (path / "values.yaml").write_text("a: 1\n---\nb: 2\n")
    chart(tmp_path / "repo", "fine", "1.0.0")
    return tmp_path / "repo"


def test_warnings_are_annotations_on_their_line_and_stop_nothing(tmp_path: Path, folder: Path) -> None:
    done = command(tmp_path, folder).run("plan", "--report", str(tmp_path / "report.json"))
    assert done.code == 0
    places = [
        (a.level, a.file, a.line) for a in annotations_of(read_report(tmp_path / "report.json")) if a.file
    ]
    assert places == [
        ("warning", "charts/web/Chart.yaml", 4),
        ("warning", "charts/web/values.yaml", 2),
    ]


def test_strict_from_the_settings_file_fails_the_chart_and_no_other(tmp_path: Path, folder: Path) -> None:
    (folder / ".oci-chart-publish.yaml").write_text("strict: true\n")
    done = command(tmp_path, folder).run("publish", "--json", "--report", str(tmp_path / "report.json"))
    assert done.code == 3
    assert done.statuses()["web"] == "failed"
    assert done.statuses()["fine"] != "failed"
    (annotation,) = [
        a for a in annotations_of(read_report(tmp_path / "report.json")) if a.level == "error" and a.file
    ]
    assert (annotation.file, annotation.line) == ("charts/web/Chart.yaml", 4)
    assert "an error because of strict" in annotation.message
    assert "values.yaml has several documents" in annotation.message
