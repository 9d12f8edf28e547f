"""Work that several threads may ask for at the same time and that is done once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import cached_property
from typing import Any, Generic, Self, TypeVar, overload

Value = TypeVar("Value")


class locked_cached_property(cached_property[Value]):  # noqa: N801  (named as what it stands for)
    """A ``cached_property`` that threads may ask for at the same time.

    Since Python 3.12 that of the standard library makes the value in each of them: two fetches into one clone, say.
    """

    def __init__(self, make: Callable[[Any], Value]) -> None:
        super().__init__(make)
        self._making = threading.RLock()

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> Value: ...

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Self | Value:
        """Return the value; once it is made, Python finds it in the instance and does not come here."""
        with self._making:
            return super().__get__(instance, owner)


class SingleFlight(Generic[Value]):
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
