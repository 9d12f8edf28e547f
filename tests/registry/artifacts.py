"""Small artifacts to push."""

from __future__ import annotations

import json

from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.manifest import Manifest

HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
HELM_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def chart(text: str = "web") -> tuple[Manifest, list[tuple[Descriptor, bytes]]]:
    """Return a manifest and its blobs."""
    config = json.dumps({"name": text, "version": "1.0.0", "apiVersion": "v2"}).encode()
    layer = f"the layer of {text}".encode() * 100
    described, packed = Descriptor.of(HELM_CONFIG, config), Descriptor.of(HELM_LAYER, layer)
    document = {"schemaVersion": 2, "config": described.document(), "layers": [packed.document()]}
    manifest = Manifest.parse(json.dumps(document).encode(), OCI_MANIFEST)
    return manifest, [(described, config), (packed, layer)]


def referrer(subject: Manifest, artifact_type: str, note: str = "") -> Manifest:
    """Return a manifest without layers that refers to ``subject``."""
    empty = Descriptor.of("application/vnd.oci.empty.v1+json", b"{}")
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": empty.document(),
        "layers": [empty.document()],
        "subject": subject.descriptor.document(),
        "annotations": {"note": note},
    }
    return Manifest.parse(json.dumps(document).encode(), OCI_MANIFEST)
