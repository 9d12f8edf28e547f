"""Copying artifacts with what refers to them from one place to another, unchanged.

A place is a repository of a registry (``oci://HOST/PATH``), or a name in the layout. A version that the destination
holds with other content is a conflict and is never overwritten. What refers to an artifact says so by its subject, or,
as cosign had it before version 3, by its tag: ``sha256-HEX.sig``, ``.att`` and ``.sbom`` (cosign ``pkg/oci/remote``).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal, Protocol, runtime_checkable

import msgspec
from msgspec.structs import replace

from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ConfigError, ConflictError, NotFoundError, PublishError, RegistryError
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.reference import SCHEME, DigestReference, Repository, TagReference, parse_reference
from oci_chart_publish.oci.store import Source, Target, copy, copy_blob
from oci_chart_publish.run.project import Project
from oci_chart_publish.workers import Workers

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
        yield _promotion(layout, source, connect(repository), tag.replace("+", "_"), f"{repository}:{tag}")
        return
    reference = parse_reference(source)
    origin = reference if isinstance(reference, Repository) else reference.repository
    repository = Repository.parse(destination).child(origin.path.rpartition("/")[2])
    here, there = connect(origin), connect(repository)
    for tag in _tags(reference, here, source):
        yield _promotion(here, tag, there, tag, f"{repository}:{tag}")


def _promotion(source: Source, source_name: str, target: Target, target_name: str, title: str) -> Promotion:
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


class Promoted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one artifact."""

    reference: str
    """Where it was to go: ``host/path:version``."""
    status: Literal["copied", "unchanged", "would-copy", "failed"]
    digest: Digest | None = None
    """Of its manifest, which is the same at both places; None where it was not copied."""
    referrers: int = 0
    """Signatures and the like that were copied with it."""
    error: PublishError | None = None

    def __str__(self) -> str:
        if self.status == "would-copy":
            return f"would copy {self.reference}"
        return f"{self.reference}@{self.digest}: {self.status}" + (
            f", {self.referrers} referrers" if self.referrers else ""
        )


def promote(project: Project, source: str, destination: str) -> list[Promoted]:
    """Copy a chart, or all its versions, with signatures and other referrers, unchanged; say what became of each.

    ``source`` is ``oci://host/path``, with or without a version, or a name in the layout; ``destination`` is the
    ``oci://host/path`` that it goes below. With ``dry_run`` in the settings nothing is copied. ConfigError and
    NotFoundError where there is nothing to copy; what fails for one version is in its place of the list.
    """
    project = replace(project, writes=True)
    with Workers(project.settings.jobs) as workers:
        chosen = list(promotions(source, destination, project.layout, project.store))
        return workers.each(partial(_or_failed, dry=project.settings.dry_run), chosen)


def _or_failed(promotion: Promotion, *, dry: bool) -> Promoted:
    try:
        return _promoted(promotion, dry=dry)
    except PublishError as error:
        return Promoted(reference=promotion.title, status="failed", error=error)


def _promoted(promotion: Promotion, *, dry: bool) -> Promoted:
    """Copy one artifact and what refers to it, or only look."""
    manifest = promotion.source.manifest(promotion.source_name)
    if manifest is None:
        raise NotFoundError(f"{promotion.source.title}: there is no {promotion.source_name}")
    digest = manifest.descriptor.digest
    held = promotion.target.resolve(promotion.target_name)
    if held is not None and held.digest != digest:
        raise ConflictError(
            f"{promotion.title} holds {held.digest} already, not {digest}",
            hint="compare them with `diff`; what is published is never overwritten",
        )
    if dry:
        status: Literal["would-copy", "unchanged"] = "would-copy" if held is None else "unchanged"
        return Promoted(reference=promotion.title, status=status, digest=digest)
    if held is None:
        copy(promotion.source, promotion.target, manifest, name=None)
    copied = _referring(promotion, digest)
    if promotion.tagged:
        _settle(promotion, digest)
    if held is None:
        promotion.target.put_manifest(manifest, promotion.target_name)
    return Promoted(
        reference=promotion.title,
        status="unchanged" if held is not None else "copied",
        digest=digest,
        referrers=copied,
    )


