"""Authorization for one registry with one credential: Basic, or Bearer tokens fetched ahead (docker token spec).

Tokens are held in memory only. One thread fetches a token, the others wait for it. Whether a token is good for
the whole host is learned without a refusal: a JWT says what it is for; two tokens that are alike are good for
both; any other is tried once for a second repository, and only a success proves it.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from oci_chart_publish.errors import AuthError, RegistryError
from oci_chart_publish.registry.address import Origin, join, origin_of, redact, with_query
from oci_chart_publish.registry.answer import Answer
from oci_chart_publish.registry.challenge import Challenge
from oci_chart_publish.registry.credentials import Credential

_LOG = logging.getLogger(__name__)
TOKEN_LIMIT = 64 * 1024
_SHORTEST = 60.0
_EARLY = 10.0
_TRIALS = 2
_CLIENT = "oci-chart-publish"
_NO_OAUTH = frozenset({400, 401, 403, 404, 405, 415, 501})

Fetch = Callable[[str, str, Mapping[str, str], bytes | None], Answer]
"""Sends a request to the token service, with retries: method, URL, headers, body."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A repository and the actions wanted in it, ``pull`` or ``pull,push``."""

    name: str
    actions: str

    def __str__(self) -> str:
        return f"repository:{self.name}:{self.actions}"


