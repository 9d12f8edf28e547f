"""Fields of Chart.yaml and requirements.yaml that Helm reads otherwise than they look, or not at all."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from urllib.parse import urlsplit

from oci_chart_publish.chart.chart import Chart
from oci_chart_publish.chart.metadata import (
    CHART_FILE,
    CHART_KEYS,
    DEPENDENCY_KEYS,
    MAINTAINER_KEYS,
    REQUIREMENTS,
    TEXT_FIELDS,
)
from oci_chart_publish.chart.version import is_strict
from oci_chart_publish.chart.walk import LOCKS
from oci_chart_publish.errors import ChartError
from oci_chart_publish.lint.warning import ChartWarning
from oci_chart_publish.yamldoc.events import AliasEvent, DocumentStartEvent, Event, ScalarEvent, line_in
from oci_chart_publish.yamldoc.reader import Key, Written, read_written
from oci_chart_publish.yamldoc.scalars import go_text, plain

_ENTRY = "*"
_BEHIND = re.compile(rb"^(?:---|\.\.\.)", re.MULTILINE)
_KEYS: dict[Key, Collection[str]] = {
    (): CHART_KEYS,
    ("maintainers", _ENTRY): MAINTAINER_KEYS,
    ("dependencies", _ENTRY): DEPENDENCY_KEYS,
}
_ALWAYS_QUOTED = {("version",), ("appversion",)}

_GONE = {
    "kubernetes-charts.storage.googleapis.com": "https://charts.helm.sh/stable",
    "kubernetes-charts-incubator.storage.googleapis.com": "https://charts.helm.sh/incubator",
    "storage.googleapis.com/kubernetes-charts": "https://charts.helm.sh/stable",
    "storage.googleapis.com/kubernetes-charts-incubator": "https://charts.helm.sh/incubator",
    "repo.chartcenter.io": "the chart's own repository",
}
"""Hosts, and buckets of shared hosts, that no longer serve charts: whoever gets hold of them serves what he likes."""


def fields(chart: Chart) -> Iterator[ChartWarning]:
    """Yield what the writing of the chart's metadata and locks hides."""
    for path in (CHART_FILE, REQUIREMENTS, *LOCKS):
        data = chart.file(path)
        if data is None:
            continue
        written = read_written(data, path=path, whole=False)
        if path == CHART_FILE:
            yield from _short_version(chart, written)
        yield from _numbers(written, path)
        if path not in LOCKS:
            yield from _misspelt(written, path)
            yield from _gone(written, path)
        yield from _not_read(data, path)


def _not_read(data: bytes, path: str) -> Iterator[ChartWarning]:
    """Yield what stands behind the first document."""
    behind = _BEHIND.search(data)
    if behind is None:
        return
    try:
        starts = [
            line_in(e) for e in read_written(data, path=path).events if isinstance(e, DocumentStartEvent)
        ]
        line = starts[1] if len(starts) > 1 else None
    except ChartError as error:
        line = error.line
    if line is not None:
        yield ChartWarning(f"{path} has more than one document, and Helm reads the first alone", path, line)


def _short_version(chart: Chart, written: Written) -> Iterator[ChartWarning]:
    version = chart.metadata.version
    if not is_strict(version):
        yield ChartWarning(
            f"version {version} is no full semantic version: Helm finds it only by --version {version}, never by a "
            "range; write it as three numbers",
            line=_line(written, ("version",)),
        )


def _numbers(written: Written, path: str) -> Iterator[ChartWarning]:
    """Yield the texts that are written without quotes and read as something else: ``1.10``, ``0123456``, ``on``."""
    for place, spots in written.spots.items():
        if _pattern(place) not in TEXT_FIELDS:
            continue
        event = _scalar(spots[-1].event, written)
        if event is None or event.tag is not None or not event.implicit[0]:
            continue
        value = plain(event.value)
        if value is None or isinstance(value, str):
            continue
        exact = go_text(value) == event.value
        if not exact or (place in _ALWAYS_QUOTED and not isinstance(value, int)):
            kind = "a truth value" if isinstance(value, bool) else "a number"
            name = ".".join((*place[:-1], _as_written(place[-1], spots[-1].number, written)))
            yield ChartWarning(
                f"{name} is written as {kind}, which Helm reads as {go_text(value)}; quote it",
                path,
                spots[-1].line,
            )


def _scalar(event: Event, written: Written) -> ScalarEvent | None:
    """Return the scalar that stands there, or that an alias stands for."""
    if isinstance(event, AliasEvent):
        named = (
            e for e in reversed(written.events) if isinstance(e, ScalarEvent) and e.anchor == event.anchor
        )
        return next(named, None)
    return event if isinstance(event, ScalarEvent) else None


def _misspelt(written: Written, path: str) -> Iterator[ChartWarning]:
    for place, spots in written.spots.items():
        known = {name.casefold(): name for name in _KEYS.get(_pattern(place[:-1]), ())} if place else {}
        if not known or place[-1] in known:
            continue
        near = get_close_matches(place[-1], known, n=1, cutoff=0.8)
        if near:
            where = "of a dependency" if place[0] == "dependencies" else f"of {path}"
            where = "of a maintainer" if place[0] == "maintainers" else where
            key = _as_written(place[-1], spots[-1].number, written)
            yield ChartWarning(
                f"{key} is no field {where} and is ignored; {known[near[0]]} was meant?", path, spots[-1].line
            )


def _gone(written: Written, path: str) -> Iterator[ChartWarning]:
    for place, spots in written.spots.items():
        if _pattern(place) != ("dependencies", _ENTRY, "repository"):
            continue
        event = _scalar(spots[-1].event, written)
        host = _home(event.value) if event is not None else ""
        if host:
            yield ChartWarning(
                f"{host} no longer serves charts, and whoever gets hold of the name may; take {_GONE[host]}",
                path,
                spots[-1].line,
            )


def _home(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    bucket = f"{host}/{parts.path.strip('/').partition('/')[0]}"
    return next((name for name in (host, bucket) if name in _GONE), "")


def _pattern(place: Key) -> Key:
    """Return a place with the numbers of list entries as ``*``, and the names of annotations too."""
    if place[:1] == ("annotations",) and len(place) == 2:
        return ("annotations", _ENTRY)
    return tuple(_ENTRY if part.isdigit() else part for part in place)


def _line(written: Written, place: Key) -> int | None:
    spots = written.spots.get(place)
    return spots[-1].line if spots else None


def _as_written(name: str, number: int, written: Written) -> str:
    """Return the last part of a place as it is written: a key is the event before that of its value, ``number``."""
    return name if name.isdigit() else str(getattr(written.events[number - 1], "value", name))
