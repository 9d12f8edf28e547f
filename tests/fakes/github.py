"""A stateful stand-in of GitHub's API on a loopback socket, for one repository.

Every request and every answer is validated against GitHub's own description (``github_contract``, ``github_graphql``).
A violation is answered with 418, a wrong GraphQL document as GitHub does; either is kept in ``violations`` and raised
again when the stand-in is closed, so that no test passes over it. Tests look at ``state`` (what GitHub would now hold)
and at ``requests`` (what was asked), and script failures with ``refuse``, ``hold`` and the permissions of a token.
"""

from __future__ import annotations

import json
import math
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from tests.fakes.github_answers import Answers
from tests.fakes.github_contract import ContractError, Sent, contract
from tests.fakes.github_graphql import graphql
from tests.fakes.github_refusals import GRAPHQL, VARYING, Refusal, refusal
from tests.fakes.github_routes import READ_ONLY, ROUTES, Call, Route, Token
from tests.fakes.github_state import Asset, Comment, PackageVersion, Pull, Refused, Release, State

__all__ = ["Asset", "Comment", "FakeGitHub", "PackageVersion", "Pull", "Release", "State", "Token"]

GRAPHQL_PATH = "/graphql"
MINUTE, HOUR = 60, 3600
RESET = 4_000_000_000
"""When the primary rate limit begins anew: long after any test."""


class Request(NamedTuple):
    """One request as it came in, without the prefix of the API."""

    method: str
    path: str
    body: Any
    headers: Mapping[str, str]


Effect = Literal["none", "done", "starter"]


@dataclass
class Fault:
    """One scripted answer; ``effect`` says what happened on the server all the same."""

    method: str
    pattern: str
    refusal: Refusal | None
    headers: Mapping[str, str]
    effect: Effect
    times: int
    drop: bool = False
    delay: float = 0
    instead: Any = None
    number: int = 0
    """Of the request, where it is one by its number and not by its path."""

    def fits(self, method: str, path: str, number: int) -> bool:
        """Tell whether this is for a request."""
        if self.number:
            return self.number == number
        return self.method == method and bool(re.search(self.pattern, path))

    @property
    def answers(self) -> bool:
        """Whether the answer is not what the state would give."""
        return self.drop or self.refusal is not None or self.instead is not None


@dataclass
class Gate:
    """Requests that wait for each other, so that a race happens every time."""

    method: str
    pattern: str
    barrier: threading.Barrier
    left: int = field(default=0)


