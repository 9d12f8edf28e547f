"""The index.yaml of a chart repository (Helm ``pkg/repo/v1/index.go``), read one chart at a time.

Indexes of 20 MB and more are common, and a run wants a few charts of one: the lines of a chart are found by their
indentation and parsed alone. What is not written as Helm and its servers write it is parsed whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ChartError
from oci_chart_publish.yamldoc.reader import kind_of, load_document

WHOLE_LIMIT = 32 * 1024 * 1024
"""Bytes of YAML that are parsed whole, at most: that takes a second for one or two MB."""

_EMPTY = rb"(?:[ \t]*(?:#[^\n]*)?\r?\n)*"
_ENTRIES = re.compile(rb"(?:\A|\n)entries:[ \t]*(?:#[^\n]*)?\r?\n" + _EMPTY + rb"( +)(?=[A-Za-z0-9\"'])")
_TOP = re.compile(rb"\n[^ \t\r\n#]")
_DOCUMENT_START = re.compile(rb"\A(?:\xef\xbb\xbf)?" + _EMPTY + rb"---[ \t]*\r?\n")


class IndexEntry(msgspec.Struct, frozen=True):
    """One version of a chart: where its archive is, as written, and its digest, "" where the index has none.

    What else an index calls a digest is kept, so that it can be refused.
    """

    version: ChartVersion
    urls: tuple[str, ...]
    digest: str = ""


class RepositoryIndex(msgspec.Struct, frozen=True):
    """An index as it was fetched; ``title`` names it in errors."""

    data: bytes
    title: str
    _whole: dict[str, Any] = msgspec.field(default_factory=dict)
    _shape: list[_Shape | None] = msgspec.field(default_factory=list)

    def versions(self, name: str) -> tuple[IndexEntry, ...]:
        """Return the versions of a chart in the order of the index, none where it is not in it.

        Entries without URLs or without a version are left out, as Helm leaves them out. ChartError where the index
        cannot be read.
        """
        if not self._shape:
            self._shape.append(None if self._is_json() else _shape(self.data))
        shape = self._shape[0]
        block = _block(self.data, shape, name) if shape else None
        if block == b"":
            return ()
        entries = self._parsed(block, name) if block else None
        return tuple(_index_entries(self._entries_by_name().get(name) if entries is None else entries))

    def _is_json(self) -> bool:
        return self.data[:64].lstrip().startswith(b"{")

    def _parsed(self, block: bytes, name: str) -> list[Any] | None:
        """Return the entries that the lines of one chart hold, None where they make no sense by themselves."""
        try:
            document = load_document(block, path=self.title)
        except ChartError:
            return None  # for example an alias of what stands elsewhere
        entries = document.get(name) if isinstance(document, dict) and len(document) == 1 else None
        return entries if isinstance(entries, list) else None

    def _entries_by_name(self) -> Mapping[str, Any]:
        if not self._whole:
            self._whole.update(entries=self._load())
        entries: Mapping[str, Any] = self._whole["entries"]
        return entries

    def _load(self) -> Mapping[str, Any]:
        document = _json(self.data) if self._is_json() else None
        if document is None:
            if len(self.data) > WHOLE_LIMIT:
                raise ChartError(f"more than {WHOLE_LIMIT} bytes in an unusual form", path=self.title)
            document = load_document(self.data, path=self.title)
        if not isinstance(document, dict) or "entries" not in document:
            raise ChartError(
                "not the index of a chart repository: it has no entries",
                path=self.title,
                hint="is the URL that of a chart repository, the folder of its index.yaml?",
            )
        entries = document["entries"] or {}
        if not isinstance(entries, dict):
            raise ChartError(f"expected a mapping, got {kind_of(entries)}", path=self.title, key="entries")
        return entries


class _Shape(msgspec.Struct, frozen=True):
    """Where the entries of an index stand, and the blanks before the name of a chart."""

    start: int
    end: int
    indent: bytes


def _shape(data: bytes) -> _Shape | None:
    """Return the shape of an index in block style, None for everything else."""
    at = 0 if data.startswith(b"entries:") else data.find(b"\nentries:")
    match = _ENTRIES.match(data, at) if at >= 0 else None
    if match is None:
        return None
    first = _DOCUMENT_START.match(data)
    if (
        data.find(b"\n---", first.end() - 1 if first else 0) >= 0
        or data.find(b"\nentries:", match.end()) >= 0
    ):
        return None  # several documents, or the key twice
    top = _TOP.search(data, match.end())
    start = data.rindex(b"\n", 0, match.end())
    return _Shape(start, top.start() + 1 if top else len(data), match[1])


def _block(data: bytes, shape: _Shape, name: str) -> bytes | None:
    """Return the lines of a chart, b"" where it has none; None where it is there more than once."""
    begun = list(_begins(data, shape, name.encode()))
    if len(begun) != 1:
        return None if begun else b""
    start = begun[0] + 1
    following = re.compile(rb"\n {0,%d}(?![ \t\r\n#-])" % len(shape.indent))
    end = following.search(data, start, shape.end)
    return data[start : end.start() + 1 if end else shape.end]


def _begins(data: bytes, shape: _Shape, name: bytes) -> Iterator[int]:
    """Yield where the line break before ``NAME:`` is, in any way to quote it."""
    for written in (name, b'"%s"' % name, b"'%s'" % name):
        key = b"\n" + shape.indent + written
        at = data.find(key, shape.start, shape.end)
        while at >= 0:
            if re.compile(rb"[ \t]*:[ \t\r\n]").match(data, at + len(key)):
                yield at
            at = data.find(key, at + 1, shape.end)


def _index_entries(values: Any) -> Iterator[IndexEntry]:  # noqa: ANN401  (JSON values)
    for value in values if isinstance(values, list) else ():
        if not isinstance(value, dict):
            continue
        version, urls, digest = (value.get(key) for key in ("version", "urls", "digest"))
        places = tuple(url for url in urls if isinstance(url, str) and url) if isinstance(urls, list) else ()
        if places and isinstance(version, str) and (parsed := _version(version)) is not None:
            yield IndexEntry(parsed, places, "" if digest is None else str(digest).strip())


def _version(text: str) -> ChartVersion | None:
    try:
        return ChartVersion.parse(text)
    except ChartError:
        return None


def _json(data: bytes) -> Any:  # noqa: ANN401  (JSON values)
    """Return the JSON document, None where it is none: flow style looks like it."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
