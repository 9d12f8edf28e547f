"""How many requests to one host are under way: slow start, halved when the host asks for less, and paused.

All workers share it, so one 429 stops all of them and not each one after its own.
"""

from __future__ import annotations

import threading
import time

_START = 4


class ConcurrencyLimiter:
    """A gate for the requests of one host. ``most`` is the number that may be under way at best."""

    def __init__(self, most: int, *, start: int = _START) -> None:
        self.most = max(1, most)
        self._limit = float(min(start, self.most))
        self._threshold = float(self.most)
        self._under_way = 0
        self._paused_until = 0.0
        self._condition = threading.Condition(threading.Lock())
        self._waiting = 0

    @property
    def limit(self) -> int:
        """The number of requests that may be under way now."""
        return int(self._limit)

    def enter(self) -> None:
        """Wait until one more request may be under way."""
        with self._condition:
            while True:
                pause = self._paused_until - time.monotonic() if self._paused_until else 0.0
                if pause <= 0 and self._under_way < int(self._limit):
                    self._under_way += 1
                    return
                self._waiting += 1
                self._condition.wait(pause if pause > 0 else None)
                self._waiting -= 1

    def leave(self, *, success: bool) -> None:
        """Say that a request ended; a success lets the limit grow."""
        with self._condition:
            self._under_way -= 1
            if success and self._limit < self.most:
                fast = self._limit < self._threshold
                self._limit = min(self.most, self._limit + (1.0 if fast else 1.0 / self._limit))
            if self._waiting:
                self._condition.notify(2)

    def slower(self, pause: float) -> float:
        """Halve the limit and pause the host for ``pause`` seconds; return by how much that lengthens a pause."""
        with self._condition:
            now = time.monotonic()
            before = max(self._paused_until, now)
            if before == now:  # one burst of refusals counts once
                self._limit = max(1.0, self._limit / 2)
                self._threshold = self._limit
            self._paused_until = max(before, now + pause)
            return self._paused_until - before
