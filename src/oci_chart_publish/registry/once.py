"""Work that several threads may ask for at the same time and that is done once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Once(Generic[Value]):
    """Values by key, each made by the first who asks for it; an error is remembered as well. Safe for threads."""

    def __init__(self) -> None:
        self._made: dict[str, Future[Value]] = {}
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], Value]) -> Value:
        """Return the value of ``key``, made now or before; wait where another thread is making it."""
        with self._lock:
            made = self._made.get(key)
            mine = made is None
            future = self._made.setdefault(key, Future())
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()
