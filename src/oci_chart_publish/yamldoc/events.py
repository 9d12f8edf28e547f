"""The events of YAML, as libyaml finds them: the one place in which the package parses YAML of charts.

What events mean is decided in ``reader``, where values are built, and in ``editor``, which replaces them in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import yaml
from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.reader import ReaderError

from oci_chart_publish.errors import ChartError

__all__ = [
    "AliasEvent",
    "DocumentStartEvent",
    "Event",
    "MappingEndEvent",
    "MappingStartEvent",
    "ScalarEvent",
    "SequenceEndEvent",
    "SequenceStartEvent",
    "StreamEndEvent",
    "YAMLError",
    "event_source",
    "line_in",
    "not_yaml",
]

BOM = b"\xef\xbb\xbf"
Event: TypeAlias = Any
"""A PyYAML event; which attributes it has depends on its class. Marks count lines from 0, and characters."""

if hasattr(yaml, "CSafeLoader"):
    from yaml.cyaml import CParser  # type: ignore[attr-defined]

    class _Events(CParser):
        """The events of a byte string."""

        def __init__(self, data: bytes) -> None:
            CParser.__init__(self, data)
else:  # PyYAML built without libyaml
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class _Events(Reader, Scanner, Parser):  # type: ignore[no-redef]
        """The events of a byte string."""

        def __init__(self, data: bytes) -> None:
            Reader.__init__(self, data)
            Scanner.__init__(self)
            Parser.__init__(self)


def event_source(data: bytes) -> Callable[[], Event]:
    """Return what gives the next event at each call, None after the last; YAMLError for bytes that are no YAML."""
    source: Callable[[], Event] = _Events(data).get_event
    return source


def line_in(event: Event) -> int:
    """Return the line in which an event begins, counted from 1."""
    return int(event.start_mark.line) + 1


def not_yaml(error: Exception, text: bytes, path: str) -> ChartError:
    """Return what to tell of an exception of the parser over ``text``: path, line and, where known, a remedy."""
    if isinstance(error, MarkedYAMLError):
        mark, began = error.problem_mark or error.context_mark, error.context_mark
        return _syntax(
            text,
            path,
            problem=error.problem or "it cannot be parsed",
            line=mark.line + 1 if mark else None,
            context=error.context or "",
            began=began.line + 1 if began else None,
        )
    if isinstance(error, ReaderError) and isinstance(error.position, int):
        return _character(text, path, reason=str(error.reason), position=error.position, code=error.character)
    return ChartError(f"not YAML: {_one_line(str(error))}", path=path)


# Parser problems that users meet, and what usually causes them.
_HINTS = {
    "mapping values are not allowed in this context": "a value with ': ' in it has to be quoted",
    "mapping values are not allowed here": "a value with ': ' in it has to be quoted",
    "did not find expected key": "the line is indented otherwise than its neighbours, or a quote is left open",
    "could not find expected ':'": "every line of a mapping is 'key: value'",
    "did not find expected '-' indicator": "the entries of a list have to start in one column",
    "did not find expected ',' or ']'": "close the list with ]",
    "did not find expected ',' or '}'": "close the mapping with }",
    "found unexpected end of stream": "a quote is left open",
    "found character that cannot start any token": "quote a value that starts with @, ` or %; never indent with tabs",
}


def _syntax(
    text: bytes, path: str, *, problem: str, line: int | None, context: str, began: int | None
) -> ChartError:
    """Return the error for a ``problem`` in a line, found while doing ``context`` since the line ``began``."""
    problem, context = _one_line(problem), _one_line(context)
    hint = _HINTS.get(problem, "")
    if line and _indented_by_tab(text, line):
        problem, hint = (
            f"a tab in the indentation ({problem})",
            "YAML is indented with blanks; replace the tab",
        )
    words = ["not YAML:", problem, context]
    if context and began and line and began < line:
        words.append(f"that began in line {began}")
    return ChartError(" ".join(word for word in words if word), path=path, line=line, hint=hint)


def _indented_by_tab(text: bytes, line: int) -> bool:
    lines = text.split(b"\n", line)
    shown = lines[line - 1] if line <= len(lines) else b""
    return b"\t" in shown[: len(shown) - len(shown.lstrip())]


def _character(text: bytes, path: str, *, reason: str, position: int, code: int | str | bytes) -> ChartError:
    """Return the error for bytes at a position that are no text, or text that YAML does not allow."""
    line, reason = text.count(b"\n", 0, position) + 1, _one_line(reason)
    if "control characters" in reason or "special characters" in reason:
        number = code if isinstance(code, int) else ord(code[:1] or "\0")
        return ChartError(
            f"not YAML: the control character U+{number:04X} is not allowed ({reason})", path=path, line=line
        )
    return ChartError(
        f"not YAML: the file is not UTF-8 ({reason})", path=path, line=line, hint="save it as UTF-8"
    )


def _one_line(text: str) -> str:
    """Return at most 300 characters of a text on one line."""
    return " ".join(text.split())[:300]
