"""The only user of ``requests``: its connection pools, without its conveniences.

``requests.Session`` reads netrc, follows redirects, keeps cookies, decompresses and rewrites URLs; all of it is
wrong for a client of registries. So a request is handed to the transport adapter directly, with everything
decided by the caller: one call sends one request, as it is, and reads one answer, as it came.
"""

from __future__ import annotations

import errno
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

import urllib3
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util.connection import is_connection_dropped

from oci_chart_publish.http.address import Origin, origin_of, redact
from oci_chart_publish.http.answer import Answer, ConnectionFailed, Headers, Sink
from oci_chart_publish.http.tls import Trust, proxy_for
from oci_chart_publish.oci.content import Content, InMemory

_CHUNK = 256 * 1024
_OK = 200
_FRESH = 1.0
DRAIN = 64 * 1024
"""Bytes of an unwanted body that are read to keep a connection; more, and it is closed."""


class OriginPool:
    """The way to one origin: a pool, directly or through a proxy.

    ``read`` is in seconds for one operation. An HTTP proxy gives a ``tunnel``, or is to ``forward`` a request
    whose target is the whole URL.
    """

    def __init__(
        self,
        pool: HTTPConnectionPool,
        *,
        read: float,
        proxied: bool = False,
        tunnel: bool = False,
        forward: bool = False,
    ) -> None:
        self._pool = pool
        self._read = read
        self._tunnel = tunnel
        self.proxied = proxied
        self.forward = forward
        self._idle: list[tuple[Any, float]] = []
        self._proxy_headers = dict(pool.proxy_headers) if forward else {}

    def exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Content | None,
        *,
        limit: int,
        whole: float,
        url: str = "",
        sink: Sink | None = None,
    ) -> tuple[int, Headers, bytes, bool]:
        """Send, and return status, headers, at most ``limit`` bytes of body, and whether that was all of it.

        Only a 200 may have a body of more than ``DRAIN`` bytes. ``whole`` is the seconds that a body may take; what
        goes into a ``sink`` may take that long for each piece.
        """
        connection = self._take()
        try:
            if connection.is_closed:
                self._open(connection)
            if self._proxy_headers:
                headers = {**headers, **self._proxy_headers}
            if isinstance(body, bytes) and len(body) > _CHUNK:
                body = InMemory(body)
            if body is not None and not isinstance(body, bytes):
                # The timeout of a socket is that of one sendall: a large body at once would have to fit in.
                headers = {**headers, "Content-Length": str(body.size)}
                HTTPConnection.request(connection, method, target, body.pieces(), headers)
            else:
                HTTPConnection.request(connection, method, target, body, headers)
            response = HTTPConnection.getresponse(connection)
            fields = Headers(response.getheaders())
            head = Answer(method=method, url=url, status=response.status, headers=fields)
            if sink is not None and sink.begin(head):
                data, complete = b"", _pour(response, sink)
            else:
                allowed = limit if response.status == _OK else DRAIN
                data, complete = _body(response, allowed, time.monotonic() + whole)
        except BaseException:
            connection.close()
            raise
        if complete and not connection.is_closed:
            self._idle.append((connection, time.monotonic()))
        else:
            connection.close()
        return response.status, fields, data, complete

    def close(self) -> None:
        """Close all connections that nobody uses."""
        while self._idle:
            self._idle.pop()[0].close()

    def _take(self) -> Any:  # noqa: ANN401 - plain or TLS, by the scheme
        """Return a connection that was kept, the last used first, or a new one that is not open yet."""
        while True:
            try:
                connection, used = self._idle.pop()
            except IndexError:
                return self._pool._new_conn()  # noqa: SLF001 - one with the pool's TLS and proxy settings
            # Asking the socket costs as much as a small request, so only those that waited are asked.
            if time.monotonic() - used < _FRESH or not is_connection_dropped(connection):
                return connection
            connection.close()

    def _open(self, connection: Any) -> None:  # noqa: ANN401
        if self._tunnel:
            self._pool._prepare_proxy(connection)  # noqa: SLF001 - CONNECT, with the proxy's credentials
        else:
            connection.connect()
        connection.sock.settimeout(self._read)


