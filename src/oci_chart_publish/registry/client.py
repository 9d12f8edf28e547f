"""A repository of a registry as a store of artifacts (OCI distribution specification)."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from oci_chart_publish.errors import AuthError, ConflictError, RegistryError, VerificationError
from oci_chart_publish.http.address import redact
from oci_chart_publish.http.answer import Answer
from oci_chart_publish.http.auth import Authorizer
from oci_chart_publish.http.tokens import Scope
from oci_chart_publish.oci import descriptor as mediatype
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import MANIFEST_LIMIT, Manifest
from oci_chart_publish.oci.reference import Repository, check_tag
from oci_chart_publish.registry import listing, referrers
from oci_chart_publish.registry import profiles as hints
from oci_chart_publish.registry import refusals as faults
from oci_chart_publish.registry.capabilities import Capabilities
from oci_chart_publish.registry.host import SMALL, Call, Host
from oci_chart_publish.registry.uploads import Upload

_ACCEPT = {"Accept": ", ".join(mediatype.MANIFESTS)}
_ANY = {"Accept": "*/*"}
_NOTHING_THERE = frozenset({"MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND", "UNKNOWN", "BLOB_UNKNOWN"})
_READS_AFTER_WRITE = 4
_UNSETTLED = "MANIFEST_BLOB_UNKNOWN"
_MAY_BE_IMMUTABLE = frozenset({400, 403, 409, 412})
_STORED = frozenset({200, 201, 202, 204})


class Presence(StrEnum):
    """What a look-up showed."""

    PRESENT = "present"
    ABSENT = "absent"
    HIDDEN = "hidden"
    """401 or 403: the registry does not say."""


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of looking a tag or digest up.

    ``error`` is the refusal of a hidden one; ``maybe_absent`` is set where the registry is known to answer so
    for what does not exist.
    """

    presence: Presence
    descriptor: Descriptor | None = None
    maybe_absent: bool = False
    error: AuthError | None = None


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
        self._auth = auth
        self._scope = Scope(repository.path, actions)
        self._path = f"/v2/{repository.path}"
        self._upload = Upload(host, auth, self._scope, cross_host=cross_host_uploads)
        self._opened: dict[Digest, str] = {}

    @property
    def title(self) -> str:
        """How messages name this repository."""
        return str(self.repository)

    def resolve(self, name: str) -> Descriptor | None:
        """Return the descriptor of a tag (or digest); None only for a genuine "not found".

        AuthError where the registry does not say, unless it is known to answer so for what is not there.
        """
        found = self.lookup(name)
        if found.error is not None and not found.maybe_absent:
            raise found.error
        return found.descriptor

    def lookup(self, name: str) -> Lookup:
        """Look a tag (or digest) up and tell present, absent and hidden apart; RegistryError for the rest."""
        path = _path(name)
        answer = self._ask("HEAD", path, _ACCEPT)
        if answer.status == 200:
            return Lookup(presence=Presence.PRESENT, descriptor=self._described(answer, name))
        if self._is_absent(answer, path):
            return Lookup(presence=Presence.ABSENT)
        error = self._explained(answer, path)
        if isinstance(error, AuthError):
            known = error.status in self.host.kind.absent
            return Lookup(presence=Presence.HIDDEN, maybe_absent=known, error=error)
        raise error

    def manifest(self, target: str | Digest) -> Manifest | None:
        """Read the manifest of a tag or digest and check it; None only for a genuine "not found"."""
        path = _path(target)
        answer = self._ask("GET", path, _ACCEPT, limit=MANIFEST_LIMIT)
        if answer.status != 200:
            if self._is_absent(answer, path):
                return None
            raise self._explained(answer, path)
        return self._manifest(answer, target)

    def blob(self, descriptor: Descriptor) -> bytes:
        """Read a blob: never more than its descriptor says, and checked against it."""
        answer = self._ask("GET", f"/blobs/{descriptor.digest}", _ANY, limit=descriptor.size)
        if answer.status != 200:
            raise self.refusal(answer)
        self._plain(answer)
        origin = f"GET {redact(answer.url)}"
        if not answer.whole:
            raise VerificationError(
                f"{origin}: {descriptor.digest} has more than its {descriptor.size} bytes"
            )
        descriptor.check(answer.body, origin)
        return answer.body

    def has(self, descriptor: Descriptor) -> bool:
        """Tell whether a blob or manifest is stored."""
        kind = "manifests" if descriptor.media_type in mediatype.MANIFESTS else "blobs"
        path = f"/{kind}/{descriptor.digest}"
        answer = self._ask("HEAD", path, _ACCEPT if kind == "manifests" else _ANY)
        if answer.status == 200:
            return True
        if self._is_absent(answer, path):
            return False
        raise self._explained(answer, path)

    def put_blob(self, descriptor: Descriptor, data: bytes) -> None:
        """Upload a blob."""
        self._upload.put(
            descriptor, data, lambda: self.has(descriptor), self._opened.pop(descriptor.digest, "")
        )

    def mount(self, descriptor: Descriptor, source: Repository) -> bool:
        """Take a blob over from a sibling repository; False where it has to be uploaded.

        The upload that the registry opens instead is used by the next ``put_blob`` of the same blob. A token
        that is bound to one repository may not read the sibling, so then the registry is not asked.
        """
        if source.registry != self.repository.registry or self._auth.bound:
            return False
        target = f"/blobs/uploads/?mount={descriptor.digest}&from={source.path}"
        answer = self._ask("POST", target, {}, body=b"")
        if answer.status == 202:
            self._opened[descriptor.digest] = self._upload.location(answer)
        elif answer.status >= 500:
            raise self.refusal(answer)
        return answer.status == 201

    def put_manifest(self, manifest: Manifest, name: str | None = None) -> None:
        """Store a manifest under its digest, and under the tag ``name``; checked from the answer.

        ConflictError where the tag may not be moved and holds something else. Registries refuse to write an
        immutable tag even with what it holds, which is a success here.
        """
        answer = self.write(manifest, name)
        if answer.status in _STORED:
            return
        refused = self.refusal(answer)
        if name is None or answer.status not in _MAY_BE_IMMUTABLE:
            raise refused
        found = self.lookup(name).descriptor
        if found is None or (found.digest != manifest.descriptor.digest and not faults.is_immutable(answer)):
            raise refused
        if found.digest != manifest.descriptor.digest:
            raise ConflictError(
                f"{refused.message}; {self.repository}:{name} is {found.digest}, not {manifest.descriptor.digest}",
                hint="the tag is immutable: publish the content as a new version",
            )

    def put_referrer(self, manifest: Manifest) -> bool:
        """Store a manifest that has a subject, so that ``referrers`` finds it; its blobs are stored.

        Return whether a tag lists it, which a second writer may replace.
        """
        return referrers.add(self, manifest)

    def write(self, manifest: Manifest, name: str | None, *, matching: str = "") -> Answer:
        """PUT a manifest whose blobs are stored, only over the ETag ``matching`` if given; a refusal is returned."""
        digest = manifest.descriptor.digest
        path = _path(name or digest)
        condition = {"If-Match": matching} if matching else {}
        call = Call(
            method="PUT",
            target=self._path + path,
            scope=self._scope,
            headers={"Content-Type": manifest.descriptor.media_type, **condition},
            body=manifest.data,
            recheck=lambda: self._stored(path, digest),
        )
        answer = self._settled(call)
        if answer.status in _STORED:
            stated = answer.header("Docker-Content-Digest") or self._read_back(path)
            if stated != str(digest):
                raise VerificationError(
                    f"PUT {redact(answer.url)}: {digest} was sent, the registry has {stated[:100]}"
                )
        return answer

    def tags(self) -> tuple[str, ...]:
        """Return all tags of the repository; none where it does not exist."""
        return listing.tags(self._page, "/tags/list?n=1000")

    def referrers(self, digest: Digest, artifact_type: str = "") -> tuple[Descriptor, ...]:
        """Return the descriptors of what refers to ``digest``: by the API, else by the tag ``sha256-…``."""
        return referrers.find(self, digest, artifact_type)

    def delete(self, target: str | Digest) -> bool:
        """Delete a tag, or a manifest by digest; False where it is not there."""
        path = _path(target)
        scope = Scope(self._scope.name, "pull,push,delete")
        answer = self.host.request(Call(method="DELETE", target=self._path + path, scope=scope), self._auth)
        if answer.status in (200, 202, 204):
            return True
        if answer.status == 404 and self._is_absent(answer, path):
            return False
        raise self.refusal(answer)

    @property
    def features(self) -> Capabilities:
        """What is known of the host."""
        return self.host.features

    def read(self, target: str, accept: str, *, limit: int, same_origin: bool = False) -> Answer:
        """Read a path below the repository or a URL, whatever the status."""
        call = Call(
            method="GET",
            target=target if "://" in target[:8] else self._path + target,
            scope=self._scope,
            headers={"Accept": accept},
            limit=limit,
            same_origin=same_origin,
        )
        return self.host.request(call, self._auth)

    def refusal(self, answer: Answer) -> RegistryError:
        """Return the typed error for an answer that is not what was asked for."""
        credential, hint = self._auth.credential, ""
        ours = self.host.is_ours(answer.url)
        if credential is None and answer.status in (401, 403) and ours:
            hint = self.host.login_hint
        elif credential is not None and answer.status == 401 and ours and self.host.kind is hints.GENERIC:
            hint = credential.refused
        error = faults.refusal(answer, kind=self.host.kind, path=self.repository.path, hint=hint)
        if isinstance(error, AuthError):
            error.login_refused = ours and self._auth.login_refused(answer)
        return error

    def is_absent(self, answer: Answer) -> bool:
        """Tell whether a 404 with a body comes from the registry and means "not there"."""
        return self._is_absent(answer, "")

    def _ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        *,
        body: bytes | None = None,
        limit: int = SMALL,
    ) -> Answer:
        call = Call(
            method=method,
            target=self._path + path,
            scope=self._scope,
            headers=headers,
            body=body,
            limit=max(limit, SMALL) if method != "GET" else limit,
        )
        return self.host.request(call, self._auth)

    def _page(self, target: str) -> Answer | None:
        answer = self.read(target, "application/json", limit=MANIFEST_LIMIT)
        if answer.status == 200:
            return answer
        if self._is_absent(answer, ""):
            return None
        raise self._explained(answer, "")

    def _described(self, answer: Answer, name: str) -> Descriptor:
        """Return the descriptor from the headers of a HEAD, else read the manifest to know it."""
        stated, size = answer.header("Docker-Content-Digest"), answer.header("Content-Length")
        media_type = answer.header("Content-Type").partition(";")[0].strip()
        digest = _digest(stated)
        if digest is not None and size.isdigit() and media_type in mediatype.MANIFESTS:
            if ":" in name and stated != name:
                raise VerificationError(f"HEAD {redact(answer.url)}: asked for {name}, got {digest}")
            return Descriptor(media_type=media_type, digest=digest, size=int(size))
        found = self.manifest(Digest.parse(name) if ":" in name else name)
        if found is None:
            raise RegistryError(
                f"GET {redact(answer.url)}: not found, although HEAD found it", status=404, temporary=True
            )
        return found.descriptor

    def _manifest(self, answer: Answer, target: str | Digest) -> Manifest:
        self._plain(answer)
        origin = f"GET {redact(answer.url)}"
        if not answer.whole:
            raise VerificationError(f"{origin}: a manifest of more than {MANIFEST_LIMIT} bytes")
        wanted = target if isinstance(target, Digest) else _digest(answer.header("Docker-Content-Digest"))
        if wanted is not None and not wanted.matches(answer.body):
            raise VerificationError(f"{origin}: the bytes do not have the digest {wanted}")
        media_type = answer.header("Content-Type").partition(";")[0].strip()
        return Manifest.parse(answer.body, media_type)

    def _is_absent(self, answer: Answer, path: str) -> bool:
        """Tell whether an answer means "not there": a 404 of the registry, not of a page before it."""
        if answer.status != 404:
            return False
        if set(faults.codes_of(answer)) & _NOTHING_THERE:
            return True
        if answer.method == "HEAD" and "json" in answer.header("Content-Type").lower():
            return self.host.speaks() or self._says_absent(path)
        return self.host.speaks()

    def _says_absent(self, path: str) -> bool:
        answer = self._ask("GET", path, _ACCEPT)
        return answer.status == 404 and bool(set(faults.codes_of(answer)) & _NOTHING_THERE)

    def _explained(self, answer: Answer, path: str) -> RegistryError:
        """Return the error for a refused HEAD, which has no body: a GET says why."""
        if answer.status == 404:
            return RegistryError(
                f"{answer.method} {redact(answer.url)}: 404, and nothing there speaks the registry API",
                status=404,
                hint=f"is {self.host.name} the registry, and is no proxy before it?",
            )
        if answer.method != "HEAD":
            return self.refusal(answer)
        told = self._ask("GET", path, _ACCEPT if "/manifests/" in path else _ANY)
        return self.refusal(told if told.status == answer.status else answer)

    def _stored(self, path: str, digest: Digest) -> Answer | None:
        """Return the answer to a look-up where the manifest is there already, although its PUT was not answered."""
        answer = self._ask("HEAD", path, _ACCEPT)
        if answer.status != 200:
            return None
        found = self._described(answer, path.removeprefix("/manifests/"))
        return answer if found.digest == digest else None

    def _settled(self, call: Call) -> Answer:
        """Send a manifest whose blobs are stored, and again where the registry says that it lacks one of them.

        A Docker Distribution that stores on a disk empties the link to a blob for a moment when a second writer brings
        the same blob, and one that copies between places may need a moment of its own.
        """
        for attempt in range(1, _READS_AFTER_WRITE):
            answer = self.host.request(call, self._auth)
            if _UNSETTLED not in faults.codes_of(answer):
                return answer
            self.host.patience.sleep(self.host.patience.base * attempt)
        return self.host.request(call, self._auth)

    def _read_back(self, path: str) -> str:
        """Return the digest a registry now has under ``path``; some answer 404 right after a 201."""
        for attempt in range(_READS_AFTER_WRITE):
            if attempt:
                self.host.patience.sleep(self.host.patience.base * attempt)
            head = self._ask("HEAD", path, _ACCEPT)
            if head.status == 200 and (stated := head.header("Docker-Content-Digest")):
                return stated
            if head.status == 200 and (found := self.manifest(path.removeprefix("/manifests/"))):
                return str(found.descriptor.digest)
        return "nothing"

    def _plain(self, answer: Answer) -> None:
        if answer.encoded:
            encoding = answer.header("Content-Encoding")[:50]
            raise VerificationError(
                f"{answer.method} {redact(answer.url)}: sent with Content-Encoding {encoding!r}, unasked",
                hint="a proxy between here and the registry compresses; digests are of the bytes as stored",
            )


def _digest(stated: str) -> Digest | None:
    """Read a digest header; None where it is missing or rubbish, so that the bytes are asked."""
    try:
        return Digest.parse(stated)
    except VerificationError:
        return None


def _path(target: str | Digest) -> str:
    """Return the path of a manifest; ConfigError for a tag, VerificationError for a digest that is none."""
    if isinstance(target, str):
        target = Digest.parse(target) if ":" in target else check_tag(target, target)
    return f"/manifests/{target}"
