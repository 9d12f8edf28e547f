"""Manifests of a repository: looked up, read, written and checked (distribution-spec, pulling and pushing)."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from oci_chart_publish.errors import AuthError, ConflictError, VerificationError
from oci_chart_publish.http.address import redact
from oci_chart_publish.http.answer import Answer
from oci_chart_publish.oci import descriptor as mediatype
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import MANIFEST_LIMIT, Manifest
from oci_chart_publish.oci.reference import check_tag
from oci_chart_publish.registry import refusals as faults
from oci_chart_publish.registry.asking import ACCEPT, Asking
from oci_chart_publish.registry.classify import Meaning, Question
from oci_chart_publish.registry.host import Call

_READS_AFTER_WRITE = 4
_UNSETTLED = "MANIFEST_BLOB_UNKNOWN"
_STORED = frozenset({200, 201, 202, 204})


class Presence(StrEnum):
    """What a look-up showed."""

    PRESENT = "present"
    ABSENT = "absent"
    HIDDEN = "hidden"
    """401 or 403: the registry does not say."""


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of looking a tag or digest up.

    ``manifest`` is there where it had to be read for that. ``error`` is the refusal of a hidden one; ``maybe_absent``
    is set where the registry is known to answer so for what does not exist.
    """

    presence: Presence
    descriptor: Descriptor | None = None
    manifest: Manifest | None = None
    maybe_absent: bool = False
    error: AuthError | None = None


def look_up(asking: Asking, name: str) -> Lookup:
    """Look a tag (or digest) up and tell present, absent and hidden apart; RegistryError for the rest.

    One request: a HEAD of a host whose HEADs are known to tell the truth, else a GET, because some hosts, and what
    stands before them, answer 404 to the HEAD of what is there.
    """
    features, path = asking.host.features, path_of(name)
    may_head = features.held or asking.host.kind.counts_pulls
    if features.heads or (features.heads is None and may_head):
        answer = asking.ask("HEAD", path, ACCEPT)
        meaning = asking.meaning(Question.MANIFEST, answer)
        if meaning is Meaning.NO:
            return Lookup(presence=Presence.ABSENT)
        if meaning is Meaning.REFUSED:
            raise asking.refusal(answer, meaning)
        described = _described(answer, name) if meaning is Meaning.YES else None
        features.heads = True if described else features.heads
        if described is not None:
            return Lookup(presence=Presence.PRESENT, descriptor=described)
    return _read_to_know(asking, name)


def _read_to_know(asking: Asking, name: str) -> Lookup:
    path, features = path_of(name), asking.host.features
    answer = asking.ask("GET", path, ACCEPT, limit=MANIFEST_LIMIT)
    meaning = asking.meaning(Question.MANIFEST, answer)
    if meaning is Meaning.YES:
        manifest = _checked(asking, answer, Digest.parse(name) if ":" in name else name)
        if features.held and features.heads is None:
            features.heads = False  # a HEAD was of no use although the manifest is there
        features.held = True
        return Lookup(presence=Presence.PRESENT, descriptor=manifest.descriptor, manifest=manifest)
    if meaning is Meaning.NO:
        features.held = False  # so that the next is asked once, until a HEAD was right about what is there
        return Lookup(presence=Presence.ABSENT)
    error = asking.refusal(answer, meaning)
    if isinstance(error, AuthError):
        return Lookup(presence=Presence.HIDDEN, maybe_absent=meaning is Meaning.PERHAPS_NO, error=error)
    raise error


def read(asking: Asking, target: str | Digest) -> Manifest | None:
    """Read the manifest of a tag or digest and check it; None only for a genuine "not found"."""
    answer = asking.ask("GET", path_of(target), ACCEPT, limit=MANIFEST_LIMIT)
    meaning = asking.meaning(Question.MANIFEST, answer)
    if meaning is Meaning.YES:
        asking.host.features.held = True
        return _checked(asking, answer, target)
    if meaning is Meaning.NO:
        return None
    raise asking.refusal(answer, meaning)


def put(asking: Asking, manifest: Manifest, name: str | None = None) -> None:
    """Store a manifest under its digest, and under the tag ``name``; checked from the answer.

    ConflictError where the tag may not be moved and holds something else. Registries refuse to write an immutable tag
    even with what it holds, which is a success here.
    """
    answer = write(asking, manifest, name)
    meaning = asking.meaning(Question.STORED, answer)
    if meaning is Meaning.YES:
        return
    refused = asking.refusal(answer, meaning)
    if name is None or meaning is not Meaning.UNWRITABLE:
        raise refused
    held = look_up(asking, name).descriptor
    digest = manifest.descriptor.digest
    if held is None or (held.digest != digest and not faults.is_immutable(answer)):
        raise refused
    if held.digest != digest:
        where = f"{asking.host.name}/{asking.scope.name}:{name}"
        raise ConflictError(
            f"{refused.message}; {where} is {held.digest}, not {digest}",
            hint="the tag is immutable: publish the content as a new version",
        )


