"""How large the last releases of a chart were: for the charts that move most, one request a release.

Only manifests are read, which state the size of their layer. What was read before is asked for with HEAD alone: a tag
may have moved, and HEAD is not metered. Whatever goes wrong, or takes too long, costs the sizes and never the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
from msgspec.structs import replace

from oci_chart_publish.bump.policy import proposal
from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.chart import Chart
from oci_chart_publish.chart.diff import Difference, difference, release_size
from oci_chart_publish.chart.layer import chart_layer
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import PublishError
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.reference import DOCKER_HUB, Repository
from oci_chart_publish.oci.store import Source, Target
from oci_chart_publish.outcomes import MOVED
from oci_chart_publish.push.previous import Previous, overtaken, previous, published, published_versions
from oci_chart_publish.push.reconcile import Plan, State
from oci_chart_publish.report import document
from oci_chart_publish.run.policy import Memo, Outcome, Run
from oci_chart_publish.workers import Workers
from oci_chart_publish.yamldoc.reader import line_of


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the report; of a chart that moves also the version before, where there is one, and its registry."""

    entry: document.Chart
    before: Previous | None = None
    registry: str = ""


def describe(entry: document.Chart, plan: Plan, layout: Source, *, size_budget: int = 0) -> Described:
    """Return the entry with what is known of the versions before it.

    A chart whose release secret would be larger than ``size_budget`` bytes (0: no limit) is warned of.
    """
    if entry.status not in {*MOVED, "conflict", "drift"}:
        return Described(entry=entry)
    try:
        built = _load(plan.artifact.manifest, layout)
    except PublishError:
        return Described(entry=entry)
    size = release_size(built)
    warnings = (*entry.warnings, _too_large(size)) if 0 < size_budget < size else entry.warnings
    entry = replace(entry, release_size=size, version_line=_version_line(built), warnings=warnings)
    return _moving(entry, plan, built) if entry.status in MOVED else _in_conflict(entry, plan, built)


def _too_large(size: int) -> str:
    return (
        f"Helm stores a release in a secret of at most 1 MiB, and this chart alone fills {size} bytes of it;"
        " list large files that need not be installed in .helmignore"
    )


def _version_line(chart: Chart) -> int | None:
    return line_of(chart.file("Chart.yaml") or b"", "version")


def _moving(entry: document.Chart, plan: Plan, built: Chart) -> Described:
    version = ChartVersion.parse(plan.artifact.version)
    for finding in plan.findings:
        versions = published(finding.site.store)
        higher = overtaken(version, versions)
        if higher is not None:
            warning = f"version {version} is lower than the published {higher}"
            entry = replace(entry, warnings=tuple(dict.fromkeys((*entry.warnings, warning))))
        entry = _below(entry, version, versions)
        before = previous(finding.site.store, version, versions)
        if before is not None:
            return Described(
                entry=_compared(entry, before, built), before=before, registry=finding.site.registry
            )
    return Described(entry=entry)


def _below(entry: document.Chart, version: ChartVersion, versions: Sequence[ChartVersion]) -> document.Chart:
    later = max((one for one in versions if not one.prerelease), default=version)
    return replace(entry, later_version=str(later)) if later > version else entry


def _compared(entry: document.Chart, before: Previous, built: Chart) -> document.Chart:
    layer = chart_layer(before.manifest)
    entry = replace(
        entry,
        previous_version=str(before.version),
        previous_digest=str(before.manifest.descriptor.digest),
        previous_size=layer.size if layer else None,
    )
    try:
        return _changes(entry, difference(_load(before.manifest, before.store), built))
    except PublishError:
        return entry


def _in_conflict(entry: document.Chart, plan: Plan, built: Chart) -> Described:
    try:
        return Described(entry=_conflict(entry, plan, built))
    except PublishError:
        return Described(entry=entry)


def _conflict(entry: document.Chart, plan: Plan, built: Chart) -> document.Chart:
    finding = next((different for different in plan.findings if different.state is State.DIFFERENT), None)
    if finding is None or finding.manifest is None:
        return entry
    if entry.status == "conflict":  # what is held is not to be released, so no version is wanted
        next_version = proposal(plan.artifact.version, published_versions(finding.site.store))
        targets = tuple(_advised(target, entry.path, next_version) for target in entry.targets)
        error = next((target.error for target in targets if target.status == "conflict"), entry.error)
        entry = replace(entry, next_version=next_version, targets=targets, error=error)
    if chart_layer(finding.manifest) is None:
        return entry
    return _changes(entry, difference(_load(finding.manifest, finding.site.store), built))


def _advised(target: document.Target, path: str, next_version: str) -> document.Target:
    if target.error is None or target.status != "conflict":
        return target
    folder = f"{path}/" if path else ""
    hint = f"set 'version: {next_version}' in {folder}Chart.yaml, or restore what was published"
    return replace(target, error=replace(target.error, hint=hint))


def _changes(entry: document.Chart, found: Difference) -> document.Chart:
    return replace(
        entry,
        changes=document.Changes(added=found.added, removed=found.removed, changed=found.changed),
        value_changes=tuple(
            document.ValueChange(file=value.file, key=value.key, old=value.old, new=value.new)
            for value in found.values
        ),
    )


def _load(manifest: Manifest, store: Source) -> Chart:
    layer = chart_layer(manifest)
    if layer is None:
        raise PublishError(f"{store.title}: {manifest.descriptor.digest} has no chart layer")
    return load_archive(store.blob(layer), title=store.title)


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
        return describe(entry, outcome, run.policy.layout, size_budget=run.options.size_budget)

    result = workers.each(described, zip(entries, outcomes, strict=True))
    return with_sizes(result, run.policy.memo, workers.gather, stopping=run.listener.stopping.is_set)


def with_sizes(
    charts: Sequence[Described], memo: Memo, gather: _Gather, *, stopping: Callable[[], bool]
) -> list[document.Chart]:
    """Return the entries, those that change most in size with the sizes of their last releases.

    ``gather`` makes many requests at a time; none is begun once ``stopping`` says so.
    """
    ends = time.monotonic() + SECONDS

    def over() -> bool:
        return stopping() or time.monotonic() > ends

    due = [
        (index, before, release)
        for index, before in _chosen(charts)
        for release in before.releases[-(RELEASES - 1) :]
    ]
    read = gather([partial(_size, before, release, memo, over) for _, before, release in due])
    sizes: dict[int, dict[str, int | None]] = {}
    for (index, _, release), size in zip(due, read, strict=True):
        sizes.setdefault(index, {})[str(release)] = size
    return [_with(chart.entry, sizes.get(index, {})) for index, chart in enumerate(charts)]


def _chosen(charts: Sequence[Described]) -> list[tuple[int, Previous]]:
    """Return which charts are looked up, and what they were compared with.

    Docker Hub is left out: each manifest that is read there counts as a pull, of which an account has few.
    """
    able = [
        (index, chart.before)
        for index, chart in enumerate(charts)
        if chart.before is not None and Repository.parse(chart.registry).registry != DOCKER_HUB
    ]
    return sorted(able, key=lambda pair: -_change(charts[pair[0]].entry))[:CHARTS]


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
    built = document.Size(version=entry.version, size=entry.size)
    return replace(entry, recent_sizes=(*known, built)) if known else entry


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
        case [str(digest), int(size)] if (descriptor := store.resolve(tag)) and str(
            descriptor.digest
        ) == digest:
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
