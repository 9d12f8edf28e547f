"""Authorization for one registry with one credential: Basic, or Bearer tokens fetched ahead (docker token spec).

Tokens are held in memory only. One thread fetches a token, the others wait for it. Whether a token is good for
the whole host is learned without a refusal: a JWT says what it is for; two tokens that are alike are good for
both; any other is tried for a second repository, where a success proves that it may read, and a write all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from oci_chart_publish.errors import AuthError, RegistryError
from oci_chart_publish.http.answer import Answer
from oci_chart_publish.http.challenge import Challenge
from oci_chart_publish.http.credentials import Credential
from oci_chart_publish.http.tokens import Fetch, Scope, Token, TokenService, names_repositories

_TRIALS = 2


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """The value of ``Authorization``, empty for none.

    ``foreign`` marks a token of another repository that is not yet known for certain to be as good as one of
    its own; ``trial`` the first use of such a token, for which others wait.
    """

    value: str = ""
    foreign: bool = False
    trial: bool = False

    def __repr__(self) -> str:
        """Show what is no secret: a repr ends in logs and tracebacks."""
        return f"Grant(foreign={self.foreign}, trial={self.trial})"


class Authorizer:
    """What to send as ``Authorization`` to one registry with one credential (or none).

    ``probe`` asks the registry for its challenge; with ``eager`` that happens before the first request,
    otherwise a refusal has to bring the challenge. Safe for threads. ``lenient`` and ``without`` are for the one that
    sends: whether what is public may be read without the credential, and whether it is by now.
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
        lenient: bool = False,
    ) -> None:
        self.credential = credential
        self.lenient = lenient
        self.without = False
        self._probe = probe
        self._service = TokenService(credential=credential, fetch=fetch, trusted_realms=trusted_realms)
        self._on_secret = on_secret
        self._challenge: Challenge | None = None
        self._base = ""
        self._known = not eager
        self._unanswered: RegistryError | None = None
        self._tokens: dict[str, Token] = {}
        self._shared: Token | None = None
        self._reusable: bool | None = None
        self._certain = False
        self._trials_left = _TRIALS
        self._lock = threading.RLock()
        self._learning = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def grant(self, scope: Scope) -> Grant:
        """Return what to send for ``scope``. It has to be settled, whatever becomes of the request."""
        if not self._known:
            self.learn()
        if not self._bearer:
            return Grant(value=self._password())
        if (result := self._held(scope)) is not None:
            return self._granted(result, scope)
        with self._lock:
            lock = self._locks.setdefault(scope.key, threading.Lock())
        with lock:
            return self._obtained(scope)

    def own(self, scope: Scope) -> str:
        """Return what to send for ``scope`` where another repository's token will not do."""
        if not self._bearer:
            return self._password()
        with self._lock:
            lock = self._locks.setdefault(scope.key, threading.Lock())
        with lock:
            result = self._tokens.get(scope.key)
            if result is None or not result.serves(scope.actions):
                result = self._ask(scope)
                self._judge(result)
            return f"Bearer {result.text}"

    def login_refused(self, answer: Answer) -> bool:
        """Tell whether an answer of the registry refuses the login that it was given itself, not through a token."""
        return answer.status == 401 and bool(self._password()) and not self._bearer

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

    def settle(self, grant: Grant, status: int, *, write: bool) -> bool:
        """Take in the status that a foreign token led to; return whether to send again with one of its own.

        A success lets other repositories use it too, but what is public may be read with any token: so until
        a write has succeeded, a 404 may still hide what another token would show.
        """
        if not grant.foreign:
            return False
        with self._lock:
            if 200 <= status < 400:
                self._reusable, self._certain = True, self._certain or write
                tokens = self._tokens.values()
                result = (token for token in tokens if grant.value == f"Bearer {token.text}")
                self._shared = next(result, self._shared)
            elif status in (401, 403):
                self._reusable, self._shared = False, None
        if grant.trial:
            self._learning.release()
        return status in (401, 403, 404)

    def learn(self, *, again: bool = False) -> None:
        """Ask the registry for its challenge, once for all threads."""
        before = self._unanswered
        with self._lock:
            if self._unanswered is not None and self._unanswered is not before:
                raise self._unanswered  # asked for all that waited meanwhile, in vain
            if again or not self._known:
                try:
                    self._challenge, self._base = self._probe()
                except RegistryError as error:
                    self._unanswered = error
                    raise
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
                self._shared, self._reusable, self._certain = None, None, False
        return True

    def _obtained(self, scope: Scope) -> Grant:
        """Return a token of the cache or of the token service, or begin a trial."""
        if (result := self._held(scope)) is None and self._reusable is not None:
            result = self._ask(scope)
        if result is None:
            self._learning.acquire()  # until it is known what a token is good for, one at a time
            try:
                result = self._held(scope)
                if result is None and (other := self._candidate(scope)) is not None:
                    return Grant(value=f"Bearer {other.text}", foreign=True, trial=True)
                result = result or self._ask(scope)
                self._judge(result)
            except BaseException:
                self._learning.release()
                raise
            self._learning.release()
        return self._granted(result, scope)

    def _granted(self, token: Token, scope: Scope) -> Grant:
        foreign = not self._certain and self._tokens.get(scope.key) is not token
        return Grant(value=f"Bearer {token.text}", foreign=foreign)

    def _candidate(self, scope: Scope) -> Token | None:
        """Return the token of another repository that is worth a trial."""
        if self._reusable is not None or not self._trials_left:
            return None
        with self._lock:
            other = next((token for token in self._tokens.values() if token.serves(scope.actions)), None)
        self._trials_left -= other is not None
        return other

    def _held(self, scope: Scope) -> Token | None:
        for token in (self._tokens.get(scope.key), self._shared):
            if token is not None and token.serves(scope.actions):
                return token
        return None

    def _judge(self, token: Token) -> None:
        """Learn whether tokens are good for the whole host: two alike are, one that names a scope is not."""
        with self._lock:
            others = [other for other in self._tokens.values() if other is not token]
            if names_repositories(token.text):
                self._reusable = False
            elif any(other.text == token.text for other in others):
                self._reusable, self._certain, self._shared = True, True, token
            elif others and not self._trials_left:
                self._reusable = False

    def _ask(self, scope: Scope) -> Token:
        if self._challenge is None:
            raise AuthError("a token is wanted, and no registry has asked for one")
        token = self._service.token(self._challenge, self._base, scope)
        self._on_secret(token.text)
        with self._lock:
            self._tokens[scope.key] = token
            if self._reusable:
                self._shared = token
        return token
