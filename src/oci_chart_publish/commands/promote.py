"""Copying artifacts with what refers to them from one place to another, unchanged.

A place is a repository of a registry (``oci://HOST/PATH``), or a name in the layout. A version that the destination
holds with other content is a conflict and is never overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal, Protocol, runtime_checkable

import msgspec
from msgspec.structs import replace

from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ConfigError, ConflictError, NotFoundError, PublishError
from oci_chart_publish.oci.attachments import copy_attachments
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.reference import SCHEME, DigestReference, Repository, TagReference, parse_reference
from oci_chart_publish.oci.store import Source, Target, copy
from oci_chart_publish.run.project import Project
from oci_chart_publish.workers import Workers

Connect = Callable[[Repository], Target]


@runtime_checkable
class Listing(Protocol):
    """A store that can list its tags."""

    def tags(self) -> tuple[str, ...]:
        """Return all tags."""


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
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
    versions = [tag for tag in tags if ChartVersion.from_tag(tag) is not None]
    if not versions:
        raise NotFoundError(f"{text} holds no version of a chart")
    return sorted(versions)


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
        return carry_out(promotion, dry=dry)
    except PublishError as error:
        return Promoted(reference=promotion.title, status="failed", error=error)


def carry_out(promotion: Promotion, *, dry: bool) -> Promoted:
    """Copy one artifact and what refers to it, or only look."""
    manifest = promotion.source.manifest(promotion.source_name)
    if manifest is None:
        raise NotFoundError(f"{promotion.source.title}: there is no {promotion.source_name}")
    digest = manifest.descriptor.digest
    present = promotion.target.resolve(promotion.target_name)
    if present is not None and present.digest != digest:
        raise ConflictError(
            f"{promotion.title} holds {present.digest} already, not {digest}",
            hint="compare them with `diff`; what is published is never overwritten",
        )
    if dry:
        status: Literal["would-copy", "unchanged"] = "would-copy" if present is None else "unchanged"
        return Promoted(reference=promotion.title, status=status, digest=digest)
    if present is None:
        copy(promotion.source, promotion.target, manifest, name=None)
    copied = copy_attachments(promotion.source, promotion.target, manifest)
    if present is None:
        _tag(promotion, manifest)
    return Promoted(
        reference=promotion.title,
        status="unchanged" if present is not None else "copied",
        digest=digest,
        referrers=copied,
    )


def _tag(promotion: Promotion, manifest: Manifest) -> None:
    """Write the tag, which nobody may have written since it was looked up; registries have no create-only write."""
    held = promotion.target.resolve(promotion.target_name)
    if held is None:
        promotion.target.put_manifest(manifest, promotion.target_name)
        held = promotion.target.resolve(promotion.target_name)
    if held is not None and held.digest != manifest.descriptor.digest:
        raise ConflictError(
            f"{promotion.title} was written by somebody else at the same time: it holds {held.digest}, "
            f"we copied {manifest.descriptor.digest}",
            hint="let one job at a time write there, then run again",
        )
