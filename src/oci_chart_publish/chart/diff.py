"""What differs between two charts: files by path, and the values of Chart.yaml and values.yaml by dotted key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from oci_chart_publish.chart.chart import Chart
from oci_chart_publish.chart.yamldoc import load_document
from oci_chart_publish.errors import ChartError

VALUE_FILES = ("Chart.yaml", "values.yaml")


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueChange:
    """A value that differs, as JSON text; None where one side has none. ``file`` is a path inside the chart."""

    file: str
    key: str
    old: str | None
    new: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
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
    """Yield every file of a chart and its subcharts with its path inside the chart."""
    for file in chart.files:
        yield prefix + file.path, file.data
    for subchart in chart.subcharts:
        yield from files(subchart, f"{prefix}charts/{subchart.name}/")


def value_changes(file: str, old: bytes, new: bytes) -> list[ValueChange]:
    """Compare two YAML documents key by key; a document that cannot be read has no values to compare."""
    try:
        before = dict(_leaves(load_document(old, path=file)))
        after = dict(_leaves(load_document(new, path=file)))
    except ChartError:
        return []
    return [
        ValueChange(file=file, key=key, old=before.get(key), new=after.get(key))
        for key in dict.fromkeys((*before, *after))
        if before.get(key) != after.get(key)
    ]


def _leaves(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{key}[{index}]")
    else:
        yield key, json.dumps(value, ensure_ascii=False)
