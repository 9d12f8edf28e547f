from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
from msgspec.structs import replace

from oci_chart_publish.report import document

SCHEMA = Path(__file__).parents[2] / "schema" / "report-v1.json"

CHARTS = (
    document.Chart(name="web", path="charts/web", version="1.3.0", status="published", size=100),
    document.Chart(name="api", path="charts/api", version="1.0.0", status="would-publish", size=30),
    document.Chart(name="old", path="charts/old", version="0.1.0", status="unchanged", size=7),
)
REPORT = document.Report(
    command="plan",
    dry_run=False,
    conclusion="success",
    exit_code=0,
    charts=CHARTS,
    totals=document.count(CHARTS),
)


def test_schema_in_the_repository_is_the_one_of_the_types() -> None:
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(document.json_schema()))


def test_report_is_valid_by_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    validator.check_schema(validator.schema)
    validator.validate(json.loads(document.encode(REPORT)))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**json.loads(document.encode(REPORT)), "conclusion": "fine"})


def test_report_reads_back() -> None:
    assert document.decode(document.encode(REPORT)) == REPORT


def test_names_that_are_not_utf8_are_spelled_out() -> None:
    name = b"caf\xe9.txt".decode(errors="surrogateescape")
    chart = replace(CHARTS[0], path=f"charts/{name}", changes=document.Changes(added=(name,)))
    (found,) = document.decode(document.encode(replace(REPORT, charts=(chart,)))).charts
    assert (found.path, found.changes) == (
        r"charts/caf\udce9.txt",
        document.Changes(added=(r"caf\udce9.txt",)),
    )


def test_broken_report_is_refused_with_the_path_of_what_is_wrong() -> None:
    data = document.encode(REPORT).replace(b'"unchanged"', b'"invented"')
    with pytest.raises(
        msgspec.ValidationError, match=r"Invalid enum value 'invented' - at `\$\.charts\[2\]\.status`"
    ):
        document.decode(data)


@pytest.mark.parametrize("size", ["-1", "1" + 400 * "0"])
def test_sizes_that_nothing_has_are_refused(size: str) -> None:
    data = document.encode(REPORT).replace(b'"size": 100,', f'"size": {size},'.encode())
    with pytest.raises(msgspec.ValidationError, match=r"at `\$\.charts\[0\]\.size`"):
        document.decode(data)


def test_totals_count_charts_and_the_bytes_that_move() -> None:
    assert REPORT.totals == document.Totals(charts=3, published=1, would_publish=1, unchanged=1, size=130)


def test_required_keys_of_the_contract_are_all_there() -> None:
    written = json.loads(document.encode(REPORT))
    assert {
        "schema",
        "command",
        "dry_run",
        "repository",
        "revision",
        "ref",
        "pull_request",
        "conclusion",
        "charts",
        "totals",
    } <= written.keys()
    assert {
        "name",
        "path",
        "version",
        "previous_version",
        "app_version",
        "bump",
        "digest",
        "size",
        "previous_size",
        "config",
        "layer",
        "status",
        "changes",
        "git_tag",
        "release_url",
        "targets",
    } <= written["charts"][0].keys()


def test_recent_sizes_read_back_and_none_is_negative() -> None:
    sizes = (document.Size(version="1.2.0", size=90), document.Size(version="1.3.0", size=100))
    written = document.encode(msgspec.structs.replace(REPORT, charts=(_sized(sizes),)))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(json.loads(written))
    assert document.decode(written).charts[0].recent_sizes == sizes
    with pytest.raises(msgspec.ValidationError, match=r"recent_sizes\[0\]\.size"):
        document.decode(written.replace(b'"size": 90', b'"size": -90'))


def _sized(sizes: tuple[document.Size, ...]) -> document.Chart:
    return msgspec.structs.replace(CHARTS[0], recent_sizes=sizes)
