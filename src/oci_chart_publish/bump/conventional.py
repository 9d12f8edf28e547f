"""Commits as levels: Conventional Commits 1.0, and patterns of subjects for repositories that write otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from oci_chart_publish.chart.version import is_strict
from oci_chart_publish.errors import ConfigError

Level = Literal["major", "minor", "patch", "none"]
ORDER: tuple[Level, ...] = ("none", "patch", "minor", "major")

_HEADER = re.compile(
    r"(?P<type>[A-Za-z][\w-]*)(?:\((?P<scope>[^()\r\n]+)\))?(?P<bang>!)?: +(?P<description>\S.*)"
)
_FOOTER = re.compile(r"(?P<token>BREAKING[ -]CHANGE|[A-Za-z][A-Za-z-]*)(?:: | #)(?P<value>.*)")
_BREAKING = frozenset({"BREAKING CHANGE", "BREAKING-CHANGE"})
# "* feat: x", "- fix: y" in the body of a squash merge, and the headings that `git merge --squash` writes.
_SQUASHED = re.compile(r"^(?:[*-] +|    )(?=\S)(.*)$", re.MULTILINE)
TYPES: dict[str, Level] = {"feat": "minor", "fix": "patch"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """How commits become levels.

    ``patterns`` are tried first, in order, over the subject; ``untyped`` is the level of everything that is neither
    matched nor feat, fix or breaking. Below 1.0.0 a breaking change is minor and everything else patch, unless
    ``initial_development`` is off.
    """

    patterns: tuple[tuple[re.Pattern[str], Level], ...] = ()
    untyped: Level = "patch"
    squash: bool = False
    initial_development: bool = True
    types: Mapping[str, Level] = field(default_factory=lambda: TYPES)

    @classmethod
    def of(cls, patterns: Mapping[str, Level], *, untyped: Level = "patch", squash: bool = False) -> Rules:
        """Compile patterns; ConfigError names one that is no regular expression."""
        compiled = []
        for text, level in patterns.items():
            try:
                compiled.append((re.compile(text), level))
            except re.error as error:
                raise ConfigError(f"commit-types: {text!r} is no regular expression: {error}") from error
        return cls(patterns=tuple(compiled), untyped=untyped, squash=squash)


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """What one commit asks for, and the subject that says so; ``release_as`` is a version it names outright."""

    level: Level
    subject: str
    release_as: str = ""


def meaning(message: str, rules: Rules) -> Meaning:
    """Return what a commit message asks for: the highest of its subject, footers and squashed commits."""
    subject, _, body = message.strip("\n").partition("\n")
    found = [_of_subject(subject.strip(), rules)]
    if rules.squash:
        found += [
            _of_subject(line.strip(), rules)
            for line in _SQUASHED.findall(body)
            if _HEADER.match(line.strip())
        ]
    release_as = ""
    for token, value in footers(body):
        if token in _BREAKING:
            found.append("major")
        elif token.lower() == "release-as" and is_strict(value.strip().removeprefix("v")):
            release_as = value.strip().removeprefix("v")
    return Meaning(level=highest(found), subject=subject.strip(), release_as=release_as)


def _of_subject(subject: str, rules: Rules) -> Level:
    for pattern, level in rules.patterns:
        if pattern.search(subject):
            return level
    header = _HEADER.match(subject)
    if header is None:
        return rules.untyped
    if header["bang"] or header["type"].upper() in _BREAKING:
        return "major"
    return rules.types.get(header["type"].lower(), rules.untyped)


def footers(body: str) -> list[tuple[str, str]]:
    """Return the footers of a body: of its last paragraph, and BREAKING CHANGE wherever a line begins so."""
    paragraphs = re.split(r"\n[ \t]*\n", body.strip("\n"))
    found = [match for line in paragraphs[-1].splitlines() if (match := _FOOTER.fullmatch(line.strip()))]
    earlier = (line for paragraph in paragraphs[:-1] for line in paragraph.splitlines())
    found += [
        m for line in earlier if (m := _FOOTER.fullmatch(line)) and m["token"] in {*_BREAKING, "Release-As"}
    ]
    return [(match["token"], match["value"]) for match in found]


def highest(levels: Iterable[Level]) -> Level:
    """Return the highest level, ``none`` for no levels."""
    return max(levels, key=ORDER.index, default="none")
