"""Requests to GitHub, with our rules for repeating them. The only module that imports PyGithub.

===================  =====================================================  ==========================================
answer               GET, PATCH, DELETE                                     POST
===================  =====================================================  ==========================================
5xx, none at all     repeated after 1, 2, 4, 8 seconds                      looked up; repeated if it was not done
403 or 429, a limit  repeated after ``Retry-After`` (a minute if not said)  the same: it was refused, so nothing is done
anything else        an error                                               an error
===================  =====================================================  ==========================================

PyGithub's own policy repeats a POST blindly and never repeats a PATCH (``github/GithubRetry.py``), so it is switched
off. Its objects are not used either: an edit of a draft publishes it unless told otherwise
(``GitRelease.update_release``) and a new release becomes "Latest" (``Repository.create_git_release``). Its connection
keeps the request in its own fields (``Requester.HTTPSRequestsConnectionClass``), so that two threads would mix theirs
up: requests are made one at a time.
"""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from oci_chart_publish.errors import ForgeError
from oci_chart_publish.github import response
from oci_chart_publish.github.failures import UNTRUSTED, Failure, explain
from oci_chart_publish.github.response import Json

if TYPE_CHECKING:
    from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester

    from github import GithubException

API_URL = "https://api.github.com"
ATTEMPTS = 5
BURST = 10
"""Writes that may follow each other at once."""
GRAPHQL = "graphql"
NO_DATA = 400
"""The status that PyGithub gives an answer of GraphQL that holds no data; on the wire it is 200."""
TOLD = 5.0
"""Seconds from which on a wait is told of: nobody should take it for a run that hangs."""
PAGE = 100
"""Entries on a page, GitHub's largest."""

