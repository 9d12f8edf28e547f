"""What ``helm chart`` of Helm 3.0 to 3.6 printed: the summary block and the table of the cache.

Sources: Helm v3.6.3 ``internal/experimental/registry/client.go``, gosuri/uitable for the table, docker/go-units
``HumanDuration`` for the ages. The digests are right, which there they were not always.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.report.text import plain, size

_HEADER = ("REF", "NAME", "VERSION", "DIGEST", "SIZE", "CREATED")
_WIDEST = 60
_UNKNOWN = "-"

_MINUTE = 60
_HOUR = 60 * _MINUTE


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A name in the cache; ``size`` is the layer's (bytes), ``created`` its time (epoch), None where unknown."""

    reference: str
    digest: Digest
    name: str = ""
    version: str = ""
    size: int | None = None
    created: float | None = None


def block(row: Row) -> Iterator[str]:
    """Yield the five lines that say what a name stands for; the digest is the manifest's, without ``sha256:``."""
    yield f"ref:     {plain(row.reference)}"
    yield f"digest:  {row.digest.hex}"
    yield f"size:    {size(row.size)}"
    yield f"name:    {plain(row.name)}"
    yield f"version: {plain(row.version)}"


def table(rows: Sequence[Row], *, now: float) -> Iterator[str]:
    """Yield the lines of the table, sorted by reference; ``now`` is what ages are counted from."""
    cells = [_HEADER, *(_cells(row, now) for row in sorted(rows, key=lambda row: row.reference))]
    widths = [min(_WIDEST, max(map(len, column))) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "\t".join(_fitted(cell, width) for cell, width in zip(line, widths, strict=True))


def _cells(row: Row, now: float) -> tuple[str, ...]:
    return (
        plain(row.reference),
        plain(row.name) or _UNKNOWN,
        plain(row.version) or _UNKNOWN,
        row.digest.hex[:7],
        size(row.size) or _UNKNOWN,
        _UNKNOWN if row.created is None else age(now - row.created),
    )


def _fitted(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else cell[: width - 3] + "..."


def age(seconds: float) -> str:
    """Return a duration as Docker's ``units.HumanDuration`` does."""
    whole, minutes, hours = int(seconds), int(seconds / _MINUTE), int(seconds / _HOUR + 0.5)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < _MINUTE:
        return f"{whole} seconds"
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    return "About an hour" if hours == 1 else _long(hours, int(seconds / _HOUR))


def _long(rounded: int, whole: int) -> str:
    for below, unit, length in (
        (48, "hours", 1),
        (24 * 14, "days", 24),
        (24 * 60, "weeks", 24 * 7),
        (24 * 730, "months", 24 * 30),
    ):
        if rounded < below:
            return f"{rounded // length} {unit}"
    return f"{whole // 24 // 365} years"
