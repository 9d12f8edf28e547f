"""``.helmignore``: which paths of a chart are left out (Helm ``pkg/ignore/rules.go``). It is not gitignore.

The first rule that decides wins, and a negated rule ignores what it does *not* match.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from oci_chart_publish.errors import ChartError

DEFAULT = "templates/.?*"
"""Always appended; the only rule without a file."""
_STAR = "[^/]*?"
# What Go's unicode.IsSpace trims: Python's strip() would take U+001C to U+001F too.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


class Rule(msgspec.Struct, frozen=True):
    """One line: a pattern over the base name or the whole path, for folders only or for all, negated or not.

    ``text`` is the line as written, ``line`` its number, 0 for the rule that no file holds.
    """

    pattern: re.Pattern[str]
    base_name: bool
    directories_only: bool
    negated: bool
    text: str = ""
    line: int = 0

    def decides(self, path: str, name: str, *, is_dir: bool) -> bool:
        """Tell whether this rule ignores the path."""
        if self.negated:
            return (self.directories_only and not is_dir) or not self._matches(path, name)
        return not (self.directories_only and not is_dir) and self._matches(path, name)

    def _matches(self, path: str, name: str) -> bool:
        return self.pattern.fullmatch(name if self.base_name else path) is not None


class IgnoreRules(msgspec.Struct, frozen=True):
    """The rules of a chart, in order, the default one last."""

    rules: tuple[Rule, ...]

    @classmethod
    def parse(cls, text: str, *, path: str = ".helmignore") -> IgnoreRules:
        """Read the file; ChartError with the line of a pattern that Helm refuses."""
        lines = [*enumerate(text.removeprefix("\ufeff").split("\n"), 1), (0, DEFAULT)]
        rules = (_rule(line.strip(_SPACE), path, number) for number, line in lines)
        return cls(tuple(rule for rule in rules if rule is not None))

    def ignores(self, path: str, *, is_dir: bool) -> bool:
        """Tell whether a path below the chart root is left out; an ignored folder takes all below it along."""
        return self.deciding(path, is_dir=is_dir) is not None

    def deciding(self, path: str, *, is_dir: bool) -> Rule | None:
        """Return the rule that leaves a path out, None where it stays."""
        name = path.rpartition("/")[2]
        return next((rule for rule in self.rules if rule.decides(path, name, is_dir=is_dir)), None)


def _rule(line: str, path: str, number: int) -> Rule | None:
    if not line or line.startswith("#"):
        return None
    if "**" in line:
        raise ChartError(
            "double-star (**) syntax is not supported",
            path=path,
            line=number,
            hint="name the folder; it is pruned",
        )
    try:
        glob(line)  # Helm looks at the line before it cuts anything off
    except ValueError as error:
        raise ChartError(f"syntax error in pattern {line!r}: {error}", path=path, line=number) from error
    negated = line.startswith("!")
    pattern = line.removeprefix("!")
    directories_only = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    anchored = pattern.startswith("/")
    pattern = pattern.removeprefix("/")
    base_name = not anchored and "/" not in pattern
    return Rule(_cut(pattern), base_name, directories_only, negated, line, number)


def _cut(pattern: str) -> re.Pattern[str]:
    """Compile what is left of a line. A backslash that has lost its slash matches nothing, in Helm too."""
    try:
        return glob(pattern)
    except ValueError:
        return re.compile("(?!)")


@lru_cache(maxsize=512)  # most charts share the lines that `helm create` writes
def glob(pattern: str) -> re.Pattern[str]:
    """Compile a glob of Go's ``filepath.Match``; ValueError where Go calls it a bad pattern.

    ``*`` and ``?`` match a leading dot and never ``/``; classes are negated by ``^`` only; a backslash escapes.
    A star takes as little as the stretch after it allows and never thinks again, as in Go; so no pattern, however
    many stars it has, takes exponential time.
    """
    parts: list[str] = []
    starred = False
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            if starred and parts[-1] != _STAR:
                parts.append(")")
                starred = False
            if not starred:
                parts += ("(?>", _STAR)
                starred = True
        elif char == "?":
            parts.append("[^/]")
        elif char == "[":
            part, at = _class(pattern, at)
            parts.append(part)
        elif char == "\\":
            if at == len(pattern):
                raise ValueError("nothing follows the backslash")
            parts.append(re.escape(pattern[at]))
            at += 1
        else:
            parts.append(re.escape(char))
    # The last stretch has to reach the end of the name, so its star may think again.
    tail = r"\Z)" if starred else ""
    return re.compile("".join(parts) + tail, re.DOTALL)


def _class(pattern: str, at: int) -> tuple[str, int]:
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[str] = []
    while True:
        if pattern[at : at + 1] == "]" and ranges:
            break
        low, at = _class_char(pattern, at)
        high = low
        if pattern[at : at + 1] == "-":
            high, at = _class_char(pattern, at + 1)
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            ranges.append("")  # Go takes an inverted range and matches nothing by it
    inside = "".join(ranges)
    if not inside:
        return ("." if negated else "(?!)"), at + 1
    return (f"[^{inside}]" if negated else f"[{inside}]"), at + 1


def _class_char(pattern: str, at: int) -> tuple[str, int]:
    if at >= len(pattern) or pattern[at] in "-]":
        raise ValueError("a class [...] is not complete")
    if pattern[at] == "\\":
        at += 1
        if at >= len(pattern):
            raise ValueError("nothing follows the backslash")
    if at + 1 >= len(pattern):
        raise ValueError("a class [...] is not closed")
    return pattern[at], at + 1
