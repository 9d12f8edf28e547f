from __future__ import annotations

import json
from pathlib import Path

import pytest

from oci_chart_publish.chart.metadata import ChartMetadata, Maintainer, decode_metadata
from oci_chart_publish.chart.oci_annotations import manifest_annotations

VECTORS = Path(__file__).parents[1] / "vectors" / "helm"
IMAGE = "org.opencontainers.image."
CHART = ChartMetadata(
    name="web", version="1.0.0", sources=("https://upstream.example/web", "https://other.example")
)


def test_annotations_are_those_that_helm_push_writes() -> None:
    metadata = decode_metadata((VECTORS / "c1" / "Chart.yaml").read_bytes())
    expected = json.loads((VECTORS / "mychart-manifest.json").read_bytes())["annotations"]
    found = manifest_annotations(metadata, created="2021-01-01T00:00:00Z")
    assert list(found.items()) == list(expected.items())


def test_smallest_chart_has_title_and_version_only() -> None:
    metadata = ChartMetadata(name="web", version="1.0.0")
    assert manifest_annotations(metadata) == {f"{IMAGE}title": "web", f"{IMAGE}version": "1.0.0"}


def test_source_names_the_publishing_repository() -> None:
    found = manifest_annotations(CHART, source="https://github.com/acme/charts")
    assert found[f"{IMAGE}source"] == "https://github.com/acme/charts"


@pytest.mark.parametrize(
    ("source", "chart_source"), [("", False), ("", True), ("https://github.com/acme/charts", True)]
)
def test_without_a_repository_source_is_the_first_of_the_chart(source: str, chart_source: bool) -> None:  # noqa: FBT001
    found = manifest_annotations(CHART, source=source, chart_source=chart_source)
    assert found[f"{IMAGE}source"] == "https://upstream.example/web"


def test_the_charts_own_annotations_override_all_but_title_and_version() -> None:
    own = {
        f"{IMAGE}title": "evil",
        f"{IMAGE}version": "9.9.9",
        f"{IMAGE}source": "https://own.example",
        f"{IMAGE}created": "2000-01-01T00:00:00Z",
        f"{IMAGE}description": "",
        "a.b/c": "d",
    }
    metadata = ChartMetadata(name="web", version="1.0.0", description="text", annotations=own)
    found = manifest_annotations(
        metadata, source="https://github.com/acme/charts", created="2021-01-01T00:00:00Z"
    )
    assert list(found.items()) == [
        ("a.b/c", "d"),
        (f"{IMAGE}created", "2000-01-01T00:00:00Z"),
        (f"{IMAGE}description", ""),
        (f"{IMAGE}source", "https://own.example"),
        (f"{IMAGE}title", "web"),
        (f"{IMAGE}version", "1.0.0"),
    ]


def test_blank_values_are_left_out() -> None:
    metadata = ChartMetadata(name="web", version="1.0.0", description="  ", home=" ", sources=(" ",))
    assert manifest_annotations(metadata) == {f"{IMAGE}title": "web", f"{IMAGE}version": "1.0.0"}


def test_revision_and_time_are_written_only_when_given() -> None:
    found = manifest_annotations(CHART, revision="0" * 40, created="2021-01-01T00:00:00Z")
    assert found[f"{IMAGE}revision"] == "0" * 40
    assert found[f"{IMAGE}created"] == "2021-01-01T00:00:00Z"
    assert not {f"{IMAGE}revision", f"{IMAGE}created"} & manifest_annotations(CHART).keys()


@pytest.mark.parametrize(
    ("maintainers", "authors"),
    [
        ((Maintainer(name="A"),), "A"),
        ((Maintainer(name="A", email="a@x.org", url="https://a"),), "A (a@x.org)"),
        ((Maintainer(email="a@x.org"),), " (a@x.org)"),
        ((Maintainer(name="A"), Maintainer(url="https://b"), Maintainer(name="C")), "A, , C"),
    ],
)
def test_authors_are_the_maintainers(maintainers: tuple[Maintainer, ...], authors: str) -> None:
    metadata = ChartMetadata(name="web", version="1.0.0", maintainers=maintainers)
    assert manifest_annotations(metadata)[f"{IMAGE}authors"] == authors


def test_a_maintainer_without_name_and_mail_is_no_author() -> None:
    metadata = ChartMetadata(name="web", version="1.0.0", maintainers=(Maintainer(url="https://b"),))
    assert f"{IMAGE}authors" not in manifest_annotations(metadata)
