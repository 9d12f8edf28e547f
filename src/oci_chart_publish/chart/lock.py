"""Chart.lock: what dependencies were resolved to, and the digest that ties it to Chart.yaml.

Helm ``internal/resolver/resolver.go``, HashReq and HashV2Req.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec

from oci_chart_publish.chart import go_json as gojson
from oci_chart_publish.chart.go_decoder import Place, Reader
from oci_chart_publish.chart.metadata import Dependency, go_value
from oci_chart_publish.yamldoc.reader import load_document
from oci_chart_publish.yamldoc.scalars import helm_written

# time.Time's UnmarshalJSON: RFC 3339.
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """The lock: resolved dependencies, digest (``sha256:...``), and when it was generated, as written (RFC 3339)."""

    dependencies: tuple[Dependency, ...] = ()
    digest: str = ""
    generated: str = ""


def decode_lock(data: bytes, *, path: str = "Chart.lock") -> Lock | None:
    """Read a Chart.lock or requirements.lock; ChartError with file, key and line. Locks are not sanitised.

    None where the file is empty, holds comments only or says ``null``: Helm then has no lock
    (``pkg/chart/v2/loader/load.go`` unmarshals into a pointer).
    """
    document = load_document(data, path=path)
    if document is None:
        return None
    reader = Reader([(document, Place(data, path))])
    dependencies = reader.structs("dependencies", _dependency)
    for index, dependency in enumerate(dependencies):
        if dependency is None:
            raise reader.place("dependencies", index).error("is empty", hint="let helm write the lock again")
    generated = reader.text("generated")
    if generated and not _is_time(generated):
        raise reader.place("generated").error(f"expected a time as 2006-01-02T15:04:05Z, got {generated!r}")
    return Lock(
        dependencies=tuple(dependency for dependency in dependencies if dependency is not None),
        digest=reader.text("digest"),
        generated=generated,
    )


def _dependency(reader: Reader) -> Dependency:
    return Dependency(
        name=reader.text("name"),
        version=reader.text("version"),
        repository=reader.text("repository"),
        condition=reader.text("condition"),
        tags=reader.texts("tags"),
        enabled=reader.flag("enabled"),
        import_values=tuple(map(go_value, reader.items("import-values"))),
        alias=reader.text("alias"),
    )


def _is_time(text: str) -> bool:
    match = _TIME.fullmatch(text)
    if match is None:
        return False
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        date(year or 4, month, day)  # Go knows a year 0, a leap year like 4
        time(hour, minute, second)
    except ValueError:
        return False
    return True


def lock_digest(requirements: Iterable[Dependency], locked: Iterable[Dependency]) -> str:
    """Return the digest of a lock: of the dependencies as declared, and as resolved."""
    return _digest([_documents(requirements), _documents(locked)])


def lock_digest_helm2(requirements: Iterable[Dependency]) -> str:
    """Return the digest that Helm 2 wrote; it is accepted for apiVersion v1."""
    return _digest({"dependencies": _documents(requirements)})


def _documents(dependencies: Iterable[Dependency]) -> list[dict[str, Any]] | None:
    # An absent list is a nil slice, which Go writes as null.
    return [dependency.document() for dependency in dependencies] or None


def _digest(value: object) -> str:
    return "sha256:" + hashlib.sha256(gojson.dumps(value)).hexdigest()


def encode_lock(locked: Iterable[Dependency], digest: str) -> bytes:
    """Return a lock as Helm writes it: keys sorted, texts quoted where YAML would read something else."""
    lines = ["dependencies:"]
    for dependency in locked:
        lines += [
            f"- name: {helm_written(dependency.name)}",
            f"  repository: {helm_written(dependency.repository)}",
            f"  version: {helm_written(dependency.version)}",
        ]
    now = datetime.now(tz=UTC).isoformat().replace("+00:00", "Z")
    return "\n".join([*lines, f"digest: {digest}", f'generated: "{now}"', ""]).encode()
