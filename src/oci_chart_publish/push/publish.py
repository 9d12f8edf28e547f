"""The publish protocol: blobs, manifests everywhere, then tags; every step can be repeated.

(1) blobs go up as charts are built; (2) the manifest by digest to every registry; (3) referrers; (4) tags. A failure
before (4) leaves no tag of that chart anywhere. With one registry and nothing to attach, (2) and (4) are one request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from oci_chart_publish.errors import (
    ConflictError,
    PublishError,
    RegistryError,
    SkippedError,
    VerificationError,
)
from oci_chart_publish.model import ChartArtifact, PushResult, TargetResult
from oci_chart_publish.oci.attachments import copy_attachments
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.store import Target, copy
from oci_chart_publish.outcomes import MOVED, Status
from oci_chart_publish.push.attach import Signer, attach
from oci_chart_publish.push.reconcile import Destination, Observation, Plan, State, conflict

T = TypeVar("T")
Gather = Callable[[Sequence[Callable[[], T]]], Sequence[T]]
"""Run several calls, possibly at the same time, and return their results in order."""

FRESH = 2.0
"""Seconds for which a look-up counts as "just before": a later tag is read again before it is written, and after."""

SOON = 0.25
"""The same where many charts are published: waiting another run's look-up out would cost all of them that time."""

FEW = 8
"""Charts of a run that are not many."""

_MARGIN = 1.5
_LEAST = 0.05
PAUSES = (0.5, 1.0, 1.5)
"""Seconds for which a registry may be late in showing a tag that it has taken."""


def upload(plan: Plan, layout: Target, gather: Gather[PublishError | None]) -> Plan:
    """Bring all blobs to all sites that lack the chart."""
    if not plan.going:
        return plan
    if plan.origin is not None:
        try:
            copy(plan.origin.store, layout, plan.manifest)
        except PublishError as error:
            return plan.failed(plan.origin, error)
    # The small config first: a registry that takes a blob in one request shows it there, at no cost.
    blobs = sorted(plan.manifest.blobs, key=lambda blob: blob.size)
    steps = [(site, blob) for site in plan.missing if site.store is not layout for blob in blobs]
    outcomes = gather([_step(lambda s=site, b=blob: _send(s, b, layout)) for site, blob in steps])  # type: ignore[misc]
    return _with_failures(plan, [site for site, _ in steps], outcomes)


def _send(site: Destination, blob: Descriptor, layout: Target) -> None:
    with layout.opened(blob) as content:
        site.store.put_blob(blob, content)


def needs_manifest_first(plan: Plan) -> bool:
    """Whether the manifest has to be everywhere, untagged, before any tag is written."""
    return len(plan.missing) > 1 or plan.holder is not None


def put_manifest(plan: Plan, gather: Gather[PublishError | None], *, always: bool = False) -> Plan:
    """Store the manifest by digest at all sites that lack the chart; with ``always`` also where there is one alone."""
    if not plan.going or not (always or needs_manifest_first(plan)):
        return plan
    steps = [_step(lambda s=site: _put_manifest(plan, s)) for site in plan.missing]  # type: ignore[misc]
    return _with_failures(plan, plan.missing, gather(steps))


def _put_manifest(plan: Plan, site: Destination) -> None:
    """Store the manifest, and what refers to it where it is published: nobody is to see it without its signatures."""
    site.store.put_manifest(plan.manifest)
    if plan.holder is not None:
        copy_attachments(plan.holder.store, site.store, plan.manifest)


def sign(plan: Plan, signers: Sequence[Signer], gather: Gather[PublishError | None]) -> Plan:
    """Attach what is missing of the signatures: before the tag where the chart is new, and where it is the same.

    The layout, which is all there is without a registry, holds none. What fails leaves no tag.
    """
    if not signers or plan.failures or not (plan.going or plan.status == "unchanged"):
        return plan
    same = [
        finding for finding in plan.findings if finding.state is State.SAME and finding.manifest is not None
    ]
    held = [(finding.site, finding.manifest.descriptor) for finding in same if finding.manifest is not None]
    targets = [*held, *((site, plan.manifest.descriptor) for site in plan.missing)]
    targets = [(site, subject) for site, subject in targets if site.registry]
    steps = [_step(lambda s=site, d=subject: attach(s.store, d, signers)) for site, subject in targets]  # type: ignore[misc]
    return _with_failures(plan, [site for site, _ in targets], gather(steps))


