"""Values that threads share: made once, by whoever asks first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any, Self, TypeVar, overload

Value = TypeVar("Value")


class shared_property(cached_property[Value]):  # noqa: N801  (named as what it stands for)
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
