"""What a signature is in a registry: a manifest whose subject is the chart's, with the signature as its one layer."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from oci_chart_publish.oci.descriptor import OCI_EMPTY, OCI_MANIFEST, Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest

_EMPTY = b"{}"


class Referrer(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest that refers to another one, with the bytes of its blobs."""

    manifest: Manifest
    blobs: Mapping[Digest, bytes]


def referrer(
    subject: Descriptor,
    layer_type: str,
    layer: bytes,
    *,
    annotations: Mapping[str, str],
    artifact_type: str = "",
    config_type: str = OCI_EMPTY,
) -> Referrer:
    """Return the manifest by which a registry lists ``layer`` as said of ``subject``.

    What kind of thing it is stands in ``artifact_type`` (OCI 1.1), or as before in ``config_type``.
    """
    config, signature = Descriptor.of(config_type, _EMPTY), Descriptor.of(layer_type, layer)
    bare = Descriptor(media_type=subject.media_type, digest=subject.digest, size=subject.size)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        **({"artifactType": artifact_type} if artifact_type else {}),
        "config": config.document(),
        "layers": [signature.document()],
        "subject": bare.document(),
        "annotations": dict(sorted(annotations.items())),
    }
    manifest = Manifest.parse(json.dumps(document, separators=(",", ":")).encode(), OCI_MANIFEST)
    return Referrer(manifest=manifest, blobs={config.digest: _EMPTY, signature.digest: layer})