def _pour(response: HTTPResponse, sink: Sink) -> bool:
    """Read the body into ``sink``, undecoded; return whether that was all of it."""
    while part := response.read1(_CHUNK):
        if not sink.write(part):
            return False
    if response.length:
        raise ConnectionError(f"the answer ended {response.length} bytes early")
    response.close()
    return True


def _body(response: HTTPResponse, limit: int, ends: float) -> tuple[bytes, bool]:
    """Read at most ``limit`` bytes, undecoded, and whether that was all.

    ``read1`` returns what one receive brings: ``read`` would let a dripping server stay in it for ever.
    """
    length = response.length
    if length == 0:
        response.read()
        return b"", True
    if length is not None and length > limit and response.status == _OK:
        return b"", False
    parts: list[bytes] = []
    left = limit
    while part := response.read1(min(_CHUNK, left + 1)):
        parts.append(part[:left] if len(part) > left else part)
        left -= len(part)
        if left < 0:
            return b"".join(parts), False
        if time.monotonic() > ends:
            raise TimeoutError("the answer takes too long")
    if response.length:
        raise ConnectionError(f"the answer ended {response.length} bytes early")
    response.close()  # read1 does not see that it was the end, and the connection waits for that
    return parts[0] if len(parts) == 1 else b"".join(parts), True


_LOG = logging.getLogger(__name__)
_LOGGERS = ("connection", "connectionpool", "poolmanager", "response", "util.retry")


