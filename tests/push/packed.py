"""Charts as this project builds them and as other programs pack them, both stored in real image layouts."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.fakes.memorytree import MemoryTree

from oci_chart_publish.build.build import ArtifactOptions, build
from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.metadata import encode_config
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.model import ChartArtifact
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.tree.tree import FolderTree, Tree

CONFIG = "application/vnd.cncf.helm.config.v1+json"
LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
PROVENANCE = "application/vnd.cncf.helm.chart.provenance.v1.prov"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"

WEB: Mapping[str, bytes] = {
    "Chart.yaml": b"# kept\nname: web\nversion: 1.0.0\napiVersion: v2\n",
    "values.yaml": b"replicas: 1\n",
    "templates/cm.yaml": b"kind: ConfigMap\n",
}
"""A small chart."""


def built(
    source: Mapping[str, bytes] | Path, layout: ImageLayout, *, path: str = "charts/web"
) -> ChartArtifact:
    """Build a chart into a layout."""
    tree: Tree = FolderTree(source) if isinstance(source, Path) else MemoryTree(source, "memory")
    return build(tree, path, layout, Memo(layout.root / "memo"), ArtifactOptions())


def archive(members: Mapping[str, bytes] | Iterable[tuple[str, bytes]], *, name: str = "web") -> bytes:
    """Pack files as any program would, in a folder ``name``."""
    out = io.BytesIO()
    pairs = members.items() if isinstance(members, Mapping) else members
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, data in pairs:
            info = tarfile.TarInfo(f"{name}/{path}")
            info.size, info.mtime = len(data), 1_700_000_000
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(out.getvalue(), compresslevel=9)


def stored(
    layer: bytes,
    layout: ImageLayout,
    *,
    name: str | None = None,
    config: bytes | None = None,
    layer_type: str = LAYER,
    extra: Sequence[tuple[str, bytes]] = (),
) -> Manifest:
    """Store what somebody else packed; the config is Helm's of that archive unless given."""
    config = encode_config(load_archive(layer, title="theirs").metadata) if config is None else config
    blobs = [(CONFIG, config), (layer_type, layer), *extra]
    described = [(Descriptor.of(kind, data), data) for kind, data in blobs]
    for descriptor, data in described:
        layout.put_blob(descriptor, data)
    document = {
        "schemaVersion": 2,
        "config": described[0][0].document(),
        "layers": [descriptor.document() for descriptor, _ in described[1:]],
        "annotations": {"org.opencontainers.image.created": "2021-01-01T00:00:00Z"},
    }
    manifest = Manifest.parse(json.dumps(document).encode(), MANIFEST)
    layout.put_manifest(manifest, name)
    return manifest
