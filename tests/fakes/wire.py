"""A scripted HTTP server on real sockets: a function from the request seen to the reply sent, faults included."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A request as it arrived; ``target`` is the raw text of the request line, header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def line(self) -> str:
        return f"{self.method} {self.target}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What to send. ``length`` overrides Content-Length (-1: chunked without end); ``drip`` seconds per byte.

    ``drop`` closes the connection without an answer; ``raw`` is sent instead of everything else; ``close`` closes
    the connection after the answer; ``endless`` repeats the body for ever.
    """

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    length: int | None = None
    delay: float = 0.0
    drip: float = 0.0
    drop: bool = False
    raw: bytes | None = None
    close: bool = False
    endless: bool = False


Answering = Callable[[Seen], Reply]


def json_reply(status: int, text: str, *headers: tuple[str, str]) -> Reply:
    """Return a reply with a JSON body."""
    return Reply(status=status, headers=(("Content-Type", "application/json"), *headers), body=text.encode())


def refusal(status: int, code: str, message: str, *headers: tuple[str, str]) -> Reply:
    """Return an error in the shape of the distribution specification."""
    return json_reply(status, f'{{"errors":[{{"code":"{code}","message":"{message}"}}]}}', *headers)


@dataclass(kw_only=True)
class WireServer:
    """A server on a free port of 127.0.0.1. ``seen`` lists the requests in order of arrival."""

    answer: Answering
    tls: ssl.SSLContext | None = None
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    sent: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._server = _Listener(("127.0.0.1", 0), _handler(self))
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def host(self) -> str:
        """``127.0.0.1:port``, as a registry is written."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def lines(self) -> list[str]:
        """Return method and target of each request."""
        with self._lock:
            return [seen.line for seen in self.seen]

    def record(self, seen: Seen) -> Reply:
        with self._lock:
            self.seen.append(seen)
        return self.answer(seen)

    def connected(self) -> int:
        with self._lock:
            self.connections += 1
            return self.connections

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: broken connections are what is tested."""


def _handler(server: WireServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 30
        number = 0

        def setup(self) -> None:
            super().setup()
            self.number = server.connected()

        def serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            seen = Seen(
                method=self.command,
                target=self.requestline.split(" ")[1],
                headers={key.lower(): value for key, value in self.headers.items()},
                body=self.rfile.read(length) if length else b"",
                connection=self.number,
            )
            self._send(server.record(seen))

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = serve  # noqa: N815

        def _send(self, reply: Reply) -> None:
            time.sleep(reply.delay)
            if reply.drop or reply.raw is not None:
                self.wfile.write(reply.raw or b"")
                self.close_connection = True
                with contextlib.suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.wfile.write(self._head(reply))
            if self.command != "HEAD" and reply.status not in (204, 304):
                for part in _parts(reply):
                    self.wfile.write(part)
                    server.sent += len(part)
            self.close_connection = self.close_connection or reply.close

        def _head(self, reply: Reply) -> bytes:
            fields = [*reply.headers]
            names = {name.lower() for name, _ in fields}
            if reply.endless:
                fields.append(("Connection", "close"))
                self.close_connection = True
            elif reply.status != 204 and "content-length" not in names:
                length = len(reply.body) if reply.length is None else reply.length
                fields.append(("Content-Length", str(length)))
                self.close_connection = self.close_connection or length != len(reply.body)
            if reply.close:
                fields.append(("Connection", "close"))
            lines = [f"HTTP/1.1 {reply.status} X", *(f"{name}: {value}" for name, value in fields)]
            return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Keep stderr clean."""

    return Handler


def _parts(reply: Reply) -> Iterator[bytes]:
    if reply.endless:
        while True:
            yield reply.body or b"x" * 65536
    elif reply.drip:
        for byte in reply.body:
            yield bytes([byte])
            time.sleep(reply.drip)
    elif reply.body:
        yield reply.body
