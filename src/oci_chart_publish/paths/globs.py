"""Globs, in every setting that takes them: the dialect of ``.gitignore``, and what sorts the patterns of ``charts``.

``*``, ``?`` and ``[...]`` stay within a name, ``**`` between slashes is any number of folders, a backslash takes the
next character as it is. A glob with a slash before its end is anchored, one without fits a name at any depth; a final
slash means folders only; ``!`` takes back, and the last glob that fits decides. What fits a folder covers all that is
in it, and nothing in there can be taken back. ``#`` begins a comment. Unlike git, ``?`` is a character and not a byte.

The library ``pathspec`` translates a glob (imported where the first one is used: plain names need none). Classes
are resolved before, as by git (``wildmatch.c``): in the library ``[!a]`` fits a slash, and ``[:alpha:]`` is unknown.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.lazy import lazy

if TYPE_CHECKING:
    from pathspec.patterns.gitignore import spec
else:
    spec = lazy("pathspec.patterns.gitignore.spec")

MAGIC = re.compile(r"[*?\[\\]")
"""What makes a glob of a name."""
_LAST = 0x10FFFF
_SPECIAL = "[]\\^-!"
_CLASSES = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "blank": " \t",
    "cntrl": "".join(map(chr, [*range(32), 127])),
    "digit": string.digits,
    "graph": "".join(map(chr, range(33, 127))),
    "lower": string.ascii_lowercase,
    "print": "".join(map(chr, range(32, 127))),
    "punct": string.punctuation,
    "space": " \t\n\v\f\r",
    "upper": string.ascii_uppercase,
    "xdigit": string.hexdigits,
}


class Glob(msgspec.Struct, frozen=True):
    """One glob, checked: ``text`` without its ``!``, which ``negated`` tells of."""

    text: str
    negated: bool = False

    def fits(self, path: str, *, is_dir: bool = False) -> bool:
        """Tell whether the glob fits this very path, which is POSIX and relative; what lies below does not count."""
        return _expression(self.text).fullmatch(f"{path}/" if is_dir else path) is not None


class Globs(msgspec.Struct, frozen=True):
    """Globs in the order in which they were written."""

    globs: tuple[Glob, ...] = ()

    @classmethod
    def parse(cls, lines: Iterable[str], *, setting: str) -> Globs:
        """Read the lines of a setting; ConfigError names setting and glob."""
        return cls(tuple(glob for line in lines if (glob := parse(line, setting=setting)) is not None))

    def covers(self, path: str, *, is_dir: bool = False) -> bool:
        """Tell whether the last glob that fits ``path`` does not take it back, or a folder that holds it is covered."""
        names = path.split("/")
        above = ("/".join(names[:count]) for count in range(1, len(names)))
        return any(self._decides(folder, is_dir=True) for folder in above) or self._decides(
            path, is_dir=is_dir
        )

    def _decides(self, path: str, *, is_dir: bool) -> bool:
        last = next((glob for glob in reversed(self.globs) if glob.fits(path, is_dir=is_dir)), None)
        return last is not None and not last.negated


@lru_cache(maxsize=512)
def read(lines: tuple[str, ...]) -> Globs:
    """Return lines that were checked with their setting as globs, made once."""
    return Globs.parse(lines, setting="globs")


@lru_cache(maxsize=16)
def whole(lines: tuple[str, ...]) -> Globs:
    """Return checked lines as globs that fit a path from its beginning on, those without a slash too."""
    return Globs(tuple(replace(glob, text=f"/{glob.text.removeprefix('/')}") for glob in read(lines).globs))


def covers(lines: Iterable[str], path: str) -> bool:
    """Tell whether the globs of a setting cover a file."""
    return read(tuple(lines)).covers(path)


def parse(line: str, *, setting: str) -> Glob | None:
    """Read one line, None for a blank one or a comment; ConfigError for a glob that can fit nothing."""
    text = line if line.endswith("\\ ") else line.rstrip(" ")
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    text = text.removeprefix("!")
    try:
        _check(text)
    except ValueError as error:
        raise ConfigError(
            f"{setting}: {line!r} is no glob: {error}",
            hint="globs are written as in .gitignore; a backslash takes the next character as it is",
        ) from error
    return Glob(text, negated)


def _check(text: str) -> None:
    if not text.strip("/") or "\0" in text:
        raise ValueError("it names nothing")
    if MAGIC.search(text):
        _canonical(text)


@lru_cache(maxsize=1024)
def _expression(text: str) -> re.Pattern[str]:
    if not MAGIC.search(text):
        anywhere = "" if "/" in text.rstrip("/") else "(?:.+/)?"
        end = "/" if text.endswith("/") else "/?"
        return re.compile(anywhere + re.escape(text.strip("/")) + end, re.DOTALL)
    expression = spec.GitIgnoreSpecPattern.pattern_to_regex(_canonical(text))[0] or "(?!)"
    # The library looks for a place from which on all is covered; here a glob has to reach the end.
    return re.compile(
        expression if expression.startswith("^") else f".+{expression.removeprefix('.')}", re.DOTALL
    )


def _canonical(text: str) -> str:
    """Return a glob of the same meaning as the library reads it right; ValueError says what is wrong with it."""
    parts = list(_parts(text))
    anchored = "/" in text.rstrip("/")
    names = "".join(parts).strip("/").split("/")
    names = ["**" if len(name) > 1 and not name.strip("*") else name for name in names]
    if names[-1] == "**" and len(names) > 1:
        names.append("*")  # all that is in the folder, and not the folder
    only_folders = "/" if text.endswith("/") else ""
    # An escape keeps a first "!" or "#" and a last blank, which mean something in a line.
    first = "\\" if names[0][:1] in "!#" and names[0] else ""
    return ("/" if anchored else "") + ("" if anchored else first) + "/".join(names) + only_folders


def _parts(text: str) -> Iterator[str]:
    """Yield what a glob is made of, one character, escape or class at a time."""
    at = 0
    while at < len(text):
        if text[at] == "\\":
            if at + 1 == len(text):
                raise ValueError("nothing follows the backslash")
            yield "/" if text[at + 1] == "/" else text[at : at + 2]
            at += 2
        elif text[at] == "[":
            part, at = _class(text, at + 1)
            yield part
        else:
            yield text[at]
            at += 1


def _class(text: str, at: int) -> tuple[str, int]:
    """Return a class as one that lists what it fits, never a slash, and where it ends (git ``wildmatch.c``)."""
    negated = text[at : at + 1] in ("!", "^")
    ranges, end = _ranges(text, at + negated)
    others = list(_others(ranges))
    fitting = list(_without_slash(others if negated else _others(others)))
    if not fitting:
        raise ValueError(f"{text[at - 1 : end]} fits no character")
    return f"[{_listed(fitting)}]", end


def _ranges(text: str, at: int) -> tuple[list[tuple[int, int]], int]:
    """Return the code points between the brackets as ranges, and the place behind the last."""
    ranges: list[tuple[int, int]] = []
    before: int | None = None
    first = True
    while first or text[at : at + 1] != "]":
        first = False
        if text.startswith("[:", at) and (closed := text.find("]", at + 2)) != -1 and text[closed - 1] == ":":
            ranges += _named(text[at + 2 : closed - 1])
            before, at = None, closed + 1
            continue
        char, at = _character(text, at)
        is_range = char == "-" and text[at - 2 : at] != "\\-" and before is not None
        if is_range and text[at : at + 1] not in ("]", ""):
            char, at = _character(text, at)
            if ord(char) < ranges[-1][0]:
                raise ValueError(f"bad character range {chr(ranges[-1][0])}-{char}")
            ranges[-1] = (ranges[-1][0], ord(char))
            before = None
        else:
            before = ord(char)
            ranges.append((before, before))
    return ranges, at + 1


def _named(name: str) -> list[tuple[int, int]]:
    if name not in _CLASSES:
        raise ValueError(f"there is no class [:{name}:]")
    return [(ord(char), ord(char)) for char in _CLASSES[name]]


def _character(text: str, at: int) -> tuple[str, int]:
    """Return the character at a place, an escaped one without its backslash, and the place behind it."""
    escaped = text[at : at + 1] == "\\"
    if at + escaped >= len(text):
        raise ValueError("a class [...] is not closed")
    return text[at + escaped], at + escaped + 1


def _others(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of all that the given ones lack."""
    at = 1
    for low, high in sorted(ranges):
        if at < low:
            yield at, low - 1
        at = max(at, high + 1)
    if at <= _LAST:
        yield at, _LAST


