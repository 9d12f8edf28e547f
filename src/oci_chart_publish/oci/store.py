"""The one small interface of both stores, the image layout and the registry, and the one algorithm over it.

A store here is one *repository* of artifacts: manifests by digest or name, and blobs by digest. Saving,
pushing, pulling and promoting are the same: copy an artifact from one store to another.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from oci_chart_publish.errors import NotFoundError
from oci_chart_publish.oci.content import Content
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.reference import Repository


class Source(Protocol):
    """Where artifacts are read. Everything returned has been verified against its digest and size."""

    @property
    def title(self) -> str:
        """How messages name this store."""

    def resolve(self, name: str) -> Descriptor | None:
        """Return the descriptor that a tag or name stands for; None only for a genuine "not found"."""

    def manifest(self, target: str | Digest) -> Manifest | None:
        """Read the manifest of a tag, name or digest; None only for a genuine "not found"."""

    def blob(self, descriptor: Descriptor) -> bytes:
        """Read a blob into memory; NotFoundError or VerificationError where it is missing or differs."""

    def opened(self, descriptor: Descriptor) -> AbstractContextManager[Content]:
        """Give a blob to be read piece by piece, with the same errors, before the first piece is given."""


class Target(Source, Protocol):
    """Where artifacts are written. All writes are idempotent."""

    def has(self, descriptor: Descriptor) -> bool:
        """Tell whether a blob or manifest is stored."""

    def put_blob(self, descriptor: Descriptor, data: bytes | Content) -> None:
        """Store a blob."""

    def put_manifest(self, manifest: Manifest, name: str | None = None) -> None:
        """Store a manifest whose blobs are stored, by digest alone or under a tag or name too."""


@runtime_checkable
class Located(Protocol):
    """A store that is a repository of a registry."""

    repository: Repository


@runtime_checkable
class Mounting(Protocol):
    """A target that may take a blob over from another repository of its registry."""

    def mount(self, descriptor: Descriptor, source: Repository) -> bool:
        """Take a blob over; False where it has to be uploaded."""


def copy(source: Source, target: Target, manifest: Manifest, *, name: str | None = None) -> None:
    """Copy ``manifest`` and all that it points to, blobs before manifests, children before an index.

    Each child is visited once, however many indexes list it, and to any depth.
    """
    digests: set[Digest] = set()
    waiting = [(manifest, manifest.descriptor.digest, name)]
    while waiting:
        current, digest, title = waiting[-1]
        missing = [child for child in current.manifests if child.digest not in digests]
        if missing:
            # A digest cannot be among its own children, so this ends.
            child = missing[0].digest
            waiting.append((_child(source, current, child), child, None))
            continue
        waiting.pop()
        for blob in current.blobs:
            if blob.digest not in digests:
                copy_blob(source, target, blob)
                digests.add(blob.digest)
        target.put_manifest(current, title)
        digests.add(digest)


def _child(source: Source, parent: Manifest, digest: Digest) -> Manifest:
    result = source.manifest(digest)
    if result is None:
        raise NotFoundError(f"{source.title}: {digest} of {parent.descriptor.digest} is missing")
    return result


def copy_blob(source: Source, target: Target, blob: Descriptor) -> None:
    """Copy a blob that is missing; between repositories of one registry without its bytes coming here."""
    if target.has(blob):
        return
    if isinstance(source, Located) and isinstance(target, Mounting) and target.mount(blob, source.repository):
        return
    with source.opened(blob) as content:
        target.put_blob(blob, content)
