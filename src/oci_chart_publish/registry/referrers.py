"""What refers to a manifest, signatures for instance: by the referrers API, else by the tag that holds an index.

distribution-spec, "Listing Referrers" and "Referrers Tag Schema". An API is believed only where it lists what
was just pushed: some registries claim it, in a header or by an answer, and do not have it.
"""

from __future__ import annotations

import json
import threading
from typing import Any, Protocol

from oci_chart_publish.errors import ConflictError, RegistryError, VerificationError
from oci_chart_publish.http.address import redact
from oci_chart_publish.http.answer import Answer
from oci_chart_publish.oci import descriptor as mediatype
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import MANIFEST_LIMIT, Manifest
from oci_chart_publish.registry import listing
from oci_chart_publish.registry.capabilities import Capabilities
from oci_chart_publish.registry.classify import Meaning, Question

_TRIES = 5
_CHANGED = frozenset({409, 412})
_lock = threading.Lock()


class Client(Protocol):
    """What is needed of a repository."""

    @property
    def features(self) -> Capabilities:
        """What is known of the host."""

    def read(self, target: str, accept: str, *, limit: int, same_origin: bool = False) -> Answer:
        """Read a path below the repository or a URL, whatever the status."""

    def manifest(self, target: str | Digest) -> Manifest | None:
        """Read a manifest."""

    def write(self, manifest: Manifest, name: str | None, *, matching: str = "") -> Answer:
        """Store a manifest, only over the ETag ``matching`` if given; the answer, whatever the status."""

    def meaning(self, question: Question, answer: Answer) -> Meaning:
        """Return what an answer means for a question."""

    def refusal(self, answer: Answer, meaning: Meaning = Meaning.REFUSED) -> RegistryError:
        """Return the error for an answer."""


def find(client: Client, digest: Digest, artifact_type: str) -> tuple[Descriptor, ...]:
    """Return the descriptors of what refers to ``digest``, of one type if given.

    An API that does not answer is an error, not an empty list: signatures would be lost for it.
    """
    listed = _by_api(client, digest) if client.features.referrers is not False else None
    if not listed:  # not supported, or supported in name only
        index = client.manifest(_tag(digest))
        listed = index.manifests if index else ()
    return tuple(entry for entry in listed if not artifact_type or _type(client, entry) == artifact_type)


def add(client: Client, manifest: Manifest) -> bool:
    """Store ``manifest``, by its digest, so that it is found as a referrer of its subject.

    Return whether that took an entry in the index under the tag, which a second writer may replace.
    """
    subject = manifest.subject
    if subject is None:
        raise VerificationError(f"{manifest.descriptor.digest} has no subject to refer to")
    answer = client.write(manifest, None)
    if answer.status not in (200, 201, 202, 204):
        raise client.refusal(answer)
    claimed = answer.header("OCI-Subject") == str(subject.digest)
    if claimed and client.features.referrers is not False:
        client.features.referrers = _is_listed(client, subject.digest, manifest.descriptor.digest)
    listed_by_api = claimed and bool(client.features.referrers)
    if not listed_by_api:
        _add_to_index(client, subject.digest, manifest)
    return not listed_by_api


def _is_listed(client: Client, subject: Digest, referrer: Digest) -> bool:
    """Tell whether the API lists what was just pushed; one that does not answer is not believed to list anything."""
    try:
        listed = _by_api(client, subject) or ()
    except (RegistryError, VerificationError):
        return False
    return any(entry.digest == referrer for entry in listed)


def _by_api(client: Client, digest: Digest) -> tuple[Descriptor, ...] | None:
    """Return what the referrers API lists; None where the registry has none."""
    descriptors: list[Descriptor] = []
    there = False

    def page(target: str) -> Answer | None:
        answer = client.read(target, mediatype.OCI_INDEX, limit=MANIFEST_LIMIT, same_origin=True)
        meaning = client.meaning(Question.REFERRERS, answer)
        if meaning is Meaning.NO and not there:
            return None
        if meaning is not Meaning.YES:
            raise client.refusal(answer, meaning)
        if not answer.whole or answer.encoded:
            raise VerificationError(f"GET {redact(answer.url)}: not the list that was asked for")
        return answer

    for answer in listing.pages(page, f"/referrers/{digest}"):
        there = True
        descriptors.extend(Manifest.parse(answer.body, mediatype.OCI_INDEX).manifests)
    return tuple(descriptors) if there else None


def _add_to_index(client: Client, subject: Digest, manifest: Manifest) -> None:
    """Append to the index under the tag, as long as somebody else changes it at the same time."""
    name = _tag(subject)
    entry = _entry(manifest)
    with _lock:
        for _ in range(_TRIES):
            document, etag = _index(client, name)
            if any(other.get("digest") == entry["digest"] for other in document["manifests"]):
                return
            document["manifests"].append(entry)
            data = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
            answer = client.write(Manifest.parse(data, mediatype.OCI_INDEX), name, matching=etag)
            if answer.status in _CHANGED:
                continue
            if answer.status not in (200, 201, 202, 204):
                raise client.refusal(answer)
        document, _etag = _index(client, name)
        if all(other.get("digest") != entry["digest"] for other in document["manifests"]):
            raise ConflictError(
                f"the index {name} of referrers was changed by others {_TRIES} times in a row"
            )


def _index(client: Client, name: str) -> tuple[dict[str, Any], str]:
    """Return the index under the tag as JSON, with all that others wrote in it, and its ETag."""
    empty = {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": []}
    answer = client.read(f"/manifests/{name}", mediatype.OCI_INDEX, limit=MANIFEST_LIMIT)
    meaning = client.meaning(Question.MANIFEST, answer)
    if meaning is Meaning.NO:
        return empty, ""
    if meaning is not Meaning.YES or not answer.whole or answer.encoded:
        raise client.refusal(answer, meaning)
    parsed = Manifest.parse(answer.body, mediatype.OCI_INDEX)
    document = json.loads(parsed.data)
    document.setdefault("manifests", [])
    return document, answer.header("ETag")


def _entry(manifest: Manifest) -> dict[str, Any]:
    config = manifest.config.media_type if manifest.config else ""
    described = manifest.descriptor
    return Descriptor(
        media_type=described.media_type,
        digest=described.digest,
        size=described.size,
        annotations=manifest.annotations,
        artifact_type=manifest.artifact_type or config,
    ).document()


def _type(client: Client, entry: Descriptor) -> str:
    """Return the artifact type; old indexes have none, or the empty type, so the manifest is asked."""
    if entry.artifact_type and entry.artifact_type != mediatype.OCI_EMPTY:
        return entry.artifact_type
    result = client.manifest(entry.digest)
    if result is None:
        return ""
    return result.artifact_type or (result.config.media_type if result.config else "")


def _tag(digest: Digest) -> str:
    return f"{digest.algorithm}-{digest.hex}"