def _referring(promotion: Promotion, digest: Digest) -> int:
    """Copy signatures and all else that refers to a manifest, before the tag: nobody sees the chart without them.

    What refers to a referrer, a signature of a bill of materials for instance, is copied as well. A subject is named
    by its digest, so that there are no circles; tags can be put in promotion.
    """
    if digest in promotion.seen:
        return 0
    promotion.seen.add(digest)
    return _referrers(promotion, digest) + _attached(promotion, digest)


def _settle(promotion: Promotion, digest: Digest) -> None:
    """Look again, after a moment, whether all that was copied is still there, and copy what is not.

    Whoever writes a tag, cosign's or that of the index of referrers, replaces what others wrote since he read it, and
    registries have no condition for that. Two who write at the same time then lose half of it, unnoticed.
    """
    for pause in PAUSES:
        time.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - two at once are not to stay in step
        promotion.seen.clear()
        if not _referring(promotion, digest):
            return
    raise RegistryError(
        f"{promotion.title}: what refers to it was replaced by others {len(PAUSES)} times while it was copied",
        temporary=True,
        hint="let one job at a time write there, then run again",
    )


def _referrers(promotion: Promotion, digest: Digest) -> int:
    if not isinstance(promotion.source, Referring) or not isinstance(promotion.target, Referring):
        return 0
    present = {descriptor.digest for descriptor in promotion.target.referrers(digest)}
    copied = 0
    for descriptor in promotion.source.referrers(digest):
        missing = descriptor.digest not in present
        if missing and promotion.target.put_referrer(_with_blobs(promotion, descriptor.digest)):
            promotion.tagged.add(digest)
        copied += missing + _referring(promotion, descriptor.digest)
    return copied


def _attached(promotion: Promotion, digest: Digest) -> int:
    """Copy what is attached to a manifest by a tag of cosign's."""
    if not isinstance(promotion.source, Referring):  # the layout, whose names are no tags
        return 0
    copied = 0
    for kind in ATTACHED:
        tag = f"{digest.algorithm}-{digest.hex}.{kind}"
        found = promotion.source.manifest(tag)
        if found is not None:
            if _attach(promotion, tag, found):
                promotion.tagged.add(digest)
                copied += 1
            copied += _referring(promotion, found.descriptor.digest)
    return copied


def _attach(promotion: Promotion, tag: str, ours: Manifest) -> bool:
    """Copy one; what the destination has under the tag is replaced only where nothing of it is lost.

    A signature that is made later is appended: the tag then stands for a manifest with one layer more. The signature
    itself is in an annotation of its layer, whose content may be that of another promotion.
    """
    theirs = promotion.target.manifest(tag)
    if theirs is not None:
        here, there = _parts(ours), _parts(theirs)
        if here <= there:
            return False
        if not there <= here:
            raise ConflictError(
                f"{promotion.target.title}:{tag} holds what {promotion.source.title}:{tag} lacks, and the other way "
                "round",
                hint="delete the tag there to have this one; sign at one of the two places only to keep all",
            )
    copy(promotion.source, promotion.target, ours, name=tag)
    return True


def _parts(manifest: Manifest) -> set[tuple[object, ...]]:
    parts = (*manifest.layers, *manifest.manifests)
    return {(part.media_type, part.digest, *sorted(part.annotations.items())) for part in parts}


def _with_blobs(promotion: Promotion, digest: Digest) -> Manifest:
    referrer = promotion.source.manifest(digest)
    if referrer is None:
        raise NotFoundError(f"{promotion.source.title}: the referrer {digest} is listed, and not there")
    for blob in referrer.blobs:
        copy_blob(promotion.source, promotion.target, blob)
    return referrer
