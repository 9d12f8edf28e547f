"""One request and one answer on a connection of a pool, byte for byte.

``urlopen`` of urllib3 rewrites the target of a request and wraps the answer to decode it; both are unwanted
here, and cost as much as the exchange itself. The pool is asked for connections only, with all that it knows of
TLS and proxies; how many are open is decided by ``Pace``, so nothing here can block.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util.connection import is_connection_dropped

from oci_chart_publish.registry.answer import Headers

_CHUNK = 256 * 1024
_OK = 200
_FRESH = 1.0
DRAIN = 64 * 1024
"""Bytes of an unwanted body that are read to keep a connection; more, and it is closed."""


class Lane:
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
        body: bytes | None,
        *,
        limit: int,
        whole: float,
    ) -> tuple[int, Headers, bytes, bool]:
        """Send, and return status, headers, at most ``limit`` bytes of body, and whether that was all of it.

        Only a 200 may have a body of more than ``DRAIN`` bytes. ``whole`` is the seconds that a body may take.
        """
        connection = self._take()
        try:
            if connection.is_closed:
                self._open(connection)
            if self._proxy_headers:
                headers = {**headers, **self._proxy_headers}
            if body is not None and len(body) > _CHUNK:
                # The timeout of a socket is that of one sendall: a large body at once would have to fit in.
                headers = {**headers, "Content-Length": str(len(body))}
                HTTPConnection.request(connection, method, target, _pieces(body), headers)
            else:
                HTTPConnection.request(connection, method, target, body, headers)
            response = HTTPConnection.getresponse(connection)
            fields = Headers(response.getheaders())
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


def _pieces(body: bytes) -> Iterator[memoryview]:
    view = memoryview(body)
    return (view[start : start + _CHUNK] for start in range(0, len(body), _CHUNK))


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
