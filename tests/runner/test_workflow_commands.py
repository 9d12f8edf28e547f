from __future__ import annotations

import io
from pathlib import Path

import pytest
from tests.action.minirunner import parse_file_command

from oci_chart_publish.report.annotations import Annotation
from oci_chart_publish.runner import workflow_commands as runner


@pytest.mark.parametrize(
    "value", ["", "plain", "two\nlines", "EOF\n", "a=b", "x<<EOF\ny\nEOF", "ghadelimiter_", "tail\n\n"]
)
def test_outputs_are_read_back_by_the_rules_of_the_runner(tmp_path: Path, value: str) -> None:
    path = tmp_path / "output"
    path.write_text("earlier=1\n")
    runner.write_outputs(str(path), {"first": value, "second": "2"})
    assert parse_file_command(path.read_text()) == {"earlier": "1", "first": value, "second": "2"}


def test_carriage_returns_do_not_reach_a_file_command(tmp_path: Path) -> None:
    path = tmp_path / "output"
    runner.write_outputs(str(path), {"a": "1\r\n2\r3"})
    assert parse_file_command(path.read_text()) == {"a": "1\n2\n3"}


def test_nothing_is_written_where_the_runner_gave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner.write_outputs("", {"a": "1"})
    assert list(tmp_path.iterdir()) == []


def test_workflow_command_escapes_data_and_properties() -> None:
    line = runner.command("error", "50% of\r\nlines", {"file": "a,b:c", "title": ""})
    assert line == "::error file=a%2Cb%3Ac::50%25 of%0D%0Alines"


def test_ten_annotations_of_a_level_are_shown_and_the_rest_is_counted() -> None:
    stream = io.StringIO()
    runner.annotate([Annotation(level="error", message=f"m{i}") for i in range(12)], stream)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == "::error::m0"
    assert lines[-1] == "::error::… and 3 more; the step summary has them all."


def test_annotation_has_place_and_title() -> None:
    stream = io.StringIO()
    runner.annotate(
        [Annotation(level="warning", message="m", file="charts/web/Chart.yaml", line=3, title="web 1.0.0")],
        stream,
    )
    assert stream.getvalue() == "::warning file=charts/web/Chart.yaml,line=3,title=web 1.0.0::m\n"


def test_secrets_are_masked_line_by_line_and_short_ones_are_not() -> None:
    stream = io.StringIO()
    runner.mask(["first-secret\nsecond-secret", "abc", ""], stream)
    assert stream.getvalue() == "::add-mask::first-secret\n::add-mask::second-secret\n"
