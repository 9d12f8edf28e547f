"""Whether two artifacts are the same chart, whoever packed them.

Equal manifest digests; else equal config and chart layer digests; else configs that are equal as JSON values and files
that are equal as Helm loads them: subchart archives exploded, byte order marks stripped, the last of duplicate members,
``Chart.yaml`` and locks compared decoded and without ``generated``. A lock that our tree lacks and a provenance layer
do not count. So a registry filled by ``helm push`` is "unchanged" on the first day.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.chart import Chart
from oci_chart_publish.chart.layer import chart_layer, chart_layers
from oci_chart_publish.chart.lock import Lock
from oci_chart_publish.errors import ChartError, VerificationError
from oci_chart_publish.model import Need
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.store import Source

_BOM = b"\xef\xbb\xbf"
_NOT_COMPARED_AS_BYTES = frozenset({"Chart.yaml", "Chart.lock", "requirements.lock"})


def same(
    manifest: Manifest,
    here: Source,
    theirs: Manifest,
    source: Source,
    *,
    unresolved: Sequence[Need] = (),
) -> bool:
    """Tell whether ``theirs``, stored ``source``, is the same chart as ``manifest``, stored ``here``.

    Of ``unresolved`` dependencies, which ours or a subchart in it lacks, theirs has to hold the version that is locked,
    or one that satisfies the constraint.
    """
    if manifest.descriptor.digest == theirs.descriptor.digest:
        return True
    our_layer, their_layer = chart_layer(manifest), chart_layer(theirs)
    if not our_layer or not their_layer or not manifest.config or not theirs.config:
        return False
    if len(chart_layers(theirs)) != 1:
        return False
    if manifest.config.digest != theirs.config.digest and not _same_config(
        here.blob(manifest.config), source.blob(theirs.config)
    ):
        return False
    if our_layer.digest == their_layer.digest:
        return not unresolved
    try:
        published = load_archive(source.blob(their_layer), title=f"{source.title}@{theirs.descriptor.digest}")
    except ChartError:
        return False  # what is published there is no chart that Helm would load
    return (
        differing_files(load_archive(here.blob(our_layer), title="this build"), published, unresolved) == ()
    )


def differing(
    manifest: Manifest, here: Source, theirs: Manifest, source: Source, *, unresolved: Sequence[Need] = ()
) -> tuple[str, ...] | None:
    """Return the files, by path inside the chart, in which two artifacts that are not the same differ.

    None where files do not tell it all: another set of subcharts, a config that is not of these files, no chart.
    """
    our_layer, their_layer = chart_layer(manifest), chart_layer(theirs)
    if not our_layer or not their_layer or not manifest.config or not theirs.config:
        return None
    try:
        published = load_archive(source.blob(their_layer), title=f"{source.title}@{theirs.descriptor.digest}")
    except ChartError:
        return None
    result = differing_files(load_archive(here.blob(our_layer), title="this build"), published, unresolved)
    if result is None or "Chart.yaml" in result:
        return result
    return result if _same_config(here.blob(manifest.config), source.blob(theirs.config)) else None


def differing_files(ours: Chart, theirs: Chart, unresolved: Sequence[Need] = ()) -> tuple[str, ...] | None:
    """Return the files in which two charts differ as Helm loads them, those of subcharts below ``charts/NAME/``.

    None where they have other subcharts, or what is published does not meet a need in ``unresolved``.
    """
    result = ["Chart.yaml"] if ours.metadata != theirs.metadata else []
    our_lock, their_lock = _lock(ours), _lock(theirs)
    if our_lock is not None and our_lock != their_lock:
        result.append("Chart.lock" if ours.file("Chart.lock") is not None else "requirements.lock")
    our_files, their_files = _files(ours), _files(theirs)
    result += sorted(path for path in our_files | their_files if our_files.get(path) != their_files.get(path))
    our_subcharts, their_subcharts = _by_version(ours.subcharts), _by_version(theirs.subcharts)
    resolved = [chart for key, chart in their_subcharts.items() if key not in our_subcharts]
    lacking = [need for need in unresolved if not need.within]
    if not our_subcharts.keys() <= their_subcharts.keys() or not _resolves(
        lacking, theirs.subcharts, resolved
    ):
        return None
    for key, chart in our_subcharts.items():
        needs = [replace(need, within=need.within[1:]) for need in unresolved if need.within[:1] == (key,)]
        below = differing_files(chart, their_subcharts[key], needs)
        if below is None:
            return None
        result += [f"charts/{chart.name}/{path}" for path in below]
    return tuple(result)


def _by_version(charts: Iterable[Chart]) -> dict[tuple[str, str], Chart]:
    # One chart may be there in several versions, each under an alias of its own.
    return {(chart.name, chart.version): chart for chart in charts}


def _resolves(needs: Sequence[Need], charts: Sequence[Chart], resolved: Sequence[Chart]) -> bool:
    """Tell whether one of the charts meets each need, and each ``resolved`` chart meets one; several may share it."""

    def meets(chart: Chart, need: Need) -> bool:
        return chart.name == need.name and need.allows(chart.version)

    return all(any(meets(chart, need) for chart in charts) for need in needs) and all(
        any(meets(chart, need) for need in needs) for chart in resolved
    )


def _files(chart: Chart) -> dict[str, bytes]:
    # With apiVersion v2 Helm folds requirements.yaml into Chart.yaml and drops it.
    dropped = {"requirements.yaml"} if chart.metadata.api_version == "v2" else set()
    return {
        file.path: file.data.removeprefix(_BOM)
        for file in chart.files
        if file.path not in _NOT_COMPARED_AS_BYTES and file.path not in dropped
    }


def _lock(chart: Chart) -> Lock | None:
    # Helm never packs the Chart.lock of a v1 chart (``pkg/chart/v2/util/save.go``).
    if chart.lock is None or (chart.metadata.api_version != "v2" and chart.file("requirements.lock") is None):
        return None
    return Lock(dependencies=chart.lock.dependencies, digest=chart.lock.digest, generated="")


def _same_config(ours: bytes, theirs: bytes) -> bool:
    try:
        return bool(json.loads(ours) == json.loads(theirs))
    except ValueError as error:
        raise VerificationError(f"a config that is not JSON: {error}") from error
