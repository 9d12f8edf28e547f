"""YAML as Helm reads it: sigs.k8s.io/yaml over yaml.v2, that is YAML 1.1 with Go's idea of numbers.

The first document counts, of duplicate keys the last one wins, dates stay text, and what comes out are JSON values.
libyaml finds the events; what they mean is decided here, because PyYAML decides otherwise (``y``, ``1_000``, ``08``,
base 60, repeated anchors, merge keys) and its composer overruns the stack on deep nesting.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

import yaml
from yaml.reader import ReaderError

from oci_chart_publish.errors import ChartError
from oci_chart_publish.yamldoc import scalars as yamlscalar
from oci_chart_publish.yamldoc.scalars import ScalarError

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


def syntax(
    text: bytes, path: str, *, problem: str, line: int | None, context: str, began: int | None
) -> ChartError:
    """Return the error for a ``problem`` in a line, found while doing ``context`` since the line ``began``."""
    problem, context = one_line(problem), one_line(context)
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


def character(text: bytes, path: str, *, reason: str, position: int, code: int | str | bytes) -> ChartError:
    """Return the error for bytes at a position that are no text, or text that YAML does not allow."""
    line, reason = text.count(b"\n", 0, position) + 1, one_line(reason)
    if "control characters" in reason or "special characters" in reason:
        number = code if isinstance(code, int) else ord(code[:1] or "\0")
        return ChartError(
            f"not YAML: the control character U+{number:04X} is not allowed ({reason})", path=path, line=line
        )
    return ChartError(
        f"not YAML: the file is not UTF-8 ({reason})", path=path, line=line, hint="save it as UTF-8"
    )


def one_line(text: str) -> str:
    """Return at most 300 characters of a text on one line."""
    return " ".join(text.split())[:300]


DEPTH_LIMIT = 200
"""Levels of nesting. Helm stops at 10,000; recursive readers in Python would not get there."""

_BOM = b"\xef\xbb\xbf"
_PREFIX = "tag:yaml.org,2002:"
_MERGE = _PREFIX + "merge"
_MISSING = object()
Event: TypeAlias = Any
"""A PyYAML event; which attributes it has depends on its class."""
_SLASH = re.compile(r"(?<!\\)(?:\\\\)*\\/")

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


def load_document(data: bytes, *, path: str) -> Any:  # noqa: ANN401  (JSON values)
    """Return the first document as JSON values, None for an empty one.

    Whole numbers are int, others float. ChartError names the path and the line of what is wrong, also where the
    YAML is fine but is no JSON: infinite numbers, keys that are no scalars.
    """
    return _Reader(data, path).document()


def check_document(data: bytes, *, path: str) -> None:
    """Raise ChartError unless every document is a mapping or empty, as Helm wants values.yaml to be."""
    reader = _Reader(data, path)
    while True:
        value = reader.document(_MISSING)
        if value is _MISSING:
            return
        if value is not None and not isinstance(value, dict):
            raise ChartError(f"expected a mapping, got {kind_of(value)}", path=path, line=reader.line)


def kind_of(value: object) -> str:
    """Name the kind of a JSON value for a message: ``a list``, ``a mapping``, ``text``, ``null``, ``true``, ``12``."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "null"
    return "text" if isinstance(value, str) else yamlscalar.go_text(value)


def line_of(data: bytes, key: str) -> int | None:
    """Return the line, counted from 1, of a dotted key (``dependencies.0.version``), None where it is not there.

    The empty key is the whole document. Names are compared in any case, as Helm does, and of duplicates the last
    one counts.
    """
    found: dict[str, int] = {}
    with contextlib.suppress(ChartError):  # what was seen before the error still counts
        _Reader(data, "", found).document()
    return found.get(key.casefold())