Lookup = Callable[[], Json | None]
"""Looks up what a POST was to create; None where it does not exist."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach GitHub. ``api_url`` is ``GITHUB_API_URL``; times are seconds.

    ``longest_wait`` is for one limit, ``all_waits`` for those of a run: past the 500 creations of an hour GitHub lets
    some through now and then, and a job that waited for each would cost hours.
    """

    token: str
    api_url: str = API_URL
    timeout: int = 30
    between_writes: float = 1.0
    ca_bundle: str = ""
    """PEM file of all that is trusted; empty for what `requests` brings."""
    longest_wait: float = 120.0
    all_waits: float = 900.0


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """Time as the client sees it: seconds since 1970, and how to wait."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


class Client:
    """A connection to GitHub's API. Every method raises ForgeError; any number of threads may use it."""

    def __init__(
        self, options: Options, clock: Clock | None = None, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._options = options
        self._say = say
        self._token = options.token.strip()
        self._clock = clock or Clock()
        self._turn = threading.Lock()
        self._pacing = threading.Lock()
        self._due = 0.0
        self._waited = 0.0
        self._requester: Requester | None = None
        self._uploads: dict[str, HTTPRequestsConnectionClass | HTTPSRequestsConnectionClass] = {}

    def close(self) -> None:
        """Close every connection."""
        with self._turn:
            if self._requester is not None:
                self._requester.close()
            for connection in self._uploads.values():
                connection.close()
            self._requester, self._uploads = None, {}

    # Requests.

    def get(self, path: str, *, needs: str = "") -> object:
        """Read one thing; ``needs`` is the permission that the job has to have, here as everywhere.

        Where writing follows, that is the one to write: nobody should have to add one after the other.
        """
        return self._json("GET", path, needs=needs)[1]

    def pages(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        most: int | None = None,
        sized: bool = True,
        needs: str = "",
    ) -> Iterator[Json]:
        """Yield the entries of a list, all pages of it (at most ``most``), by the links GitHub gives.

        ``sized`` asks for the largest pages; a few lists do not know that.
        """
        url, asked = path, {**(query or {}), **({"per_page": str(PAGE)} if sized else {})}
        number = 0
        while url and (most is None or number < most):
            headers, data = self._json("GET", url, query=asked, needs=needs)
            yield from response.listed(data, path)
            result = re.search(r'<([^>]+)>;\s*rel="next"', headers.get("link", ""))
            url, asked, number = result[1] if result else "", {}, number + 1

    def patch(self, path: str, body: Json, *, needs: str) -> Json:
        """Change a thing; safe to repeat."""
        return response.whole(self._json("PATCH", path, body=body, needs=needs)[1], path)

    def delete(self, path: str, *, needs: str) -> bool:
        """Remove a thing; return False where it was gone already."""
        try:
            self._json("DELETE", path, needs=needs)
        except ForgeError as error:
            if error.status == 404:
                return False
            raise
        return True

    def create(self, path: str, body: Json, *, find: Lookup, needs: str) -> Json:
        """Create a thing. Where the answer got lost, ``find`` decides whether it has to be sent again."""
        return response.whole(self._json("POST", path, body=body, find=find, needs=needs)[1], path)

    def upload(self, url: str, name: str, data: bytes, media_type: str, *, label: str, find: Lookup) -> Json:
        """Send a file to the place that a release names for it (``upload_url`` without its template)."""
        query = {
            "name": name,
            **({"label": label} if label else {}),
        }  # GitHub's description denies an empty label

        def send(requester: Requester) -> tuple[Mapping[str, str], object]:
            headers = {"Content-Type": media_type, "Content-Length": str(len(data))}
            content = io.BytesIO(data)
            return requester.requestMemoryBlobAndCheck(
                "POST", url, query, headers, content, self._upload_connection(url)
            )

        return response.whole(self._attempt("POST", url, send, find=find, needs="contents: write")[1], url)

    def query(self, document: str, variables: Json | None = None, *, needs: str = "") -> Json:
        """Ask a GraphQL question, which changes nothing."""
        return self._graphql(document, variables or {}, find=None, needs=needs, writes=False)

    def mutate(self, document: str, variables: Json, *, find: Lookup, needs: str) -> Json:
        """Send a GraphQL mutation; ``find`` as for ``create``, returning what ``data`` would hold."""
        return self._graphql(document, variables, find=find, needs=needs, writes=True)

    def _graphql(
        self, document: str, variables: Json, *, find: Lookup | None, needs: str, writes: bool
    ) -> Json:
        def send(requester: Requester) -> tuple[Mapping[str, str], object]:
            headers, data = requester.graphql_query(document, dict(variables))
            if not isinstance(
                data.get("data"), dict
            ):  # a secondary limit, with status 200 and without errors
                raise requester.createException(NO_DATA, headers, data)
            return headers, data["data"]

        method = "POST" if writes else "GET"  # a question may be repeated like a GET
        return response.whole(self._attempt(method, GRAPHQL, send, find=find, needs=needs)[1], "data")

    def _json(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        find: Lookup | None = None,
        needs: str = "",
    ) -> tuple[Mapping[str, str], object]:
        def send(requester: Requester) -> tuple[Mapping[str, str], object]:
            return requester.requestJsonAndCheck(method, path, dict(query or {}), None, body)

        return self._attempt(method, path, send, find=find, needs=needs)

    # Attempts.

    def _attempt(
        self,
        method: str,
        url: str,
        send: Callable[[Requester], tuple[Mapping[str, str], object]],
        *,
        find: Lookup | None,
        needs: str,
    ) -> tuple[Mapping[str, str], object]:
        self._pin(url)
        for attempt in range(ATTEMPTS):
            failure = self._once(method, url, send)
            if not isinstance(failure, Failure):
                self._refuse_moved(method, url, failure[1])
                return failure
            wait = self._wait(failure, attempt, repeatable=method != "POST" or find is not None)
            if wait is not None:
                if wait >= TOLD:
                    self._say(f"{method} {self._place(url)}: {failure.describe()}: again in {wait:.0f} s")
                self._clock.sleep(wait)
            if (
                failure.lost and find and (result := find()) is not None
            ):  # after the pause: lists may lag behind
                return {}, result
            if wait is None:
                raise explain(f"{method} {self._place(url)}", failure, needs)
        raise AssertionError("the last attempt returns or raises")

    def _refuse_moved(self, method: str, url: str, data: object) -> None:
        """Raise ForgeError for a redirect, which is no success: nothing has been done."""
        if isinstance(data, dict) and data.get("message") == "Moved Permanently":
            raise ForgeError(
                f"{method} {self._place(url)}: the repository has moved",
                hint="Use its new name; GitHub does not carry out changes under the old one.",
            )

    def _wait(self, failure: Failure, attempt: int, *, repeatable: bool) -> float | None:
        """Return the seconds to wait before the next attempt; None where there is none."""
        if attempt + 1 == ATTEMPTS:
            return None
        if failure.limited:
            pause = self._limit_pause(failure)
        elif failure.lost and repeatable:
            pause = max(failure.retry_after, float(2**attempt))
        else:
            return None
        return pause if pause is not None and pause <= self._options.longest_wait else None

    def _limit_pause(self, failure: Failure) -> float | None:
        """Return the seconds that a limit asks for, None past those of a run; no writes follow at once after it."""
        now = self._clock.now()
        pause = failure.pause(now)
        with self._pacing:
            if self._waited + pause > self._options.all_waits:
                return None
            if pause <= self._options.longest_wait:
                self._waited += pause
                self._due = now + pause + self._options.between_writes * (BURST - 1)
        return pause

    def _once(
        self, method: str, url: str, send: Callable[[Requester], tuple[Mapping[str, str], object]]
    ) -> tuple[Mapping[str, str], object] | Failure:
        if method != "GET":
            self._pace()
        self._require_token()
        from github import GithubException  # noqa: PLC0415 - 200 ms that most commands need not pay

        with self._turn:
            try:
                return send(self._connect())
            except GithubException as error:
                return _failure(error, graphql=url == GRAPHQL)
            except (OSError, ValueError) as error:  # what requests raises, and what is not JSON
                message = f"{type(error).__name__}: {error}"
                return Failure(status=0, message=message, unsent=UNTRUSTED in message)
            except (AssertionError, RuntimeError) as error:  # redirected elsewhere, or no URL
                return Failure(status=0, message=f"{type(error).__name__}: {error}", unsent=True)

    def _require_token(self) -> None:
        """Refuse a token that cannot be a header; the error that requests would raise quotes it."""
        if not self._token:
            raise ForgeError("GitHub: no token", hint="Give one as github-token (or GITHUB_TOKEN).")
        if not (self._token.isascii() and self._token.isprintable()):
            raise ForgeError(
                "GitHub: the token holds line ends or other characters that no token has",
                hint="Check the secret that is given as github-token.",
            )

    def _pace(self) -> None:
        """Leave time between writes, but for the first ones after a pause.

        A second between many of them keeps a secondary limit away ("Best practices for using the REST API"). A few may
        follow each other: with ``BURST`` of them there are 70 in the first minute, and GitHub takes 80.
        """
        with self._pacing:
            now, pause = self._clock.now(), self._options.between_writes
            self._due = max(self._due, now) + pause
            early = self._due - pause * BURST - now
            if early > 0:
                self._clock.sleep(early)

    # Connections.

    def _connect(self) -> Requester:
        if self._requester is None:
            from github import Auth, Github  # noqa: PLC0415 - see above

            host = Github(
                auth=Auth.Token(self._token),
                base_url=self._options.api_url.rstrip("/"),
                timeout=self._options.timeout,
                verify=self._options.ca_bundle or True,
                user_agent="oci-chart-publish",
                retry=0,
                lazy=True,
                seconds_between_requests=None,
                seconds_between_writes=None,
            )
            self._requester = host.requester
        return self._requester

    def _upload_connection(self, url: str) -> HTTPRequestsConnectionClass | HTTPSRequestsConnectionClass:
        """Return the one connection to a host of uploads; PyGithub would open one a file, without a timeout."""
        from github import Requester as module  # noqa: N813, PLC0415 - see above

        parts = urlsplit(url)
        if parts.netloc not in self._uploads:
            secure = parts.scheme == "https"
            kind = module.HTTPSRequestsConnectionClass if secure else module.HTTPRequestsConnectionClass
            assert parts.hostname is not None  # noqa: S101 - _pin saw to it
            self._uploads[parts.netloc] = kind(
                parts.hostname,
                parts.port,
                retry=0,
                timeout=self._options.timeout,
                verify=self._options.ca_bundle or True,
            )
        return self._uploads[parts.netloc]

    def _pin(self, url: str) -> None:
        """Refuse a URL that leads elsewhere: the token goes with every request."""
        if "://" not in url:
            return
        home, there = urlsplit(self._options.api_url), urlsplit(url)
        domain = (home.hostname or "").removeprefix("api.")
        host = there.hostname or ""
        if there.scheme != home.scheme or not (host == home.hostname or f".{host}".endswith(f".{domain}")):
            raise ForgeError(
                f"GitHub's answer leads to {there.scheme}://{host}, which is not {home.scheme}://{home.hostname}",
                hint="The token is not sent there. Check GITHUB_API_URL.",
            )

    def _place(self, url: str) -> str:
        return url if "://" in url else f"{self._options.api_url.rstrip('/')}/{url.lstrip('/')}"


def _failure(error: GithubException, *, graphql: bool) -> Failure:
    """Read a GithubException: its data is GitHub's JSON, or the text of what answered in its place."""
    data = error.data if isinstance(error.data, dict) else {}
    errors = data.get("errors")
    listed = [one if isinstance(one, dict) else {"message": str(one)} for one in errors or ()]
    message = str(data.get("message") or (listed[0].get("message") if listed else "") or error.message or "")
    page = str(data.get("data", "")) if not message else ""
    headers = {str(name).lower(): str(value) for name, value in (error.headers or {}).items()}
    return Failure(
        status=int(error.status),
        message=message or page[:200],
        errors=tuple(listed),
        headers=headers,
        graphql=graphql,
    )
