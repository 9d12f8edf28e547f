"""Versions of charts: Masterminds' lenient and strict parsers, SemVer order, and the step up."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import total_ordering
from typing import Literal

from semver import Version

from oci_chart_publish.errors import ChartError

# Masterminds/semver v3, version.go: semVerRegex, anchored.
_LENIENT = re.compile(
    r"v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_ZEROS = re.compile(r"0[0-9]+")
_LARGEST = 2**64 - 1
Level = Literal["major", "minor", "patch"]


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class ChartVersion:
    """A version; ``original`` is the text it was read from. Order is SemVer precedence: build metadata is ignored."""

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    build: str = ""
    original: str = field(default="")

    @classmethod
    def parse(cls, text: str) -> ChartVersion:
        """Read a version as Helm does: ``v1.2`` and ``01.2.3`` are versions; ChartError for anything else."""
        version = _parse(text)
        if version is None:
            raise ChartError(f"not a semantic version: {text!r}", hint="write it as 1.2.3")
        return version

    @classmethod
    def parse_strict(cls, text: str) -> ChartVersion:
        """Read a full semantic version: three numbers, no ``v``, no leading zeros; ChartError for anything else."""
        if not Version.is_valid(text):
            raise ChartError(f"not a full semantic version: {text!r}", hint="write it as 1.2.3")
        return cls.parse(text)

    @classmethod
    def from_tag(cls, tag: str) -> ChartVersion | None:
        """Return the version that an OCI tag stands for (``_`` is ``+``), None where it stands for none."""
        text = tag.replace("_", "+")
        return cls.parse(text) if Version.is_valid(text) else None

    @property
    def tag(self) -> str:
        """The OCI tag of this version: ``+`` is written ``_``."""
        return str(self).replace("+", "_")

    @property
    def semver(self) -> Version:
        """The version as the semver library has it."""
        return Version(self.major, self.minor, self.patch, self.prerelease or None, self.build or None)

    def bumped(self, level: Level) -> ChartVersion:
        """Return the next release at a level; ``1.3.0-rc.1`` goes to ``1.3.0`` by minor, as a release of it would."""
        return self.parse(str(self.semver.next_version(level)))

    def _key(self) -> tuple[int, int, int, bool, tuple[tuple[int, int, str], ...]]:
        parts = self.prerelease.split(".") if self.prerelease else []
        order = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
        return (self.major, self.minor, self.patch, not parts, order)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChartVersion) and self._key() == other._key()

    def __lt__(self, other: ChartVersion) -> bool:
        return self._key() < other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        return self.original or str(self.semver)


def _parse(text: str) -> ChartVersion | None:
    match = _LENIENT.fullmatch(text)
    if match is None:
        return None
    major, minor, patch, prerelease, build = match.groups()
    numbers = [int(part.lstrip(".")) if part else 0 for part in (major, minor, patch)]
    zeros = any(_ZEROS.fullmatch(part) for part in (prerelease or "").split("."))
    if zeros or max(numbers) > _LARGEST:
        return None
    return ChartVersion(numbers[0], numbers[1], numbers[2], prerelease or "", build or "", text)


def is_lenient(text: str) -> bool:
    """Tell whether Helm takes the text for a version."""
    return _parse(text) is not None


def is_strict(text: str) -> bool:
    """Tell whether the text is a full semantic version, which Helm also finds by ranges."""
    return Version.is_valid(text)
