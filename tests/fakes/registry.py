"""A registry in memory that checks what it is given as a real one does, with switches for what real ones do wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes.wire import Reply, Seen, WireServer, json_reply, refusal

_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_INDEX = "application/vnd.oci.image.index.v1+json"
_API = ("Docker-Distribution-Api-Version", "registry/2.0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Quirks:
    """What this registry does differently. The defaults are those of a plain, correct one."""

    # uploads
    location: Callable[[str, str], str] = lambda base, path: base + path
    """From the registry's URL and the path of an upload (with ``_state``) to the Location sent."""
    single_post: bool = False
    put_status: int = 201
    forget_uploads: int = 0
    """The number of uploads that are gone when their PUT comes."""
    gone_status: int = 404
    drop_posts: int = 0
    most_at_once: int = 0
    """The bytes of the largest body that is taken; 0 for any."""
    chunk_min: int = 0
    mount: bool = True
    # manifests
    digest_header: bool = True
    wrong_digest: str = ""
    accept_needed: bool = True
    unread_after_write: int = 0
    """The number of reads of a manifest that answer 404 after its PUT."""
    lose_manifest_answers: int = 0
    """The number of manifest PUTs that are stored and then not answered."""
    immutable: Reply | None = None
    """The refusal of a PUT to a tag that exists."""
    media_types: tuple[str, ...] = ()
    # lists
    page: int = 0
    most_entries: int = 0
    """The largest ``n`` that is not refused; 0 for any."""
    head_status: int = 0
    """The status of every HEAD of a manifest, whatever is there; 0 for the right one."""
    ranges: bool = True
    referrers: bool = False
    subject_header: bool | None = None
    """Whether OCI-Subject is sent; None: as far as referrers are supported."""
    referrers_reply: Reply | None = None
    # look-ups
    missing_status: int = 404
    api_header: bool = True
    warning: str = ""
    cookie: str = ""
    # authorization
    challenge: Sequence[str] | None = None
    """The WWW-Authenticate headers; None: the right ones. Empty: none."""
    refusal_status: int = 401
    anonymous_read: bool = False
    realm: str = ""
    expires_in: int | None = 300
    token_key: str = "token"
    token_kind: str = "opaque"
    """``opaque``, ``jwt`` (says what it is for) or ``same`` (one for all)."""
    token_scope: str = "repository"
    """``repository``: good for that one; ``host``: for all."""
    token_lifetime: float = 300.0
    oauth: bool = False
    post_token_status: int = 405
    new_needs_push: bool = False
    """A token that may only pull gets 401 for a repository that does not exist."""


@dataclass(kw_only=True)
class _Store:
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


