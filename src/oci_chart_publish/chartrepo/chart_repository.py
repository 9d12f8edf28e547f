"""Chart repositories: an index.yaml and archives behind http(s), as Helm reads them (``pkg/repo/v1/chartrepo.go``).

Every answer is material of a stranger: redirects and archives of any host are followed by the rules of the registry
client, the credentials stay with the origin of the repository, and nothing is read beyond a limit.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import threading
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from oci_chart_publish import __version__
from oci_chart_publish.chartrepo.repository_index import RepositoryIndex
from oci_chart_publish.errors import AuthError, NotFoundError, RegistryError
from oci_chart_publish.http import redirects
from oci_chart_publish.http.address import origin_of, redact
from oci_chart_publish.http.answer import Answer, ConnectionFailed, Transporting
from oci_chart_publish.http.credentials import Credentials
from oci_chart_publish.http.retry import Budget, RetryPolicy, is_transient
from oci_chart_publish.http.waiting import Waiting
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.singleflight import SingleFlight

_FILE_LIMIT = 80 * 1024 * 1024


class CachedIndex(msgspec.Struct, frozen=True):
    """An index, and the ETag and the date of its last change as the server wrote them."""

    data: bytes
    etag: str = ""
    modified: str = ""

    @property
    def conditions(self) -> dict[str, str]:
        """The headers that ask for the index only if it has changed; none where the server gave nothing for them."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in asked.items() if value}


class IndexCache(msgspec.Struct, frozen=True):
    """The indexes in ``folder``. Threads and processes may share it; it never raises."""

    folder: Path

    def load(self, url: str) -> CachedIndex | None:
        """Return what was stored for the repository at ``url``, None where there is nothing whole."""
        try:
            with self._path(url).open("rb") as file:
                content = file.read(_FILE_LIMIT)
        except OSError:
            return None
        line, _, data = content.partition(b"\n")
        with suppress(ValueError, RecursionError):
            match json.loads(line):
                case {"sha256": digest, "etag": str(etag), "modified": str(modified)}:
                    if digest == hashlib.sha256(data).hexdigest():
                        return CachedIndex(data, etag, modified)
                case _:
                    pass
        return None

    def store(self, url: str, index: CachedIndex) -> None:
        """Keep an index; readable by its owner alone, since it may be a private one."""
        line = {
            "sha256": hashlib.sha256(index.data).hexdigest(),
            "etag": index.etag,
            "modified": index.modified,
        }
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".index-", dir=self.folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(json.dumps(line).encode() + b"\n")
                    file.write(index.data)
                Path(name).replace(self._path(url))
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise

    def _path(self, url: str) -> Path:
        # The query of a URL may be a secret, so the URL is written nowhere.
        return self.folder / f"{hashlib.sha256(url.encode()).hexdigest()}.index"


INDEX_LIMIT = 64 * 1024 * 1024
"""Bytes of an index, as sent and decompressed."""
ARCHIVE_LIMIT = 100 * 1024 * 1024
"""Bytes of an archive, as it is sent."""
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def _keep_quiet(_text: str) -> None:
    return None


