"""Chart.lock: what dependencies were resolved to, and the digest that ties it to Chart.yaml.

Helm ``internal/resolver/resolver.go`` HashReq.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from oci_chart_publish.chart import gojson
from oci_chart_publish.chart.metadata import Dependency, Reader, decode_dependency
from oci_chart_publish.chart.yamldoc import load_document


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """The lock: resolved dependencies, digest (``sha256:...``) and when it was generated, as written."""

    dependencies: tuple[Dependency, ...] = ()
    digest: str = ""
    generated: str = ""


def decode_lock(data: bytes, *, path: str = "Chart.lock") -> Lock:
    """Read a Chart.lock or requirements.lock; ChartError with file, key and line."""
    reader = Reader(load_document(data, path=path), data, path)
    return Lock(
        dependencies=tuple(reader.each("dependencies", decode_dependency)),
        digest=reader.text("digest"),
        generated=reader.text("generated"),
    )


def lock_digest(requirements: Iterable[Dependency], locked: Iterable[Dependency]) -> str:
    """Return the digest of a lock: of the dependencies as declared, and as resolved."""
    return _digest([_documents(requirements), _documents(locked)])


def lock_digest_helm2(requirements: Iterable[Dependency]) -> str:
    """Return the digest that Helm 2 wrote; it is accepted for apiVersion v1."""
    return _digest({"dependencies": _documents(requirements)})


def _documents(dependencies: Iterable[Dependency]) -> list[dict[str, object]]:
    return [dependency.document() for dependency in dependencies]


def _digest(value: object) -> str:
    return "sha256:" + hashlib.sha256(gojson.dumps(value)).hexdigest()
