"""An image manifest or index. Its bytes are the truth: they are kept, and digests are taken of them only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from oci_chart_publish.errors import VerificationError
from oci_chart_publish.oci import descriptor as mediatype
from oci_chart_publish.oci.descriptor import Descriptor

MANIFEST_LIMIT = 4 * 1024 * 1024
"""Bytes of the largest manifest that is read (distribution-spec, "at least 4 megabytes")."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest or index: ``data`` as stored, its ``descriptor``, and what it points to.

    ``config`` is None and ``layers`` empty for an index; ``manifests`` is empty for a manifest.
    """

    data: bytes
    descriptor: Descriptor
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    artifact_type: str = ""
    annotations: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The layers and the config, each digest once: what has to be stored before the manifest."""
        found = {blob.digest: blob for blob in (*self.layers, *([self.config] if self.config else []))}
        return tuple(found.values())

    @classmethod
    def parse(cls, data: bytes, media_type: str = "") -> Manifest:
        """Read the bytes of a manifest; ``media_type`` counts where the document itself states none."""
        if len(data) > MANIFEST_LIMIT:
            raise VerificationError(f"a manifest of {len(data)} bytes; at most {MANIFEST_LIMIT} are read")
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise VerificationError(f"a manifest that is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise VerificationError("a manifest that is not a JSON object")
        return _read(data, document, _type_of(document, media_type))


def _type_of(document: Mapping[str, Any], media_type: str) -> str:
    stated = document.get("mediaType")
    if isinstance(stated, str) and stated:
        return stated
    if media_type in mediatype.MANIFESTS:
        return media_type
    return mediatype.OCI_INDEX if "manifests" in document else mediatype.OCI_MANIFEST


def _read(data: bytes, document: Mapping[str, Any], media_type: str) -> Manifest:
    def several(key: str) -> tuple[Descriptor, ...]:
        listed = document.get(key)
        if listed is None:
            return ()
        if not isinstance(listed, list):
            raise VerificationError(f"a manifest whose {key!r} is not a list")
        return tuple(Descriptor.parse(entry) for entry in listed)

    config, subject = document.get("config"), document.get("subject")
    annotations = document.get("annotations")
    annotations = {} if annotations is None else annotations
    if not isinstance(annotations, dict):
        raise VerificationError("a manifest whose annotations are not an object")
    artifact_type = document.get("artifactType")
    return Manifest(
        data=data,
        descriptor=Descriptor.of(media_type, data),
        config=Descriptor.parse(config) if config is not None else None,
        layers=several("layers"),
        manifests=several("manifests"),
        subject=Descriptor.parse(subject) if subject is not None else None,
        artifact_type=artifact_type if isinstance(artifact_type, str) else "",
        annotations={str(key): str(value) for key, value in annotations.items()},
    )
