from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from oci_chart_publish.outcomes import Status
from oci_chart_publish.report import document
from oci_chart_publish.report.outputs import LIMIT, artifacts, checksums, outputs
from oci_chart_publish.report.text import units

DIGEST = "sha256:2c13f6fed4582256859dcac8e2754ee39e06233eaaefebce6c20251ceb4e0ffa"


def chart(name: str, status: Status) -> document.Chart:
    reference = f"ghcr.io/acme/charts/{name}:1.0.0"
    target = document.Target(
        registry="ghcr.io/acme/charts", reference=reference, status=status, digest=DIGEST
    )
    return document.Chart(
        name=name,
        path=f"charts/{name}",
        version="1.0.0",
        status=status,
        digest=DIGEST,
        built_digest=DIGEST,
        size=5,
        targets=(target,),
    )


def report(*charts: document.Chart) -> document.Report:
    return document.Report(command="publish", dry_run=False, conclusion="success", exit_code=0, charts=charts)


def test_one_published_chart_fills_the_scalar_outputs() -> None:
    found = outputs(report(chart("web", "published"), chart("api", "unchanged")))
    assert found["published"] == "true"
    assert found["digest"] == DIGEST
    assert found["reference"] == "ghcr.io/acme/charts/web:1.0.0"
    assert found["version"] == "1.0.0"
    assert found["size"] == "5"
    assert found["conclusion"] == "success"
    assert [entry["name"] for entry in json.loads(found["charts"])] == ["web", "api"]


def test_scalar_outputs_are_empty_for_none_or_several() -> None:
    a, b = chart("a", "unchanged"), chart("b", "unchanged")
    moved = [replace(one, status="published") for one in (a, b)]
    for found in (outputs(report()), outputs(report(a, b)), outputs(report(*moved))):
        assert (found["digest"], found["reference"], found["version"], found["size"]) == ("", "", "", "")
    assert outputs(report())["published"] == "false"


def test_a_rerun_of_the_only_chart_fills_the_scalar_outputs_again() -> None:
    first, again = outputs(report(chart("web", "published"))), outputs(report(chart("web", "unchanged")))
    assert (first["published"], again["published"]) == ("true", "false")
    for name in ("digest", "reference", "version", "size"):
        assert first[name] == again[name] != ""


@pytest.mark.parametrize("status", ["conflict", "drift", "failed", "unknown"])
def test_what_is_not_this_chart_fills_no_scalar_output(status: Status) -> None:
    assert outputs(report(chart("web", status)))["digest"] == ""


def large(number: int, length: int = 100, status: Status = "published") -> document.Report:
    value = document.ValueChange(file="values.yaml", key="k", old="\U0001f600" * length, new="n")
    return report(
        *(
            replace(
                chart(f"chart-{i}", status if i % 2 else "unchanged"),
                changes=document.Changes(changed=("values.yaml",)),
                value_changes=(value,) * 10,
                recent_sizes=(document.Size(version="1.0.0", size=1),),
                warnings=("\U0001f600" * length,),
            )
            for i in range(number)
        )
    )


def test_what_is_inside_is_only_in_the_report() -> None:
    (entry,) = json.loads(outputs(large(1))["charts"])
    assert entry["name"] == "chart-0"
    assert entry.keys().isdisjoint({"changes", "value_changes", "recent_sizes"})
    assert entry["targets"][0]["digest"] == DIGEST
    assert entry["warnings"]


@pytest.mark.parametrize(
    ("number", "charts", "keys"),
    [
        (200, 200, "name path version status targets warnings"),
        (400, 400, "name path version status targets"),
        (1200, 1200, "name path version status digest size"),
        (3600, 1800, "name path version status digest size"),
        (9000, 0, ""),
    ],
)
def test_outputs_fit_into_what_the_runner_takes(number: int, charts: int, keys: str) -> None:
    found = outputs(large(number, 200, "skipped"))
    assert sum(units(name) + units(value) for name, value in found.items()) <= LIMIT
    entries = json.loads(found["charts"])
    assert len(entries) == charts
    assert all(set(keys.split()) <= entry.keys() for entry in entries)


def test_a_matrix_that_nobody_could_pass_on_is_empty() -> None:
    found = outputs(large(9000))
    assert sum(units(name) + units(value) for name, value in found.items()) <= LIMIT
    assert json.loads(found["matrix"]) == {"include": []}


def test_matrix_lists_what_moved() -> None:
    found = json.loads(outputs(report(chart("web", "would-publish"), chart("api", "conflict")))["matrix"])
    assert found == {
        "include": [
            {
                "name": "web",
                "version": "1.0.0",
                "path": "charts/web",
                "reference": "ghcr.io/acme/charts/web:1.0.0",
                "digest": DIGEST,
            }
        ]
    }


def test_checksums_name_repository_and_digest_for_attestations() -> None:
    assert checksums(report(chart("web", "published"))) == (
        "2c13f6fed4582256859dcac8e2754ee39e06233eaaefebce6c20251ceb4e0ffa  ghcr.io/acme/charts/web\n"
    )


def test_checksums_are_of_what_is_published_and_was_built_here() -> None:
    packed_elsewhere = replace(chart("old", "unchanged"), built_digest="sha256:" + "1" * 64)
    found = checksums(
        report(
            chart("api", "unchanged"),
            chart("web", "published"),
            chart("new", "would-publish"),
            chart("bad", "conflict"),
            packed_elsewhere,
        )
    )
    assert [line.rpartition("/")[2] for line in found.splitlines()] == ["web", "api"]


def test_checksums_are_no_more_than_can_be_attested() -> None:
    assert checksums(large(3000)).count("\n") == 1024
    assert "chart-1\n" in checksums(large(3000))


def test_artifacts_are_only_what_was_published() -> None:
    assert artifacts(report(chart("web", "published"), chart("api", "would-publish"))) == (
        f"oci://ghcr.io/acme/charts/web@{DIGEST}\n"
    )
