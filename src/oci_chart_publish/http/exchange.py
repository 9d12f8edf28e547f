"""The way to one origin: its connections, kept and used again, and one exchange on one of them.

Connections are those of ``requests``' pools, made by their public constructors. The exchange itself is done with
``http.client``, which urllib3's connections are made of: ``urlopen`` rewrites targets (``%2f`` becomes ``%2F``, which
breaks signed URLs) and costs more than one and a half times as much (``docs/benchmarks.md``). What that leaves to us:

==============================  ===================================================================================
case                            here
==============================  ===================================================================================
1xx before an answer            skipped; ``http.client`` takes a 103 for the answer, and all that follow shift by one
an answer before the body left  read, where sending fails: a 413, 401 or 507 of a server that then closes
headers that drip               count for the time of an answer, like its body
bytes nobody asked for          a kept connection with something to read is not used again
==============================  ===================================================================================
"""

from __future__ import annotations

import io
import ssl
import time
from collections.abc import Mapping
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from typing import Any, cast

from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util import is_connection_dropped

from oci_chart_publish.http.answer import Answer, Headers, Sink
from oci_chart_publish.oci.content import Content, InMemory

_CHUNK = 256 * 1024
_OK = 200
_INTERIM = 100
_STUCK = 1.0
DRAIN = 64 * 1024
"""Bytes of an unwanted body that are read to keep a connection; more, and it is closed."""


class _Timed(io.RawIOBase):
    """The receiving side of a socket until a moment on the monotonic clock."""

    def __init__(self, raw: io.RawIOBase, clock: _Clock) -> None:
        self._raw = raw
        self._clock = clock

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - any buffer
        """Receive once; TimeoutError where the time of the answer is over."""
        if self._clock.over:
            return 0
        if time.monotonic() > self._clock.ends:
            raise TimeoutError("the answer takes too long")
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


class _Received(io.BufferedReader):
    """What was received of an answer, and perhaps more than that."""

    def __init__(self, raw: _Timed, clock: _Clock) -> None:
        super().__init__(raw)
        self._clock = clock

    def close(self) -> None:
        """End the answer, and note whether more than it has come."""
        if not self.closed:
            self._clock.over = True
            self._clock.surplus = bool(self.peek(1))
        super().close()


