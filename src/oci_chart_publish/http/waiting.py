"""How often and when the requests to one host are sent again: what all of them know of it together.

One policy for registries and chart repositories. A request, the question for the challenge and that for a token are
single attempts inside it, so nothing multiplies. A host that gave no answer to anybody for ``RetryPolicy.silence``
seconds is given up: whatever waits for it ends at once, and so does all that comes within the same time again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from oci_chart_publish.errors import RegistryError
from oci_chart_publish.http.address import redact
from oci_chart_publish.http.answer import Answer, ConnectionFailed
from oci_chart_publish.http.limiter import ConcurrencyLimiter
from oci_chart_publish.http.retry import Budget, RetryPolicy, for_host

_LOG = logging.getLogger(__name__)
_WORTH_TELLING = 0.1


class Waiting:
    """The patience with the host ``name``, in a run with the budget ``budget``. Safe for threads.

    ``tell`` gets a line for the first wait of each kind; the others are in the debug log. With ``pace`` a host that
    asks for less is paused for all.
    """

    def __init__(
        self,
        name: str,
        *,
        policy: RetryPolicy,
        budget: Budget,
        tell: Callable[[str], None],
        pace: ConcurrencyLimiter | None = None,
    ) -> None:
        self._name = name
        self._policy = policy
        self._budget = budget
        self._tell = tell
        self._pace = pace
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self._silent_since: float | None = None
        self._given_up: tuple[float, str] | None = None
        self._away = False

    def begin(self, method: str, url: str) -> float:
        """Return when an attempt begins; RegistryError where the run or the host has no time left."""
        if self._budget.over:
            raise RegistryError(
                f"{method} {redact(url)}: the time of the run is used up",
                hint="a host is slower than `timeout` allows; raise it if that is meant",
            )
        now = time.monotonic()
        if (given_up := self._given_up) is not None and now - given_up[0] < self._policy.silence:
            raise ConnectionFailed(
                method, url, f"{given_up[1]}, for {self._policy.silence:g} s and more", final=True
            )
        return now

    def answered(self) -> None:
        """Take in that the host gave an answer, whatever it says."""
        if self._silent_since is not None or self._away:
            with self._lock:
                self._silent_since, self._given_up, self._away = None, None, False

    def failed(self, began: float, failure: ConnectionFailed) -> None:
        """Take in that an attempt that began at ``began`` got none."""
        now = time.monotonic()
        with self._lock:
            self._silent_since = began if self._silent_since is None else min(self._silent_since, began)
            if now - self._silent_since >= self._policy.silence:
                self._given_up = (now, failure.reason)

    def unanswered(self, failure: ConnectionFailed, attempt: int, tries: int, unreached: int) -> None:
        """Wait before a request is sent again that got no answer; raise where it is not to be.

        Once this host could not be reached for as long as a restart takes, no other request waits for it again.
        """
        wait = self._policy.unanswered(attempt, tries, unreached=unreached)
        if unreached > len(self._policy.restart):
            self._away = True
        if wait is None or failure.final or not failure.temporary or (unreached and self._away):
            raise failure
        if not self._budget.spend(0 if unreached else wait):
            raise failure
        self._sleep(wait, failure.reason, failure.message)

    def put_off(self, answer: Answer, attempt: int) -> bool:
        """Wait as long as a transient answer asks; False where it asks for too much."""
        asked = answer.header("Retry-After")
        wait = self._policy.after(attempt, answer.status, asked)
        if wait > self._policy.longest_asked:
            return False
        if self._pace is not None and for_host(answer.status):
            added = self._pace.slower(wait)
            if added >= _WORTH_TELLING:
                why = f" as it asks (Retry-After: {asked[:40]})" if asked else ""
                self._say(
                    str(answer.status), f"{self._name} answered {answer.status}; waiting {wait:.1f} s{why}"
                )
            return self._budget.spend(added)
        if not self._budget.spend(wait):
            return False
        if self._pace is not None:
            self._pace.slower(0)
        self._sleep(wait, str(answer.status), f"{answer.method} {redact(answer.url)}: {answer.status}")
        return True

    def _sleep(self, seconds: float, kind: str, reason: str) -> None:
        _LOG.debug("%s; again in %.1f s", reason, seconds)
        if seconds >= 1:
            self._say(kind, f"{reason}; again in {seconds:.0f} s")
        self._policy.sleep(seconds)

    def _say(self, kind: str, text: str) -> None:
        with self._lock:
            first = kind not in self._told
            self._told.add(kind)
        if first:
            self._tell(text)
