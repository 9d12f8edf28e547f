"""What the report says of a chart beyond its status: the version before, what changed inside, sizes, the next version.

Asked for only where a chart moves or is in conflict, and only where somebody will read it: an unchanged chart costs
nothing here. A registry that does not answer costs detail, never the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from oci_chart_publish.bump.policy import proposal
from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.chart import Chart
from oci_chart_publish.chart.diff import Difference, difference
from oci_chart_publish.chart.release import release_size
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.chart.yamldoc import line_of
from oci_chart_publish.errors import PublishError
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.store import Source
from oci_chart_publish.push.previous import Previous, overtaken, previous, published, published_versions
from oci_chart_publish.push.reconcile import Plan, State
from oci_chart_publish.push.same import chart_layer
from oci_chart_publish.report import document


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """An entry of the report; of a chart that moves also the version before, where there is one, and its registry."""

    entry: document.Chart
    before: Previous | None = None
    registry: str = ""


def describe(entry: document.Chart, plan: Plan, layout: Source, *, size_budget: int = 0) -> Described:
    """Return the entry with what is known of the versions before it.

    A chart whose release secret would be larger than ``size_budget`` bytes (0: no limit) is warned of.
    """
    if entry.status not in {*document.MOVED, "conflict", "drift"}:
        return Described(entry=entry)
    try:
        ours = _load(plan.artifact.manifest, layout)
    except PublishError:
        return Described(entry=entry)
    size = release_size(ours)
    warnings = (*entry.warnings, _too_large(size)) if 0 < size_budget < size else entry.warnings
    entry = replace(entry, release_size=size, version_line=_version_line(ours), warnings=warnings)
    return _moving(entry, plan, ours) if entry.status in document.MOVED else _in_conflict(entry, plan, ours)


def _too_large(size: int) -> str:
    return (
        f"Helm stores a release in a secret of at most 1 MiB, and this chart alone fills {size} bytes of it;"
        " list large files that need not be installed in .helmignore"
    )


def _version_line(chart: Chart) -> int | None:
    return line_of(chart.file("Chart.yaml") or b"", "version")


def _moving(entry: document.Chart, plan: Plan, ours: Chart) -> Described:
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
                entry=_compared(entry, before, ours), before=before, registry=finding.site.registry
            )
    return Described(entry=entry)


def _below(entry: document.Chart, version: ChartVersion, versions: Sequence[ChartVersion]) -> document.Chart:
    later = max((one for one in versions if not one.prerelease), default=version)
    return replace(entry, later_version=str(later)) if later > version else entry


def _compared(entry: document.Chart, before: Previous, ours: Chart) -> document.Chart:
    layer = chart_layer(before.manifest)
    entry = replace(
        entry,
        previous_version=str(before.version),
        previous_digest=str(before.manifest.descriptor.digest),
        previous_size=layer.size if layer else None,
    )
    try:
        return _changes(entry, difference(_load(before.manifest, before.store), ours))
    except PublishError:
        return entry


def _in_conflict(entry: document.Chart, plan: Plan, ours: Chart) -> Described:
    try:
        return Described(entry=_conflict(entry, plan, ours))
    except PublishError:
        return Described(entry=entry)


def _conflict(entry: document.Chart, plan: Plan, ours: Chart) -> document.Chart:
    finding = next((one for one in plan.findings if one.state is State.DIFFERENT), None)
    if finding is None or finding.manifest is None:
        return entry
    if entry.status == "conflict":  # what is held is not to be released, so no version is wanted
        wanted = proposal(plan.artifact.version, published_versions(finding.site.store))
        targets = tuple(_advised(target, entry.path, wanted) for target in entry.targets)
        error = next((target.error for target in targets if target.status == "conflict"), entry.error)
        entry = replace(entry, next_version=wanted, targets=targets, error=error)
    if chart_layer(finding.manifest) is None:
        return entry
    return _changes(entry, difference(_load(finding.manifest, finding.site.store), ours))


def _advised(target: document.Target, path: str, wanted: str) -> document.Target:
    if target.error is None or target.status != "conflict":
        return target
    folder = f"{path}/" if path else ""
    hint = f"set 'version: {wanted}' in {folder}Chart.yaml, or restore what was published"
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