def put_tags(
    plan: Plan, gather: Gather[PublishError | None], *, overwrite: bool = False, patience: float = FRESH
) -> Plan:
    """Write the chart's tag at all sites that lack it. ``confirm_tags`` has to follow.

    ``patience``: seconds since the look-up up to which another run is waited out; a later tag is read before.
    """
    if not plan.going:
        return plan
    found = {finding.site.reference: finding for finding in plan.findings}
    due: dict[str, float] = {}

    def tag(site: Destination) -> None:
        due.update(_tag(plan, site, found[site.reference], overwrite=overwrite, patience=patience))

    steps = [_step(partial(tag, site)) for site in plan.missing]
    outcomes = gather(steps)
    done = tuple(s.reference for s, error in zip(plan.missing, outcomes, strict=True) if error is None)
    plan = replace(_with_failures(plan, plan.missing, outcomes), done=done)
    return replace(plan, unconfirmed=tuple((name, due[name]) for name in done if name in due))


def _tag(
    plan: Plan, site: Destination, finding: Observation, *, overwrite: bool, patience: float
) -> dict[str, float]:
    """Write a tag; return when it has to be read once more, by reference, or nothing where it need not be.

    Registries have no create-only write. Another run that looked the tag up before this write, and found nothing,
    writes it as long after its look-up as we did after ours, or thereabouts: so the tag is read once that has passed,
    and whoever was first finds out. Where it took long, waiting as long would cost more than a read just before.
    """
    age = time.monotonic() - finding.looked_up
    looked_up = finding.looked_up
    if age > patience and not overwrite:
        if _holds(plan, site):
            return {}
        looked_up = time.monotonic()
    started = time.monotonic()
    try:
        site.store.put_manifest(plan.manifest, site.name)
    except RegistryError as error:
        # A tag that cannot be changed, or an answer that was lost: what the tag holds now decides.
        if error.status in {401, 404} or not _holds(plan, site):
            raise
        return {}
    if not site.registry or overwrite:
        return {}  # names in the layout move freely
    now = time.monotonic()
    if patience < age <= FRESH and now - started <= FRESH:
        return {}
    return {site.reference: now + _LEAST + _MARGIN * min(now - looked_up, patience)}


def confirm_tags(plan: Plan, gather: Gather[PublishError | None]) -> Plan:
    """Read the tags that were written once more, when it is time: another digest by then is a conflict."""
    if not plan.unconfirmed:
        return plan
    due = dict(plan.unconfirmed)
    sites = [site for site in plan.missing if site.reference in due]
    outcomes = gather([_step(lambda s=site: _confirm(plan, s, due[s.reference])) for site in sites])  # type: ignore[misc]
    lost = {site.reference for site, error in zip(sites, outcomes, strict=True) if error is not None}
    done = tuple(name for name in plan.done if name not in lost)
    return replace(_with_failures(plan, sites, outcomes), done=done, unconfirmed=())


def _confirm(plan: Plan, site: Destination, due: float) -> None:
    digest = plan.manifest.descriptor.digest
    time.sleep(max(0.0, due - time.monotonic()))
    for pause in (*PAUSES, 0.0):
        now = site.store.resolve(site.name)
        if now is not None and now.digest == digest:
            return
        if now is not None:
            raise ConflictError(
                f"{site.reference} was written by somebody else at the same time: it holds {now.digest}, "
                f"we wrote {digest}",
                hint="let one job at a time publish (`concurrency:` in the workflow), then run again",
            )
        time.sleep(pause)  # some registries show a moment later what they have taken
    raise RegistryError(
        f"{site.reference} was written and is not there {sum(PAUSES):.0f} seconds later",
        hint="run again: what is there by then is not written twice",
        temporary=True,
    )