class Transport:
    """Connections to all hosts, as many as there are callers at a time. Safe for threads.

    ``connect`` and ``read`` are seconds for one socket operation, ``whole`` for all of an answer: a server
    that drips a byte a second passes the first two for ever.
    """

    def __init__(
        self,
        *,
        trust: Trust,
        connect: float = 10.0,
        read: float = 60.0,
        whole: float = 300.0,
    ) -> None:
        self._adapter = HTTPAdapter(pool_connections=64, max_retries=0)
        self._trust = trust
        self._timeout = urllib3.Timeout(connect=connect, read=read)
        self._whole = whole
        self._lanes: dict[str, OriginPool] = {}
        self._read = read
        self._lock = threading.Lock()
        _redact_logs()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Content | None,
        *,
        limit: int,
        sink: Sink | None = None,
    ) -> Answer:
        """Send one request and read its answer; NoAnswer where there is none."""
        end = url.find("/", 8)
        root = url[:end] if end > 0 else url.partition("?")[0]
        lane = self._lanes.get(root) or self._lane(root)
        target = url if lane.forward else url[len(root) :]
        if not target.startswith(("/", "http")):
            target = f"/{target}"
        try:
            status, fields, data, whole = lane.exchange(
                method, target, headers, body, limit=limit, whole=self._whole, url=url, sink=sink
            )
        except (RequestException, HTTPError, HTTPException, ValueError, OSError) as error:
            # Not "from error": its text holds the URL, whose query may be a secret.
            raise _failure(method, url, error, proxied=lane.proxied) from None
        if _LOG.isEnabledFor(logging.DEBUG):
            _LOG.debug("%s %s: %d", method, redact(url), status)
        return Answer(method=method, url=url, status=status, headers=fields, body=data, whole=whole)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for lane in self._lanes.values():
                lane.close()
        self._adapter.close()

    def _lane(self, root: str) -> OriginPool:
        origin = origin_of(root)
        with self._lock:
            if root not in self._lanes:
                self._lanes[root] = self._opened(origin)
            return self._lanes[root]

    def _opened(self, origin: Origin) -> OriginPool:
        where: Any = {"host": origin.host, "port": origin.port, "scheme": origin.scheme}
        settings: dict[str, Any] = {"timeout": self._timeout}
        secure = origin.scheme == "https"
        if secure:
            settings["ssl_context"] = self._context(origin.name)
        proxy = proxy_for(origin, self._trust.environment)
        if not proxy:
            pool = self._adapter.poolmanager.connection_from_host(**where, pool_kwargs=settings)
            return OriginPool(pool, read=self._read)
        _LOG.debug("%s: through the proxy %s", origin, redact(proxy))
        manager = self._adapter.proxy_manager_for(proxy)
        pool = manager.connection_from_host(**where, pool_kwargs=settings)
        socks = proxy.startswith("socks")
        return OriginPool(
            pool, read=self._read, proxied=True, tunnel=secure and not socks, forward=not secure and not socks
        )

    def _context(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._trust.checks(name):
            _load(context, self._trust.bundle(name))
        else:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certificate := self._trust.client_certificate(name):
            context.load_cert_chain(*certificate)
        return context


def _load(context: ssl.SSLContext, bundle: str) -> None:
    if not bundle:
        import certifi  # noqa: PLC0415 - read at the first TLS connection only

        bundle = certifi.where()
    if Path(bundle).is_dir():
        context.load_verify_locations(capath=bundle)
    else:
        context.load_verify_locations(cafile=bundle)


def _failure(method: str, url: str, error: BaseException, *, proxied: bool) -> ConnectionFailed:
    """Return the error with a text of ours: those of the libraries hold URLs and their secrets."""
    chain = _chain(error)
    reason, temporary = _reason(chain)
    unreachable = _is_unreachable(chain)
    hint = next((text for start, text in _ADVICE.items() if reason.startswith(start)), "")
    if proxied:
        hint = "" if unreachable else hint
        reason, hint = f"through the proxy: {reason}", hint or "see HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
    return ConnectionFailed(
        method, url, reason, hint=hint, temporary=temporary, unreachable=unreachable and temporary
    )


_ADVICE = {
    "the certificate is not trusted": "give the CA file of this host",
    "it does not speak TLS": "ask for plain HTTP to this host by name, if that is meant",
    "the host name is not known": "is it spelled right, and is there a network?",
    "connection refused": "is the registry up, and the port right?",
}
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL"})
_NOBODY_THERE = frozenset(
    {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
)
_UNSENDABLE = "not a URL or header that can be sent"


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and those it wraps, the innermost last."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain and len(chain) < 8:
        chain.append(link)
        reason = getattr(link, "reason", None)
        inner = next((arg for arg in link.args if isinstance(arg, BaseException)), None)
        link = reason if isinstance(reason, BaseException) else inner or link.__cause__ or link.__context__
    return chain


def _reason(chain: list[BaseException]) -> tuple[str, bool]:
    """Return what happened in words, and whether it may go better the next time."""
    names = {type(link).__name__ for link in chain}
    last = chain[-1]
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"the certificate is not trusted: {link.verify_message}", False
    if names & {"LocationParseError", "LocationValueError", "InvalidURL", "UnicodeEncodeError", "ValueError"}:
        return _UNSENDABLE, False
    if isinstance(last, ssl.SSLError):
        plain = last.reason in _NOT_TLS
        return "it does not speak TLS" if plain else f"TLS failed: {last.reason or 'broken off'}", not plain
    if isinstance(last, socket.gaierror):
        return "the host name is not known", last.errno == socket.EAI_AGAIN
    if names & {"ConnectTimeoutError", "ReadTimeoutError", "TimeoutError"}:
        return "no answer in time", True
    if isinstance(last, OSError) and last.strerror:
        return last.strerror.lower(), True
    if found := re.match(r"Tunnel connection failed: ([0-9]{3})", str(last)):
        return f"no tunnel: {found.group(1)}", True
    return f"the connection broke ({type(last).__name__})", True


def _is_unreachable(chain: list[BaseException]) -> bool:
    """Tell whether there was no connection at all, as opposed to one that broke or said nothing."""
    last = chain[-1]
    if isinstance(last, socket.gaierror) or any(
        type(link).__name__ == "ConnectTimeoutError" for link in chain
    ):
        return True
    return isinstance(last, OSError) and last.errno in _NOBODY_THERE


class _Redactor(logging.Filter):
    """Cuts queries out of urllib3's records: signed URLs are secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record and keep it."""
        text = re.sub(r"//[^/@\s]*@", "//***@", record.getMessage())
        record.msg, record.args = re.sub(r"\?[^\s'\")]*", "?***", text), ()
        record.exc_info, record.exc_text = None, None
        return True


def _redact_logs() -> None:
    for name in _LOGGERS:
        logger = logging.getLogger(f"urllib3.{name}")
        if not any(isinstance(found, _Redactor) for found in logger.filters):
            logger.addFilter(_Redactor())
