"""YAML as Helm reads it: sigs.k8s.io/yaml over yaml.v2, that is YAML 1.1 with Go's idea of numbers.

The first document counts, of duplicate keys the last one wins, dates stay text, and what comes out are JSON values.
libyaml finds the events; what they mean is decided here, because PyYAML decides otherwise (``y``, ``1_000``, ``08``,
base 60, repeated anchors, merge keys) and its composer overruns the stack on deep nesting.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import msgspec

from oci_chart_publish.errors import ChartError
from oci_chart_publish.yamldoc import events as yaml
from oci_chart_publish.yamldoc import scalars as yamlscalar
from oci_chart_publish.yamldoc.events import BOM, Event, event_source, line_in, not_yaml
from oci_chart_publish.yamldoc.scalars import ScalarError

DEPTH_LIMIT = 200
"""Levels of nesting. Helm stops at 10,000; recursive readers in Python would not get there."""

_PREFIX = "tag:yaml.org,2002:"
_MERGE = _PREFIX + "merge"
_MISSING = object()
_SLASH = re.compile(r"(?<!\\)(?:\\\\)*\\/")

Key = tuple[str, ...]
"""Where a value stands: the keys that lead to it, in lower case, and numbers of list entries, counted from 0."""


class Spot(msgspec.Struct, frozen=True):
    """A value as it is written: the line of its key or its ``-``, its first event, and the number of that event."""

    line: int
    event: Event
    number: int


class Written(msgspec.Struct, frozen=True):
    """A file as it is written: each value of its first document by its place, and the events of the whole file.

    A place has several spots where its key is written several times. ``merges`` are the lines of merge keys by the
    place of their mapping. What aliases and merge keys bring is not written where it is used, and has no place.
    """

    spots: dict[Key, list[Spot]] = msgspec.field(default_factory=dict)
    merges: dict[Key, int] = msgspec.field(default_factory=dict)
    events: list[Event] = msgspec.field(default_factory=list)


def load_document(data: bytes, *, path: str) -> Any:  # noqa: ANN401  (JSON values)
    """Return the first document as JSON values, None for an empty one.

    Whole numbers are int, others float. ChartError names the path and the line of what is wrong, also where the
    YAML is fine but is no JSON: infinite numbers, keys that are no scalars.
    """
    return _Reader(data, path).document()


def check_document(data: bytes, *, path: str) -> None:
    """Raise ChartError unless every document is a mapping or empty, as Helm wants values.yaml to be.

    What follows a ``...`` belongs to no document before the next ``---``; no Helm reads it.
    """
    try:
        _check_all(data, path)
    except ChartError:
        if b"\n..." not in data:
            raise
        for chunk in chunks(data):
            _check_mapping(_Reader(chunk, path), path)


def _check_all(data: bytes, path: str) -> None:
    reader = _Reader(data, path)
    while _check_mapping(reader, path):
        pass


def _check_mapping(reader: _Reader, path: str) -> bool:
    """Check the next document; False where there is none."""
    value = reader.document(_MISSING)
    if value is _MISSING:
        return False
    if value is not None and not isinstance(value, dict):
        raise ChartError(f"expected a mapping, got {kind_of(value)}", path=path, line=reader.line)
    return True


def chunks(data: bytes) -> Iterator[bytes]:
    """Yield what stands between the lines that begin with ``---``, each line where it is in the whole.

    That is how Helm 4 parts values.yaml (``k8s.io/apimachinery/pkg/util/yaml``, YAMLReader).
    """
    lines = data.removeprefix(BOM).splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line.startswith(b"---")]
    for start, end in zip([0, *starts], [*starts, len(lines)], strict=True):
        if end > start:
            yield b"\n" * start + b"".join(lines[start:end])


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
    written = Written()
    with contextlib.suppress(ChartError):  # what was seen before the error still counts
        _Reader(data, "", written).document()
    folded = key.casefold()
    lines = [spots[-1].line for place, spots in written.spots.items() if ".".join(place) == folded]
    return lines[-1] if lines else None


def read_written(data: bytes, *, path: str, whole: bool = True) -> Written:
    """Read a file with the places of its values; errors as ``load_document``, for each of its documents.

    Without ``whole`` the first document is all that is read, as by Helm; its events are then those there are.
    """
    written = Written()
    reader = _Reader(data, path, written)
    reader.document()
    if not whole:
        return written
    reader.stop_noting()
    while reader.document(_MISSING) is not _MISSING:
        pass
    return written


class _Reader:
    """Builds JSON values from events, one document at a time.

    An anchored value is built once and shared by its aliases; what expanding them would cost is counted instead,
    and judged as yaml.v2 judges it (``decode.go``, allowedAliasRatio).
    """

    def __init__(self, data: bytes, path: str, written: Written | None = None) -> None:
        self._data = data.removeprefix(BOM)
        self._path = path
        self._written = written or Written()
        self._root: Key | None = None if written is None else ()
        self._decoded = 0
        self._aliased = 0
        self._deepest = 0  # the level of the value last built, aliases expanded
        self._anchors: dict[str, tuple[Any, int, int]] = {}
        self.line = 1
        try:
            self._next = event_source(self._data)
        except yaml.YAMLError as error:
            self._fail(error)
        self._source = self._next
        if written is not None:
            self._next = self._noted
        # libyaml knows an escape that Helm's parser refuses.
        self._text = self._data.decode("utf-8", "replace") if b"\\/" in self._data else ""

    def _noted(self) -> Event:
        event = self._source()
        self._written.events.append(event)
        return event

    def stop_noting(self) -> None:
        """Note no places any more, of the documents that follow; their events are."""
        self._root = None

    def _note(self, place: Key, line: int, event: Event) -> None:
        """Note where a value stands whose first event was the last to come."""
        self._written.spots.setdefault(place, []).append(Spot(line, event, len(self._written.events) - 1))

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
            self.line = line_in(event)
            if self._root is not None:
                self._note(self._root, self.line, event)
            value = self._value(event, 0, self._root)
            if value.__class__ is float:
                self._finite(value, event)
            self._next()
        except (yaml.YAMLError, UnicodeError) as error:
            self._fail(error)
        return value

    def _value(self, event: Event, depth: int, place: Key | None) -> Any:  # noqa: ANN401
        self._decoded += 1
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
            if event.anchor is not None:
                self._anchors[event.anchor] = (value, 1, 0)
            return value
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        if depth == DEPTH_LIMIT:
            self._refuse(f"nested deeper than {DEPTH_LIMIT} levels", event)
        before, deepest = self._decoded, self._deepest
        self._deepest = depth + 1
        anchor = event.anchor
        if anchor is not None:
            self._anchors[anchor] = (_MISSING, 0, 0)
        build = self._mapping if isinstance(event, yaml.MappingStartEvent) else self._list
        value = build(depth + 1, place)
        if anchor is not None:
            self._anchors[anchor] = (value, self._decoded - before + 1, self._deepest - depth)
        self._deepest = max(self._deepest, deepest)
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

    def _alias(self, event: Event, depth: int) -> Any:  # noqa: ANN401
        value, weight, height = self._anchors.get(event.anchor, (None, -1, 0))
        if weight < 0:
            self._refuse(f"unknown anchor: *{event.anchor} needs an &{event.anchor} before it", event)
        if value is _MISSING:
            self._refuse(f"the anchor &{event.anchor} contains itself", event)
        if depth + height > DEPTH_LIMIT:
            self._refuse(f"nested deeper than {DEPTH_LIMIT} levels, by aliases of aliases", event)
        self._deepest = max(self._deepest, depth + height)
        self._decoded += weight
        self._aliased += weight
        if (
            self._aliased > 100
            and self._decoded > 1000
            and self._aliased > self._decoded * _ratio(self._decoded)
        ):
            self._refuse("too much of the document comes from aliases (excessive aliasing)", event)
        return value

    def _list(self, depth: int, place: Key | None) -> list[Any]:
        values: list[Any] = []
        next_event = self._next
        event = next_event()
        while not isinstance(event, yaml.SequenceEndEvent):
            inner = place
            if place is not None:
                inner = (*place, str(len(values)))
                self._note(inner, line_in(event), event)
            value = self._value(event, depth, inner)
            if value.__class__ is float:
                self._finite(value, event)
            values.append(value)
            event = next_event()
        return values

    def _mapping(self, depth: int, place: Key | None) -> dict[str, Any]:
        values: dict[str, Any] = {}
        next_event = self._next
        event = next_event()
        while not isinstance(event, yaml.MappingEndEvent):
            key_event = event
            if event.__class__ is yaml.ScalarEvent and event.value == "<<" and _is_merge(event):
                if place is not None:
                    self._written.merges.setdefault(place, line_in(key_event))
                self._merge(values, next_event(), depth)
                event = next_event()
                continue
            key = self._value(event, depth, None)
            if key.__class__ is not str:
                key = self._key(key, event)
            event = next_event()
            inner = place
            if place is not None:
                inner = (*place, key.casefold())
                self._note(inner, line_in(key_event), event)
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
            for mapping in reversed(merged):
                values.update(mapping)
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
        raise ChartError(message, path=self._path, line=line_in(event), hint=hint)

    def _fail(self, error: Exception) -> NoReturn:
        raise not_yaml(error, self._data, self._path) from error


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