class FakeGitHub:
    """The server; use it as a context manager. ``api_url`` is what GITHUB_API_URL would hold."""

    def __init__(
        self,
        owner: str = "acme",
        name: str = "charts",
        *,
        prefix: Literal["", "/api/v3"] = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.state = State(owner, name)
        self.tokens = {"t0ken": Token()}
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.rate_limit = 5000
        # docs, "About secondary rate limits": content-generating requests
        self.creations_a_minute, self.creations_an_hour = 80, 500
        self.clock: Callable[[], float] = time.monotonic
        self._created: list[float] = []
        self._used: Counter[str] = Counter()
        self._prefix = prefix
        self._graphql = "/api/graphql" if prefix else "/graphql"
        self._uploads = "/api/uploads" if prefix else "/uploads"
        self._faults: list[Fault] = []
        self._gates: list[Gate] = []
        self._actions: list[tuple[str, str, Callable[[], object]]] = []
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_address[1]}"
        self.api_url = self.url + prefix
        self.answers = Answers(self.state, api=self.api_url, web=self.url, uploads=self.url + self._uploads)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self.violations:
            raise ContractError("\n".join(self.violations))

    # What a test arranges.

    def add_pull(
        self, number: int, *, head_sha: str = "", head_repository: str | None = "acme/charts", **more: Any
    ) -> Pull:
        """Open a pull request; its head is a new commit on top of ``main`` unless given."""
        if not head_sha:
            head_sha = self.state.commit(f"head of {number}")
        elif head_sha not in self.state.commits:
            self.state.commit(f"head of {number}", sha=head_sha)
        pull = Pull(number, head_sha, head_repository, **more)
        self.state.pulls[number] = pull
        return pull

    def merge(self, number: int) -> str:
        """Merge a pull request as one commit on its base; return that commit."""
        pull = self.state.pulls[number]
        pull.merge_sha = self.state.commit(f"{pull.title} (#{number})", branch=pull.base_ref)
        pull.merged, pull.state, pull.hidden = True, "closed", self.state.lag
        return pull.merge_sha

    def refuse(
        self,
        method: str,
        pattern: str,
        name: str = "server-error",
        *,
        effect: Effect = "none",
        times: int = 1,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer the next ``times`` requests whose path matches with a refusal of ``github-refusals.json``.

        ``effect="done"``: the work was done before the failure. ``"starter"``: an upload left half an asset.
        ``headers`` may say how long a limit lasts.
        """
        if others := set(headers or ()) - VARYING:
            raise ContractError(f"{name}: a test may not choose {sorted(others)}")
        self._faults.append(Fault(method, pattern, refusal(name), dict(headers or {}), effect, times))

    def refuse_request(
        self, number: int, name: str, *, effect: Effect = "none", headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer the request of a number, counted from 1 over all, with a refusal, whatever it is."""
        fault = Fault("", "", refusal(name), dict(headers or {}), effect, 1, number=number)
        self._faults.append(fault)

    def operation(self, sent: Request) -> str:
        """Return the operation of a request as the description has it (``POST /repos/...``), or ``graphql``."""
        if sent.path == GRAPHQL_PATH:
            return GRAPHQL
        found = next(
            one for one in ROUTES if one.method == sent.method and _pattern(one.template).fullmatch(sent.path)
        )
        return f"{found.method} {found.template}"

    def hang(self, method: str, pattern: str, delay: float, *, times: int = 1) -> None:
        """Take ``delay`` seconds for each of the next ``times`` answers."""
        self._faults.append(Fault(method, pattern, None, {}, "none", times, delay=delay))

    def drop(self, method: str, pattern: str, *, effect: Effect = "none", times: int = 1) -> None:
        """Close the connection of the next ``times`` matching requests without an answer."""
        self._faults.append(Fault(method, pattern, None, {}, effect, times, drop=True))

    def interpose(self, method: str, pattern: str, data: Any, **headers: str) -> None:
        """Let something between GitHub and the client (a proxy, a login page) answer the next request with 200."""
        self._faults.append(Fault(method, pattern, None, headers, "none", 1, instead=data))

    def limit(self, method: str, pattern: str, *, times: int = 1, retry_after: int | None = None) -> None:
        """Answer with a secondary rate limit (403)."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self.refuse(method, pattern, "secondary-limit", headers=headers, times=times)

    def hold(self, method: str, pattern: str, *, parties: int) -> None:
        """Let the next ``parties`` matching requests wait for each other before they are carried out."""
        self._gates.append(Gate(method, pattern, threading.Barrier(parties), parties))

    def before(self, method: str, pattern: str, action: Callable[[], object]) -> None:
        """Do something on GitHub just before the next matching request is carried out."""
        self._actions.append((method, pattern, action))

    def sent(self, method: str, pattern: str = "") -> list[Request]:
        """Return the requests of one method whose path matches."""
        return [one for one in self.requests if one.method == method and re.search(pattern, one.path)]

    def forget(self) -> None:
        """Forget the requests so far."""
        self.requests.clear()

    # How a request is answered.

    def _take_fault(self, method: str, path: str, number: int) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.times > 0 and fault.fits(method, path, number):
                    fault.times -= 1
                    return fault
        return None

    def _act(self, method: str, path: str) -> None:
        with self._lock:
            due = next((one for one in self._actions if one[0] == method and re.search(one[1], path)), None)
            if due:
                self._actions.remove(due)
        if due:
            due[2]()  # outside of the lock: it may talk to the stand-in itself

    def _wait(self, method: str, path: str) -> None:
        for gate in self._gates:
            with self._lock:
                waits = gate.method == method and gate.left > 0 and bool(re.search(gate.pattern, path))
                gate.left -= waits
            if waits:
                gate.barrier.wait(timeout=10)

    def handle(self, method: str, target: str, headers: Mapping[str, str], raw: bytes) -> _Answer | None:
        """Answer one request; None closes the connection."""
        parts = urlsplit(target)
        path, query = parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))
        media_type = headers.get("Content-Type", "").split(";")[0]
        body = json.loads(raw) if raw and media_type == "application/json" else None
        short = self._shorten(path)
        with self._lock:
            self.requests.append(Request(method, short, body, headers))
            number = len(self.requests)
            limits = self._count("graphql" if path == self._graphql else "core")
        if limits["X-RateLimit-Remaining"] == "-1":
            return _refused(refusal("primary-limit"), {**limits, "X-RateLimit-Remaining": "0"})
        self._wait(method, short)
        self._act(method, short)
        fault = self._take_fault(method, short, number)
        if fault is None and (limited := self._creation(method, path)):
            return replace(limited, headers={**limits, **limited.headers})
        if fault and fault.delay:
            time.sleep(fault.delay)
        answer = None
        if fault is None or fault.effect != "none" or not fault.answers:
            try:
                token = self.tokens.get(headers.get("Authorization", "").partition(" ")[2])
                call = Call(self.state, self.answers, token, {}, query, body, raw, media_type)
                answer = self._carry_out(method, path, call, fault)
            except (AssertionError, KeyError, ValueError, TypeError) as error:
                self.violations.append(f"{method} {target}: {type(error).__name__}: {error}")
                answer = _Answer(418, {"message": f"stand-in: {error}"})  # nobody repeats a 418
        if fault and fault.drop:
            return None
        if fault and fault.refusal:
            self._judge(fault.refusal, method, path)
            answer = _refused(fault.refusal, fault.headers)
        elif fault and fault.instead is not None:
            answer = _Answer(200, fault.instead, fault.headers)
        return replace(answer, headers={**limits, **answer.headers}) if answer else None

    def _judge(self, refused: Refusal, method: str, path: str) -> None:
        """Note a refusal that GitHub does not give this operation."""
        operation = GRAPHQL if path == self._graphql else f"{method} {self._find(method, path)[0].template}"
        if not refused.may_answer(operation):
            self.violations.append(f"{operation} does not answer {refused.name}")

    def _creation(self, method: str, path: str) -> _Answer | None:
        """Count what creates something; refuse what is more than GitHub takes in a minute or an hour."""
        if method != "POST" or path == self._graphql:
            return None
        with self._lock:
            now = self.clock()
            self._created = [at for at in self._created if now - at < HOUR]
            minute = [at for at in self._created if now - at < MINUTE]
            if len(self._created) < self.creations_an_hour and len(minute) < self.creations_a_minute:
                self._created.append(now)
                return None
            oldest, window = (
                (minute[0], MINUTE) if len(minute) >= self.creations_a_minute else (self._created[0], HOUR)
            )
        return _refused(refusal("creation-limit"), {"Retry-After": str(math.ceil(oldest + window - now))})

    def _count(self, resource: str) -> dict[str, str]:
        """Count a request; return what every answer says of the primary rate limit (-1 is left beyond it)."""
        self._used[resource] += 1
        used = self._used[resource]
        return {
            "X-RateLimit-Limit": str(self.rate_limit),
            "X-RateLimit-Remaining": str(max(self.rate_limit - used, -1)),
            "X-RateLimit-Reset": str(RESET),
            "X-RateLimit-Used": str(used),
            "X-RateLimit-Resource": resource,
        }

    def _shorten(self, path: str) -> str:
        for prefix in (self._uploads, self._prefix):
            if prefix and path.startswith(prefix + "/"):
                return path.removeprefix(prefix)
        return path

    def _carry_out(self, method: str, path: str, call: Call, fault: Fault | None) -> _Answer:
        if call.token is None:
            return _Answer(
                401, {"message": "Bad credentials", "documentation_url": self.url, "status": "401"}
            )
        with self._lock:
            self.state.read_git()
        if (method, path) == ("POST", self._graphql):
            with self._lock:
                said = graphql(call)
            self.violations += [f"{method} {path}: {one}" for one in said.violations]
            return _Answer(200, said.data)
        found, call.values = self._find(method, path)
        here = {"owner": self.state.owner, "repo": self.state.name}
        if any(call.values.get(name, value) != value for name, value in here.items()):
            return _Answer(404, {"message": "Not Found"})
        contract().check_request(
            Sent(method, found.template, call.values, call.query, call.raw, call.media_type)
        )
        writing = method != "GET"
        if call.token.lacks(found.needs, writing=writing):
            needs = "; ".join(f"{name}={'write' if writing else 'read'}" for name in found.needs)
            return _Answer(403, {"message": READ_ONLY}, {"X-Accepted-GitHub-Permissions": needs})
        return self._apply(found, call, fault)

    def _find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        short = self._shorten(path)
        uploading = path.startswith(self._uploads + "/")
        if not uploading and not path.startswith(self._prefix):
            raise ContractError(f"a path outside of {self._prefix}")
        for candidate in ROUTES:
            if candidate.method == method and (match := _pattern(candidate.template).fullmatch(short)):
                if uploading != (candidate.handle.__name__ == "_upload"):
                    raise ContractError("uploads go to the host of upload_url, and nothing else does")
                return candidate, {name: unquote(value) for name, value in match.groupdict().items()}
        raise ContractError("no such operation")

    def _apply(self, found: Route, call: Call, fault: Fault | None) -> _Answer:
        with self._lock:
            try:
                status, data = found.handle(call)
            except Refused as refused:
                status, data = refused.status, _refusal(refused, self.url)
            if fault and fault.effect == "starter":
                asset = next(one for one in self._all_assets() if one.id == data["id"])
                asset.state, asset.data = "starter", b""
        raw = b"" if data is None else json.dumps(data).encode()
        contract().check_answer(found.method, found.template, call.values, status, raw)
        return _Answer(status, data, _links(self.api_url, found, call))

    def _all_assets(self) -> list[Asset]:
        return [asset for release in self.state.releases.values() for asset in release.assets]


@dataclass(frozen=True)
class _Answer:
    status: int
    data: Any
    headers: Mapping[str, str] = field(default_factory=dict)


def _refused(refused: Refusal, headers: Mapping[str, str]) -> _Answer:
    return _Answer(refused.status, refused.data, {**refused.headers, **headers})


def _refusal(refused: Refused, url: str) -> dict[str, Any]:
    data: dict[str, Any] = {
        "message": refused.message,
        "documentation_url": url,
        "status": str(refused.status),
    }
    if refused.errors:
        data["errors"] = [dict(error) for error in refused.errors]
    return data


def _links(api_url: str, found: Route, call: Call) -> dict[str, str]:
    path = found.template
    for name, value in call.values.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    links = [
        f'<{api_url}{path}?{urlencode({**call.query, "page": number})}>; rel="{name}"'
        for name, number in call.pages
    ]
    return {"Link": ", ".join(links)} if links else {}


def _pattern(template: str) -> re.Pattern[str]:
    """Return the pattern of a path; a ref may hold slashes."""
    parts = re.split(r"\{(\w+)\}", template)
    pattern = "".join(
        re.escape(part) if index % 2 == 0 else f"(?P<{part}>{'.+' if part == 'ref' else '[^/]+'})"
        for index, part in enumerate(parts)
    )
    return re.compile(pattern)


def _handler(fake: FakeGitHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            answer = fake.handle(self.command, self.path, dict(self.headers), raw)
            if answer is None:
                self.close_connection = True
                return
            page = isinstance(answer.data, str)
            data = answer.data.encode() if page else json.dumps(answer.data).encode()
            data = b"" if answer.data is None else data
            self.send_response(answer.status)
            self.send_header("Content-Type", "text/html" if page else "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            for name, value in answer.headers.items():
                if name == "Content-Type":
                    continue
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _answer  # noqa: N815 - the server's naming

        def log_message(self, *_: object) -> None:
            """Be quiet: the tests read ``requests``."""

    return Handler
