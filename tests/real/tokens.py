"""A token server for a registry in Bearer mode: Basic credentials in, a signed JWT out (distribution's token spec)."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
from tests.real.certificates import Signer

ISSUER = "test-issuer"
SERVICE = "test-registry"
_LIFE = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenServer:
    """A running token server. `asked` collects the scopes of each request, one tuple a request."""

    realm: str
    asked: list[tuple[str, ...]] = field(default_factory=list)


def granted(scopes: Sequence[str], user: str) -> list[dict[str, object]]:
    """Return the access a token carries: a known user gets what was asked for, anyone else only pull."""
    access: list[dict[str, object]] = []
    for scope in scopes:
        kind, _, rest = scope.partition(":")
        name, _, wanted = rest.rpartition(":")
        actions = [action for action in wanted.split(",") if user or action == "pull"]
        access.append({"type": kind, "name": name, "actions": actions})
    return access


@contextlib.contextmanager
def token_server(signer: Signer, users: Mapping[str, str]) -> Iterator[TokenServer]:
    """Serve tokens on a free port of the loopback. ``POST``, the OAuth2 form, is refused as most registries do."""
    asked: list[tuple[str, ...]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            scopes = " ".join(query.get("scope", [])).split()
            asked.append(tuple(scopes))
            user, known = _user(self.headers.get("Authorization", ""), users)
            if not known:
                self.answer(
                    401, {"errors": [{"code": "UNAUTHORIZED", "message": "unknown user or password"}]}
                )
                return
            token = _signed(signer, user, query.get("service", [""])[0], scopes)
            self.answer(200, {"token": token, "access_token": token, "expires_in": _LIFE})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.answer(405, {"errors": [{"code": "UNSUPPORTED"}]})

        def answer(self, status: int, document: object) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet: `asked` is the log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield TokenServer(realm=f"http://127.0.0.1:{server.server_port}/token", asked=asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _user(header: str, users: Mapping[str, str]) -> tuple[str, bool]:
    """Return the user and whether to serve them; without credentials that is nobody, who is served."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return "", True
    name, _, password = base64.b64decode(credentials).decode().partition(":")
    return name, users.get(name) == password


def _signed(signer: Signer, user: str, service: str, scopes: Sequence[str]) -> str:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": user,
        "aud": service,
        "nbf": now - 5,
        "iat": now,
        "exp": now + _LIFE,
        "jti": uuid.uuid4().hex,
        "access": granted(scopes, user),
    }
    return jwt.encode(claims, signer.key, algorithm="ES256", headers={"x5c": signer.x5c})