class ChartRepositories(msgspec.Struct, frozen=True, kw_only=True):
    """The chart repositories of a run. Safe for threads.

    ``folder`` keeps indexes between runs. ``sender`` opens the connections at the first request. ``plain_http``
    names the hosts (``host[:port]``) that get credentials without TLS; this machine needs no naming. ``on_secret``
    is told of every secret that is about to be used.
    """

    folder: Path
    sender: Callable[[], Transporting]
    credentials: Credentials = msgspec.field(default_factory=Credentials)
    plain_http: frozenset[str] = frozenset()
    patience: RetryPolicy = msgspec.field(default_factory=RetryPolicy)
    budget: Budget = msgspec.field(default_factory=lambda: Budget(RetryPolicy().total_asked))
    on_wait: Callable[[str], None] = _keep_quiet
    on_warning: Callable[[str], None] = _keep_quiet
    on_secret: Callable[[str], None] = _keep_quiet
    _indexes: SingleFlight[RepositoryIndex] = msgspec.field(default_factory=SingleFlight)
    _kept: SingleFlight[RepositoryIndex | None] = msgspec.field(default_factory=SingleFlight)
    _waits: dict[str, Waiting] = msgspec.field(default_factory=dict)
    _without: set[str] = msgspec.field(default_factory=set)
    _lock: Any = msgspec.field(default_factory=threading.Lock)

    def index(self, url: str) -> RepositoryIndex:
        """Return the index of the repository at ``url``, fetched or found unchanged once a run."""
        return self._indexes.get(url, lambda: self._index(url))

    def cached_index(self, url: str) -> RepositoryIndex | None:
        """Return the index as an earlier run left it, None where there is none. Nothing is sent."""
        return self._kept.get(url, lambda: self._cached(url))

    def archive(self, repository: str, url: str, *, digest: str = "") -> bytes:
        """Return the archive at ``url``, an entry of the index of ``repository``, relative to it or not.

        ``digest`` is what the index promised; checking it is the caller's, but without one nothing is fetched over
        plain HTTP for an index that came over TLS.
        """
        target = resolve(repository, url)
        own = origin_of(repository)
        result = origin_of(target)
        if own.scheme == "https" and result.scheme == "http" and not digest:
            raise RegistryError(
                f"{redact(repository)}: an archive over plain http without a digest: {redact(target)}"
            )
        if result.private and not own.private:
            raise RegistryError(f"{redact(repository)}: an archive at the private address {redact(target)}")
        answer = self._get(repository, target, {"Accept-Encoding": "identity"}, ARCHIVE_LIMIT)
        if answer.status != 200:
            raise _refusal(answer)
        if not answer.whole:
            raise RegistryError(f"GET {redact(target)}: an archive of more than {ARCHIVE_LIMIT} bytes")
        return answer.body

    def _cached(self, url: str) -> RepositoryIndex | None:
        result = self._cache.load(url)
        return RepositoryIndex(result.data, redact(index_url(url))) if result else None

    @property
    def _cache(self) -> IndexCache:
        return IndexCache(self.folder)

    def _index(self, url: str) -> RepositoryIndex:
        target = index_url(url)
        cached = self._cache.load(url)
        headers = {"Accept-Encoding": "gzip", **(cached.conditions if cached else {})}
        answer = self._get(url, target, headers, INDEX_LIMIT)
        if answer.status == 304 and cached:
            return RepositoryIndex(cached.data, redact(target))
        if answer.status != 200:
            raise _refusal(answer)
        data = _decoded(answer)
        fresh = CachedIndex(data, answer.header("ETag"), answer.header("Last-Modified"))
        self._cache.store(url, fresh)
        return RepositoryIndex(data, redact(target))

    def _get(self, repository: str, url: str, headers: Mapping[str, str], limit: int) -> Answer:
        """Send until there is an answer that waiting will not change, or patience ends."""
        last = self.patience.tries - 1
        unreached = 0
        waiting = self._waiting(origin_of(url).name)
        for attempt in range(self.patience.tries):
            try:
                answer = self._follow(repository, url, headers, limit)
            except ConnectionFailed as failure:
                unreached = unreached + 1 if failure.unreachable else 0
                waiting.unanswered(failure, attempt, last + 1, unreached)
                continue
            unreached = 0
            if attempt == last or not is_transient(answer.status, answer.body):
                return answer
            if not waiting.put_off(answer, attempt):
                return answer
        raise AssertionError("unreachable")

    def _waiting(self, host: str) -> Waiting:
        """Return what all requests to a host know of it together."""
        with self._lock:
            if host not in self._waits:
                self._waits[host] = Waiting(host, policy=self.patience, budget=self.budget, tell=self.on_wait)
            return self._waits[host]

    def _follow(self, repository: str, url: str, headers: Mapping[str, str], limit: int) -> Answer:
        own = origin_of(repository)
        place = url
        for _ in range(redirects.HOPS + 1):
            secret = self._authorization(repository) if origin_of(place) == own else {}
            answer = self._send(place, {**headers, **secret}, limit)
            if secret and answer.status in (401, 403):
                answer = self._in_public(repository, place, headers, limit) or answer
            if not redirects.is_redirect(answer):
                return answer
            place = redirects.target(answer.header("Location"), answer, own)
        raise RegistryError(f"GET {redact(url)}: more than {redirects.HOPS} redirects")

    def _send(self, url: str, headers: Mapping[str, str], limit: int) -> Answer:
        waiting = self._waiting(origin_of(url).name)
        began = waiting.begin("GET", url)
        sent = {"User-Agent": f"oci-chart-publish/{__version__}", **headers}
        try:
            answer = self.sender().send("GET", url, sent, None, limit=limit)
        except ConnectionFailed as failure:
            waiting.failed(began, failure)
            raise
        waiting.answered()
        return answer

    def _in_public(self, repository: str, url: str, headers: Mapping[str, str], limit: int) -> Answer | None:
        """Return what everybody may read, where a login is refused; None where that is nothing."""
        answer = self._send(url, headers, limit)
        if answer.status >= 400:
            return None
        name = origin_of(repository).name
        with self._lock:
            first = name not in self._without
            self._without.add(name)
        if first:
            self.on_warning(f"{name}: its login is not accepted; what is public is read without it")
        return answer

    def _authorization(self, repository: str) -> dict[str, str]:
        """Return the header with the credential for a repository, if there is one that may be sent."""
        origin = origin_of(repository)
        if origin.name in self._without:
            return {}
        credential = self.credentials.find(Repository(origin.name, urlsplit(repository).path.strip("/")))
        if credential is None or not credential.password:
            return {}
        if origin.scheme == "http" and not origin.loopback and origin.name not in self.plain_http:
            raise AuthError(
                f"{redact(repository)}: credentials do not go over plain http",
                hint=f"write https://, or ask for plain http to {origin.name} by name, if that is meant",
            )
        for secret in credential.secrets():
            self.on_secret(secret)
        return {"Authorization": credential.basic}


