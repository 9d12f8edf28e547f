"""An image manifest or index. Its bytes are the truth: they are kept, and digests are taken of them only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from oci_chart_publish.errors import VerificationError
from oci_chart_publish.oci import descriptor as mediatype
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest

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
        result = {blob.digest: blob for blob in (*self.layers, *([self.config] if self.config else []))}
        return tuple(result.values())

    def known_as(self, digest: Digest) -> Manifest:
        """Return the manifest under the digest that it was asked for by, which may be of another algorithm."""
        if digest == self.descriptor.digest:
            return self
        return replace(self, descriptor=replace(self.descriptor, digest=digest))

    @classmethod
    def parse(cls, data: bytes, media_type: str = "") -> Manifest:
        """Read the bytes of a manifest; ``media_type`` counts where the document itself states none."""
        if len(data) > MANIFEST_LIMIT:
            raise VerificationError(f"a manifest of {len(data)} bytes; at most {MANIFEST_LIMIT} are read")
        try:
            document = json.loads(data, object_pairs_hook=_unambiguous)
        except (ValueError, RecursionError) as error:
            raise VerificationError(f"a manifest that is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise VerificationError("a manifest that is not a JSON object")
        _check_spelling(document)
        return _read(data, document, _type_of(document, media_type))


_FIELDS = frozenset(
    {"schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations"}
    | {"digest", "size", "urls", "data", "platform"}
)
_BY_FOLDED = {name.casefold(): name for name in _FIELDS}


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object with a key twice: of which one holds, readers are not agreed."""
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise VerificationError(f"a manifest with the key {twice[:100]!r} twice", hint=_AMBIGUOUS)
    return result


_AMBIGUOUS = "programs differ in what they read of it: push the chart again as a new version"


def _check_spelling(document: Mapping[str, Any]) -> None:
    """Refuse a manifest or descriptor with a field in other letters: Go, and with it Helm, reads keys without case."""
    for name in document:
        field = _BY_FOLDED.get(name.casefold())
        if field is not None and field != name:
            raise VerificationError(
                f"a manifest with the key {name[:100]!r}, which some read as {field!r}", hint=_AMBIGUOUS
            )
    below = [document.get(key) for key in ("config", "subject")]
    below += [entry for key in ("layers", "manifests") for entry in _listed(document.get(key))]
    for part in below:
        if isinstance(part, dict):
            _check_spelling(part)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


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
