"""Small pieces of text that all renderings share: sizes, changes of size, digests, escaping."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Literal

_UNITS = ("B", "KiB", "MiB", "GiB")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#!|~&$^@])")
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 chart``, ``2 charts``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def size(count: int | None) -> str:
    """Return bytes for people: ``812 B``, ``12.3 KiB``."""
    if count is None:
        return ""
    number, unit = float(count), 0
    while abs(number) >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{count} B" if unit == 0 else f"{number:.1f} {_UNITS[unit]}"


def change(now: int | None, before: int | None) -> str:
    """Return a change of size with its sign: ``+1.2 KiB``; ``±0`` for none, empty where it is unknown."""
    if now is None or before is None:
        return ""
    if now == before:
        return "±0"
    return ("+" if now > before else "\u2212") + size(abs(now - before))


def short(digest: str | None) -> str:
    """Return the first 12 hexadecimal digits of a digest."""
    return digest.partition(":")[2][:12] if digest else ""


def units(text: str) -> int:
    """Count UTF-16 code units, as GitHub does where it limits lengths."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


Unit = Literal["utf-16", "utf-8"]
"""How a text is counted: UTF-16 code units, or bytes of UTF-8."""


def length(text: str, unit: Unit) -> int:
    """Return how long a text is for whoever limits it."""
    return units(text) if unit == "utf-16" else len(text.encode("utf-8", "surrogatepass"))


def plain(text: str, limit: int = 400) -> str:
    """Return untrusted text on one line: no control, format or bidirectional characters, at most ``limit`` long."""
    known = text[: 20 * limit]
    line = " ".join(known.split())
    if not (line.isascii() and line.isprintable()):
        line = "".join(char for char in line if unicodedata.category(char) not in _INVISIBLE)
    return line if len(line) <= limit and known == text else line[: limit - 1] + "…"


def escaped(text: str, limit: int = 400) -> str:
    """Return untrusted text as Markdown that shows it as it is: no markup, mention, reference or link."""
    line = _MARKDOWN.sub(r"\\\1", plain(text, limit))
    # GitHub looks for mentions, references and addresses in the rendered text too: a zero-width joiner breaks them.
    line = re.sub(r"(\\[@#])(?=\w)", "\\1\u2060", line)
    return _unlinked(line)


def markup(text: str, limit: int = 400) -> str:
    """Return untrusted text for inside an HTML element, where Markdown is not looked at."""
    line = html.escape(plain(text, limit))
    return _unlinked(re.sub(r"([@#])(?=\w)", "\\1\u2060", line.replace("&#", "&\u0000"))).replace(
        "&\u0000", "&#"
    )


def _unlinked(line: str) -> str:
    """Break what GitHub makes something of by itself: addresses, issues (``GH-1``), ids of commits, emoji."""
    line = re.sub(r"\b[0-9a-f](?=[0-9a-f]{6,39}\b)", "\\g<0>\u2060", line)
    line = re.sub(r":(?=[0-9A-Za-z_+\\-]+:)", ":\u2060", line)
    line = re.sub(r"(?i)\b(GH)(?=-[0-9])", "\\1\u2060", line)
    line = re.sub(r"(?i)\b(https?|ftp):", "\\1\u2060:", line)
    return re.sub(r"(?i)\bwww\.", "www\u2060.", line)


def code(text: str, limit: int = 400) -> str:
    """Return untrusted text as a code span that nothing in it can end; for a cell of a table there is ``cell_code``."""
    line = plain(text, limit)
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{padding}{line}{padding}{fence}" if line else ""


def cell_code(text: str, limit: int = 400) -> str:
    """Return untrusted text as a code span for a cell of a table, which a bar would end even there."""
    return code(text.replace("|", "\u2223"), limit)
