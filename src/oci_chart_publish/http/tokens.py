"""The token service of a registry: where it may be, how it is asked, what it answers (docker token specification)."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlencode

import msgspec

from oci_chart_publish.errors import AuthError, RegistryError
from oci_chart_publish.http.address import Origin, join, origin_of, redact, upgraded, with_query
from oci_chart_publish.http.answer import Answer, Deferred
from oci_chart_publish.http.challenge import Challenge
from oci_chart_publish.http.credentials import Credential
from oci_chart_publish.http.retry import is_transient

_LOG = logging.getLogger(__name__)
TOKEN_LIMIT = 64 * 1024
_SHORTEST = 60.0
_EARLY = 10.0
_CLIENT = "oci-chart-publish"
_NO_OAUTH = frozenset({400, 401, 403, 404, 405, 415, 501})

Fetch = Callable[[str, str, Mapping[str, str], bytes | None], Answer]
"""Sends a request to the token service, once: method, URL, headers, body."""


class Scope(msgspec.Struct, frozen=True):
    """A repository and the actions wanted in it, ``pull`` or ``pull,push``; or a thing of another kind.

    ``reading`` is a second repository that is only read, so that blobs can be mounted from it.
    """

    name: str
    actions: str
    kind: str = "repository"
    reading: str = ""

    def __str__(self) -> str:
        return " ".join(self.texts)

    @property
    def texts(self) -> tuple[str, ...]:
        """The scope as the token service is asked for it, one text a repository."""
        second = (f"{self.kind}:{self.reading}:pull",) if self.reading else ()
        return (f"{self.kind}:{self.name}:{self.actions}", *second)

    @property
    def key(self) -> str:
        """What a token for this scope is kept under."""
        return f"{self.name} {self.reading}" if self.reading else self.name


NO_SCOPE = Scope("", "")
"""Of a request that belongs to no repository."""
CATALOG = Scope("catalog", "*", "registry")
"""Of the list of all repositories."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer token, until when it is good on the monotonic clock, and for which actions."""

    text: str
    good_until: float
    actions: str

    def __repr__(self) -> str:
        """Show what is no secret: a repr ends in logs and tracebacks."""
        return f"Token(good_until={self.good_until}, actions={self.actions!r})"

    def serves(self, actions: str) -> bool:
        """Tell whether it is good for ``actions`` now."""
        return self.actions.startswith(actions) and time.monotonic() < self.good_until


class TokenService:
    """Asks for tokens with one credential (or none)."""

    def __init__(
        self, *, credential: Credential | None, fetch: Fetch, trusted_realms: frozenset[str]
    ) -> None:
        self._credential = credential
        self._fetch = fetch
        self._trusted_realms = trusted_realms

    def token(self, challenge: Challenge, base: str, scope: Scope) -> Token:
        """Return a token for ``scope``; ``base`` is the URL whose answer held the challenge.

        AuthError where the credential is refused or the service may not be trusted.
        """
        realm = self._realm(challenge, base)
        # public.ecr.aws wants "aws"; where a registry speaks of repositories, ours says more than it asks.
        own = not challenge.scope or challenge.scope.startswith(("repository:", "registry:"))
        answer = self._request(realm, challenge.service, scope.texts if own else (challenge.scope,))
        return self._read(answer, scope)

    def _request(self, realm: str, service: str, scopes: tuple[str, ...]) -> Answer:
        identity = self._credential.identity_token if self._credential else ""
        if identity:
            form = {
                "grant_type": "refresh_token",
                "service": service,
                "client_id": _CLIENT,
                "scope": " ".join(scopes),
                "refresh_token": identity,
            }
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
            answer = self._fetch("POST", realm, headers, urlencode(form).encode())
            if answer.status == 200 or answer.status not in _NO_OAUTH:
                return answer
        query = [*([("service", service)] if service else []), *(("scope", scope) for scope in scopes)]
        headers = {"Accept": "application/json"}
        if (basic := self._basic(identity)) is not None:
            headers["Authorization"] = basic
        url = with_query(realm, "&".join(f"{key}={quote(value, safe=':/,')}" for key, value in query))
        return self._fetch("GET", url, headers, None)

    def _basic(self, identity: str) -> str | None:
        if self._credential is None:
            return None
        if identity:
            username = self._credential.username or "<token>"
            return Credential(username=username, password=identity).basic
        return self._credential.basic if self._credential.password else None

    def _realm(self, challenge: Challenge, base: str) -> str:
        """Return the checked URL of the token service: it is named by a server, and gets the password."""
        registry = origin_of(base)
        try:
            realm = upgraded(join(base, challenge.realm), base)
            origin = origin_of(realm)
        except RegistryError as error:
            raise AuthError(f"{registry}: its token service is refused: {error.message}") from error
        named = origin.name in self._trusted_realms if origin.scheme == "https" else False
        trusted = named or str(origin) in self._trusted_realms
        if (problem := _objection(origin, registry)) and not trusted:
            raise AuthError(f"{registry}: its token service {redact(realm)} is refused: {problem}")
        _LOG.debug("%s: tokens come from %s", registry, origin)
        return realm

    def _read(self, answer: Answer, scope: Scope) -> Token:
        where = redact(answer.url)
        if answer.status != 200:
            raise _denied(answer, where, self._credential)
        try:
            document = json.loads(answer.body) if answer.whole else None
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise AuthError(f"{answer.method} {where}: the token service answered without a token")
        text = document.get("token") or document.get("access_token")
        if not isinstance(text, str) or not text.isprintable() or not text.isascii():
            raise AuthError(f"{answer.method} {where}: the token service answered without a token")
        seconds = document.get("expires_in")
        lifetime = float(seconds) if isinstance(seconds, int | float) and seconds > _SHORTEST else _SHORTEST
        early = min(max(_EARLY, lifetime / 10), 60.0)
        return Token(text=text, good_until=time.monotonic() + lifetime - early, actions=scope.actions)


def _objection(realm: Origin, registry: Origin) -> str:
    if realm.scheme == "http" and registry.scheme == "https":
        return "it is plain http, and the registry is https"
    if realm.private and not (registry.private or realm.host == registry.host):
        return "it is a private address, and the registry is not"
    if realm.scheme == "http" and not realm.loopback and realm.host != registry.host:
        return "credentials do not go to another host over plain http"
    return ""


def _denied(answer: Answer, where: str, credential: Credential | None) -> RegistryError:
    if 300 <= answer.status < 400:
        return AuthError(f"{answer.method} {where}: {answer.status}: a token service may not redirect")
    message = f"{answer.method} {where}: the token service answered {answer.status}"
    if answer.status >= 500 or is_transient(answer.status, answer.body):
        return Deferred(message, answer)
    hint = credential.refused if credential else "log in to the registry"
    error = AuthError(message, status=answer.status, hint=hint)
    error.login_refused = credential is not None and answer.status in (400, 401, 403)
    return error


def names_repositories(token: str) -> bool:
    """Tell whether a token is a JWT that lists what it is for (docker token specification, ``access``)."""
    parts = token.split(".")
    if len(parts) != 3:
        return False
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(claims, dict) and bool(claims.get("access"))
