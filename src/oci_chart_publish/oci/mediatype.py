"""Media types and annotation keys, as the specifications and Helm spell them."""

from __future__ import annotations

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
