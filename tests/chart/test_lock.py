from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from oci_chart_publish.chart.lock import decode_lock, lock_digest, lock_digest_helm2
from oci_chart_publish.chart.metadata import Dependency, decode_metadata

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
    assert lock.generated == "2021-01-02T03:04:05.678900001+02:00"
