from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from oci_chart_publish.chart import go_json as gojson
from oci_chart_publish.chart.lock import Lock, decode_lock, lock_digest, lock_digest_helm2
from oci_chart_publish.chart.metadata import Dependency, decode_metadata
from oci_chart_publish.errors import ChartError

VECTORS = Path(__file__).parents[1] / "vectors" / "helm"


def dependencies(entries: list[dict[str, Any]]) -> tuple[Dependency, ...]:
    document = {"name": "x", "version": "1.0.0", "dependencies": entries}
    return decode_metadata(yaml.safe_dump(document).encode()).dependencies


def test_digest_of_a_lock_is_helms() -> None:
    document = yaml.safe_load((VECTORS / "hashreq.yaml").read_text())
    requirements, locked = dependencies(document["Req"]), dependencies(document["Lock"])
    expected = (VECTORS / "hashreq.expected").read_text().splitlines()
    assert lock_digest(requirements, locked) == expected[1]
    assert lock_digest_helm2(requirements) == expected[3].removeprefix("v2 ")


def test_digest_of_helms_own_test() -> None:
    alpine = dependencies(
        [{"name": "alpine", "version": "0.1.0", "repository": "http://localhost:8879/charts"}]
    )
    assert (
        lock_digest(alpine, alpine)
        == "sha256:fb239e836325c5fa14b29d1540a13b7d3ba13151b67fe719f820e0ef6d66aaaf"
    )
    assert (
        lock_digest_helm2(alpine) == "sha256:e70e41f8922e19558a8bf62f591a8b70c8e4622e3c03e5415f09aba881f13885"
    )


def test_lock_keeps_digest_and_time_as_written() -> None:
    lock = decode_lock((VECTORS / "c2" / "Chart.lock").read_bytes())
    assert lock is not None
    assert lock.generated == "2021-01-02T03:04:05.678900001+02:00"


def test_lock_holds_the_dependencies_as_written() -> None:
    lock = decode_lock(
        b"dependencies:\n- name: a\n  repository: https://e.com\n  version: 1.10\ndigest: sha256:x\n"
        b'generated: "2024-01-01T00:00:00Z"\n'
    )
    assert lock is not None
    assert lock.dependencies == (Dependency(name="a", version="1.1", repository="https://e.com"),)
    assert (lock.digest, lock.generated) == ("sha256:x", "2024-01-01T00:00:00Z")


@pytest.mark.parametrize("document", [b"{}\n", b"dependencies:\n", b"digest: ~\n"])
def test_lock_without_content_is_a_lock(document: bytes) -> None:
    assert decode_lock(document) == Lock()


@pytest.mark.parametrize(
    "document", [b"", b"~\n", b"null\n", b"# only a comment\n", b"\n\n", b"---\n", b"\xef\xbb\xbf"]
)
def test_empty_lock_is_no_lock(document: bytes) -> None:
    assert decode_lock(document) is None


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"- a\n", "requirements.lock:1: expected a mapping, got a list"),
        (
            b"dependencies:\n- name: a\n-\n",
            "requirements.lock:3: 'dependencies.1': is empty\nlet helm write the lock again",
        ),
        (
            b"digest: x\ndependencies: {a: b}\n",
            "requirements.lock:2: 'dependencies': expected a list of mappings, got a mapping",
        ),
        (
            b"generated: yesterday\n",
            "requirements.lock:1: 'generated': expected a time as 2006-01-02T15:04:05Z, got 'yesterday'",
        ),
        (
            b"generated: 2021-02-30T00:00:00Z\n",
            "requirements.lock:1: 'generated': expected a time as 2006-01-02T15:04:05Z, got '2021-02-30T00:00:00Z'",
        ),
        (b"digest: [\n", "requirements.lock:2: not YAML: did not find expected node content"),
    ],
)
def test_a_broken_lock_is_refused_with_file_key_and_line(document: bytes, message: str) -> None:
    with pytest.raises(ChartError) as caught:
        decode_lock(document, path="requirements.lock")
    assert str(caught.value).startswith(message)


def test_the_document_that_is_hashed_is_helms() -> None:
    document = yaml.safe_load((VECTORS / "hashreq.yaml").read_text())
    written = gojson.dumps(
        [[one.document() for one in dependencies(document[key])] for key in ("Req", "Lock")]
    )
    assert written.decode() == (VECTORS / "hashreq.expected").read_text().splitlines()[0]


def test_digest_of_an_absent_list_is_that_of_null() -> None:
    alpine = dependencies([{"name": "alpine"}])
    # sha256 of [[{"name":"alpine","repository":""}],null]
    assert (
        lock_digest(alpine, ()) == "sha256:2ff7b4aaf93a494ecb3997094bfbe122157b3e53a9b270df6f9e059d31ebf366"
    )