def write(asking: Asking, manifest: Manifest, name: str | None, *, matching: str = "") -> Answer:
    """PUT a manifest whose blobs are stored, only over the ETag ``matching`` if given; a refusal is returned."""
    digest = manifest.descriptor.digest
    path = path_of(name or digest)
    condition = {"If-Match": matching} if matching else {}
    call = Call(
        method="PUT",
        target=asking.target(path),
        scope=asking.scope,
        headers={"Content-Type": manifest.descriptor.media_type, **condition},
        body=manifest.data,
        recheck=lambda: _stored(asking, path, digest),
    )
    answer = _settled(asking, call)
    if answer.status in _STORED:
        stated = answer.header("Docker-Content-Digest") or _read_back(asking, path)
        if stated != str(digest):
            raise VerificationError(
                f"PUT {redact(answer.url)}: {digest} was sent, the registry has {stated[:100]}"
            )
    return answer


def path_of(target: str | Digest) -> str:
    """Return the path of a manifest; ConfigError for a tag, VerificationError for a digest that is none."""
    if isinstance(target, str):
        target = Digest.parse(target) if ":" in target else check_tag(target, target)
    return f"/manifests/{target}"


def _described(answer: Answer, name: str) -> Descriptor | None:
    """Return the descriptor from the headers of a HEAD; None where they lack a part of it."""
    stated, size = answer.header("Docker-Content-Digest"), answer.header("Content-Length")
    media_type = answer.header("Content-Type").partition(";")[0].strip()
    digest = _digest(stated)
    if digest is None or not size.isdigit() or media_type not in mediatype.MANIFESTS:
        return None
    if ":" in name and stated != name:
        raise VerificationError(f"HEAD {redact(answer.url)}: asked for {name}, got {digest}")
    return Descriptor(media_type=media_type, digest=digest, size=int(size))


def _checked(asking: Asking, answer: Answer, target: str | Digest) -> Manifest:
    asking.plain(answer)
    origin = f"GET {redact(answer.url)}"
    if not answer.whole:
        raise VerificationError(f"{origin}: a manifest of more than {MANIFEST_LIMIT} bytes")
    if isinstance(target, str) and ":" in target:
        target = Digest.parse(target)
    stated = answer.header("Docker-Content-Digest")
    expected = target if isinstance(target, Digest) else _digest(stated)
    if isinstance(target, Digest) and _digest(stated) not in (None, target):
        raise VerificationError(f"{origin}: asked for {target}, got {stated}")
    if expected is not None and not expected.matches(answer.body):
        raise VerificationError(f"{origin}: the bytes do not have the digest {expected}")
    media_type = answer.header("Content-Type").partition(";")[0].strip()
    try:
        manifest = Manifest.parse(answer.body, media_type)
    except VerificationError as error:
        raise VerificationError(f"{origin}: {error.message}", hint=error.hint) from error
    return manifest if expected is None else manifest.known_as(expected)


def _stored(asking: Asking, path: str, digest: Digest) -> Answer | None:
    """Return the answer to a look-up where the manifest is there already, although its PUT was not answered."""
    answer = asking.ask("HEAD", path, ACCEPT)
    if asking.meaning(Question.MANIFEST, answer) is not Meaning.YES:
        return None
    described = _described(answer, path.removeprefix("/manifests/"))
    if described is None:
        manifest = read(asking, path.removeprefix("/manifests/"))
        described = manifest.descriptor if manifest else None
    return answer if described and described.digest == digest else None


def _settled(asking: Asking, call: Call) -> Answer:
    """Send a manifest whose blobs are stored, and again where the registry says that it lacks one of them.

    A Docker Distribution that stores on a disk empties the link to a blob for a moment when a second writer brings
    the same blob, and one that copies between places may need a moment of its own.
    """
    patience = asking.host.patience
    for attempt in range(1, _READS_AFTER_WRITE):
        answer = asking.send(call)
        if _UNSETTLED not in faults.codes_of(answer):
            return answer
        patience.sleep(patience.base * attempt)
    return asking.send(call)


def _read_back(asking: Asking, path: str) -> str:
    """Return the digest a registry now has under ``path``; some answer 404 right after a 201."""
    patience = asking.host.patience
    for attempt in range(_READS_AFTER_WRITE):
        if attempt:
            patience.sleep(patience.base * attempt)
        head = asking.ask("HEAD", path, ACCEPT)
        if head.status == 200 and (stated := head.header("Docker-Content-Digest")):
            return stated
        if head.status == 200 and (manifest := read(asking, path.removeprefix("/manifests/"))):
            return str(manifest.descriptor.digest)
    return "nothing"


def _digest(stated: str) -> Digest | None:
    """Read a digest header; None where it is missing or rubbish, so that the bytes are asked."""
    try:
        return Digest.parse(stated)
    except VerificationError:
        return None
