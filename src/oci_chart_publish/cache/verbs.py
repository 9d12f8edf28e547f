"""The verbs of the cache, ``save list push pull export remove gc``, as functions over stores.

Each one yields the lines that ``helm chart`` of Helm 3.0 to 3.6 printed, as soon as they are true, and raises where
that failed; ``cached_charts`` holds the wording. Saving, pushing and pulling are one copy from a store to a store.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from oci_chart_publish.cache.cached_charts import (
    CachedChart,
    Name,
    Row,
    block,
    find,
    find_name,
    folder_name,
    is_chart,
    layer_of,
    manifest_of,
    read,
    table,
)
from oci_chart_publish.errors import ChartError, ConfigError, ConflictError, NotFoundError, PublishError
from oci_chart_publish.layout.layout import HOUR, ImageLayout
from oci_chart_publish.lazy import lazy
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.reference import SCHEME, Repository, TagReference, parse_reference
from oci_chart_publish.oci.store import Target, copy
from oci_chart_publish.report.text import size

if TYPE_CHECKING:  # most verbs only move bytes: what reads charts is imported where it is used
    from oci_chart_publish.build import build
    from oci_chart_publish.build.build import Artifact, ArtifactOptions
    from oci_chart_publish.chart import archive, oci_annotations
    from oci_chart_publish.chart import chart as charts
    from oci_chart_publish.chart.chart import Chart
    from oci_chart_publish.lint import lint
    from oci_chart_publish.tree import tree
else:
    build = lazy("oci_chart_publish.build.build")
    archive = lazy("oci_chart_publish.chart.archive")
    charts = lazy("oci_chart_publish.chart.chart")
    oci_annotations = lazy("oci_chart_publish.chart.oci_annotations")
    lint = lazy("oci_chart_publish.lint.lint")
    tree = lazy("oci_chart_publish.tree.tree")


Connect = Callable[[Repository], Target]
"""Opens the store of a repository of a registry."""


class Listing(msgspec.Struct, frozen=True):
    """The lines of the table, and what is wrong with the names that could not be read."""

    lines: tuple[str, ...]
    problems: tuple[PublishError, ...] = ()


def open_chart(path: Path) -> Chart:
    """Load a chart directory or archive as Helm does; ConfigError where there is neither."""
    if path.is_dir():
        return charts.load_chart(tree.FolderTree(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read the chart {path}: {error.strerror}",
            hint="name a chart directory or a packed chart (.tgz)",
        ) from error
    return archive.load_archive(data, title=str(path))


def misnamed(reference: str, name: str, version: str) -> tuple[str, ...]:
    """Warn of a reference that says another name or version than the chart it stands for, ``name`` and ``version``.

    Helm pulls by the reference, and then shows and installs what is inside.
    """
    where = Name.split(reference)
    if not where.misnames(name, version):
        return ()
    folder, slash, _ = where.repository.rpartition("/")
    proper = Name(f"{folder}{slash}{name}", version.replace("+", "_"))
    return (
        f"{where} is the chart {name} {version}: who pulls it installs {name} {version}; save it as {proper}",
    )


def advice_on_push(layout: ImageLayout, reference: str) -> tuple[str, ...]:
    """Return what a user should know of a chart in the cache that is pushed all the same."""
    chart = find(layout, reference)
    return misnamed(str(chart.name), chart.row.name, chart.row.version)


def advice(chart: Chart, reference: str) -> tuple[str, ...]:
    """Return what a user should know of a chart that is saved as ``reference`` all the same, as Helm 3.6 did."""
    messages = (warning.message for warning in lint.lint(chart))
    warnings = (*misnamed(reference, chart.name, chart.version), *messages, *build.left_out(chart))
    try:
        build.check_dependencies(chart)
    except ChartError as error:
        return (*warnings, " ".join(str(error).split("\n")))
    return warnings


def save(
    layout: ImageLayout,
    chart: Chart,
    reference: str,
    *,
    recipe: ArtifactOptions | None = None,
    legacy: bool = False,
) -> Iterator[str]:
    """Build ``chart`` into the cache under ``reference``, whose tag is the chart's version where it has none.

    ``legacy`` builds what Helm 3.0 to 3.6 would have: the old layer type, no annotations.
    """
    name = Name.choose(reference, version=chart.version)
    artifact = _build(chart, recipe, legacy=legacy)
    for blob in artifact.manifest.blobs:
        layout.put_blob(blob, artifact.blobs[blob.digest])
    layout.put_manifest(artifact.manifest, str(name))
    yield from block(read(layout, str(name), artifact.manifest.descriptor).row)
    yield f"{name.tag}: saved"


def _build(chart: Chart, recipe: ArtifactOptions | None, *, legacy: bool) -> Artifact:

    recipe = recipe or build.ArtifactOptions()
    annotations = oci_annotations.manifest_annotations(
        chart.metadata,
        source=recipe.source,
        created=recipe.created,
        revision=recipe.revision,
        chart_source=recipe.chart_source,
    )
    return build.assemble(chart, annotations=annotations, legacy=legacy)


def listing(layout: ImageLayout, *, now: float | None = None) -> Listing:
    """Return the table of all charts in the cache; artifacts that are no charts are left out."""
    rows: list[Row] = []
    problems: list[PublishError] = []
    for name, descriptor in layout.names().items():
        try:
            if is_chart(manifest_of(layout, name, descriptor)):
                rows.append(read(layout, name, descriptor).row)
        except PublishError as error:
            problems.append(error)
            rows.append(Row(reference=name, digest=descriptor.digest))
    lines = tuple(table(rows, now=time.time() if now is None else now))
    return Listing(lines, tuple(problems))


def push(layout: ImageLayout, connect: Connect, reference: str, *, overwrite: bool = False) -> Iterator[str]:
    """Copy a chart from the cache to the registry that its name says, unchanged.

    ConflictError where the tag there holds something else, unless ``overwrite``.
    """
    chart = find(layout, reference)
    where = _tag_reference(str(chart.name))
    yield f"The push refers to repository [{where.repository}]"
    yield from block(chart.row)
    remote = connect(where.repository)
    present = remote.resolve(where.tag)
    digest = chart.manifest.descriptor.digest
    if present is not None and present.digest != digest and not overwrite:
        raise _conflict(where, present.digest, digest)
    if present is None or present.digest != digest:
        copy(layout, remote, chart.manifest, name=where.tag)
    layers = len(chart.manifest.layers)
    total = size(sum(layer.size for layer in chart.manifest.layers))
    yield f"{where.tag}: pushed to remote ({layers} layer{'s' if layers > 1 else ''}, {total} total)"


def _conflict(where: TagReference, theirs: Digest, digest: Digest) -> ConflictError:
    return ConflictError(
        f"{where} holds something else already: {theirs.short}, not {digest.short}",
        hint="save under another tag, pull it to look at what is there, or push with --overwrite",
    )


def pull(layout: ImageLayout, connect: Connect, reference: str) -> Iterator[str]:
    """Copy a chart from a registry into the cache, under its reference, unchanged."""
    where = _tag_reference(reference)
    yield f"{where.tag}: Pulling from {where.repository}"
    remote = connect(where.repository)
    manifest = remote.manifest(where.tag)
    if manifest is None:
        raise NotFoundError(
            f"{where}: not found", hint=f"is the tag right, and may you read {where.repository}?"
        )
    layer_of(manifest, str(where))
    before = layout.resolve(str(where))
    copy(remote, layout, manifest, name=str(where))
    yield from block(read(layout, str(where), manifest.descriptor).row)
    newer = before is None or before.digest != manifest.descriptor.digest
    yield f"Status: {'Downloaded newer chart' if newer else 'Chart is up to date'} for {where}"


def export(layout: ImageLayout, reference: str, folder: str = "") -> Iterator[str]:
    """Write the files of a chart, as they were packed, to a new directory with its name in ``folder``."""
    chart = find(layout, reference)
    yield from block(chart.row)
    target = os.path.normpath(os.path.join(folder, folder_name(chart)))  # noqa: PTH118  (as Go's filepath.Join prints)
    _extract(layout, chart, Path(target))
    yield f"Exported chart to {target}/"


def _extract(layout: ImageLayout, chart: CachedChart, target: Path) -> None:

    archive.extract(layout.blob(chart.layer), target)


def remove(layout: ImageLayout, reference: str) -> Iterator[str]:
    """Drop a name from the cache; what it stood for stays until ``gc``."""
    name = find_name(layout, reference)
    layout.remove(name)
    yield f"{Name.split(name).tag or name}: removed"


def gc(layout: ImageLayout, older_than: timedelta = HOUR) -> Iterator[str]:
    """Remove the blobs that no name leads to."""
    removed = layout.gc(older_than)
    yield f"Removed {removed.blobs} blob{'' if removed.blobs == 1 else 's'}, {size(removed.size)}"


def _tag_reference(text: str) -> TagReference:
    """Read where a name is in a registry; ConfigError advises where it can be in none."""
    if "/" not in text.removeprefix(SCHEME):
        raise ConfigError(f"{text} names no registry", hint="save it under HOST[:PORT]/PATH:TAG")
    reference = parse_reference(text)
    if not isinstance(reference, TagReference):
        raise ConfigError(f"{text}: tag explicitly required", hint="write HOST[:PORT]/PATH:TAG")
    return reference
