"""What a chart's contents moved by, as Chart.yaml declares them: the application and the dependencies.

Subjects such as "Update dependency x" say nothing of the level; the versions in Chart.yaml do. They are strings of
strangers (``v1.2``, ``8-alpine``, ``7.4.*``, dates), so they are compared by their first three numbers, or not at all.
"""

from __future__ import annotations

import re

import msgspec

from oci_chart_publish.bump.conventional import Level
from oci_chart_publish.chart.metadata import ChartMetadata

# "v1.2", ">=1.2.3", "nginx-1.25.3". A number alone counts too, "8-alpine", but no date and no build: "20240115",
# "2024-01-15", "sha-1a2b3c".
_NUMBERS = re.compile(
    r"[^0-9]*(?:([0-9]{1,9})\.([0-9]{1,9})(?:\.([0-9]{1,9}))?|([0-9]{1,4})(?![0-9A-Za-z]|-[0-9]))"
)


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    """The level that is declared; ``reason`` names what decides it where it is above a patch: "appVersion 1 -> 2"."""

    level: Level = "patch"
    reason: str = ""


def upgrade(before: ChartMetadata, after: ChartMetadata) -> Upgrade:
    """Return what moved between two states of a chart: minor at most, for what is inside may break without the chart.

    The first that moved by more than a patch is named, ``appVersion`` before the dependencies. A dependency that came
    or went is no step of a version.
    """
    earlier = {dependency.alias or dependency.name: dependency.version for dependency in before.dependencies}
    declared = [("appVersion", before.app_version, after.app_version)]
    for dependency in after.dependencies:
        name = dependency.alias or dependency.name
        declared.append((f"dependency {name}", earlier.get(name, ""), dependency.version))
    larger = (f"{what} {old} -> {new}" for what, old, new in declared if moved(old, new) == "minor")
    reason = next(larger, "")
    return Upgrade(level="minor", reason=reason) if reason else Upgrade()


def moved(old: str, new: str) -> Level:
    """Return the level between two versions as people write them, minor at most; none where they cannot be compared.

    The way back counts as the way there: who gets an older application gets another one.
    """
    one, other = _numbers(old), _numbers(new)
    if one is None or other is None or one == other:
        return "none"
    return "patch" if one[:2] == other[:2] else "minor"


def _numbers(version: str) -> tuple[int, int, int] | None:
    result = _NUMBERS.match(version)
    if result is None:
        return None
    major, minor, patch, alone = result.groups()
    return int(major or alone), int(minor or 0), int(patch or 0)
