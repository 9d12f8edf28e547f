"""Copying artifacts with what refers to them from one place to another, unchanged.

A place is a repository of a registry (``oci://HOST/PATH``), or a name in the layout. A version that the destination
holds with other content is a conflict and is never overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ConfigError, ConflictError, NotFoundError
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.reference import SCHEME, DigestReference, Repository, TagReference, parse_reference
from oci_chart_publish.oci.store import Source, Target, copy, copy_blob

Connect = Callable[[Repository], Target]


@runtime_checkable
class Referring(Protocol):
    """A store that knows what refers to a manifest."""

    def referrers(self, digest: Digest) -> tuple[Descriptor, ...]:
        """Return the manifests that refer to a digest."""

    def put_referrer(self, manifest: Manifest) -> None:
        """Store a manifest that refers to another one, so that it is listed there."""


@runtime_checkable
class Listing(Protocol):
    """A store that can list its tags."""

    def tags(self) -> tuple[str, ...]:
        """Return all tags."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion:
    """One artifact: the store and name it has, and those it is to have."""

    source: Source
    source_name: str
    target: Target
    target_name: str
    title: str


def promotions(source: str, destination: str, layout: Target, connect: Connect) -> Iterator[Promotion]:
    """Say what is to be copied: one version, or without a tag every version of a repository."""
    if not destination.startswith(SCHEME):
        raise ConfigError(f"{destination!r} is no place to promote to", hint=f"write {SCHEME}HOST/PATH")
    if not source.startswith(SCHEME):
        name, _, tag = source.rpartition(":")
        if not name:
            raise ConfigError(
                f"{source!r} names no version", hint=f"write NAME:VERSION, or {SCHEME}HOST/PATH"
            )
        repository = Repository.parse(destination).child(name.rpartition("/")[2])
        yield _one(layout, source, connect(repository), tag.replace("+", "_"), f"{repository}:{tag}")
        return
    reference = parse_reference(source)
    origin = reference if isinstance(reference, Repository) else reference.repository
    repository = Repository.parse(destination).child(origin.path.rpartition("/")[2])
    here, there = connect(origin), connect(repository)
    for tag in _tags(reference, here, source):
        yield _one(here, tag, there, tag, f"{repository}:{tag}")


def _one(source: Source, source_name: str, target: Target, target_name: str, title: str) -> Promotion:
    return Promotion(
        source=source, source_name=source_name, target=target, target_name=target_name, title=title
    )


def _tags(reference: Repository | TagReference | DigestReference, store: Target, text: str) -> list[str]:
    if isinstance(reference, TagReference):
        return [reference.tag]
    if isinstance(reference, DigestReference):
        raise ConfigError(f"{text}: a digest has no version to be known by", hint="name the tag")
    tags = store.tags() if isinstance(store, Listing) else ()
    found = [tag for tag in tags if ChartVersion.from_tag(tag) is not None]
    if not found:
        raise NotFoundError(f"{text} holds no version of a chart")
    return sorted(found)


def promote(one: Promotion, *, dry: bool = False) -> str:
    """Copy one artifact and what refers to it, or only look; return what was or would be done, for people."""
    manifest = one.source.manifest(one.source_name)
    if manifest is None:
        raise NotFoundError(f"{one.source.title}: there is no {one.source_name}")
    held = one.target.resolve(one.target_name)
    if held is not None and held.digest != manifest.descriptor.digest:
        raise ConflictError(
            f"{one.title} holds {held.digest} already, not {manifest.descriptor.digest}",
            hint="compare them with `diff`; what is published is never overwritten",
        )
    if dry:
        return f"would copy {one.title}" if held is None else f"{one.title}@{held.digest}: unchanged"
    if held is None:
        copy(one.source, one.target, manifest, name=None)
    copied = _referrers(one, manifest.descriptor.digest)
    if held is None:
        one.target.put_manifest(manifest, one.target_name)
    status = "unchanged" if held is not None else "copied"
    return f"{one.title}@{manifest.descriptor.digest}: {status}" + (f", {copied} referrers" if copied else "")


def _referrers(one: Promotion, digest: Digest) -> int:
    """Copy signatures and other referrers before the tag, so that nobody sees the chart without them.

    What refers to a referrer, a signature of a bill of materials for instance, is copied as well. A referrer names
    its subject by digest, so there are no circles.
    """
    if not isinstance(one.source, Referring) or not isinstance(one.target, Referring):
        return 0
    present = {descriptor.digest for descriptor in one.target.referrers(digest)}
    copied = 0
    for descriptor in one.source.referrers(digest):
        missing = descriptor.digest not in present
        if missing:
            one.target.put_referrer(_with_blobs(one, descriptor.digest))
        copied += missing + _referrers(one, descriptor.digest)
    return copied


def _with_blobs(one: Promotion, digest: Digest) -> Manifest:
    referrer = one.source.manifest(digest)
    if referrer is None:
        raise NotFoundError(f"{one.source.title}: the referrer {digest} is listed, and not there")
    for blob in referrer.blobs:
        copy_blob(one.source, one.target, blob)
    return referrer
