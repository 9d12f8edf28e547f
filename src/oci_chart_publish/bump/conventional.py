"""Commits as levels: Conventional Commits 1.0, and patterns of subjects for repositories that write otherwise.

https://www.conventionalcommits.org/en/v1.0.0/#specification
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from oci_chart_publish.chart.version import is_strict
from oci_chart_publish.errors import ConfigError

Level = Literal["major", "minor", "patch", "none"]
ORDER: tuple[Level, ...] = ("none", "patch", "minor", "major")

# "[web] feat: x" is read as "feat(web): x", which the specification does not have but many repositories of charts do;
# "[x] feat: y" is a ticked box.
_HEADER = re.compile(
    r"(?:\[[^\]\r\n]{2,}\]:?[ ]+)?"
    r"(?P<type>[A-Za-z][\w-]*)[ ]?(?:\((?P<scope>[^()\r\n]+)\))?(?P<bang>!)?: +(?P<description>\S.*)"
)
# A footer's value may begin on its own line or the next one, and go on until the next footer.
_FOOTER = re.compile(r"(?P<token>BREAKING CHANGE|[A-Za-z][A-Za-z-]*)(?::(?: +|$)| #)(?P<value>.*)")
_BREAKING = frozenset({"BREAKING CHANGE", "BREAKING-CHANGE"})
_ANYWHERE = frozenset({*_BREAKING, "release-as"})
# "* feat: x" and "- fix: y" in the body that GitHub writes, and the indented messages of `git merge --squash`.
_SQUASHED = re.compile(r"^(?:[ \t]*[*-][ \t]+|    )(?=\S)(.*)$", re.MULTILINE)
TYPES: dict[str, Level] = {"feat": "minor", "fix": "patch"}


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How commits become levels.

    ``patterns`` are tried first, in order, over the subject; a breaking change is major whatever they say.
    ``untyped`` is the level of everything that is neither matched nor feat, fix or breaking: what touched a chart's
    files has to be released to reach anybody, so it is patch unless told otherwise, and ``because`` is what tells, for
    people. With ``squash`` the commits listed in a body count too. Below 1.0.0 a breaking change is minor, as a feature
    is: nobody gets to 1.0.0 by a mark in a subject; ``initial_development`` off treats 0.x as any other version.
    """

    patterns: tuple[tuple[re.Pattern[str], Level], ...] = ()
    untyped: Level = "patch"
    because: str = ""
    squash: bool = False
    initial_development: bool = True

    @classmethod
    def of(
        cls,
        patterns: Mapping[str, Level],
        *,
        untyped: Level = "patch",
        because: str = "",
        squash: bool = False,
        initial_development: bool = True,
    ) -> Rules:
        """Compile patterns; ConfigError names one that is no regular expression."""
        compiled = []
        for text, level in patterns.items():
            try:
                compiled.append((re.compile(text), level))
            except re.error as error:
                raise ConfigError(f"commit-types: {text!r} is no regular expression: {error}") from error
        return cls(
            patterns=tuple(compiled),
            untyped=untyped,
            because=because,
            squash=squash,
            initial_development=initial_development,
        )


class CommitIntent(msgspec.Struct, frozen=True, kw_only=True):
    """What one commit asks for, and the subject that says so; ``release_as`` is a version it names outright.

    ``because`` is what decided the level where the subject did not, ``label`` the label that did. ``not_read`` is a
    footer that names no version.
    """

    level: Level
    subject: str
    because: str = ""
    label: str = ""
    release_as: str = ""
    not_read: str = ""


def meaning(message: str, rules: Rules) -> CommitIntent:
    """Return what a commit message asks for: the highest of its subject, footers and squashed commits."""
    subject, _, body = _lines(message).strip("\n").partition("\n")
    subject = subject.strip()
    stated = _stated(subject, rules)
    result: list[tuple[Level, str]] = [(stated or rules.untyped, "" if stated else rules.because)]
    if rules.squash:
        squashed = [line.strip() for line in _SQUASHED.findall(body)]
        result += [
            (_stated(line, rules) or rules.untyped, f"which lists {line!r}")
            for line in squashed
            if _is_typed(line, rules)
        ]
        body = "\n".join(line.strip() for line in body.split("\n"))
    release_as, not_read = "", ""
    for token, value in footers(body):
        version = value.strip().removeprefix("v")
        if token in _BREAKING:
            result.append(("major", f"with {token}"))
        elif token.lower() == "release-as" and is_strict(version):
            release_as = version
        elif token.lower() == "release-as":
            not_read = f"{token}: {version}"
    level, because = max(result, key=lambda one: ORDER.index(one[0]))
    return CommitIntent(
        level=level, subject=subject, because=because, release_as=release_as, not_read=not_read
    )


def _lines(message: str) -> str:
    return message.replace("\r\n", "\n").replace("\r", "\n")


def _is_typed(line: str, rules: Rules) -> bool:
    return bool(_HEADER.match(line)) or any(pattern.search(line) for pattern, _ in rules.patterns)


def _stated(subject: str, rules: Rules) -> Level | None:
    """Return the level that a subject asks for in words that the rules know, None where there are none."""
    header = _HEADER.match(subject)
    # The specification: all is read without regard to case, except for BREAKING CHANGE.
    if subject.startswith(tuple(f"{token}: " for token in _BREAKING)) or (header and header["bang"]):
        return "major"
    for pattern, level in rules.patterns:
        if pattern.search(subject):
            return level
    return TYPES.get(header["type"].lower()) if header else None


def footers(body: str) -> list[tuple[str, str]]:
    """Return the footers of a body as (token, value), values of several lines whole.

    They are those of the last paragraph, and BREAKING CHANGE and Release-As wherever a line begins so: editors and
    squash merges put lists and sign-offs behind them.
    """
    paragraphs = re.split(r"\n(?:[ \t]*\n)+", _lines(body).strip("\n"))
    result = [(match["token"], match["value"]) for match in _earlier(paragraphs[:-1])]
    token, value = "", ""
    for line in paragraphs[-1].split("\n"):
        match = _FOOTER.fullmatch(line)
        if match is None:
            value = f"{value}\n{line}"
            continue
        result += [(token, value)] if token else []
        token, value = match["token"], match["value"]
    return [*result, (token, value)] if token else result


def _earlier(paragraphs: Iterable[str]) -> Iterator[re.Match[str]]:
    for paragraph in paragraphs:
        for line in paragraph.split("\n"):
            match = _FOOTER.fullmatch(line)
            if match and (match["token"] in _ANYWHERE or match["token"].lower() in _ANYWHERE):
                yield match


def highest(levels: Iterable[Level]) -> Level:
    """Return the highest level, ``none`` for no levels."""
    return max(levels, key=ORDER.index, default="none")
