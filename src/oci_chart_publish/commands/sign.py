"""Signing what is published already, without touching it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import msgspec
from msgspec.structs import replace

from oci_chart_publish.chart.layer import chart_layer
from oci_chart_publish.errors import ConfigError, NotFoundError, PublishError
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.reference import SCHEME, Repository, TagReference, parse_reference
from oci_chart_publish.push.attach import Signer, attach
from oci_chart_publish.run.project import Project
from oci_chart_publish.run.signing import make_signers
from oci_chart_publish.workers import Workers


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one reference."""

    reference: str
    """As it was given, ``oci://`` or not."""
    status: Literal["signed", "unchanged", "would-sign", "failed"]
    digest: Digest | None = None
    """Of the manifest that the signatures are of."""
    kinds: tuple[str, ...] = ()
    """The signatures that were added, or would be asked for."""
    error: PublishError | None = None

    def __str__(self) -> str:
        said = f"{self.reference}@{self.digest}" if self.digest else self.reference
        return f"{said}: {self.status}" + (f" ({', '.join(self.kinds)})" if self.kinds else "")


def sign(project: Project, references: Sequence[str]) -> list[Signed]:
    """Sign charts in registries by the settings ``sign`` and the keys beside it; say what became of each.

    A signature that is there is not made again. With ``dry_run`` nothing is written. ConfigError where no kind of
    signature is asked for, or a key does not load; what fails for one reference is in its place of the list.
    """
    project = replace(project, writes=not project.settings.dry_run)
    signers = make_signers(project.settings, project.environment, project.folder)
    if not signers:
        raise ConfigError(
            "nothing to sign with: the setting sign is empty", hint="--sign cosign, for instance"
        )
    with Workers(project.settings.jobs) as workers:
        return workers.each(partial(_or_failed, project, signers), references)


def _or_failed(project: Project, signers: Sequence[Signer], text: str) -> Signed:
    try:
        return _signed(project, signers, text)
    except PublishError as error:
        return Signed(reference=text, status="failed", error=error)


def _signed(project: Project, signers: Sequence[Signer], text: str) -> Signed:
    reference = parse_reference(text)
    if isinstance(reference, Repository):
        raise ConfigError(f"{text!r} names no version", hint=f"write {SCHEME}HOST/PATH:VERSION or @DIGEST")
    store = project.store(reference.repository)
    target = reference.tag if isinstance(reference, TagReference) else reference.digest
    manifest = store.manifest(target)
    if manifest is None:
        raise NotFoundError(f"{text}: there is no such version")
    if chart_layer(manifest) is None:
        raise ConfigError(f"{text} is no Helm chart", hint="sign other artifacts with their own tools")
    subject = manifest.descriptor
    if project.settings.dry_run:
        kinds = tuple(signer.kind for signer in signers)
        return Signed(reference=text, status="would-sign", digest=subject.digest, kinds=kinds)
    added = attach(store, subject, signers)
    return Signed(
        reference=text, status="signed" if added else "unchanged", digest=subject.digest, kinds=added
    )