class _Reader:
    """Builds JSON values from events, one document at a time.

    An anchored value is built once and shared by its aliases; what expanding them would cost is counted instead,
    and judged as yaml.v2 judges it (``decode.go``, allowedAliasRatio).
    """

    def __init__(self, data: bytes, path: str, lines: dict[str, int] | None = None) -> None:
        self._data = data.removeprefix(_BOM)
        self._path = path
        self._lines: dict[str, int] = {} if lines is None else lines
        self._root = None if lines is None else ""
        self._decoded = 0
        self._aliased = 0
        self._anchors: dict[str, tuple[Any, int]] = {}
        self.line = 1
        try:
            self._next: Callable[[], Any] = _Events(self._data).get_event
        except yaml.YAMLError as error:
            self._fail(error)
        # libyaml knows an escape that Helm's parser refuses.
        self._text = self._data.decode("utf-8", "replace") if b"\\/" in self._data else ""

    def document(self, missing: Any = None) -> Any:  # noqa: ANN401
        """Return the next document, ``missing`` after the last one."""
        try:
            event = self._next()
            while not isinstance(event, yaml.DocumentStartEvent):
                if event is None or isinstance(event, yaml.StreamEndEvent):
                    return missing
                event = self._next()
            if event.version not in {None, (1, 1)}:
                number = ".".join(map(str, event.version))
                self._refuse(
                    f"a document of YAML {number}", event, "leave the %YAML line out; Helm reads YAML 1.1"
                )
            self._anchors.clear()
            self._decoded, self._aliased = 1, 0
            event = self._next()
            self.line = self._lines[""] = event.start_mark.line + 1
            value = self._value(event, 0, self._root)
            if value.__class__ is float:
                self._finite(value, event)
            self._next()
        except (yaml.YAMLError, UnicodeError) as error:
            self._fail(error)
        return value

    def _value(self, event: Event, depth: int, place: str | None) -> Any:  # noqa: ANN401
        self._decoded += 1
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
            if event.anchor is not None:
                self._anchors[event.anchor] = (value, 1)
            return value
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if depth == DEPTH_LIMIT:
            self._refuse(f"nested deeper than {DEPTH_LIMIT} levels", event)
        before = self._decoded
        anchor = event.anchor
        if anchor is not None:
            self._anchors[anchor] = (_MISSING, 0)
        build = self._mapping if isinstance(event, yaml.MappingStartEvent) else self._list
        value = build(depth + 1, place)
        if anchor is not None:
            self._anchors[anchor] = (value, self._decoded - before + 1)
        return value

    def _scalar(self, event: Event) -> Any:  # noqa: ANN401
        tag = event.tag
        if (
            self._text
            and event.style == '"'
            and _SLASH.search(self._text, event.start_mark.index, event.end_mark.index)
        ):
            self._refuse(
                "found the unknown escape \\/ in a quoted text", event, "write / without the backslash"
            )
        if tag is None:
            return yamlscalar.plain(event.value) if event.implicit[0] else event.value
        try:
            return _tagged(tag, event.value)
        except ScalarError as error:
            self._refuse(str(error), event)

    def _alias(self, event: Event) -> Any:  # noqa: ANN401
        value, weight = self._anchors.get(event.anchor, (None, -1))
        if weight < 0:
            self._refuse(f"unknown anchor: *{event.anchor} needs an &{event.anchor} before it", event)
        if value is _MISSING:
            self._refuse(f"the anchor &{event.anchor} contains itself", event)
        self._decoded += weight
        self._aliased += weight
        if (
            self._aliased > 100
            and self._decoded > 1000
            and self._aliased > self._decoded * _ratio(self._decoded)
        ):
            self._refuse("too much of the document comes from aliases (excessive aliasing)", event)
        return value

    def _list(self, depth: int, place: str | None) -> list[Any]:
        values: list[Any] = []
        next_event = self._next
        event = next_event()
        while not isinstance(event, yaml.SequenceEndEvent):
            inner = place
            if place is not None:
                inner = f"{place}{len(values)}."
                self._lines[inner[:-1]] = event.start_mark.line + 1
            value = self._value(event, depth, inner)
            if value.__class__ is float:
                self._finite(value, event)
            values.append(value)
            event = next_event()
        return values

    def _mapping(self, depth: int, place: str | None) -> dict[str, Any]:
        values: dict[str, Any] = {}
        next_event = self._next
        event = next_event()
        while not isinstance(event, yaml.MappingEndEvent):
            key_event = event
            if event.__class__ is yaml.ScalarEvent and event.value == "<<" and _is_merge(event):
                self._merge(values, next_event(), depth)
                event = next_event()
                continue
            key = self._value(event, depth, None)
            if key.__class__ is not str:
                key = self._key(key, event)
            event = next_event()
            inner = place
            if place is not None:
                inner = f"{place}{key.casefold()}."
                self._lines[inner[:-1]] = key_event.start_mark.line + 1
            value = self._value(event, depth, inner)
            if value.__class__ is float:
                self._finite(value, event)
            values[key] = value
            event = next_event()
        return values

    def _merge(self, values: dict[str, Any], event: Event, depth: int) -> None:
        # As yaml.v2 does it: what is merged replaces keys that stand before the merge; of several, the first wins.
        if isinstance(event, yaml.SequenceStartEvent):
            merged = []
            event = self._next()
            while not isinstance(event, yaml.SequenceEndEvent):
                merged.append(self._merged(event, depth))
                event = self._next()
            for one in reversed(merged):
                values.update(one)
        else:
            values.update(self._merged(event, depth))

    def _merged(self, event: Event, depth: int) -> dict[str, Any]:
        value = self._value(event, depth, None)
        if not isinstance(value, dict):
            self._refuse("a merge (<<) needs a mapping, or a list of them", event)
        return value

    def _key(self, key: object, event: Event) -> str:
        if isinstance(key, dict | list) or key is None or (isinstance(key, int) and key >= 1 << 63):
            self._refuse(f"a key has to be text, got {kind_of(key)}", event, "quote it")
        return yamlscalar.go_key(key)

    def _finite(self, value: float, event: Event) -> None:
        if value - value != 0:
            self._refuse(f"{yamlscalar.go_text(value)} is a number that JSON lacks", event, "quote it")

    def _refuse(self, message: str, event: Event, hint: str = "") -> NoReturn:
        raise ChartError(message, path=self._path, line=event.start_mark.line + 1, hint=hint)

    def _fail(self, error: Exception) -> NoReturn:
        raise _not_yaml(error, self._data, self._path) from error


