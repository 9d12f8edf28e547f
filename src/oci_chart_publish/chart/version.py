"""Versions of charts: Masterminds' lenient and strict parsers, SemVer order, and the step up."""

from __future__ import annotations

import re
from typing import Literal

import msgspec
from semver import Version

from oci_chart_publish.errors import ChartError

# Masterminds/semver v3, version.go: looseSemVerRegex, MaxVersionLen.
_LENIENT = re.compile(
    r"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
    r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_LENGTH_LIMIT = 256
_ZEROS = re.compile(r"(?:^|\.)0[0-9]+(?:\.|$)")
_UINT64 = 1 << 64
Level = Literal["major", "minor", "patch"]
_Order = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]


class ChartVersion(msgspec.Struct, frozen=True, eq=False):
    """A version; ``original`` is the text it was read from.

    Order, equality and hash are SemVer precedence: build metadata is ignored, as Helm ignores it.
    """

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    build: str = ""
    original: str = ""

    _order: _Order = (0, 0, 0, True, ())  # what it compares by, from the fields above

    def __post_init__(self) -> None:
        order = (self.major, self.minor, self.patch, not self.prerelease, _precedence(self.prerelease))
        msgspec.structs.force_setattr(self, "_order", order)

    @classmethod
    def parse(cls, text: str) -> ChartVersion:
        """Read a version as Helm does: ``v1.2`` and ``01.2.3`` are versions; ChartError for anything else."""
        version = _parse(text)
        if version is None:
            raise ChartError(f"not a semantic version: {text[:300]!r}", hint="write it as 1.2.3")
        return version

    @classmethod
    def from_tag(cls, tag: str) -> ChartVersion | None:
        """Return the version that an OCI tag stands for (``_`` is ``+``), None where it is no full version."""
        text = tag.replace("_", "+")
        return _parse(text) if Version.is_valid(text) else None

    @property
    def tag(self) -> str:
        """The OCI tag of this version: ``+`` is written ``_``."""
        return str(self).replace("+", "_")

    @property
    def semver(self) -> Version:
        """The version as the semver library has it."""
        return Version(self.major, self.minor, self.patch, self.prerelease or None, self.build or None)

    def bumped(self, level: Level) -> ChartVersion:
        """Return the next release at a level; ``1.3.0-rc.1`` goes to ``1.3.0`` by minor, as its release would.

        That is semver's ``next_version``: its ``bump_minor`` would go to 1.4.0.
        """
        return self.parse(str(self.semver.next_version(level)))

    def __eq__(self, other: object) -> bool:
        return self._order == other._order if isinstance(other, ChartVersion) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: ChartVersion) -> bool:
        return self._order < other._order

    def __le__(self, other: ChartVersion) -> bool:
        return self._order <= other._order

    def __gt__(self, other: ChartVersion) -> bool:
        return self._order > other._order

    def __ge__(self, other: ChartVersion) -> bool:
        return self._order >= other._order

    def __hash__(self) -> int:
        return hash(self._order)

    def __str__(self) -> str:
        return self.original or str(self.semver)


def _precedence(prerelease: str) -> tuple[tuple[bool, int, str], ...]:
    # Masterminds compares parts too large for 64 bits as text.
    return tuple(
        (False, int(part), "")
        if part.isdecimal() and len(part) < 21 and int(part) < _UINT64
        else (True, 0, part)
        for part in (prerelease.split(".") if prerelease else ())
    )


def _parse(text: str) -> ChartVersion | None:
    match = _LENIENT.fullmatch(text)
    if match is None or len(text) > _LENGTH_LIMIT:
        return None
    prerelease, build = match[4] or "", match[5] or ""
    major, minor, patch = (int(part or 0) for part in match.groups()[:3])
    if max(major, minor, patch) >= _UINT64 or (prerelease and _ZEROS.search(prerelease)):
        return None
    return ChartVersion(major, minor, patch, prerelease, build, text)


def is_lenient(text: str) -> bool:
    """Tell whether Helm takes the text for a version."""
    return _parse(text) is not None


def is_strict(text: str) -> bool:
    """Tell whether the text is a full semantic version, which Helm also finds by ranges."""
    return Version.is_valid(text) and _parse(text) is not None