def _without_slash(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    slash = ord("/")
    for low, high in ranges:
        parts = [(low, min(high, slash - 1)), (max(low, slash + 1), high)] if low <= slash <= high else []
        yield from (pair for pair in parts or [(low, high)] if pair[0] <= pair[1])


def _listed(ranges: Iterable[tuple[int, int]]) -> str:
    """Write ranges so that no end of one means something in a class of the library."""
    special = sorted(map(ord, _SPECIAL))
    plain: list[str] = []
    single: list[str] = []
    for low, high in ranges:
        at = low
        for code in (code for code in special if low <= code <= high):
            single.append(chr(code))
            if at < code:
                plain.append(_range(at, code - 1))
            at = code + 1
        if at <= high:
            plain.append(_range(at, high))
    # "]" means itself only first, "-" only last, and the others only behind something: a NUL is in no path.
    first = "]" if "]" in single else "\0"
    last = "-" if "-" in single else ""
    return first + "".join(plain) + "".join(char for char in single if char not in "]-") + last


def _range(low: int, high: int) -> str:
    return chr(low) if low == high else f"{chr(low)}-{chr(high)}"


class Patterns(msgspec.Struct, frozen=True):
    """The patterns of ``charts`` as written: folders to look in, globs of chart folders, and globs to leave out."""

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
                (globs if MAGIC.search(line) else roots).append(_checked(line, line))
        return cls(tuple(roots), tuple(globs), tuple(excludes))


def _checked(pattern: str, line: str) -> str:
    if "\0" in pattern or not pattern:
        raise ConfigError(f"charts: {line!r} is no path", hint="expected a folder, a glob, or !GLOB")
    if MAGIC.search(pattern):
        parse(pattern, setting="charts")
    return pattern


def anchored(glob: str) -> Callable[[str], bool]:
    """Return what tells whether a glob fits a folder, from the top on; ``**`` alone fits the top ("") too."""
    compiled = parse(f"/{glob.lstrip('/')}", setting="charts") if glob.strip("/") else None

    def fits(folder: str) -> bool:
        if compiled is None or not folder:
            return folder == "" and glob.strip("/") in {"", "**"}
        return compiled.fits(folder, is_dir=True)

    return fits


def leaves_out(excludes: Iterable[Callable[[str], bool]], path: str) -> bool:
    """Tell whether an exclude (see ``anchored``) fits the folder ``path`` or one that holds it."""
    names = path.split("/") if path else []
    above = ["/".join(names[:count]) for count in range(1, len(names) + 1)] or [""]
    return any(fits(folder) for fits in excludes for folder in above)
