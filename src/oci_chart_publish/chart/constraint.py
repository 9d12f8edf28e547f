"""Version constraints as Helm reads them (Masterminds/semver v3.5.0, ``constraints.go``).

OR is ``||``, AND a blank or comma. A prerelease is allowed only where a constraint of the same AND group has one. What
Masterminds does in odd corners (``^*`` allows only 0.0.0) is done here too, because Helm resolves by it.
"""

from __future__ import annotations

import json
import re

import msgspec

from oci_chart_publish.chart.version import ChartVersion, is_lenient
from oci_chart_publish.errors import ChartError

LENGTH_LIMIT = 512
GROUP_LIMIT = 32

_VERSION = (
    r"v?([0-9xX*|]+)(\.[0-9xX*|]+)?(\.[0-9xX*|]+)?"
    r"(-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_BLANK = r"[\t\n\f\r ]"
_OPERATOR = r"!=|>=|=>|<=|=<|~>|[=><~^]|"
# One part, and what stands between two. Possessive, or many blanks would take exponential time.
_PART = re.compile(rf"({_OPERATOR}){_BLANK}*+{_VERSION}")
_GAP = re.compile(rf"{_BLANK}*+,{_BLANK}*+|{_BLANK}++")
_EDGE = re.compile(rf"{_BLANK}*+")
_SPAN = re.compile(rf"{_BLANK}*({_VERSION}){_BLANK}+-{_BLANK}+({_VERSION}){_BLANK}*")
_WILD = frozenset({"x", "X", "*"})


class _Part(msgspec.Struct, frozen=True):
    """An operator and a version completed with zeros; the flags tell what was open (missing or a wildcard)."""

    operator: str
    version: ChartVersion
    any_major: bool = False
    any_minor: bool = False
    any_patch: bool = False

    @property
    def open(self) -> bool:
        return self.any_major or self.any_minor or self.any_patch

    def allows(self, version: ChartVersion) -> bool:
        match self.operator:
            case ">":
                return self._greater(version)
            case "<":
                return version < self.version
            case ">=" | "=>":
                return version >= self.version
            case "<=" | "=<":
                return self._at_most(version)
            case "!=":
                return self._differs(version)
            case "~" | "~>":
                return self._about(version)
            case "^":
                return self._compatible(version)
            case _:
                return self._about(version) if self.open else version == self.version

    def _greater(self, version: ChartVersion) -> bool:
        if version.major != self.version.major and self.open:
            return version.major > self.version.major
        if self.any_minor:
            return False
        return version.minor > self.version.minor if self.any_patch else version > self.version

    def _at_most(self, version: ChartVersion) -> bool:
        if not self.open:
            return version <= self.version
        if version.major != self.version.major:
            return version.major < self.version.major
        return self.any_minor or version.minor <= self.version.minor

    def _differs(self, version: ChartVersion) -> bool:
        if self.any_minor or self.any_patch:
            if version.major != self.version.major:
                return True
            if self.any_minor:
                return False
            if version.minor != self.version.minor:
                return True
            return version.prerelease != self.version.prerelease
        return version != self.version

    def _about(self, version: ChartVersion) -> bool:
        if version < self.version:
            return False
        if not (self.any_minor or self.any_patch) and _numbers(self.version) == (0, 0, 0):
            return True
        return version.major == self.version.major and (self.any_minor or version.minor == self.version.minor)

    def _compatible(self, version: ChartVersion) -> bool:
        if version < self.version or version.major != self.version.major:
            return False
        if self.version.major > 0 or self.any_minor:
            return True
        if version.minor != self.version.minor:
            return False
        return self.version.minor > 0 or self.any_patch or version.patch == self.version.patch


class Constraint(msgspec.Struct, frozen=True):
    """What versions are wanted; ``str()`` is the text it was read from."""

    text: str
    _groups: tuple[tuple[_Part, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Read a constraint; ChartError ``improper constraint: "PART"`` for anything else."""
        if len(text.encode()) > LENGTH_LIMIT:
            raise ChartError(f"constraint of more than {LENGTH_LIMIT} bytes: {text[:50]!r}...")
        groups = _spelt_out(text).split("||")
        if len(groups) > GROUP_LIMIT:
            raise ChartError(f"constraint with more than {GROUP_LIMIT} alternatives: {text[:50]!r}...")
        return cls(text, tuple(map(_group, groups)))

    def allows(self, version: ChartVersion) -> bool:
        """Tell whether a version satisfies the constraint."""
        return any(
            (not version.prerelease or any(part.version.prerelease for part in group))
            and all(part.allows(version) for part in group)
            for group in self._groups
        )

    def __str__(self) -> str:
        return self.text


def _spelt_out(text: str) -> str:
    """Rewrite every ``A - B`` as ``>= A, <= B``."""
    written = text
    for match in _SPAN.finditer(text):
        written = written.replace(match[0], f">= {match[1]}, <= {match[6]} ", 1)
    return written


def _group(text: str) -> tuple[_Part, ...]:
    parts = []
    at = _end(_EDGE, text, 0)
    while True:
        match = _PART.match(text, at)
        if match is None:
            raise _improper(text)
        parts.append(_part(match, text))
        at = match.end()
        if _end(_EDGE, text, at) == len(text):
            return tuple(parts)
        gap = _GAP.match(text, at)
        if gap is None:
            raise _improper(text)
        at = gap.end()


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _part(match: re.Match[str], text: str) -> _Part:
    operator, major, minor, patch, prerelease = match.groups(default="")
    minor, patch = minor.removeprefix("."), patch.removeprefix(".")
    if major in _WILD:
        return _Part(operator, _version("0.0.0" + prerelease, text), any_major=True)
    if minor in _WILD or not minor:
        return _Part(operator, _version(f"{major}.0.0{prerelease}", text), any_minor=True)
    if patch in _WILD or not patch:
        return _Part(operator, _version(f"{major}.{minor}.0{prerelease}", text), any_patch=True)
    return _Part(operator, _version(f"{major}.{minor}.{patch}{prerelease}", text))


def _version(text: str, group: str) -> ChartVersion:
    if not is_lenient(text):
        raise ChartError("constraint parser error", hint=f"{text!r} in {group!r} is no version")
    return ChartVersion.parse(text)


def _numbers(version: ChartVersion) -> tuple[int, int, int]:
    return version.major, version.minor, version.patch


def _improper(text: str) -> ChartError:
    return ChartError(
        f"improper constraint: {json.dumps(text, ensure_ascii=False)}",
        hint="for example ^1.2.0, ~1.2, >=1.2.0 <2.0.0 or 1.x || 2.x",
    )
