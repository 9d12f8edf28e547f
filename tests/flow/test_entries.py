"""An error about a dependency stands at the line of its entry, in the report and in annotations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.chartrepo import ChartRepo
from tests.fakes.git import GitRepo
from tests.fakes.wire import Reply
from tests.flow.charts import chart
from tests.flow.command import command
from tests.real.registries import Registry

from oci_chart_publish.report.annotations import annotations_of
from oci_chart_publish.report.document import read_report

# In what `top` writes, the name of the first dependency is in line 5, that of the second in line 8.
SECOND = 8


@pytest.fixture
def charts() -> Iterator[ChartRepo]:
    repository = ChartRepo()
    repository.add("fine", "1.0.0")
    repository.add("bent", "1.0.0", digest="0" * 64)
    repository.add("torn", "1.0.0", data=b"no archive")
    repository.add("gone", "1.0.0")
    del repository.archives["/charts/gone-1.0.0.tgz"]
    repository.add("down", "1.0.0")
    repository.replies["/charts/down-1.0.0.tgz"] = Reply(status=403)
    yield repository
    repository.close()


def top(folder: Path, charts: ChartRepo, second: str) -> Path:
    """Write a chart whose first dependency can be had; `second` is the entry of the other one."""
    path = chart(folder, "top", "1.0.0", {"fine": "1.0.0"}, repository=charts.url)
    with (path / "Chart.yaml").open("a") as file:
        file.write(second)
    return path


def entry(name: str, version: str, repository: str) -> str:
    return f"  - name: {name}\n    version: {version!r}\n    repository: {repository!r}\n"


def problem(tmp_path: Path, folder: Path, *options: str, code: int, name: str = "top") -> dict[str, Any]:
    """Plan, and return the error of the chart `name` as it is in the report."""
    done = command(tmp_path, folder).run("plan", "--json", *options)
    assert done.code == code, done.err
    error: dict[str, Any] = next(c["error"] for c in done.report["charts"] if c["name"] == name)
    return error


@pytest.mark.parametrize(
    ("name", "version", "code", "message"),
    [
        ("fine2", "1.0.0", 3, "the repository has no such chart"),
        ("fine", "^7.0.0", 3, "no version of fine at"),
        ("bent", "1.0.0", 8, "the index says sha256:000"),
        ("torn", "1.0.0", 3, "torn at "),
        ("gone", "1.0.0", 5, "gone-1.0.0.tgz"),
        ("down", "1.0.0", 6, "down-1.0.0.tgz"),
    ],
)
def test_dependency_that_cannot_be_fetched_is_reported_at_its_entry(
    tmp_path: Path, charts: ChartRepo, name: str, version: str, code: int, message: str
) -> None:
    folder = tmp_path / "repo"
    second = entry(name, version, charts.url)
    top(folder, charts, second + "    alias: another\n")
    error = problem(tmp_path, folder, code=code)
    assert (error["path"], error["line"]) == ("charts/top/Chart.yaml", SECOND)
    assert message in error["message"]


@pytest.mark.parametrize(
    ("repository", "message"),
    [
        ("file://../../../outside", "leads out of the repository"),
        ("", "has no repository and is missing in charts/"),
        ("@nowhere", "no repository is called 'nowhere'"),
        ("file://../none", "there is no chart in charts/none"),
        ("ftp://example.org/charts", "is none to fetch from"),
        ("file://../other", "is 1.0.0 in this repository, which does not satisfy 2.x"),
    ],
)
def test_dependency_that_leads_nowhere_is_reported_at_its_entry(
    tmp_path: Path, charts: ChartRepo, repository: str, message: str
) -> None:
    folder = tmp_path / "repo"
    chart(folder, "other", "1.0.0")
    top(folder, charts, entry("other", "2.x", repository))
    error = problem(tmp_path, folder, code=3)
    assert (error["path"], error["line"]) == ("charts/top/Chart.yaml", SECOND)
    assert message in error["message"]
    assert error["message"].startswith("'dependencies.1': ")


def test_host_that_refuses_is_reported_at_the_entry_of_each_chart(tmp_path: Path, charts: ChartRepo) -> None:
    folder = tmp_path / "repo"
    charts.replies["/charts/index.yaml"] = Reply(status=403)
    chart(folder, "top", "1.0.0", {"leaf": "1.0.0", "fine": "1.0.0"}, repository=charts.url)
    chart(folder, "first", "1.0.0", {"fine": "1.0.0"}, repository=charts.url)
    done = command(tmp_path, folder).run("plan", "--json")
    assert done.code == 6, done.err
    errors = [chart["error"] for chart in done.report["charts"]]
    assert [(error["kind"], error["path"], error["line"]) for error in errors] == [
        ("auth", "charts/first/Chart.yaml", 5),
        ("auth", "charts/top/Chart.yaml", 5),
    ]


def test_name_that_is_not_the_first_key_of_its_entry_is_found(tmp_path: Path, charts: ChartRepo) -> None:
    folder = tmp_path / "repo"
    top(folder, charts, f"  - repository: {charts.url}\n    version: 1.0.0\n\n    name: absent\n")
    assert problem(tmp_path, folder, code=3)["line"] == 11


def test_dependency_in_requirements_is_reported_there(tmp_path: Path, charts: ChartRepo) -> None:
    folder = tmp_path / "repo"
    path = chart(folder, "top", "1.0.0")
    (path / "Chart.yaml").write_text("apiVersion: v1\nname: top\nversion: 1.0.0\n")
    (path / "requirements.yaml").write_text("dependencies:\n" + entry("absent", "1.0.0", charts.url))
    error = problem(tmp_path, folder, code=3)
    assert (error["path"], error["line"]) == ("charts/top/requirements.yaml", 2)


def test_dependency_that_the_lock_names_otherwise_and_a_stale_lock_have_lines(
    tmp_path: Path, charts: ChartRepo
) -> None:
    folder = tmp_path / "repo"
    base = chart(folder, "base", "1.0.0")
    path = top(folder, charts, entry("base", "^1.0.0", "file://../base"))
    assert command(tmp_path, folder).run("publish", "--dependency", "update").code == 0
    (base / "Chart.yaml").write_text("apiVersion: v2\nname: base\nversion: 1.1.0\n")
    (path / "values.yaml").write_text("changed: true\n")
    raised = (path / "Chart.yaml").read_text().replace("version: 1.0.0\ndep", "version: 1.0.1\ndep")
    (path / "Chart.yaml").write_text(raised)
    error = problem(tmp_path, folder, code=3)
    assert "the lock names 1.0.0" in error["message"]
    assert (error["path"], error["line"]) == ("charts/top/Chart.yaml", SECOND)

    (path / "Chart.yaml").write_text(raised.replace("^1.0.0", "^1.1.0"))
    error = problem(tmp_path, folder, code=3)
    assert "is out of sync" in error["message"]
    line = (
        (path / "Chart.lock")
        .read_text()
        .split("\n")
        .index(
            next(line for line in (path / "Chart.lock").read_text().split("\n") if line.startswith("digest:"))
        )
    )
    assert (error["path"], error["line"]) == ("charts/top/Chart.lock", line + 1)


def test_each_chart_of_a_circle_is_reported_at_the_entry_that_closes_it(
    tmp_path: Path, charts: ChartRepo
) -> None:
    folder = tmp_path / "repo"
    top(folder, charts, entry("a", "1.0.0", "file://../a"))
    chart(folder, "a", "1.0.0", {"top": "1.0.0"})
    done = command(tmp_path, folder).run("plan", "--json")
    assert done.code == 3
    assert {c["name"]: (c["error"]["path"], c["error"]["line"]) for c in done.report["charts"]} == {
        "a": ("charts/a/Chart.yaml", 5),
        "top": ("charts/top/Chart.yaml", SECOND),
    }


def test_chart_whose_dependency_failed_points_to_the_entry(tmp_path: Path, charts: ChartRepo) -> None:
    folder = tmp_path / "repo"
    broken = chart(folder, "broken", "1.0.0")
    (broken / "values.yaml").write_text("a: [\n")
    top(folder, charts, entry("broken", "1.0.0", "file://../broken"))
    error = problem(tmp_path, folder, code=3)
    assert (error["kind"], error["path"], error["line"]) == ("skipped", "charts/top/Chart.yaml", SECOND)


def test_error_in_a_chart_outside_the_run_names_its_file_in_words(tmp_path: Path, charts: ChartRepo) -> None:
    folder = tmp_path / "repo"
    broken = chart(folder, "broken", "1.0.0")
    (broken / "values.yaml").write_text("a: [\n")
    top(folder, charts, entry("broken", "1.0.0", "file://../broken"))
    error = problem(tmp_path, folder, "charts/top", code=3)
    assert (error["path"], error["line"]) == ("charts/top/Chart.yaml", SECOND)
    assert "charts/broken/values.yaml:" in error["message"]


def test_annotation_stands_at_the_entry(tmp_path: Path, charts: ChartRepo) -> None:
    folder = tmp_path / "repo"
    top(folder, charts, entry("absent", "1.0.0", charts.url))
    assert command(tmp_path, folder).run("plan", "--report", str(tmp_path / "report.json")).code == 3
    (annotation,) = annotations_of(read_report(tmp_path / "report.json"))
    assert (annotation.level, annotation.file, annotation.line) == ("error", "charts/top/Chart.yaml", SECOND)


def test_bump_says_where_the_dependency_is_declared(
    tmp_path: Path, charts: ChartRepo, plain_registry: Registry
) -> None:
    folder = tmp_path / "repo"
    repo = GitRepo(folder)
    path = top(folder, charts, "")
    repo.commit("first")
    repo.tag("top-1.0.0")
    with (path / "Chart.yaml").open("a") as file:
        file.write(entry("other", "2.x", ""))
    repo.commit("fix: second")
    place = f"{plain_registry.host}/entries"
    done = command(tmp_path, folder).run("bump", "--bump", "auto", "--registry", place)
    assert done.code == 3
    assert f"charts/top/Chart.yaml:{SECOND}: 'dependencies.1': other has no repository" in done.err