def index_url(repository: str) -> str:
    """Return the URL of the index of a repository, whose query it keeps."""
    plain, mark, query = repository.partition("?")
    return f"{plain.rstrip('/')}/index.yaml{mark}{query}"


def resolve(repository: str, url: str) -> str:
    """Return the URL of an archive: relative ones are below the repository and get its query.

    Helm ``pkg/repo/v1/chartrepo.go``, ``ResolveReferenceURL``. RegistryError where it is no http(s) URL.
    """
    if _ABSOLUTE.match(url):
        target = url.partition("#")[0]
    else:
        plain, mark, query = repository.partition("?")
        target = urljoin(f"{plain.rstrip('/')}/", url).partition("#")[0].partition("?")[0] + mark + query
    origin_of(target)
    return target


def _decoded(answer: Answer) -> bytes:
    """Return an index without the compression of the transfer, which it may have."""
    name = redact(answer.url)
    encoding = answer.header("Content-Encoding").strip().lower()
    data = answer.body
    whole = answer.whole
    if encoding in {"gzip", "x-gzip"} and whole:
        stream = zlib.decompressobj(wbits=31)
        try:
            data = stream.decompress(data, INDEX_LIMIT + 1)
        except zlib.error as error:
            raise RegistryError(f"GET {name}: not the gzip it says it is: {error}") from error
        whole = len(data) <= INDEX_LIMIT
        if whole and not stream.eof:
            raise RegistryError(f"GET {name}: the gzip is cut off", temporary=True)
    elif answer.encoded and whole:
        raise RegistryError(f"GET {name}: sent as {encoding[:50]!r}, which was not asked for")
    if not whole:
        raise RegistryError(f"GET {name}: an index of more than {INDEX_LIMIT} bytes")
    return data


def _refusal(answer: Answer) -> RegistryError:
    message = f"GET {redact(answer.url)}: {answer.status}"
    if answer.status in (401, 403):
        host = origin_of(answer.url).name
        return AuthError(
            message, status=answer.status, hint=f"give credentials for {host}, as for a registry of that name"
        )
    if answer.status in (404, 410):
        return NotFoundError(
            message,
            status=answer.status,
            hint="is this the URL of the repository, and is the chart still there?",
        )
    return RegistryError(message, status=answer.status, temporary=is_transient(answer.status, answer.body))