def _holds(plan: Plan, site: Destination) -> bool:
    """Read the tag: True where it holds our manifest, False where it is absent, ConflictError otherwise."""
    now = site.store.resolve(site.name)
    if now is None:
        return False
    if now.digest == plan.manifest.descriptor.digest:
        return True
    found = Observation(site=site, state=State.DIFFERENT, manifest=site.store.manifest(now.digest))
    raise conflict(plan.artifact, found)


def verify_destination(artifact: ChartArtifact, finding: Observation) -> PublishError | None:
    """Tell what is wrong with a chart at a site, or None: it is there, it is the same, and all its blobs are there."""
    site = finding.site
    if finding.state is State.ABSENT:
        return VerificationError(
            f"{site.reference} is not published", hint="run `publish`, or check the version"
        )
    if finding.state is State.DIFFERENT or finding.manifest is None:
        return VerificationError(conflict(artifact, finding).message, hint="compare them with `diff`")
    try:
        missing = [str(blob.digest) for blob in finding.manifest.blobs if not site.store.has(blob)]
    except PublishError as error:
        return error
    if missing:
        return VerificationError(f"{site.reference} lacks {', '.join(missing)}", hint="publish it again")
    return None


def _step(call: Callable[[], object]) -> Callable[[], PublishError | None]:
    def run() -> PublishError | None:
        try:
            call()
        except PublishError as error:
            return error
        return None

    return run


def _with_failures(plan: Plan, sites: Iterable[Destination], outcomes: Iterable[PublishError | None]) -> Plan:
    for site, error in zip(sites, outcomes, strict=True):
        if error is not None:
            plan = plan.failed(site, error)
    return plan


def result(plan: Plan, *, wrote: bool) -> PushResult:
    """Sum a plan up, after it was carried out (``wrote``) or only made."""
    targets = tuple(_target(plan, finding, wrote=wrote) for finding in plan.findings)
    return PushResult(
        artifact=plan.artifact,
        targets=targets,
        published=_published(plan, targets),
        ignored=tuple(dict.fromkeys(path for finding in plan.findings for path in finding.ignored)),
    )


def _published(plan: Plan, targets: Sequence[TargetResult]) -> Manifest | None:
    """Return what the sites hold, or are to hold; None where they do not all hold the same."""
    held = {target.digest for target in targets if target.digest is not None}
    if plan.status in {"would-publish", "unchanged"}:
        return plan.manifest if len(held) <= 1 else None
    if len(held) != 1 or any(target.digest is None for target in targets):
        return None
    return next(finding.manifest for finding in plan.findings if finding.manifest)


def _target(plan: Plan, finding: Observation, *, wrote: bool) -> TargetResult:
    site = finding.site
    status, error = _status(plan, finding, wrote=wrote)
    digest = finding.manifest.descriptor.digest if finding.manifest else None
    if status in MOVED:
        digest = plan.manifest.descriptor.digest
    return TargetResult(
        registry=site.registry,
        reference=site.reference,
        status=status,
        digest=digest,
        error=error,
    )


def _status(plan: Plan, finding: Observation, *, wrote: bool) -> tuple[Status, PublishError | None]:
    site = finding.site
    failure = dict(plan.failures).get(site.reference)
    if failure is not None:
        return _failed(failure), failure
    if finding.state is State.FAILED:
        return "failed", finding.error
    if finding.state is State.UNKNOWN:
        return "failed" if wrote else "unknown", finding.error
    if plan.status == "conflict" and finding.state is State.DIFFERENT:
        return "conflict", conflict(plan.artifact, finding)
    if plan.status == "drift" and finding.state in {State.DIFFERENT, State.ABSENT}:
        return "drift", conflict(plan.artifact, finding)
    if site.reference in plan.done:
        return "published" if site.registry else "saved", None
    if site in plan.missing and plan.status == "would-publish" and not wrote:
        return "would-publish", None
    return "unchanged" if finding.state is State.SAME else "skipped", None


def _failed(error: PublishError) -> Status:
    if isinstance(error, SkippedError):
        return "skipped"
    return "conflict" if isinstance(error, ConflictError) else "failed"
