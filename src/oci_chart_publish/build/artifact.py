"""Config, layer and manifest of a chart, as bytes: a pure function of the chart and the annotations.

The manifest is what ``helm push`` writes for the same archive (Helm ``pkg/registry/client.go`` Push and tagManifest):
compact Go JSON, no ``mediaType``, layers sorted by digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oci_chart_publish.chart import gojson, package
from oci_chart_publish.chart.chart import Chart
from oci_chart_publish.chart.mediatype import CHART_LAYER, HELM_CONFIG, LEGACY_LAYER
from oci_chart_publish.chart.metadata import encode_config
from oci_chart_publish.oci import mediatype
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """A manifest with the bytes of its blobs."""

    manifest: Manifest
    blobs: Mapping[Digest, bytes]


def assemble(chart: Chart, *, annotations: Mapping[str, str] | None = None, legacy: bool = False) -> Artifact:
    """Build the artifact of ``chart``; ``legacy`` is the form of Helm 3.0 to 3.6: old layer type, no annotations."""
    layer = package.gzip(package.tar(package.entries(chart)))
    config = encode_config(chart.metadata)
    layer_descriptor = Descriptor.of(LEGACY_LAYER if legacy else CHART_LAYER, layer)
    config_descriptor = Descriptor.of(HELM_CONFIG, config)
    manifest = manifest_of(config_descriptor, [layer_descriptor], {} if legacy else annotations or {})
    return Artifact(
        manifest=manifest, blobs={config_descriptor.digest: config, layer_descriptor.digest: layer}
    )


def manifest_of(config: Descriptor, layers: Sequence[Descriptor], annotations: Mapping[str, str]) -> Manifest:
    """Return the manifest of a config and layers, byte for byte as Helm would write it."""
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "config": config.document(),
        "layers": [layer.document() for layer in sorted(layers, key=lambda layer: str(layer.digest))],
    }
    if annotations:
        document["annotations"] = dict(sorted(annotations.items()))
    return Manifest.parse(gojson.dumps(document), mediatype.OCI_MANIFEST)
