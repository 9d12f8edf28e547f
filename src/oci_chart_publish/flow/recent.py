"""How large the last releases of a chart were: for the charts that move most, one request a release.

Only manifests are read, which state the size of their layer. What was read before is asked for with HEAD alone: a tag
may have moved, and HEAD is not metered. Whatever goes wrong, or takes too long, costs the sizes and never the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from msgspec.structs import replace

from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import PublishError
from oci_chart_publish.flow.describe import Described, describe
from oci_chart_publish.flow.run import Memo, Outcome, Run
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.reference import DOCKER_HUB, Repository
from oci_chart_publish.oci.store import Target
from oci_chart_publish.push.previous import Previous
from oci_chart_publish.push.reconcile import Plan
from oci_chart_publish.push.same import chart_layer
from oci_chart_publish.report import document
from oci_chart_publish.workers import Workers

RELEASES = 12
"""Sizes in the report for one chart, that of this run included."""
CHARTS = 20
"""Charts of one run whose releases are looked up."""
SECONDS = 10.0
"""After so long no further release is asked for: a registry that is slow or refuses is left in peace."""

_MEMO = "sizes"
_Call = Callable[[], int | None]
_Gather = Callable[[Sequence[_Call]], Sequence[int | None]]


def detailed(
    entries: Sequence[document.Chart], outcomes: Sequence[Outcome], run: Run, workers: Workers
) -> list[document.Chart]:
    """Return the entries, one for each outcome, with details: what ``describe`` finds, and recent sizes."""

    def described(pair: tuple[document.Chart, Outcome]) -> Described:
        entry, outcome = pair
        if not isinstance(outcome, Plan):
            return Described(entry=entry)
        return describe(entry, outcome, run.layout, size_budget=run.size_budget)

    found = workers.each(described, zip(entries, outcomes, strict=True))
    return with_sizes(found, run.memo, workers.gather, stopping=run.stopping.is_set)


def with_sizes(
    charts: Sequence[Described], memo: Memo, gather: _Gather, *, stopping: Callable[[], bool]
) -> list[document.Chart]:
    """Return the entries, those that change most in size with the sizes of their last releases.

    ``gather`` makes many requests at a time; none is begun once ``stopping`` says so.
    """
    ends = time.monotonic() + SECONDS

    def over() -> bool:
        return stopping() or time.monotonic() > ends

    wanted = [
        (index, before, release)
        for index, before in _chosen(charts)
        for release in before.releases[-(RELEASES - 1) :]
    ]
    read = gather([partial(_size, before, release, memo, over) for _, before, release in wanted])
    found: dict[int, dict[str, int | None]] = {}
    for (index, _, release), size in zip(wanted, read, strict=True):
        found.setdefault(index, {})[str(release)] = size
    return [_with(chart.entry, found.get(index, {})) for index, chart in enumerate(charts)]


def _chosen(charts: Sequence[Described]) -> list[tuple[int, Previous]]:
    """Return which charts are looked up, and what they were compared with.

    Docker Hub is left out: each manifest that is read there counts as a pull, of which an account has few.
    """
    able = [
        (index, chart.before)
        for index, chart in enumerate(charts)
        if chart.before is not None and Repository.parse(chart.registry).registry != DOCKER_HUB
    ]
    return sorted(able, key=lambda one: -_change(charts[one[0]].entry))[:CHARTS]


def _change(entry: document.Chart) -> float:
    """Return by which part of it the size changed."""
    if not entry.size or not entry.previous_size:
        return 0.0
    return abs(entry.size - entry.previous_size) / entry.previous_size


def _with(entry: document.Chart, before: Mapping[str, int | None]) -> document.Chart:
    """Return the entry with its sizes, without any where one of them is not known."""
    if entry.size is None or None in before.values():
        return entry
    known = tuple(document.Size(version=version, size=size) for version, size in before.items() if size)
    ours = document.Size(version=entry.version, size=entry.size)
    return replace(entry, recent_sizes=(*known, ours)) if known else entry


def _size(before: Previous, release: ChartVersion, memo: Memo, over: Callable[[], bool]) -> int | None:
    """Return the size of one release, 0 where its tag holds no chart, and None where that is not known."""
    if str(release) == str(before.version):
        return _layer_size(before.manifest)
    if over():
        return None
    try:
        return _read(before.store, release.tag, memo)
    except PublishError:
        return None


def _read(store: Target, tag: str, memo: Memo) -> int:
    key = f"{store.title}:{tag}"
    match memo.get(_MEMO, key):
        case [str(digest), int(size)] if (found := store.resolve(tag)) and str(found.digest) == digest:
            return size
    manifest = store.manifest(tag)
    if manifest is None:
        return 0
    size = _layer_size(manifest)
    memo.put(_MEMO, key, [str(manifest.descriptor.digest), size])
    return size


def _layer_size(manifest: Manifest) -> int:
    layer = chart_layer(manifest)
    return 0 if layer is None else layer.size
