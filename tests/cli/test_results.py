"""``--json`` of every command: one document, which fits the schema, whatever became of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.flow.charts import chart
from tests.flow.command import ROOT
from tests.real.registries import Registry

from oci_chart_publish.cli.main import run
from oci_chart_publish.report import results

SCHEMA = ROOT / "schema" / "results-v1.json"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    chart(tmp_path, "web", "1.0.0")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def document(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> tuple[int, Any]:
    """Run a command in this process; return its code, and what it printed on stdout as JSON."""
    capsys.readouterr()
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "OCI_CHART_CACHE": str(folder / "layout")}
    code = run(arguments, environment)
    printed = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(printed)
    return code, printed


def test_schema_is_that_of_the_types() -> None:
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(results.json_schema()))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("publish", "--json", "--nope"), "No such option '--nope'"),
        (("diff", "--json", "a"), "Missing argument 'B'."),
        (("publish", "--json", "nowhere"), "charts: there is no 'nowhere'"),
        (("prune", "--json"), "prune: no repository of previews"),
        (("bump", "--json", "--check", "--write"), "bump: --check changes nothing, and --write does"),
    ],
)
def test_what_is_called_wrong_is_one_document(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    code, printed = document(capsys, folder, *arguments)
    assert (code, printed["exit_code"]) == (2, 2)
    (error,) = printed["errors"]
    assert error["kind"] == "usage"
    assert said in error["message"]


def test_promote_says_what_became_of_each_artifact(
    folder: Path, capsys: pytest.CaptureFixture[str], plain_registry: Registry
) -> None:
    plain = ("--plain-http", "--json")
    assert run(("publish", "--json"), {"HOME": str(folder), "OCI_CHART_CACHE": str(folder / "layout")}) == 0
    place = f"oci://{plain_registry.host}/results"
    code, printed = document(capsys, folder, "promote", "web:1.0.0", place, *plain)
    (artifact,) = printed["artifacts"]
    assert (code, artifact["status"], artifact["reference"]) == (
        0,
        "copied",
        f"{plain_registry.host}/results/web:1.0.0",
    )
    assert artifact["digest"].startswith("sha256:")
    code, printed = document(capsys, folder, "promote", "web:9.9.9", place, *plain)
    (artifact,) = printed["artifacts"]
    assert (artifact["status"], artifact["error"]["kind"], printed["exit_code"]) == (
        "failed",
        "not-found",
        code,
    )


def test_doctor_prints_its_answers_and_prune_what_it_deleted(
    folder: Path, capsys: pytest.CaptureFixture[str], plain_registry: Registry
) -> None:
    place = f"{plain_registry.host}/results-doctor"
    code, printed = document(capsys, folder, "doctor", "--registry", place, "--plain-http", "--json")
    assert {answer["question"] for answer in printed["answers"]} >= {"git", "chart web", "code host"}
    assert printed["exit_code"] == code
    previews = f"{plain_registry.host}/results-previews"
    code, printed = document(
        capsys, folder, "prune", "--preview", previews, "--closed", "7", "--plain-http", "--json"
    )
    assert (code, printed) == (0, {"previews": [], "errors": [], "exit_code": 0})


def test_diff_and_bump_fit_the_schema(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "charts/web/values.yaml").write_text("replicas: 1\n")
    chart(folder / "newer", "web", "1.0.1")
    code, printed = document(capsys, folder, "diff", "--json", "charts/web", "newer/charts/web")
    assert (code, printed["changed"]) == (0, ["Chart.yaml", "values.yaml"])
    code, printed = document(capsys, folder, "bump", "--json")
    assert code == 2
    assert printed == []


def test_quiet_prints_the_result_all_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment = {"HOME": str(folder), "OCI_CHART_CACHE": str(folder / "layout")}
    assert run(("publish", "-q"), environment) == 0
    assert "web" in capsys.readouterr().out
    assert run(("promote", "-q", "--dry-run", "web:1.0.0", "oci://127.0.0.1:1/x"), environment) != 0
    assert "error: " in capsys.readouterr().err