NO_SCOPE = Scope("", "")
"""Of a request that belongs to no repository."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Token:
    text: str = field(repr=False)
    good_until: float
    actions: str

    def serves(self, actions: str) -> bool:
        return self.actions.startswith(actions) and time.monotonic() < self.good_until


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """The value of ``Authorization``, empty for none; ``trial`` marks a token of another repository."""

    value: str = field(default="", repr=False)
    trial: bool = False


class Authorizer:
    """What to send as ``Authorization`` to one registry with one credential (or none).

    ``probe`` asks the registry for its challenge; with ``eager`` that happens before the first request,
    otherwise a refusal has to bring the challenge. Safe for threads.
    """

    def __init__(
        self,
        *,
        credential: Credential | None,
        probe: Callable[[], tuple[Challenge | None, str]],
        eager: bool,
        fetch: Fetch,
        on_secret: Callable[[str], None],
        trusted_realms: frozenset[str] = frozenset(),
    ) -> None:
        self.credential = credential
        self._probe = probe
        self._fetch = fetch
        self._on_secret = on_secret
        self._trusted_realms = trusted_realms
        self._challenge: Challenge | None = None
        self._base = ""
        self._known = not eager
        self._tokens: dict[str, _Token] = {}
        self._shared: _Token | None = None
        self._reusable: bool | None = None
        self._trials_left = _TRIALS
        self._lock = threading.RLock()
        self._learning = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def grant(self, scope: Scope) -> Grant:
        """Return what to send for ``scope``. A trial has to be settled, whatever becomes of the request."""
        if not self._known:
            self.learn()
        if not self._bearer:
            return Grant(value=self._password())
        if (found := self._held(scope)) is not None:
            return Grant(value=f"Bearer {found.text}")
        with self._lock:
            lock = self._locks.setdefault(scope.name, threading.Lock())
        with lock:
            return self._obtained(scope)

    def own(self, scope: Scope) -> str:
        """Return what to send for ``scope`` where another repository's token will not do."""
        if not self._bearer:
            return self._password()
        with self._lock:
            lock = self._locks.setdefault(scope.name, threading.Lock())
        with lock:
            found = self._tokens.get(scope.name)
            if found is None or not found.serves(scope.actions):
                found = self._ask(scope)
                self._judge(found)
            return f"Bearer {found.text}"

    @property
    def bound(self) -> bool:
        """Whether a token is known to be good for one repository only."""
        return self._bearer and self._reusable is False

    @property
    def _bearer(self) -> bool:
        return self._challenge is not None and self._challenge.scheme == "bearer"

    def _password(self) -> str:
        usable = self.credential is not None and self.credential.password
        return self.credential.basic if self.credential is not None and usable else ""

    def settle(self, grant: Grant, status: int) -> bool:
        """Take in the status that a trial ended with; return whether to send again with a token of its own.

        Only a success proves anything: a 404 may hide what another token would show.
        """
        if not grant.trial:
            return False
        works = 200 <= status < 400
        with self._lock:
            if works:
                self._reusable = True
                tokens = self._tokens.values()
                self._shared = next(
                    (token for token in tokens if grant.value == f"Bearer {token.text}"), None
                )
            elif status in (401, 403):
                self._reusable = False
        self._learning.release()
        return not works and status != 0

    def learn(self, *, again: bool = False) -> None:
        """Ask the registry for its challenge, once for all threads."""
        with self._lock:
            if again or not self._known:
                self._challenge, self._base = self._probe()
            self._known = True

    def refused(self, answer: Answer, grant: Grant, challenge: Challenge | None) -> bool:
        """Take in a 401 (or a 403 without credentials); return whether sending again can help."""
        if challenge is None and answer.status == 401 and not grant.value:
            self.learn(again=True)
        with self._lock:
            if challenge is not None:
                self._challenge, self._base, self._known = challenge, answer.url, True
            if self._challenge is None or self._challenge.scheme != "bearer":
                return not grant.value and self.credential is not None and bool(self.credential.password)
            for name, token in list(self._tokens.items()):
                if grant.value == f"Bearer {token.text}":
                    del self._tokens[name]
            if self._shared is not None and grant.value == f"Bearer {self._shared.text}":
                self._shared, self._reusable = None, None
        return True

    def _obtained(self, scope: Scope) -> Grant:
        """Return a token of the cache or of the token service, or begin a trial."""
        if (found := self._held(scope)) is None and self._reusable is not None:
            found = self._ask(scope)
        if found is None:
            self._learning.acquire()  # until it is known what a token is good for, one at a time
            try:
                found = self._held(scope)
                if found is None and (other := self._candidate(scope)) is not None:
                    return Grant(value=f"Bearer {other.text}", trial=True)
                found = found or self._ask(scope)
                self._judge(found)
            except BaseException:
                self._learning.release()
                raise
            self._learning.release()
        return Grant(value=f"Bearer {found.text}")

    def _candidate(self, scope: Scope) -> _Token | None:
        """Return the token of another repository that is worth a trial."""
        if self._reusable is not None or not self._trials_left:
            return None
        with self._lock:
            other = next((token for token in self._tokens.values() if token.serves(scope.actions)), None)
        self._trials_left -= other is not None
        return other

    def _held(self, scope: Scope) -> _Token | None:
        for token in (self._tokens.get(scope.name), self._shared):
            if token is not None and token.serves(scope.actions):
                return token
        return None

    def _judge(self, token: _Token) -> None:
        """Learn whether tokens are good for the whole host: two alike are, one that names a scope is not."""
        with self._lock:
            others = [other for other in self._tokens.values() if other is not token]
            if _names_repositories(token.text):
                self._reusable = False
            elif any(other.text == token.text for other in others):
                self._reusable, self._shared = True, token
            elif others and not self._trials_left:
                self._reusable = False

    def _ask(self, scope: Scope) -> _Token:
        challenge = self._challenge
        if challenge is None:
            raise AuthError("no challenge to answer")
        realm = self._realm(challenge)
        wanted = (
            challenge.scope
            if challenge.scope and not challenge.scope.startswith("repository:")
            else str(scope)
        )
        answer = self._request(realm, challenge.service, wanted)
        token = self._read(answer, scope)
        self._on_secret(token.text)
        with self._lock:
            self._tokens[scope.name] = token
            if self._reusable:
                self._shared = token
        return token

    def _request(self, realm: str, service: str, scope: str) -> Answer:
        identity = self.credential.identity_token if self.credential else ""
        if identity:
            form = {
                "grant_type": "refresh_token",
                "service": service,
                "client_id": _CLIENT,
                "scope": scope,
                "refresh_token": identity,
            }
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
            answer = self._fetch("POST", realm, headers, urlencode(form).encode())
            if answer.status == 200 or answer.status not in _NO_OAUTH:
                return answer
        query = {"service": service, "scope": scope} if service else {"scope": scope}
        headers = {"Accept": "application/json"}
        if (basic := self._basic(identity)) is not None:
            headers["Authorization"] = basic
        url = with_query(realm, "&".join(f"{key}={quote(value, safe=':/,')}" for key, value in query.items()))
        return self._fetch("GET", url, headers, None)

    def _basic(self, identity: str) -> str | None:
        if self.credential is None:
            return None
        if identity:
            username = self.credential.username or "<token>"
            return Credential(username=username, password=identity).basic
        return self.credential.basic if self.credential.password else None

    def _realm(self, challenge: Challenge) -> str:
        """Return the checked URL of the token service: it is named by a server, and gets the password."""
        registry = origin_of(self._base)
        try:
            realm = join(self._base, challenge.realm)
            origin = origin_of(realm)
        except RegistryError as error:
            raise AuthError(f"{registry}: its token service is refused: {error.message}") from error
        if (problem := _objection(origin, registry)) and origin.name not in self._trusted_realms:
            raise AuthError(f"{registry}: its token service {redact(realm)} is refused: {problem}")
        _LOG.debug("%s: tokens come from %s", registry, origin)
        return realm

    def _read(self, answer: Answer, scope: Scope) -> _Token:
        where = redact(answer.url)
        if answer.status != 200:
            raise _denied(answer, where, self.credential)
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
        return _Token(text=text, good_until=time.monotonic() + lifetime - early, actions=scope.actions)


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
    if answer.status >= 500 or answer.status == 429:
        return RegistryError(message, status=answer.status, temporary=True)
    hint = f"the credentials from {credential.origin or 'the options'} are not accepted" if credential else ""
    return AuthError(message, status=answer.status, hint=hint or "log in to the registry")


def _names_repositories(token: str) -> bool:
    """Tell whether a token is a JWT that lists what it is for (docker token specification, ``access``)."""
    parts = token.split(".")
    if len(parts) != 3:
        return False
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(claims, dict) and bool(claims.get("access"))
