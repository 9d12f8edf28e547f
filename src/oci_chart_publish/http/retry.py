"""When a request is sent again, and after how long (registry answers, ``Retry-After``, backoff, budget)."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

TRANSIENT = frozenset({408, 429, 499, 500, 502, 503, 504, 522})
"""Statuses that say "later"; everything else is an answer."""

_SLOW_DOWN = frozenset({429, 503})
"""Statuses that speak for the whole host, not for one request."""

# GHCR answers 403 with this text when it means 429.
SECONDARY_LIMIT = b"secondary rate limit"


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of the retry policy; times are in seconds."""

    tries: int = 6
    base: float = 0.5
    cap: float = 60.0
    longest_asked: float = 300.0
    total_asked: float = 900.0
    secondary: float = 60.0
    restart: tuple[float, ...] = (0.5, 1.0, 1.5)
    """The waits for a host that cannot be reached: a registry that is started again is back by then. What is not
    there for longer is the wrong address, or down, and helm, crane, oras and docker give up at once."""
    silence: float = 90.0
    """How long a host may give no answer to anybody before it is given up: time for two attempts of a minute."""
    sleep: Callable[[float], None] = time.sleep

    def after(self, attempt: int, status: int, header: str) -> float:
        """Return the wait that an answer asks for, else the backoff; at least a minute for GHCR's 403.

        It is never less than half the backoff, and ``cap`` at most where the status does not mean the whole host.
        """
        asked = retry_after(header)
        if asked is not None:
            most = asked if for_host(status) else min(asked, self.cap)
            return max(most, min(self.cap, self.base * 2.0**attempt) / 2)
        return max(self.backoff(attempt), self.secondary if status == 403 else 0.0)

    def unanswered(self, attempt: int, tries: int, *, unreached: int) -> float | None:
        """Return the wait after ``attempt`` (0 for the first) of ``tries`` got no answer; None to give up.

        ``unreached`` is how many tries in a row did not reach the host, this one included; 0 where this one did.
        """
        if attempt + 1 >= tries:
            return None
        if not unreached:
            return self.backoff(attempt)
        return self.restart[unreached - 1] if unreached <= len(self.restart) else None

    def backoff(self, attempt: int) -> float:
        """Return the wait after ``attempt`` (0 for the first) failed: exponential with full jitter."""
        return random.uniform(0, min(self.cap, self.base * 2**attempt))  # noqa: S311 - not a secret


class Budget:
    """The seconds of waiting that servers may ask of one run, all hosts together, and the run's end.

    ``run`` is the seconds until the run has to be over, counted from now.
    """

    def __init__(self, total: float, run: float = float("inf")) -> None:
        self._left = total
        self._ends = time.monotonic() + run
        self._lock = threading.Lock()

    @property
    def over(self) -> bool:
        """Whether the time of the run is used up."""
        return time.monotonic() > self._ends

    @property
    def left(self) -> float:
        """The seconds until the run has to be over."""
        return self._ends - time.monotonic()

    def spend(self, seconds: float) -> bool:
        """Take ``seconds`` and return True, or False where they are not left."""
        with self._lock:
            if seconds > self._left or seconds > self.left:
                return False
            self._left -= max(0.0, seconds)
            return True


def for_host(status: int) -> bool:
    """Tell whether a transient status means the whole host: everybody has to wait."""
    return status in _SLOW_DOWN or status == 403


def is_transient(status: int, body: bytes) -> bool:
    """Tell whether an answer asks for the same request again later."""
    return status in TRANSIENT or (status == 403 and SECONDARY_LIMIT in body[:4096].lower())


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Read a ``Retry-After`` header: seconds or an HTTP date; None for nothing and for rubbish.

    ``880µs`` and ``1.5s`` have been seen: a number with a unit of time is read as what it says.
    """
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        return float(text)
    if result := re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(ns|[uµμ]s|ms|s|m|h)", text):
        scale = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
        unit = result.group(2)
        return float(result.group(1)) * (scale.get(unit) or scale[unit[0]])
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - 7 ms that hardly any run needs

    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
