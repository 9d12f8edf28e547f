"""Patterns that choose charts: folders, globs, and ``!GLOB`` for what is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from oci_chart_publish.errors import ConfigError

_MAGIC = re.compile(r"[*?\[]")


class Patterns(msgspec.Struct, frozen=True):
    """Patterns as written, in three kinds: folders to look in, globs of chart folders, globs to leave out."""

    roots: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Patterns:
        """Sort pattern lines by kind; blank ones count for nothing. A folder named like a glob needs ``[[]``."""
        roots: list[str] = []
        globs: list[str] = []
        excludes: list[str] = []
        for line in (text.strip() for text in lines):
            if line.startswith("!"):
                excludes.append(_checked(line[1:].strip(), line))
            elif line:
                (globs if _MAGIC.search(line) else roots).append(_checked(line, line))
        return cls(tuple(roots), tuple(globs), tuple(excludes))


def _checked(pattern: str, line: str) -> str:
    if "\0" in pattern or not pattern:
        raise ConfigError(f"charts: {line!r} is no path", hint="expected a folder, a glob, or !GLOB")
    return pattern


def matcher(glob: str) -> re.Pattern[str]:
    """Compile a glob over whole paths: ``*`` and ``?`` stay within a name, ``**`` is any number of folders."""
    parts = []
    names = glob.split("/")
    for number, name in enumerate(names):
        last = number == len(names) - 1
        if name == "**":
            parts.append(r".*" if last else r"(?:[^/]+/)*")
        else:
            parts.append(_name(name, glob) + ("" if last else "/"))
    return re.compile("".join(parts), re.DOTALL)


def _name(name: str, glob: str) -> str:
    """Translate one part of a glob, which holds no slash."""
    out, at = "", 0
    while at < len(name):
        end = name.find("]", at + 2)
        if name[at] == "[" and end != -1:
            inside = name[at + 1 : end].replace("\\", r"\\").replace("[", r"\[")
            negated = inside[0] in "!^"
            out += f"[^/{inside[1:]}]" if negated else f"[{inside}]"
            at = end
        else:
            out += {"*": "[^/]*", "?": "[^/]"}.get(name[at], re.escape(name[at]))
        at += 1
    try:
        re.compile(out)
    except re.error as error:
        raise ConfigError(f"charts: {glob!r} is no glob: {error}") from error
    return out


def leaves_out(excludes: Iterable[re.Pattern[str]], path: str) -> bool:
    """Tell whether an exclude names the folder ``path`` or one that holds it."""
    names = path.split("/") if path else []
    above = ["/".join(names[:count]) for count in range(1, len(names) + 1)] or [""]
    return any(exclude.fullmatch(folder) for exclude in excludes for folder in above)