class _Clock:
    """When an answer has to be there; stands in for the socket that ``http.client`` wants a file of.

    ``surplus`` tells whether bytes came that nobody asked for.
    """

    def __init__(self, sock: Any, ends: float) -> None:  # noqa: ANN401 - plain or TLS
        self._sock = sock
        self.ends = ends
        self.over = False
        self.surplus = False

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the buffered receiving side."""
        return _Received(_Timed(self._sock.makefile("rb", buffering=0), self), self)


class _Response(HTTPResponse):
    """An answer, without the interim ones before it (RFC 9110, 15.2)."""

    def begin(self) -> None:
        """Read status and headers of the final answer."""
        super().begin()
        while _INTERIM < self.status < _OK and self.status != 101:
            # Reading on in the same buffer, which may hold the final answer already.
            cast("Any", self).headers = cast("Any", self).msg = None
            super().begin()


class OriginPool:
    """The way to one origin: a pool, directly or through a proxy.

    ``read`` is in seconds for one operation. An HTTP proxy gives a ``tunnel``, or is to ``forward`` a request
    whose target is the whole URL.
    """

    def __init__(
        self,
        pool: HTTPConnectionPool,
        *,
        connect: float,
        read: float,
        proxied: bool = False,
        tunnel: bool = False,
        forward: bool = False,
    ) -> None:
        self._pool = pool
        self._connect = connect
        self._read = read
        self._tunnel = tunnel
        self.proxied = proxied
        self.forward = forward
        self._idle: list[Any] = []
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

        Only a 200 may have a body of more than ``DRAIN`` bytes. ``whole`` is the seconds that an answer may take,
        from its first byte to its last; what goes into a ``sink`` may take that long for each piece.
        """
        connection = self._take()
        try:
            if connection.is_closed:
                self._open(connection)
            response, clock, kept = self._answered(connection, method, target, headers, body, whole)
            fields = Headers(response.getheaders())
            head = Answer(method=method, url=url, status=response.status, headers=fields)
            if sink is not None and sink.begin(head):
                data, complete = b"", _pour(response, sink, clock, whole)
            else:
                allowed = limit if response.status == _OK else DRAIN
                data, complete = _body(response, allowed)
        except BaseException:
            connection.close()
            raise
        if complete and kept and not clock.surplus and not connection.is_closed:
            self._idle.append(connection)
        else:
            connection.close()
        return response.status, fields, data, complete

    def close(self) -> None:
        """Close all connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def _answered(
        self,
        connection: Any,  # noqa: ANN401 - plain or TLS, by the scheme
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Content | None,
        whole: float,
    ) -> tuple[HTTPResponse, _Clock, bool]:
        """Send a request and read the head of its answer; tell whether the connection is good for another."""
        # Taken now: closing a connection, as a server may ask, takes its socket away from it.
        clock = _Clock(connection.sock, time.monotonic() + whole)
        connection.response_class = partial(_made, clock)
        try:
            self._send(connection, method, target, headers, body)
        except OSError as broken:
            return _early(connection, clock, whole, broken), clock, False
        clock.ends = time.monotonic() + whole
        return HTTPConnection.getresponse(connection), clock, True

    def _send(
        self,
        connection: Any,  # noqa: ANN401
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Content | None,
    ) -> None:
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

    def _take(self) -> Any:  # noqa: ANN401
        """Return a connection that was kept, the last used first, or a new one that is not open yet."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._new()
            if not is_connection_dropped(connection):
                return connection
            connection.close()

    def _new(self) -> Any:  # noqa: ANN401
        """Return a connection with the pool's TLS and proxy settings, not open yet."""
        pool = self._pool
        place: dict[str, Any] = {"host": pool.host, "port": pool.port}
        if self._tunnel and pool.proxy is not None:
            place = {"host": pool.proxy.host or "", "port": pool.proxy.port}
        return cast("Any", pool.ConnectionCls)(**place, timeout=self._connect, **pool.conn_kw)

    def _open(self, connection: Any) -> None:  # noqa: ANN401
        proxy = self._pool.proxy
        if self._tunnel and proxy is not None:
            scheme = "https" if proxy.scheme == "https" else "http"
            connection.set_tunnel(
                self._pool.host, self._pool.port, headers=self._pool.proxy_headers, scheme=scheme
            )
        connection.connect()
        connection.sock.settimeout(self._read)


def _made(clock: _Clock, _sock: object, *, method: str | None = None) -> HTTPResponse:
    return _Response(cast("Any", clock), method=method)


def _early(connection: Any, clock: _Clock, whole: float, broken: OSError) -> HTTPResponse:  # noqa: ANN401
    """Return the refusal that a server sent before it closed, while a request was on its way to it.

    Where there is none, the error of the sending is raised, or the alert of TLS that explains it.
    """
    clock.ends = time.monotonic() + whole
    try:
        if isinstance(broken, TimeoutError):
            connection.sock.settimeout(_STUCK)  # it takes no more; what it has to say is there by now
        response = HTTPConnection.getresponse(connection)
    except ssl.SSLError as alert:
        raise alert from broken
    except Exception:  # noqa: BLE001 - whatever the rest of a broken connection holds, the break comes first
        raise broken from None
    if response.status < 300:
        raise broken
    return response


def _pour(response: HTTPResponse, sink: Sink, clock: _Clock, whole: float) -> bool:
    """Read the body into ``sink``, undecoded; return whether that was all of it."""
    clock.ends = time.monotonic() + whole
    while part := response.read1(_CHUNK):
        if not sink.write(part):
            return False
        clock.ends = time.monotonic() + whole
    if response.length:
        raise ConnectionError(f"the answer ended {response.length} bytes early")
    response.close()
    return True


def _body(response: HTTPResponse, limit: int) -> tuple[bytes, bool]:
    """Read at most ``limit`` bytes, undecoded, and whether that was all.

    ``read1`` returns what one receive brings: ``read`` would wait for all of them.
    """
    length = response.length
    if length == 0:
        response.read()
        return b"", True
    if length is not None and length > limit and response.status == _OK:
        return b"", False
    parts: list[bytes] = []
    remaining = limit
    while part := response.read1(min(_CHUNK, remaining + 1)):
        parts.append(part[:remaining] if len(part) > remaining else part)
        remaining -= len(part)
        if remaining < 0:
            return b"".join(parts), False
    if response.length:
        raise ConnectionError(f"the answer ended {response.length} bytes early")
    response.close()  # read1 does not see that it was the end, and the connection waits for that
    return parts[0] if len(parts) == 1 else b"".join(parts), True
