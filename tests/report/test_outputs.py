from __future__ import annotations

import json

from oci_chart_publish.report import document
from oci_chart_publish.report.outputs import artifacts, checksums, outputs

DIGEST = "sha256:2c13f6fed4582256859dcac8e2754ee39e06233eaaefebce6c20251ceb4e0ffa"


def chart(name: str, status: document.Status) -> document.Chart:
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
    for found in (outputs(report()), outputs(report(chart("a", "published"), chart("b", "published")))):
        assert (found["digest"], found["reference"], found["version"], found["size"]) == ("", "", "", "")
    assert outputs(report())["published"] == "false"


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


def test_artifacts_are_only_what_was_published() -> None:
    assert artifacts(report(chart("web", "published"), chart("api", "would-publish"))) == (
        f"oci://ghcr.io/acme/charts/web@{DIGEST}\n"
    )
