"""One registry host: the state all its repositories share, and the life of one request to it.

Send; on a 401 answer the challenge once; follow redirects by our own rules; on a transient refusal wait and
send again; everything else goes to the caller. Every body is bytes, so every request can be sent again.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping

import msgspec

from oci_chart_publish.errors import AuthError, RegistryError
from oci_chart_publish.http import challenge, redirects
from oci_chart_publish.http.address import Origin, origin_of, redact
from oci_chart_publish.http.answer import Answer, ConnectionFailed, Deferred, Sink, Transporting
from oci_chart_publish.http.auth import Authorizer, Grant
from oci_chart_publish.http.credentials import Credential
from oci_chart_publish.http.limiter import ConcurrencyLimiter
from oci_chart_publish.http.retry import Budget, RetryPolicy, for_host, is_transient
from oci_chart_publish.http.tokens import NO_SCOPE, TOKEN_LIMIT, Scope
from oci_chart_publish.http.waiting import Waiting
from oci_chart_publish.oci.content import Content
from oci_chart_publish.oci.reference import DOCKER_HUB
from oci_chart_publish.registry import profiles as hints
from oci_chart_publish.registry import refusals
from oci_chart_publish.registry.capabilities import Capabilities

_LOG = logging.getLogger(__name__)
_REFUSALS_A_TRY = 3
_SENT_ON = 307
SMALL = 64 * 1024
"""Bytes read of an answer whose body only explains."""

_WARNING = re.compile(r'299 - "((?:[^"\\\x00-\x1f\x7f-\x9f]|\\[\\"])*)"\s*$')
_WARNINGS_LIMIT = 4096
_TLS_EXPECTED = (b"HTTP request to an HTTPS server", b"HTTP request was sent to HTTPS port")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a registry. ``target`` is a path from ``/v2/`` on, or the URL of an earlier answer.

    ``limit`` caps the bytes of a body that is wanted. ``recheck`` is asked before a request whose answer
    was lost is sent again: what it returns, if anything, is the answer. With ``same_origin`` a redirect to
    another origin is not followed: it is the answer. ``tries`` is 0 for the number of the policy. A ``sink`` takes the
    body that is wanted, and goes on where it was when the request is sent again.
    """

    method: str
    target: str
    scope: Scope = NO_SCOPE
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes | Content | None = None
    limit: int = SMALL
    sink: Sink | None = None
    recheck: Callable[[], Answer | None] | None = None
    tries: int = 0
    same_origin: bool = False