def _is_merge(event: Event) -> bool:
    return bool(event.implicit[0]) or event.tag == _MERGE


def _ratio(decoded: int) -> float:
    """Return the share of a document that may come from aliases: 0.99 up to 400,000 values, 0.1 from 4,000,000 on."""
    return 0.99 - 0.89 * min(max((decoded - 400_000) / 3_600_000, 0), 1)


def _tagged(tag: str, text: str) -> Any:  # noqa: ANN401
    kind = tag.removeprefix(_PREFIX) if tag.startswith(_PREFIX) else ""
    if kind == "binary":
        try:
            return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True).decode(
                "utf-8", "replace"
            )
        except binascii.Error as error:
            raise ScalarError("!!binary with text that is no base64") from error
    return yamlscalar.tagged(kind, text)


def _not_yaml(error: Exception, text: bytes, path: str) -> ChartError:
    if isinstance(error, yaml.MarkedYAMLError):
        mark, began = error.problem_mark or error.context_mark, error.context_mark
        return syntax(
            text,
            path,
            problem=error.problem or "it cannot be parsed",
            line=mark.line + 1 if mark else None,
            context=error.context or "",
            began=began.line + 1 if began else None,
        )
    if isinstance(error, ReaderError) and isinstance(error.position, int):
        return character(text, path, reason=str(error.reason), position=error.position, code=error.character)
    return ChartError(f"not YAML: {one_line(str(error))}", path=path)


def scalar(text: str) -> str:
    """Return text as a YAML scalar on one line: plain where YAML reads it back as text, else in double quotes."""
    plain = yaml.safe_dump(text, width=1 << 16, allow_unicode=True).removesuffix("\n").removesuffix("\n...")
    return plain if plain == text else json.dumps(text)
