"""Copying artifacts with what refers to them from one place to another, unchanged.

A place is a repository of a registry (``oci://HOST/PATH``), or a name in the layout. A version that the destination
holds with other content is a conflict and is never overwritten. What refers to an artifact says so by its subject, or,
as cosign had it before version 3, by its tag: ``sha256-HEX.sig``, ``.att`` and ``.sbom`` (cosign ``pkg/oci/remote``).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

import msgspec

from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ConfigError, ConflictError, NotFoundError, RegistryError
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.reference import SCHEME, DigestReference, Repository, TagReference, parse_reference
from oci_chart_publish.oci.store import Source, Target, copy, copy_blob

ATTACHED = ("sig", "att", "sbom")
"""What cosign attaches by tag: signatures, attestations, bills of materials; each a manifest with a layer for each."""

PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds, at most, before what was copied is looked at again: longer than others take from a read to a write."""

Connect = Callable[[Repository], Target]


@runtime_checkable
class Referring(Protocol):
    """A store that knows what refers to a manifest."""

    def referrers(self, digest: Digest) -> tuple[Descriptor, ...]:
        """Return the manifests that refer to a digest."""

    def put_referrer(self, manifest: Manifest) -> bool:
        """Store a manifest that refers to another one, so that it is listed there; True where a tag lists it."""


@runtime_checkable
class Listing(Protocol):
    """A store that can list its tags."""

    def tags(self) -> tuple[str, ...]:
        """Return all tags."""


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """One artifact: the store and name it has, those it is to have, and what was ``seen`` to be copied for it.

    ``tagged`` are the manifests whose referrers are under a tag of the destination now, which others may replace.
    """

    source: Source
    source_name: str
    target: Target
    target_name: str
    title: str
    seen: set[Digest] = msgspec.field(default_factory=set)
    tagged: set[Digest] = msgspec.field(default_factory=set)


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
    copied = _referring(one, manifest.descriptor.digest)
    if one.tagged:
        _settle(one, manifest.descriptor.digest)
    if held is None:
        one.target.put_manifest(manifest, one.target_name)
    status = "unchanged" if held is not None else "copied"
    return f"{one.title}@{manifest.descriptor.digest}: {status}" + (f", {copied} referrers" if copied else "")


def _referring(one: Promotion, digest: Digest) -> int:
    """Copy signatures and all else that refers to a manifest, before the tag: nobody sees the chart without them.

    What refers to a referrer, a signature of a bill of materials for instance, is copied as well. A subject is named
    by its digest, so that there are no circles; tags can be put in one.
    """
    if digest in one.seen:
        return 0
    one.seen.add(digest)
    return _referrers(one, digest) + _attached(one, digest)


def _settle(one: Promotion, digest: Digest) -> None:
    """Look again, after a moment, whether all that was copied is still there, and copy what is not.

    Whoever writes a tag, cosign's or that of the index of referrers, replaces what others wrote since he read it, and
    registries have no condition for that. Two who write at the same time then lose half of it, unnoticed.
    """
    for pause in PAUSES:
        time.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - two at once are not to stay in step
        one.seen.clear()
        if not _referring(one, digest):
            return
    raise RegistryError(
        f"{one.title}: what refers to it was replaced by others {len(PAUSES)} times while it was copied",
        temporary=True,
        hint="let one job at a time write there, then run again",
    )


def _referrers(one: Promotion, digest: Digest) -> int:
    if not isinstance(one.source, Referring) or not isinstance(one.target, Referring):
        return 0
    present = {descriptor.digest for descriptor in one.target.referrers(digest)}
    copied = 0
    for descriptor in one.source.referrers(digest):
        missing = descriptor.digest not in present
        if missing and one.target.put_referrer(_with_blobs(one, descriptor.digest)):
            one.tagged.add(digest)
        copied += missing + _referring(one, descriptor.digest)
    return copied


def _attached(one: Promotion, digest: Digest) -> int:
    """Copy what is attached to a manifest by a tag of cosign's."""
    if not isinstance(one.source, Referring):  # the layout, whose names are no tags
        return 0
    copied = 0
    for kind in ATTACHED:
        tag = f"{digest.algorithm}-{digest.hex}.{kind}"
        found = one.source.manifest(tag)
        if found is not None:
            if _attach(one, tag, found):
                one.tagged.add(digest)
                copied += 1
            copied += _referring(one, found.descriptor.digest)
    return copied


def _attach(one: Promotion, tag: str, ours: Manifest) -> bool:
    """Copy one; what the destination has under the tag is replaced only where nothing of it is lost.

    A signature that is made later is appended: the tag then stands for a manifest with one layer more. The signature
    itself is in an annotation of its layer, whose content may be that of another one.
    """
    theirs = one.target.manifest(tag)
    if theirs is not None:
        here, there = _parts(ours), _parts(theirs)
        if here <= there:
            return False
        if not there <= here:
            raise ConflictError(
                f"{one.target.title}:{tag} holds what {one.source.title}:{tag} lacks, and the other way round",
                hint="delete the tag there to have this one; sign at one of the two places only to keep all",
            )
    copy(one.source, one.target, ours, name=tag)
    return True


def _parts(manifest: Manifest) -> set[tuple[object, ...]]:
    parts = (*manifest.layers, *manifest.manifests)
    return {(part.media_type, part.digest, *sorted(part.annotations.items())) for part in parts}


def _with_blobs(one: Promotion, digest: Digest) -> Manifest:
    referrer = one.source.manifest(digest)
    if referrer is None:
        raise NotFoundError(f"{one.source.title}: the referrer {digest} is listed, and not there")
    for blob in referrer.blobs:
        copy_blob(one.source, one.target, blob)
    return referrer
