"""What refers to an artifact, signatures above all, copied from store to store before the artifact gets its name.

It says so by its subject, or, as cosign had it before version 3, by its tag: ``sha256-HEX.sig``,
``.att`` and ``.sbom`` (cosign ``pkg/oci/remote``).
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from oci_chart_publish.errors import ConflictError, NotFoundError, RegistryError
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.store import Source, Target, copy, copy_blob

ATTACHED = ("sig", "att", "sbom")
"""What cosign attaches by tag: signatures, attestations, bills of materials; each a manifest with a layer for each."""

PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds, at most, before what was copied is looked at again: longer than others take from a read to a write."""


@runtime_checkable
class Referring(Protocol):
    """A store that knows what refers to a manifest."""

    def referrers(self, digest: Digest) -> tuple[Descriptor, ...]:
        """Return the manifests that refer to a digest."""

    def put_referrer(self, manifest: Manifest) -> bool:
        """Store a manifest that refers to another one, so that it is listed there; True where a tag lists it."""


class Attachments(msgspec.Struct, frozen=True, kw_only=True):
    """What is copied for one artifact: from where, to where, and what was ``seen`` to be copied.

    ``tagged`` are the manifests whose referrers are under a tag of the destination now, which others may replace.
    """

    source: Source
    target: Target
    seen: set[Digest] = msgspec.field(default_factory=set)
    tagged: set[Digest] = msgspec.field(default_factory=set)


def copy_attachments(source: Source, target: Target, manifest: Manifest) -> int:
    """Copy all that refers to ``manifest`` and to what it holds, and return how much was missing.

    ``manifest`` is stored there, and not named yet: nobody sees it without its signatures.
    """
    attachments = Attachments(source=source, target=target)
    roots = tuple(_all_of(source, manifest))
    copied = sum(_referring(attachments, digest) for digest in roots)
    if attachments.tagged:
        _settle(attachments, roots)
    return copied


def _all_of(source: Source, manifest: Manifest) -> Iterable[Digest]:
    """Yield the digests of a manifest and of all that an index holds, each once."""
    digests: set[Digest] = set()
    waiting = [manifest]
    while waiting:
        current = waiting.pop()
        if current.descriptor.digest in digests:
            continue
        digests.add(current.descriptor.digest)
        yield current.descriptor.digest
        children = (child for child in current.manifests if child.digest not in digests)
        waiting += [result for child in children if (result := source.manifest(child.digest)) is not None]


def _referring(attachments: Attachments, digest: Digest) -> int:
    """Copy signatures and all else that refers to a manifest, before the tag: nobody sees the chart without them.

    What refers to a referrer, a signature of a bill of materials for instance, is copied as well. A subject is named
    by its digest, so that there are no circles; tags can be put in one.
    """
    if digest in attachments.seen:
        return 0
    attachments.seen.add(digest)
    return _referrers(attachments, digest) + _attached(attachments, digest)


def _settle(attachments: Attachments, roots: Sequence[Digest]) -> None:
    """Look again, after a moment, whether all that was copied is still there, and copy what is not.

    Whoever writes a tag, cosign's or that of the index of referrers, replaces what others wrote since he read it, and
    registries have no condition for that. Two who write at the same time then lose half of it, unnoticed.
    """
    for pause in PAUSES:
        time.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - two at once are not to stay in step
        attachments.seen.clear()
        if not sum([_referring(attachments, digest) for digest in roots]):
            return
    raise RegistryError(
        f"{attachments.target.title}: what refers to {roots[0]} was replaced by others {len(PAUSES)} times "
        "while it was copied",
        temporary=True,
        hint="let one job at a time write there, then run again",
    )


def _referrers(attachments: Attachments, digest: Digest) -> int:
    if not isinstance(attachments.source, Referring) or not isinstance(attachments.target, Referring):
        return 0
    present = {descriptor.digest for descriptor in attachments.target.referrers(digest)}
    copied = 0
    for descriptor in attachments.source.referrers(digest):
        missing = descriptor.digest not in present
        if missing and attachments.target.put_referrer(_complete(attachments, descriptor.digest)):
            attachments.tagged.add(digest)
        copied += missing + _referring(attachments, descriptor.digest)
    return copied


def _attached(attachments: Attachments, digest: Digest) -> int:
    """Copy what is attached to a manifest by a tag of cosign's."""
    if not isinstance(attachments.source, Referring):  # the layout, whose names are no tags
        return 0
    copied = 0
    for kind in ATTACHED:
        tag = f"{digest.algorithm}-{digest.hex}.{kind}"
        result = attachments.source.manifest(tag)
        if result is not None:
            if _attach(attachments, tag, result):
                attachments.tagged.add(digest)
                copied += 1
            copied += _referring(attachments, result.descriptor.digest)
    return copied


def _attach(attachments: Attachments, tag: str, manifest: Manifest) -> bool:
    """Copy one; what the destination has under the tag is replaced only where nothing of it is lost.

    A signature that is made later is appended: the tag then stands for a manifest with one layer more. The signature
    itself is in an annotation of its layer, whose content may be that of another one.
    """
    theirs = attachments.target.manifest(tag)
    if theirs is not None:
        here, there = _parts(manifest), _parts(theirs)
        if here <= there:
            return False
        if not there <= here:
            raise ConflictError(
                f"{attachments.target.title}:{tag} holds what {attachments.source.title}:{tag} lacks, "
                "and the other way round",
                hint="delete the tag there to have this one; sign at one of the two places only to keep all",
            )
    copy(attachments.source, attachments.target, manifest, name=tag)
    return True


def _parts(manifest: Manifest) -> set[tuple[object, ...]]:
    parts = (*manifest.layers, *manifest.manifests)
    return {(part.media_type, part.digest, *sorted(part.annotations.items())) for part in parts}


def _complete(attachments: Attachments, digest: Digest) -> Manifest:
    """Return a referrer of which all is at the target but the manifest itself; it may be an index."""
    source, target = attachments.source, attachments.target
    referrer = source.manifest(digest)
    if referrer is None:
        raise NotFoundError(f"{source.title}: the referrer {digest} is listed, and not there")
    for part in referrer.manifests:
        child = source.manifest(part.digest)
        if child is None:
            raise NotFoundError(f"{source.title}: {part.digest} of the referrer {digest} is missing")
        copy(source, target, child)
    for blob in referrer.blobs:
        copy_blob(source, target, blob)
    return referrer
