from __future__ import annotations

import threading
import time

from oci_chart_publish.http.limiter import ConcurrencyLimiter


def test_it_starts_slowly_and_every_success_lets_one_more_in() -> None:
    pace = ConcurrencyLimiter(16)
    assert pace.limit == 4
    for expected in range(5, 17):
        pace.enter()
        pace.leave(success=True)
        assert pace.limit == expected
    pace.enter()
    pace.leave(success=True)
    assert pace.limit == 16


def test_a_refusal_halves_it_and_success_restores_it_slowly() -> None:
    pace = ConcurrencyLimiter(16, start=16)
    pace.slower(0)
    assert pace.limit == 8
    for _ in range(8):
        pace.enter()
        pace.leave(success=True)
    assert pace.limit == 8
    for _ in range(2):
        pace.enter()
        pace.leave(success=True)
    assert pace.limit == 9


def test_a_burst_of_refusals_counts_once() -> None:
    pace = ConcurrencyLimiter(16, start=16)
    added = [pace.slower(5) for _ in range(10)]
    assert pace.limit == 8
    assert 4.9 < sum(added) < 5.2
    assert 0.9 < pace.slower(6) < 1.2


def test_never_below_one() -> None:
    pace = ConcurrencyLimiter(2)
    for _ in range(5):
        pace.slower(0)
    assert pace.limit == 1


def test_a_pause_holds_all_workers_back() -> None:
    pace = ConcurrencyLimiter(4)
    pace.slower(0.2)
    begun = time.monotonic()
    entered: list[float] = []

    def work() -> None:
        pace.enter()
        entered.append(time.monotonic() - begun)
        pace.leave(success=True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(entered) == 4
    assert min(entered) >= 0.19
    assert max(entered) < 2


def test_no_more_are_under_way_than_the_limit_and_nobody_is_forgotten() -> None:
    pace = ConcurrencyLimiter(6)
    lock = threading.Lock()
    now, most, done = 0, 0, 0

    def work() -> None:
        nonlocal now, most, done
        for _ in range(50):
            pace.enter()
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.0001)
            with lock:
                now -= 1
                done += 1
            pace.leave(success=True)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (done, now) == (1000, 0)
    assert most <= 6
