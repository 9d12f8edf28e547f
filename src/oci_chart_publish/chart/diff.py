"""What differs between two charts: files by path, and the values of Chart.yaml and values.yaml by dotted key."""

from __future__ import annotations

import difflib
import gzip
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from oci_chart_publish.chart.chart import Chart, placed
from oci_chart_publish.chart.metadata import encode_config
from oci_chart_publish.errors import ChartError
from oci_chart_publish.yamldoc.reader import load_document

VALUE_FILES = ("Chart.yaml", "values.yaml")

_ALIGNED = 250_000
"""Pairs of items of two lists, above which they are compared item by item: aligning them takes too long."""


class ValueChange(msgspec.Struct, frozen=True, kw_only=True):
    """A value that differs, as JSON text; None where one side has none. ``file`` is a path inside the chart."""

    file: str
    key: str
    old: str | None
    new: str | None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Paths inside the chart, sorted, and the values that changed, in the order of their keys."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    values: tuple[ValueChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def difference(old: Chart, new: Chart) -> Difference:
    """Compare two charts file by file, subcharts included, and their values key by key."""
    before, after = dict(files(old)), dict(files(new))
    changed = tuple(sorted(path for path in before.keys() & after.keys() if before[path] != after[path]))
    values = [
        change
        for path in changed
        if path in VALUE_FILES
        for change in value_changes(path, before[path], after[path])
    ]
    return Difference(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=changed,
        values=tuple(values),
    )


def files(chart: Chart, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield every file of a chart and its subcharts with the path at which the chart's package has it."""
    for file in chart.files:
        yield prefix + file.path, file.data
    for place, subchart in placed(chart.subcharts):
        yield from files(subchart, f"{prefix}charts/{place}/")


def value_changes(file: str, old: bytes, new: bytes) -> list[ValueChange]:
    """Compare two YAML documents key by key; a document that cannot be read has no values to compare.

    Lists are aligned by their equal items: what is put in at the head of one is one change, and all of it.
    """
    try:
        changes = _changes("", load_document(old, path=file), load_document(new, path=file))
        return [ValueChange(file=file, key=key, old=before, new=after) for key, before, after in changes]
    except ChartError:
        return []


_Change = tuple[str, str | None, str | None]


def _changes(key: str, old: object, new: object) -> Iterator[_Change]:
    """Yield key, old and new value of what differs, as JSON text."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys((*old, *new)):
            inner = f"{key}.{name}" if key else str(name)
            if name not in new:
                yield from ((path, value, None) for path, value in _leaves(old[name], inner))
            elif name not in old:
                yield from ((path, None, value) for path, value in _leaves(new[name], inner))
            else:
                yield from _changes(inner, old[name], new[name])
    elif isinstance(old, list) and isinstance(new, list):
        yield from _list_changes(key, old, new)
    else:
        before, after = dict(_leaves(old, key)), dict(_leaves(new, key))
        for path in dict.fromkeys((*before, *after)):
            if before.get(path) != after.get(path):
                yield path, before.get(path), after.get(path)


def _list_changes(key: str, old: Sequence[object], new: Sequence[object]) -> Iterator[_Change]:
    before, after = [_json(item) for item in old], [_json(item) for item in new]
    for what, old_from, old_to, new_from, new_to in _steps(before, after):
        if what == "equal":
            continue
        both = min(old_to - old_from, new_to - new_from)
        for index in range(both):
            place = f"{key}[{new_from + index}]"
            yield from _changes(place, old[old_from + index], new[new_from + index])
        yield from ((f"{key}[{index}]", before[index], None) for index in range(old_from + both, old_to))
        yield from ((f"{key}[{index}]", None, after[index]) for index in range(new_from + both, new_to))


def _steps(old: Sequence[str], new: Sequence[str]) -> Sequence[tuple[str, int, int, int, int]]:
    if len(old) * len(new) > _ALIGNED:
        return [("replace", 0, len(old), 0, len(new))]
    return difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()


def _leaves(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{key}[{index}]")
    else:
        yield key, _json(value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


_NOT_FILES = frozenset({"Chart.yaml", "Chart.lock", "values.yaml", "values.schema.json"})


def release_size(chart: Chart) -> int:
    """Return the bytes that the chart alone takes in the secret of a release."""
    document = {
        "metadata": json.loads(encode_config(chart.metadata)),
        "lock": None,
        "templates": [
            _file(file.path, file.data) for file in chart.files if file.path.startswith("templates/")
        ],
        "values": _values(chart),
        "schema": b64encode(chart.file("values.schema.json") or b"").decode() or None,
        "files": [
            _file(file.path, file.data)
            for file in chart.files
            if file.path not in _NOT_FILES and not file.path.startswith("templates/")
        ],
    }
    packed = gzip.compress(json.dumps(document, separators=(",", ":")).encode(), 9, mtime=0)
    return (len(packed) + 2) // 3 * 4


def _file(path: str, data: bytes) -> dict[str, str]:
    return {"name": path, "data": b64encode(data).decode()}


def _values(chart: Chart) -> object:
    try:
        return load_document(chart.file("values.yaml") or b"", path="values.yaml")
    except ChartError:
        return None  # multi-document values: the size stays a lower bound
