"""A descriptor: what bytes are, how many, and their digest (image-spec, descriptor.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from oci_chart_publish.errors import VerificationError
from oci_chart_publish.oci.digest import Digest

# image-spec, media-types.md
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"

# A registry may answer 404 to a request for a manifest that does not accept its type.
MANIFESTS = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_INDEX)

# image-spec, annotations.md
ANNOTATION = "org.opencontainers.image."
REF_NAME = ANNOTATION + "ref.name"
SOURCE = ANNOTATION + "source"


class Descriptor(msgspec.Struct, frozen=True, kw_only=True):
    """Media type, digest and size (bytes) of a blob or manifest, with its annotations."""

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = msgspec.field(default_factory=dict)
    artifact_type: str = ""

    @classmethod
    def of(cls, media_type: str, data: bytes | bytearray | memoryview) -> Descriptor:
        """Describe ``data``."""
        return cls(media_type=media_type, digest=Digest.of(data), size=len(data))

    @classmethod
    def parse(cls, document: object) -> Descriptor:
        """Read a descriptor object from decoded JSON; anything else raises VerificationError."""
        if not isinstance(document, Mapping):
            raise VerificationError(f"not a descriptor: {str(document)[:200]}")
        size, digest, media_type = (document.get(key) for key in ("size", "digest", "mediaType"))
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 53:
            raise VerificationError(f"descriptor with the impossible size {str(size)[:50]!r}")
        if not isinstance(media_type, str) or not isinstance(digest, str):
            raise VerificationError(f"descriptor without media type or digest: {str(document)[:200]}")
        annotations = document.get("annotations") or {}
        if not isinstance(annotations, Mapping):
            raise VerificationError("descriptor whose annotations are not an object")
        artifact_type = document.get("artifactType")
        return cls(
            media_type=media_type,
            digest=Digest.parse(digest),
            size=size,
            annotations={str(key): str(value) for key, value in annotations.items()},
            artifact_type=artifact_type if isinstance(artifact_type, str) else "",
        )

    def document(self) -> dict[str, Any]:
        """Return the descriptor as a JSON object, in the key order of Helm and oras-go."""
        document: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
        }
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        if self.artifact_type:
            document["artifactType"] = self.artifact_type
        return document

    def check(self, data: bytes | bytearray | memoryview, origin: str) -> None:
        """Raise VerificationError unless ``data``, read from ``origin``, is what this describes."""
        if len(data) != self.size:
            raise VerificationError(f"{origin}: {self.digest} should have {self.size} bytes, got {len(data)}")
        if not self.digest.matches(data):
            raise VerificationError(
                f"{origin}: the {self.size} bytes of {self.digest} have another digest, {Digest.of(data)}"
            )
