"""Two charts compared, wherever they are: files, metadata, values and size."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.chart import Chart, load_chart
from oci_chart_publish.chart.diff import Difference, difference
from oci_chart_publish.chart.layer import chart_layer, entries, gzip, tar
from oci_chart_publish.errors import ConfigError, NotFoundError
from oci_chart_publish.oci.reference import SCHEME, DigestReference, TagReference, parse_reference
from oci_chart_publish.oci.store import Source
from oci_chart_publish.run.built_charts import chart_as_packed
from oci_chart_publish.run.graph import ChartReader
from oci_chart_publish.run.policy import StopOnly
from oci_chart_publish.run.project import Project
from oci_chart_publish.tree.tree import ChartSource, FolderTree


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two charts and how they differ; false where they do not."""

    old: Chart
    new: Chart
    difference: Difference
    old_size: int
    """Bytes of the layer that the chart becomes."""
    new_size: int
    """Bytes of the layer that the chart becomes."""

    def __bool__(self) -> bool:
        return bool(self.difference)


def diff(project: Project, old: str, new: str) -> Comparison:
    """Compare two charts, each a chart directory, a .tgz, a name in the layout, or an ``oci://`` reference.

    NotFoundError where there is no such chart, ConfigError for what is none or names no version.
    """
    before, after = open_chart(project, old), open_chart(project, new)
    return Comparison(
        old=before,
        new=after,
        difference=difference(before, after),
        old_size=packed_size(before),
        new_size=packed_size(after),
    )


def open_chart(project: Project, name: str) -> Chart:
    """Load a chart by a name as ``diff`` takes it; errors as there."""
    path = Path(name)
    if name.startswith(SCHEME):
        reference = parse_reference(name)
        if not isinstance(reference, TagReference | DigestReference):
            raise ConfigError(f"{name} names no version", hint=f"add one: {name}:1.2.3")
        tag = reference.tag if isinstance(reference, TagReference) else str(reference.digest)
        return _stored(project.store(reference.repository), tag, name)
    if path.is_dir():
        return _in_tree(project, path) or load_chart(FolderTree(path))
    if path.is_file():
        return load_archive(path.read_bytes(), title=name)
    return _stored(project.layout, name, name)


def _in_tree(project: Project, path: Path) -> Chart | None:
    """Return the chart in a folder with what it embeds from its repository; None where it embeds nothing from there."""
    folder = path.resolve()
    root = project.root.resolve()
    if not folder.is_relative_to(root):
        return None
    place = "" if folder == root else folder.relative_to(root).as_posix()
    tree = project.chart_files.tree(place)
    if tree is None or not ChartReader(run={place: tree}, policy=project.dependencies).links(place):
        return None
    source = ChartSource(path=place, tree=tree, tracked=True)
    return chart_as_packed(source, project.run([source], StopOnly(threading.Event())))


def _stored(store: Source, tag: str, name: str) -> Chart:
    manifest = store.manifest(tag)
    if manifest is None:
        raise NotFoundError(
            f"{name}: no such directory, archive or name in {store.title}",
            hint="name a chart directory, a .tgz, a name that `list` shows, or an oci:// reference",
        )
    layer = chart_layer(manifest)
    if layer is None:
        raise ConfigError(f"{name} is no Helm chart: it has no chart layer")
    return load_archive(store.blob(layer), title=name)


def packed_size(chart: Chart) -> int:
    """Return the size in bytes of the layer that a chart becomes."""
    return len(gzip(tar(entries(chart))))