class Host:
    """A registry and everything known about it. Safe for threads."""

    def __init__(
        self,
        name: str,
        *,
        sender: Callable[[], Transporting],
        plain_http: bool,
        prefer_https: bool,
        credentials_in_clear: bool,
        pace: ConcurrencyLimiter,
        patience: RetryPolicy,
        budget: Budget,
        on_wait: Callable[[str], None],
        on_warning: Callable[[str], None],
        on_secret: Callable[[str], None],
        trusted_realms: frozenset[str] = frozenset(),
        mask: Callable[[str], str] = str,
        login_hint: str = "",
        user_agent: str = "oci-chart-publish",
    ) -> None:
        self.name = name
        self.login_hint = login_hint
        self._sender = sender
        self._address = "registry-1.docker.io" if name == DOCKER_HUB else name
        scheme = "http" if plain_http and not prefer_https else "https"
        self.base = f"{scheme}://{self._address}"
        self._origin = origin_of(self.base)
        self._undecided = scheme == "http" and self._origin.loopback
        self._credentials_in_clear = credentials_in_clear
        self.pace = pace
        self.patience = patience
        self._waiting = Waiting(name, policy=patience, budget=budget, tell=on_wait, pace=pace)
        self._tokens = Waiting(name, policy=patience, budget=budget, tell=on_wait)
        self._on_warning = on_warning
        self._on_secret = on_secret
        self._trusted_realms = trusted_realms
        self._mask = mask
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self.features = Capabilities()
        self.kind = hints.kind_of(name)
        self._warnings: set[str] = set()
        self._lock = threading.RLock()
        self._authorizers: dict[tuple[Credential | None, bool], Authorizer] = {}

    @property
    def origin(self) -> Origin:
        """Where the registry is."""
        return self._origin

    def authorizer(self, credential: Credential | None, *, lenient: bool = False) -> Authorizer:
        """Return the authorizer for ``credential``, one for all that share it.

        With ``lenient`` what is public is read without it, where it is refused.
        """
        key = (credential, lenient and credential is not None)
        with self._lock:
            if key not in self._authorizers:
                eager = credential is not None or not self._origin.loopback
                self._authorizers[key] = Authorizer(
                    credential=credential,
                    probe=self._probe,
                    eager=eager,
                    fetch=self._fetch_token,
                    on_secret=self._on_secret,
                    trusted_realms=self._trusted_realms,
                    lenient=key[1],
                )
            return self._authorizers[key]

    def request(self, call: Call, auth: Authorizer | None) -> Answer:
        """Send ``call`` until there is an answer that waiting will not change, or patience ends.

        Returns answers of every status; ConnectionFailed where the last try had none.
        """
        if auth is None or not auth.lenient or call.method not in ("GET", "HEAD"):
            return self._patiently(call, auth)
        if auth.without:
            return self._patiently(call, self.authorizer(None))
        try:
            answer = self._patiently(call, auth)
        except AuthError as refused:
            public = self._in_public(call, auth) if refused.login_refused else None
            if public is None:
                raise
            return public
        if answer.status not in (401, 403) or not self.is_ours(answer.url):
            return answer
        return self._in_public(call, auth) or answer

    def _in_public(self, call: Call, auth: Authorizer) -> Answer | None:
        """Return what everybody may read, where a login is refused; None where that is nothing."""
        try:
            answer = self._patiently(call, self.authorizer(None))
        except AuthError:
            return None
        if answer.status >= 400 or auth.credential is None:
            return None
        with self._lock:
            first, auth.without = not auth.without, True
        if first:
            self._on_warning(f"{self.name}: {auth.credential.refused}; what is public is read without them")
        return answer

    def _patiently(self, call: Call, auth: Authorizer | None) -> Answer:
        tries = call.tries or self.patience.tries
        refused = 0
        unreached = 0
        attempt = 0
        while True:
            attempt += 1
            last = attempt >= tries
            try:
                answer = self._authorized(call, auth)
            except ConnectionFailed as failure:
                unreached = unreached + 1 if failure.unreachable else 0
                self._waiting.unanswered(failure, attempt - 1, tries, unreached)
            except Deferred as error:
                # The request itself was not sent, so this is none of the tries that its caller allows.
                if attempt >= self.patience.tries or not self._waiting.put_off(error.answer, attempt - 1):
                    raise
                tries += 1
                continue
            else:
                unreached = 0
                if not is_transient(answer.status, answer.body):
                    return answer
                if for_host(answer.status):
                    if last or not self._waiting.put_off(answer, attempt - 1):
                        return answer
                    # A host that says when to come back slows us all down until it can follow: that takes
                    # several rounds, and only some of them count as a try.
                    if answer.header("Retry-After"):
                        refused += 1
                        attempt -= refused % _REFUSALS_A_TRY != 0
                    continue  # refused before it was looked at, so nothing can have been stored
                if last or not self._waiting.put_off(answer, attempt - 1):
                    return answer
            if call.recheck is not None and (result := call.recheck()) is not None:
                return result

    def speaks(self) -> bool:
        """Tell whether this host was ever seen speaking the registry API, asking ``/v2/`` if need be."""
        if not self.features.speaks:
            answer = self.request(Call(method="GET", target="/v2/"), None)
            self._notice(answer)
            if answer.status == 200 and answer.body.lstrip()[:1] in (b"", b"{"):
                self.features.speaks |= "html" not in answer.header("Content-Type").lower()
        return self.features.speaks

    def _authorized(self, call: Call, auth: Authorizer | None) -> Answer:
        if auth is None:
            return self._follow(call, "")
        grant = auth.grant(call.scope)
        status = 0
        try:
            answer = self._follow(call, grant.value)
            # What another host says, whereto this one has sent us, says nothing of a login here.
            status = answer.status if self.is_ours(answer.url) else _SENT_ON
        finally:
            again = auth.settle(grant, status, write=call.method not in ("GET", "HEAD"))
        if again:
            grant = Grant(value=auth.own(call.scope))
            answer = self._follow(call, grant.value)
        if not self.is_ours(answer.url):
            return answer
        if answer.status == 401 or (answer.status == 403 and not grant.value):
            asked = challenge.parse(answer.headers.all("WWW-Authenticate"))
            if auth.refused(answer, grant, asked):
                return self._follow(call, auth.own(call.scope))
        return answer

    def _follow(self, call: Call, authorization: str) -> Answer:
        url = call.target if "://" in call.target[:8] else self.base + call.target
        for _ in range(redirects.HOPS + 1):
            answer = self._once(call, url, authorization)
            if not redirects.is_redirect(answer):
                return answer
            url = self.allowed(answer.header("Location"), answer)
            self._check_scheme(answer, url)
            if call.same_origin and origin_of(url) != self._origin:
                return answer
        raise RegistryError(f"{call.method} {redact(url)}: more than {redirects.HOPS} redirects")

    def allowed(self, location: str, answer: Answer) -> str:
        """Return the URL of a ``Location`` in ``answer``, if a request may go there."""
        return redirects.target(location, answer, self._origin)

    def is_ours(self, url: str) -> bool:
        """Tell whether ``url`` is on the origin of this registry, the only place whose word counts for logins."""
        return url.startswith(f"{self.base}/") or origin_of(url) == self._origin

    def _check_scheme(self, answer: Answer, url: str) -> None:
        """Raise where this host, asked over plain HTTP, sends the same request to itself over TLS."""
        asked, place = origin_of(answer.url), origin_of(url)
        if (
            asked == self._origin
            and (asked.scheme, place.scheme) == ("http", "https")
            and place.host == asked.host
            and _path_of(url) == _path_of(answer.url)
        ):
            raise RegistryError(
                f"{answer.method} {redact(answer.url)}: {answer.status}: {self.name} answers plain http with a"
                f" redirect to {place}",
                hint=f"it speaks TLS: take {self.name} out of plain-http",
            )

    def _once(self, call: Call, url: str, authorization: str) -> Answer:
        if not self._undecided:
            return self._send(call, url, authorization)
        try:
            answer = self._send(call, url, authorization)
        except ConnectionFailed:
            if not self._is_tls():
                raise
        else:
            if answer.status != 400 or not any(text in answer.body for text in _TLS_EXPECTED):
                self._undecided = False
                return answer
        with self._lock:
            self.base = f"https://{self._address}"
            self._origin = origin_of(self.base)
            self._undecided = False
        return self._send(call, "https" + url.removeprefix("http"), authorization)

    def _send(self, call: Call, url: str, authorization: str) -> Answer:
        headers = {**self._headers, **call.headers, **(call.sink.headers() if call.sink else {})}
        own = self.is_ours(url)
        if authorization and own:
            self._check_clear(call.method, url)
            headers["Authorization"] = authorization
        sender = self._sender()
        self.pace.enter()
        success = False
        began = 0.0
        try:
            # Asked here, after the queue: what waited may wait in vain by now.
            began = self._waiting.begin(call.method, url)
            answer = sender.send(call.method, url, headers, call.body, limit=call.limit, sink=call.sink)
            success = answer.status < 400 or answer.status == 404
            self._waiting.answered()
        except ConnectionFailed as failure:
            if not failure.final:
                self._waiting.failed(began, failure)
            raise
        finally:
            self.pace.leave(success=success)
        if answer.status >= 300:
            answer = answer.masked(self._mask)
        if own:
            self._notice(answer)
        return answer

    def _check_clear(self, method: str, url: str) -> None:
        """Raise before a secret goes over plain HTTP to a host that was not named for that."""
        place = origin_of(url)
        if place.scheme == "http" and not place.loopback and not self._credentials_in_clear:
            raise AuthError(
                f"{method} {redact(url)}: credentials do not go over plain http",
                hint=f"ask for plain http to {self.name} by name, if that is meant",
            )

    def _is_tls(self) -> bool:
        """Find out whether a loopback registry that gave no answer to plain HTTP wants TLS."""
        try:
            self._sender().send("GET", f"https://{self._address}/v2/", self._headers, None, limit=SMALL)
        except ConnectionFailed as failure:
            return "certificate" in failure.reason
        return True

    def _notice(self, answer: Answer) -> None:
        if answer.header("Warning"):
            self._warned(answer)
        first = not self.features.speaks and _is_of_a_registry(answer)
        self.features.speaks |= first
        if self.kind is hints.GENERIC and (first or answer.status in (401, 403)):
            marks = (f"{name}={value}" for name in _MARKS if (value := answer.header(name)))
            self.kind = hints.kind_of(self.name, " ".join(marks))

    def _warned(self, answer: Answer) -> None:
        """Pass a registry's warning on, once (distribution-spec, warnings)."""
        for value in answer.headers.all("Warning"):
            result = _WARNING.match(value)
            with self._lock:
                fits = result is not None and value not in self._warnings
                fits = fits and sum(map(len, self._warnings)) + len(value) <= _WARNINGS_LIMIT
                if fits:
                    self._warnings.add(value)
            if result is not None and fits:
                text = result.group(1).replace('\\"', '"')
                self._on_warning(f"{self.name}: {self._mask(text)}")

    def _probe(self) -> tuple[challenge.Challenge | None, str]:
        answer = self._follow(Call(method="GET", target="/v2/"), "")
        if is_transient(answer.status, answer.body):
            raise Deferred(refusals.refusal(answer, kind=self.kind, path="").message, answer)
        if not self.is_ours(answer.url):
            return None, answer.url
        return challenge.parse(answer.headers.all("WWW-Authenticate")), answer.url

    def _fetch_token(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        expected = {**self._headers, **headers}
        if "Authorization" in expected or body:
            self._check_clear(method, url)
        began = self._tokens.begin(method, url)
        try:
            answer = self._sender().send(method, url, expected, body, limit=TOKEN_LIMIT)
        except ConnectionFailed as failure:
            # The request that the token is for is tried again, and with it the token.
            self._tokens.failed(began, failure)
            raise
        self._tokens.answered()
        return answer


_MARKS = (
    "Server",
    "WWW-Authenticate",
    "X-JFrog-Version",
    "X-Artifactory-Id",
    "X-Harbor-Csrf-Token",
    "X-Gitlab-Meta",
)


def _path_of(url: str) -> str:
    return url.partition("?")[0].split("/", 3)[-1]


def _is_of_a_registry(answer: Answer) -> bool:
    return bool(
        answer.header("Docker-Distribution-Api-Version")
        or answer.header("Docker-Content-Digest")
        or (answer.status == 401 and answer.header("WWW-Authenticate"))
        or (answer.status == 202 and answer.method == "POST")
    )
