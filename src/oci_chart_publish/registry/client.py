"""A repository of a registry as a store of artifacts (OCI distribution specification)."""

from __future__ import annotations

from contextlib import AbstractContextManager

from oci_chart_publish.errors import AuthError, RegistryError
from oci_chart_publish.http.answer import Answer
from oci_chart_publish.http.auth import Authorizer
from oci_chart_publish.http.tokens import Scope
from oci_chart_publish.oci import descriptor as mediatype
from oci_chart_publish.oci.content import Content, InMemory
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.registry import downloads, listing, manifests, referrers
from oci_chart_publish.registry.asking import ANY, Asking
from oci_chart_publish.registry.capabilities import Capabilities
from oci_chart_publish.registry.classify import Meaning, Question
from oci_chart_publish.registry.host import Call, Host
from oci_chart_publish.registry.manifests import Lookup, Presence
from oci_chart_publish.registry.uploads import Upload

__all__ = ("BLOB_LIMIT", "Lookup", "Presence", "RegistryRepository")

BLOB_LIMIT = 128 * 1024 * 1024
"""Bytes of the largest blob that is read into memory: more than the largest chart that Helm loads."""


class RegistryRepository:
    """One repository of a registry; implements ``oci.store.Target``. Safe for threads."""

    def __init__(
        self,
        repository: Repository,
        *,
        host: Host,
        auth: Authorizer,
        actions: str,
        cross_host_uploads: bool = True,
    ) -> None:
        self.repository = repository
        self.host = host
        self.asking = Asking(host, auth, Scope(repository.path, actions))
        self._upload = Upload(self.asking, cross_host=cross_host_uploads)
        self._opened: dict[Digest, str] = {}
        self._last: Manifest | None = None

    @property
    def title(self) -> str:
        """How messages name this repository."""
        return str(self.repository)

    def resolve(self, name: str) -> Descriptor | None:
        """Return the descriptor of a tag (or digest); None only for a genuine "not found".

        AuthError where the registry does not say, unless it is known to answer so for what is not there.
        """
        result = self.lookup(name)
        if result.error is not None and not result.maybe_absent:
            raise result.error
        return result.descriptor

    def lookup(self, name: str) -> Lookup:
        """Look a tag (or digest) up and tell present, absent and hidden apart; RegistryError for the rest."""
        result = manifests.look_up(self.asking, name)
        self._last = result.manifest
        return result

    def manifest(self, target: str | Digest) -> Manifest | None:
        """Read the manifest of a tag or digest and check it; None only for a genuine "not found"."""
        last, self._last = self._last, None
        if last is not None and last.descriptor.digest == target:
            return last
        return manifests.read(self.asking, target)

    def blob(self, descriptor: Descriptor) -> bytes:
        """Read a blob into memory: never more than its descriptor says, and checked against it."""
        return downloads.read(self.asking, descriptor, limit=BLOB_LIMIT)

    def opened(self, descriptor: Descriptor) -> AbstractContextManager[Content]:
        """Give a blob, checked, to be read piece by piece."""
        return downloads.opened(self.asking, descriptor)

    def has(self, descriptor: Descriptor) -> bool:
        """Tell whether a blob or manifest is stored."""
        is_manifest = descriptor.media_type in mediatype.MANIFESTS
        if is_manifest:
            return self.resolve(str(descriptor.digest)) is not None
        answer = self.asking.ask("HEAD", f"/blobs/{descriptor.digest}", ANY)
        meaning = self.asking.meaning(Question.BLOB, answer)
        if meaning is Meaning.ASK_AGAIN:
            answer = self.asking.ask("GET", f"/blobs/{descriptor.digest}", ANY)
            meaning = self.asking.meaning(Question.BLOB, answer)
        if meaning in (Meaning.YES, Meaning.NO):
            return meaning is Meaning.YES
        raise self.asking.refusal(answer, meaning)

    def put_blob(self, descriptor: Descriptor, data: bytes | Content) -> None:
        """Upload a blob."""
        content = InMemory(data) if isinstance(data, bytes) else data
        opened = self._opened.pop(descriptor.digest, "")
        self._upload.put(descriptor, content, lambda: self.has(descriptor), opened)

    def mount(self, descriptor: Descriptor, source: Repository) -> bool:
        """Take a blob over from a sibling repository; False where it has to be uploaded.

        The upload that the registry opens instead is used by the next ``put_blob`` of the same blob. A token that is
        bound to one repository does not let the registry read the sibling, so then one for both is asked for.
        """
        if source.registry != self.repository.registry:
            return False
        path = f"/blobs/uploads/?mount={descriptor.digest}&from={source.path}"
        scope = self.asking.scope
        if self.asking.auth.bound:
            scope = Scope(scope.name, scope.actions, reading=source.path)
        call = Call(method="POST", target=self.asking.target(path), scope=scope, body=b"")
        try:
            answer = self.asking.send(call)
        except AuthError:
            return False  # the token service gives none for two repositories
        if answer.status == 202:
            self._opened[descriptor.digest] = self._upload.location(answer)
        elif answer.status >= 500:
            raise self.refusal(answer)
        return answer.status == 201

    def put_manifest(self, manifest: Manifest, name: str | None = None) -> None:
        """Store a manifest under its digest, and under the tag ``name``; checked from the answer.

        ConflictError where the tag may not be moved and holds something else.
        """
        manifests.put(self.asking, manifest, name)

    def put_referrer(self, manifest: Manifest) -> bool:
        """Store a manifest that has a subject, so that ``referrers`` finds it; its blobs are stored.

        Return whether a tag lists it, which a second writer may replace.
        """
        return referrers.add(self, manifest)

    def write(self, manifest: Manifest, name: str | None, *, matching: str = "") -> Answer:
        """PUT a manifest whose blobs are stored, only over the ETag ``matching`` if given; a refusal is returned."""
        return manifests.write(self.asking, manifest, name, matching=matching)

    def tags(self) -> tuple[str, ...]:
        """Return all tags of the repository; none where it does not exist."""
        return listing.tags(self._page, "/tags/list")

    def referrers(self, digest: Digest, artifact_type: str = "") -> tuple[Descriptor, ...]:
        """Return the descriptors of what refers to ``digest``: by the API, else by the tag ``sha256-…``."""
        return referrers.find(self, digest, artifact_type)

    def delete(self, target: str | Digest) -> bool:
        """Delete a tag, or a manifest by digest; False where it is not there."""
        scope = Scope(self.asking.scope.name, "pull,push,delete")
        path = self.asking.target(manifests.path_of(target))
        answer = self.asking.send(Call(method="DELETE", target=path, scope=scope))
        meaning = self.asking.meaning(Question.DELETED, answer)
        if meaning in (Meaning.YES, Meaning.NO):
            return meaning is Meaning.YES
        raise self.refusal(answer, meaning)

    @property
    def features(self) -> Capabilities:
        """What is known of the host."""
        return self.host.features

    def read(self, target: str, accept: str, *, limit: int, same_origin: bool = False) -> Answer:
        """Read a path below the repository or a URL, whatever the status."""
        return self.asking.send(
            Call(
                method="GET",
                target=self.asking.target(target),
                scope=self.asking.scope,
                headers={"Accept": accept},
                limit=limit,
                same_origin=same_origin,
            )
        )

    def meaning(self, question: Question, answer: Answer) -> Meaning:
        """Return what an answer means for a question."""
        return self.asking.meaning(question, answer)

    def refusal(self, answer: Answer, meaning: Meaning = Meaning.REFUSED) -> RegistryError:
        """Return the typed error for an answer that is not what was asked for."""
        return self.asking.refusal(answer, meaning)

    def _page(self, target: str) -> Answer | None:
        answer = self.read(target, "application/json", limit=listing.LIST_LIMIT)
        meaning = self.meaning(Question.TAGS, answer)
        if meaning is Meaning.NO:
            return None
        if meaning is Meaning.YES or listing.refuses_number(answer):
            return answer
        raise self.refusal(answer, meaning)