class FakeRegistry:
    """The server and its state. ``users`` turns authorization on: ``auth`` is ``basic`` or ``token``."""

    def __init__(
        self,
        quirks: Quirks | None = None,
        *,
        users: dict[str, str] | None = None,
        auth: str = "",
        identity_tokens: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.quirks = quirks or Quirks()
        self.users = users or {}
        self.auth = auth
        self.identity_tokens = tuple(identity_tokens)
        self.stores: dict[str, _Store] = {}
        self.uploads: dict[str, str] = {}
        self.parts: dict[str, bytes] = {}
        self.tokens: dict[str, tuple[str, str, float]] = {}
        self.script: list[tuple[str, Reply]] = []
        self._counts: dict[str, int] = {}
        self._lock = threading.RLock()
        self.server = WireServer(answer=self.answer, tls=tls)

    @property
    def host(self) -> str:
        return self.server.host

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def seen(self) -> list[Seen]:
        return self.server.seen

    def lines(self) -> list[str]:
        """Return the requests, uploads shortened to ``UPLOAD`` and digests to ``DIGEST``."""
        found = [re.sub(r"/uploads/[0-9a-f]{32}[^ ]*", "/UPLOAD", line) for line in self.server.lines()]
        return [re.sub(r"sha256:[0-9a-f]{64}", "DIGEST", line) for line in found]

    def next(self, pattern: str, *replies: Reply) -> None:
        """Answer the next requests whose ``METHOD target`` matches ``pattern`` with ``replies``."""
        with self._lock:
            self.script.extend((pattern, reply) for reply in replies)

    def close(self) -> None:
        self.server.close()

    def answer(self, seen: Seen) -> Reply:
        with self._lock:
            for number, (pattern, reply) in enumerate(self.script):
                if re.search(pattern, seen.line):
                    del self.script[number]
                    return reply
            reply = self._token(seen) if seen.path == "/token" else self._checked(seen)
            extra = [(("Warning", self.quirks.warning))] if self.quirks.warning else []
            extra += [("Set-Cookie", self.quirks.cookie)] if self.quirks.cookie else []
            extra += [_API] if self.quirks.api_header and seen.path != "/token" else []
            return replace(reply, headers=(*reply.headers, *extra)) if extra else reply

    def _once(self, name: str, times: int) -> bool:
        """Tell whether a quirk that happens ``times`` times happens now."""
        self._counts[name] = self._counts.get(name, 0) + 1
        return self._counts[name] <= times

    # authorization

    def _checked(self, seen: Seen) -> Reply:
        found = re.fullmatch(rf"/v2/({_NAME})/(manifests|blobs|tags|referrers)/(.*)", seen.path)
        name = found.group(1) if found else ""
        if (denied := self._denied(seen, name)) is not None:
            return denied
        if seen.path == "/v2/":
            return json_reply(200, "{}")
        if not found:
            return refusal(404, "NAME_INVALID", "invalid repository name")
        kind, rest = found.group(2), found.group(3)
        if kind == "tags":
            return self._tags(seen, name)
        if kind == "referrers":
            return self._referrers(seen, name, rest)
        if kind == "manifests":
            return self._manifest(seen, name, rest)
        return self._blob(seen, name, rest)

    def _denied(self, seen: Seen, name: str) -> Reply | None:
        if not self.auth:
            return None
        scheme, _, value = seen.headers.get("authorization", "").partition(" ")
        if self.quirks.anonymous_read and not scheme and seen.method in ("GET", "HEAD"):
            return None
        if self.auth == "basic":
            if scheme == "Basic" and self._user(value):
                return None
        elif scheme == "Bearer" and self._allowed(value, seen, name):
            return None
        return refusal(
            self.quirks.refusal_status, "UNAUTHORIZED", "authentication required", *self._challenges(name)
        )

    def _challenges(self, name: str) -> list[tuple[str, str]]:
        if self.quirks.challenge is not None:
            return [("WWW-Authenticate", value) for value in self.quirks.challenge]
        if self.auth == "basic":
            return [("WWW-Authenticate", 'Basic realm="A Registry, of sorts"')]
        realm = self.quirks.realm or f"{self.url}/token"
        scope = f',scope="repository:{name}:pull"' if name else ""
        return [("WWW-Authenticate", f'Bearer realm="{realm}",service="fake"{scope}')]

    def _user(self, value: str) -> str:
        try:
            user, _, password = base64.b64decode(value).decode().partition(":")
        except ValueError:
            return ""
        return user if user and self.users.get(user) == password else ""

    def _allowed(self, token: str, seen: Seen, name: str) -> bool:
        bound, actions, until = self.tokens.get(token, ("", "", 0.0))
        if time.monotonic() > until:
            return False
        needed = "pull" if seen.method in ("GET", "HEAD") else "push"
        if not name:
            return True
        if self.quirks.new_needs_push and name not in self.stores and "push" not in actions:
            return False
        return (bound.split(" ")[0] == name or self.quirks.token_scope == "host") and needed in actions.split(
            ","
        )

    def _token(self, seen: Seen) -> Reply:
        query = parse_qs(urlsplit(seen.target).query)
        if seen.method == "POST":
            query = parse_qs(seen.body.decode())
            if not self.quirks.oauth:
                return refusal(self.quirks.post_token_status, "UNSUPPORTED", "no oauth here")
            if query.get("refresh_token", [""])[0] not in self.identity_tokens:
                return refusal(401, "UNAUTHORIZED", "not a refresh token")
        scheme, _, value = seen.headers.get("authorization", "").partition(" ")
        known = self._user(value) or (scheme == "Basic" and self._identity(value))
        if (scheme and not known) or scheme not in ("", "Basic"):
            return refusal(401, "UNAUTHORIZED", "wrong password")
        scopes = query.get("scope", [])
        if len(scopes) == 2 and re.fullmatch(rf"repository:({_NAME}):pull", scopes[1]):
            return self._issued(" ".join(scope.split(":")[1] for scope in scopes), scopes[0].split(":")[2])
        if len(scopes) != 1 or " " in scopes[0]:
            return refusal(400, "UNSUPPORTED", "exactly one scope, please")
        found = re.fullmatch(rf"repository:({_NAME}):([a-z,]+)", query["scope"][0])
        name, actions = (found.group(1), found.group(2)) if found else ("", "pull")
        if not known and seen.method == "GET":
            actions = ",".join(action for action in actions.split(",") if action == "pull")
        return self._issued(name, actions)

    def _identity(self, value: str) -> bool:
        return base64.b64decode(value).decode().partition(":")[2] in self.identity_tokens

    def _issued(self, name: str, actions: str) -> Reply:
        token = secrets.token_hex(16)
        if self.quirks.token_kind == "same":
            token = "5a" * 16
        elif self.quirks.token_kind == "jwt":
            claims = json.dumps({"access": [{"type": "repository", "name": name}], "jti": token}).encode()
            token = f"e30.{base64.urlsafe_b64encode(claims).rstrip(b'=').decode()}.c2ln"
        self.tokens[token] = (name, actions, time.monotonic() + self.quirks.token_lifetime)
        document: dict[str, Any] = {self.quirks.token_key: token}
        if self.quirks.expires_in is not None:
            document["expires_in"] = self.quirks.expires_in
        return json_reply(200, json.dumps(document))

    # blobs

    def _blob(self, seen: Seen, name: str, rest: str) -> Reply:
        if rest == "uploads/" and seen.method == "POST":
            return self._post(seen, name)
        if rest.startswith("uploads/") and seen.method in ("PUT", "PATCH", "DELETE"):
            return self._upload(seen, name, rest.removeprefix("uploads/"))
        if seen.method not in ("GET", "HEAD"):
            return refusal(405, "UNSUPPORTED", "not allowed")
        data = self.stores.get(name, _Store()).blobs.get(rest)
        if data is None:
            return refusal(404, "BLOB_UNKNOWN", "blob unknown to registry")
        headers = (("Content-Type", "application/octet-stream"), ("Docker-Content-Digest", rest))
        asked = re.fullmatch(r"bytes=([0-9]+)-", seen.headers.get("range", ""))
        if asked and self.quirks.ranges:
            start = int(asked.group(1))
            whole = ("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            return Reply(status=206, headers=(*headers, whole), body=data[start:])
        return Reply(status=200, headers=headers, body=data, length=len(data))

    def _post(self, seen: Seen, name: str) -> Reply:
        query = parse_qs(urlsplit(seen.target).query)
        store = self.stores.setdefault(name, _Store())
        if self._once("post", self.quirks.drop_posts):
            return Reply(drop=True)
        if 0 < self.quirks.most_at_once < len(seen.body):
            return Reply(status=413, body=b"<html><title>Request Entity Too Large</title></html>")
        if "mount" in query and self._may_read(seen, query.get("from", [""])[0]):
            digest, source = query["mount"][0], query.get("from", [""])[0]
            data = self.stores.get(source, _Store()).blobs.get(digest)
            if self.quirks.mount and data is not None:
                store.blobs[digest] = data
                return Reply(status=201, headers=(("Location", f"/v2/{name}/blobs/{digest}"),))
        if self.quirks.single_post and "digest" in query:
            if seen.headers.get("content-type") != "application/octet-stream":
                return refusal(415, "UNSUPPORTED", "not octets")
            return self._store_blob(name, query["digest"][0], seen.body, 201)
        upload = secrets.token_hex(16)
        self.uploads[upload] = name
        path = f"/v2/{name}/blobs/uploads/{upload}?_state=a%7Eb%2Fc%2B%20d"
        least = (("OCI-Chunk-Min-Length", str(self.quirks.chunk_min)),) if self.quirks.chunk_min else ()
        return Reply(status=202, headers=(("Location", self.quirks.location(self.url, path)), *least))

    def _may_read(self, seen: Seen, name: str) -> bool:
        """Tell whether a token lets the registry read the repository that a blob is mounted from."""
        if self.auth != "token" or self.quirks.token_scope == "host":
            return True
        bound, *_ = self.tokens.get(seen.headers.get("authorization", "").partition(" ")[2], ("", "", 0.0))
        return name in bound.split(" ")

    def _upload(self, seen: Seen, name: str, upload: str) -> Reply:
        if 0 < self.quirks.most_at_once < len(seen.body):
            return Reply(status=413, body=b"<html><title>Request Entity Too Large</title></html>")
        if seen.method == "PUT":
            return self._put(seen, name, upload)
        known = upload.rpartition("/")[2]
        if self.uploads.get(known) != name:
            return refusal(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        if seen.method == "DELETE":
            del self.uploads[known]
            return Reply(status=204)
        held = self.parts.get(known, b"")
        if seen.headers.get("content-range") != f"{len(held)}-{len(held) + len(seen.body) - 1}":
            return Reply(status=416, headers=(("Range", f"0-{len(held) - 1}"),))
        self.parts[known] = held + seen.body
        path = f"/v2/{name}/blobs/uploads/{known}?_state=a%7Eb%2Fc%2B%20d"
        return Reply(status=202, headers=(("Location", self.quirks.location(self.url, path)),))

    def _put(self, seen: Seen, name: str, upload: str) -> Reply:
        query = urlsplit(seen.target).query
        if not query.startswith("_state=a%7Eb%2Fc%2B%20d&digest="):
            return refusal(400, "BLOB_UPLOAD_INVALID", "the state is not the one that was issued")
        if seen.headers.get("content-type") != "application/octet-stream" or "content-range" in seen.headers:
            return refusal(400, "BLOB_UPLOAD_INVALID", "not a monolithic upload")
        known = self.uploads.pop(upload.rpartition("/")[2], "") == name
        if not known or self._once("gone", self.quirks.forget_uploads):
            return refusal(self.quirks.gone_status, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        data = self.parts.pop(upload.rpartition("/")[2], b"") + seen.body
        return self._store_blob(name, unquote(query.rpartition("digest=")[2]), data, self.quirks.put_status)

    def _store_blob(self, name: str, digest: str, data: bytes, status: int) -> Reply:
        if not _DIGEST.fullmatch(digest) or not _matches(digest, data):
            return refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        self.stores.setdefault(name, _Store()).blobs[digest] = data
        return Reply(status=status, headers=(("Docker-Content-Digest", digest),))

    # manifests

    def _manifest(self, seen: Seen, name: str, reference: str) -> Reply:
        if not _TAG.fullmatch(reference) and not _DIGEST.fullmatch(reference):
            return refusal(404, "MANIFEST_UNKNOWN", "not a tag")
        if seen.method == "PUT":
            return self._put_manifest(seen, name, reference)
        store = self.stores.get(name)
        if seen.method == "HEAD" and self.quirks.head_status:
            return refusal(self.quirks.head_status, "MANIFEST_UNKNOWN", "manifest unknown")
        if store is None:
            return refusal(
                self.quirks.missing_status, "NAME_UNKNOWN", "repository name not known to registry"
            )
        if seen.method == "DELETE":
            return self._delete(store, reference)
        digest = store.tags.get(reference, reference)
        found = store.manifests.get(digest)
        if found is None or self._once(f"unread {reference}", self.quirks.unread_after_write):
            return refusal(self.quirks.missing_status, "MANIFEST_UNKNOWN", "manifest unknown")
        if self.quirks.accept_needed and found[0] not in seen.headers.get("accept", ""):
            return refusal(
                404, "MANIFEST_UNKNOWN", "OCI manifest found, but accept header does not support it"
            )
        return Reply(status=200, headers=self._described(digest, found[0]), body=found[1])

    def _described(self, digest: str, media_type: str) -> tuple[tuple[str, str], ...]:
        stated = (("Docker-Content-Digest", self.quirks.wrong_digest or digest),)
        return (("Content-Type", media_type), *(stated if self.quirks.digest_header else ()))

    def _put_manifest(self, seen: Seen, name: str, reference: str) -> Reply:
        store = self.stores.setdefault(name, _Store())
        algorithm = reference.partition(":")[0] if ":" in reference else "sha256"
        digest = f"{algorithm}:{hashlib.new(algorithm, seen.body).hexdigest()}"
        media_type = seen.headers.get("content-type", "")
        if (problem := self._problem(store, seen.body, media_type)) is not None:
            return problem
        if ":" in reference and reference != digest:
            return refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        if self.quirks.immutable is not None and reference in store.tags:
            return self.quirks.immutable
        store.manifests[digest] = (media_type, seen.body)
        if ":" not in reference:
            store.tags[reference] = digest
        if self._once("lost", self.quirks.lose_manifest_answers):
            return Reply(drop=True)
        subject = json.loads(seen.body).get("subject")
        sent = self.quirks.referrers if self.quirks.subject_header is None else self.quirks.subject_header
        extra = [("OCI-Subject", subject["digest"])] if subject and sent else []
        headers = [("Location", f"/v2/{name}/manifests/{digest}"), *extra]
        headers += self._described(digest, media_type)[1:]
        return Reply(status=201, headers=headers)

    def _problem(self, store: _Store, body: bytes, media_type: str) -> Reply | None:
        try:
            document = json.loads(body)
        except ValueError:
            return refusal(400, "MANIFEST_INVALID", "not JSON")
        if document.get("mediaType", media_type) != media_type:
            return refusal(400, "MANIFEST_INVALID", "the media type is not that of the request")
        config = document.get("config") or {}
        if self.quirks.media_types and config.get("mediaType") not in self.quirks.media_types:
            return refusal(415, "MANIFEST_INVALID", "unknown media type")
        wanted = [*document.get("layers", ()), *([config] if config else ())]
        for blob in wanted:
            if len(store.blobs.get(blob["digest"], b"")) != blob["size"]:
                return refusal(404, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")
        for child in document.get("manifests", ()):
            if child["digest"] not in store.manifests:
                return refusal(404, "MANIFEST_BLOB_UNKNOWN", "manifest unknown to registry")
        return None

    def _delete(self, store: _Store, reference: str) -> Reply:
        if ":" not in reference:
            found = store.tags.pop(reference, None)
            return Reply(status=202) if found else refusal(404, "MANIFEST_UNKNOWN", "manifest unknown")
        if store.manifests.pop(reference, None) is None:
            return refusal(404, "MANIFEST_UNKNOWN", "manifest unknown")
        store.tags = {tag: digest for tag, digest in store.tags.items() if digest != reference}
        return Reply(status=202)

    # lists

    def _tags(self, seen: Seen, name: str) -> Reply:
        store = self.stores.get(name)
        if store is None:
            return refusal(
                self.quirks.missing_status, "NAME_UNKNOWN", "repository name not known to registry"
            )
        query = parse_qs(urlsplit(seen.target).query)
        if 0 < self.quirks.most_entries < int(query.get("n", ["0"])[0]):
            return refusal(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested")
        after = query.get("last", [""])[0]
        found = sorted(tag for tag in store.tags if tag > after)
        size = self.quirks.page or len(found)
        headers = []
        if len(found) > size:
            link = f"/v2/{name}/tags/list?n={size}&last={found[size - 1]}"
            headers.append(("Link", f'<{link}>; rel="next"'))
        return json_reply(200, json.dumps({"name": name, "tags": found[:size] or None}), *headers)

    def _referrers(self, seen: Seen, name: str, digest: str) -> Reply:
        if self.quirks.referrers_reply is not None:
            return self.quirks.referrers_reply
        if not self.quirks.referrers:
            return refusal(404, "UNSUPPORTED", "no such route")
        wanted = parse_qs(urlsplit(seen.target).query).get("artifactType", [""])[0]
        entries = []
        for stored, (media_type, body) in self.stores.get(name, _Store()).manifests.items():
            document = json.loads(body)
            if (document.get("subject") or {}).get("digest") != digest:
                continue
            kind = document.get("artifactType") or document.get("config", {}).get("mediaType", "")
            entry = {"mediaType": media_type, "digest": stored, "size": len(body), "artifactType": kind}
            if document.get("annotations"):
                entry["annotations"] = document["annotations"]
            if wanted in ("", kind):
                entries.append(entry)
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}
        filtered = (("OCI-Filters-Applied", "artifactType"),) if wanted else ()
        return Reply(
            status=200, headers=(("Content-Type", _INDEX), *filtered), body=json.dumps(index).encode()
        )


def _matches(digest: str, data: bytes) -> bool:
    algorithm, _, expected = digest.partition(":")
    return hashlib.new(algorithm, data).hexdigest() == expected
