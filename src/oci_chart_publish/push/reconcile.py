"""What each registry holds of a chart, and what therefore has to be done: three states, fail closed.

Looking up is one request; deciding is a pure function of what was found.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import msgspec
from msgspec.structs import replace

from oci_chart_publish.chart.layer import chart_layer
from oci_chart_publish.errors import AuthError, ConflictError, NotFoundError, PublishError, SkippedError
from oci_chart_publish.model import ChartArtifact
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.store import Source, Target
from oci_chart_publish.outcomes import Status
from oci_chart_publish.push.same import differing, same

Ignored = Callable[[str], bool]
"""Whether a change of a file of the chart needs no new version."""


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """A place for one chart.

    ``registry`` is what the user named ("" for the layout, which is then the only site), ``reference`` the full name
    for people, and ``name`` what it is called in its store: a tag, or in the layout the full name again.
    """

    registry: str
    reference: str
    name: str
    store: Target


class State(StrEnum):
    """What a site holds under the chart's tag."""

    ABSENT = "absent"
    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    FAILED = "failed"


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one site, the manifest found there, and when (monotonic seconds) it was looked up.

    ``ignored`` are files that differ in what is the same but for them, and whose change needs no new version.
    """

    site: Destination
    state: State
    manifest: Manifest | None = None
    error: PublishError | None = None
    ignored: tuple[str, ...] = ()
    looked_up: float = msgspec.field(default_factory=time.monotonic)


class Verdicts(Protocol):
    """Remembers for pairs of manifest digests whether they are the same chart."""

    def get(self, kind: str, key: str) -> object | None:
        """Return what was put under the key, or None."""

    def put(self, kind: str, key: str, value: object) -> None:
        """Remember a JSON value under the key."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with one chart.

    ``status`` is what is to become of it: ``would-publish`` where sites lack it, ``unchanged`` where none does, else
    why nothing is done. ``manifest`` is what the missing sites are to receive: the published one where there is one
    (``origin`` is then the site that has it), else ours. ``missing`` are the sites to write to. ``failures`` collects,
    by reference, what went wrong at a site while the plan was carried out, and ``done`` the references that have been
    tagged. ``unconfirmed`` are those among them whose tag is to be read once more, and when (monotonic seconds).
    """

    artifact: ChartArtifact
    status: Status
    findings: tuple[Observation, ...]
    manifest: Manifest
    origin: Destination | None = None
    missing: tuple[Destination, ...] = ()
    failures: tuple[tuple[str, PublishError], ...] = ()
    done: tuple[str, ...] = ()
    unconfirmed: tuple[tuple[str, float], ...] = ()

    @property
    def going(self) -> bool:
        """Whether this chart is being published and nothing has failed so far."""
        return self.status == "would-publish" and not self.failures

    def failed(self, site: Destination, error: PublishError) -> Plan:
        """Return the plan with a failure at ``site``."""
        return replace(self, failures=(*self.failures, (site.reference, error)))

    @property
    def holder(self) -> Destination | None:
        """The registry that has what the missing ones are to receive, and with it what refers to it."""
        digest = self.manifest.descriptor.digest
        holders = (
            finding.site
            for finding in self.findings
            if finding.state is State.SAME
            and finding.manifest
            and finding.manifest.descriptor.digest == digest
        )
        return self.origin or next(holders, None)

    def skipped(self, why: str) -> Plan:
        """Return the plan with all that was to be written left alone, which is no failure of this chart."""
        remaining = tuple((site.reference, SkippedError(why)) for site in self.missing)
        return replace(self, failures=(*self.failures, *remaining))


def look_up(
    artifact: ChartArtifact,
    site: Destination,
    here: Target,
    verdicts: Verdicts,
    *,
    ignored: Ignored | None = None,
) -> Observation:
    """Ask ``site`` what it holds under the chart's tag. Never raises: every error is a finding.

    What differs in nothing but files that are ``ignored`` is the same, and the finding names them.
    """
    try:
        return _found(artifact, site, here, verdicts, ignored)
    except AuthError as error:
        return Observation(site=site, state=State.UNKNOWN, error=error)
    except PublishError as error:
        return Observation(site=site, state=State.FAILED, error=error)


def _found(
    artifact: ChartArtifact, site: Destination, here: Target, verdicts: Verdicts, ignored: Ignored | None
) -> Observation:
    result = site.store.resolve(site.name)
    if result is None:
        return Observation(site=site, state=State.ABSENT)
    if result.digest == artifact.digest and not artifact.unresolved:
        return Observation(site=site, state=State.SAME, manifest=artifact.manifest)
    # A manifest that was read before is in the layout: then the look-up above was the only request.
    theirs = here.manifest(result.digest)
    if theirs is None:
        theirs = site.store.manifest(result.digest)
        if theirs is None:
            raise NotFoundError(
                f"{site.reference} names {result.digest}, and no manifest of that digest is there"
            )
        here.put_manifest(theirs)
    if _verdict(artifact, theirs, site, here, verdicts):
        return Observation(site=site, state=State.SAME, manifest=theirs)
    files = _differing(artifact, theirs, site, here, verdicts) if ignored else None
    if ignored and files and all(ignored(path) for path in files):
        return Observation(site=site, state=State.SAME, manifest=theirs, ignored=files)
    return Observation(site=site, state=State.DIFFERENT, manifest=theirs)


def _key(artifact: ChartArtifact, manifest: Manifest) -> str:
    lacking = "".join(
        f"-{'/'.join(f'{name}@{version}' for name, version in (*need.within, (need.name, need.version)))}"
        for need in artifact.unresolved
    )
    return f"{artifact.digest.hex}-{manifest.descriptor.digest.hex}{lacking}"


def _verdict(
    artifact: ChartArtifact, manifest: Manifest, site: Destination, here: Source, verdicts: Verdicts
) -> bool:
    key = _key(artifact, manifest)
    known = verdicts.get("same", key)
    if isinstance(known, bool):
        return known
    verdict = same(artifact.manifest, here, manifest, site.store, unresolved=artifact.unresolved)
    verdicts.put("same", key, verdict)
    return verdict


def _differing(
    artifact: ChartArtifact, manifest: Manifest, site: Destination, here: Source, verdicts: Verdicts
) -> tuple[str, ...] | None:
    key = _key(artifact, manifest)
    known = verdicts.get("differing", key)
    if isinstance(known, list):
        return tuple(map(str, known)) or None
    result = differing(artifact.manifest, here, manifest, site.store, unresolved=artifact.unresolved)
    verdicts.put("differing", key, list(result or ()))
    return result


def decide(artifact: ChartArtifact, findings: tuple[Observation, ...], *, overwrite: bool = False) -> Plan:
    """Decide what to do with a chart from what its sites hold."""

    def plan(status: Status, manifest: Manifest = artifact.manifest, **more: object) -> Plan:
        return Plan(artifact=artifact, status=status, findings=findings, manifest=manifest, **more)  # type: ignore[arg-type]

    states = {finding.state for finding in findings}
    if State.FAILED in states:
        return plan("failed")
    if State.UNKNOWN in states:
        return plan("unknown")
    if overwrite:
        wrong = tuple(f.site for f in findings if f.state is not State.SAME)
        return plan("would-publish" if wrong else "unchanged", missing=wrong)
    if State.DIFFERENT in states:
        return plan("drift" if _is_withheld(artifact) else "conflict")
    published = next((finding for finding in findings if finding.state is State.SAME), None)
    missing = tuple(finding.site for finding in findings if finding.state is State.ABSENT)
    if missing and published is None and _is_withheld(artifact):
        return plan("drift")  # the version is that of its tag, which names other content than this tree
    if published is None or published.manifest is None:
        return plan("would-publish" if missing else "unchanged", missing=missing)
    ours = published.manifest.descriptor.digest == artifact.digest
    return plan(
        "would-publish" if missing else "unchanged",
        published.manifest,
        origin=None if ours else published.site,
        missing=missing,
    )


def _is_withheld(artifact: ChartArtifact) -> bool:
    return artifact.decision is not None and artifact.decision.withheld


def _withheld(artifact: ChartArtifact, finding: Observation) -> ConflictError:
    """Say why a site does not get what this tree builds, where it is not to be released."""
    reason = artifact.decision.reason if artifact.decision else ""
    where, version = finding.site.reference, artifact.version
    if finding.state is State.ABSENT:
        return ConflictError(
            f"not released: {reason}; {where} is not published, and this tree holds other content than {version}",
            hint=f"the next release takes it along; to publish {version}, run on the commit of its tag",
        )
    held = finding.manifest.descriptor.digest if finding.manifest else "something else"
    return ConflictError(
        f"not released: {reason}; {where} holds {held}, this tree builds {artifact.digest}",
        hint="the next release takes it along",
    )


def conflict(artifact: ChartArtifact, finding: Observation) -> ConflictError:
    """Say what is wrong where a site holds something else under the chart's tag."""
    where = finding.site.reference
    manifest = finding.manifest
    if manifest is not None and chart_layer(manifest) is None:
        kind = manifest.config.media_type if manifest.config else manifest.descriptor.media_type
        return ConflictError(
            f"{where} holds something that is no Helm chart ({kind})",
            hint="an image and a chart must not share repository and tag: publish charts below a path of their own",
        )
    held = manifest.descriptor.digest if manifest else "something else"
    if _is_withheld(artifact):
        return _withheld(artifact, finding)
    return ConflictError(
        f"{where} is published with other content: it holds {held}, this tree builds {artifact.digest}",
        hint=f"raise 'version' in {artifact.path or '.'}/Chart.yaml, or restore what was published",
    )
