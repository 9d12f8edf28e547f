"""The token server of a registry in Bearer mode: Basic credentials in, a signed JSON web token out.

It follows the distribution project's token specification; a known user is granted what was asked for, anybody else
is granted ``pull`` only.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

ISSUER = "test-issuer"
SERVICE = "test-registry"


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRequest:
    """What one client asked for: its scopes, each ``repository:NAME:ACTIONS``; ``user`` is empty if anonymous."""

    method: str
    user: str
    scopes: tuple[str, ...]
    status: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Signer:
    """A key and its certificate, in PEM."""

    key: bytes
    certificate: bytes

    def token(self, claims: Mapping[str, object]) -> str:
        """``claims``, signed, with the certificate in the header as docker-registry wants it."""
        der = load_pem_x509_certificate(self.certificate).public_bytes(Encoding.DER)
        headers = {"x5c": [base64.b64encode(der).decode()]}
        return jwt.encode(dict(claims), self.key, algorithm="ES256", headers=headers)


class TokenServer(ThreadingHTTPServer):
    """Listens on a free loopback port; ``requests`` holds what was asked so far."""

    daemon_threads = True

    def __init__(self, signer: Signer, users: Mapping[str, str], *, seconds: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.signer = signer
        self.users = dict(users)
        self.seconds = seconds
        self.requests: list[TokenRequest] = []

    @property
    def url(self) -> str:
        """The realm that a registry names in its challenge."""
        return f"http://127.0.0.1:{self.server_address[1]}/token"


@contextlib.contextmanager
def token_server(signer: Signer, users: Mapping[str, str], *, seconds: int = 300) -> Iterator[TokenServer]:
    """A running token server whose tokens are valid for ``seconds``."""
    with TokenServer(signer, users, seconds=seconds) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()


def grant(scopes: Sequence[str], user: str) -> list[dict[str, object]]:
    """The ``access`` claim for ``scopes``; without a user only ``pull`` is granted."""
    access: list[dict[str, object]] = []
    for scope in scopes:
        kind, rest = scope.split(":", 1)
        name, actions = rest.rsplit(":", 1)
        wanted = [action for action in actions.split(",") if user or action == "pull"]
        access.append({"type": kind, "name": name, "actions": wanted})
    return access


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: TokenServer

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        scopes = tuple(" ".join(query.get("scope", [])).split())
        user = self._user()
        if user is None:
            self._answer(
                401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong user or password"}]}, scopes
            )
            return
        now = int(time.time())
        token = self.server.signer.token(
            {
                "iss": ISSUER,
                "sub": user,
                "aud": query.get("service", [""])[0],
                "nbf": now - 5,
                "iat": now,
                "exp": now + self.server.seconds,
                "jti": uuid.uuid4().hex,
                "access": grant(scopes, user),
            }
        )
        answer = {"token": token, "access_token": token, "expires_in": self.server.seconds}
        self._answer(200, answer, scopes, user)

    def do_POST(self) -> None:
        """Refuse the OAuth2 form, as many token servers do; clients fall back to GET."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(405, {"errors": [{"code": "UNSUPPORTED", "message": "use GET"}]})

    def _user(self) -> str | None:
        """The user who proved to be one, empty for nobody, None for a wrong password."""
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return ""
        user, _, password = base64.b64decode(credentials).decode().partition(":")
        return user if self.server.users.get(user) == password else None

    def _answer(
        self, status: int, document: Mapping[str, object], scopes: tuple[str, ...] = (), user: str = ""
    ) -> None:
        self.server.requests.append(
            TokenRequest(method=self.command, user=user, scopes=scopes, status=status)
        )
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the overridden method
        """Say nothing; ``requests`` remembers."""
