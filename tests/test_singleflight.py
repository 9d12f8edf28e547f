"""Values that threads share."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from oci_chart_publish.singleflight import locked_cached_property


class Slow:
    """Counts how often its value is made."""

    def __init__(self) -> None:
        self.made = 0

    @locked_cached_property
    def value(self) -> int:
        self.made += 1
        time.sleep(0.05)
        if self.made == 1:
            raise RuntimeError("the first attempt fails")
        return self.made


def test_value_is_made_once_however_many_threads_ask_at_once() -> None:
    slow, barrier = Slow(), Barrier(8)
    with pytest.raises(RuntimeError):
        _ = slow.value  # what failed is made again

    def ask(_: int) -> int:
        barrier.wait()
        return slow.value

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [2] * 8
    assert slow.made == 2
