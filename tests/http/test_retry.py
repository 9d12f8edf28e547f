from __future__ import annotations

from datetime import UTC, datetime

import pytest

from oci_chart_publish.http.retry import Budget, RetryPolicy, for_host, is_transient, retry_after

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("880µs", 0.00088),
        ("20ms", 0.02),
        ("2s", 2.0),
        ("1m", 60.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 12:00:30", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("-5", None),
        ("9" * 400, None),
        ("Tue, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_a_number_a_date_or_nothing(value: str | None, seconds: float | None) -> None:
    found = retry_after(value, NOON)
    assert found == (pytest.approx(seconds) if seconds is not None else None)


@pytest.mark.parametrize("status", [408, 429, 499, 500, 502, 503, 504, 522])
def test_statuses_that_say_later(status: int) -> None:
    assert is_transient(status, b"")


@pytest.mark.parametrize("status", [200, 201, 301, 400, 401, 403, 404, 405, 409, 412, 413, 415, 416, 501])
def test_statuses_that_are_answers(status: int) -> None:
    assert not is_transient(status, b"")


def test_the_secondary_rate_limit_of_ghcr_is_not_a_refusal() -> None:
    assert is_transient(403, b'{"message": "You have exceeded a Secondary Rate Limit"}')
    assert [for_host(status) for status in (429, 503, 403, 500, 408)] == [True, True, True, False, False]


def test_backoff_doubles_with_full_jitter_up_to_the_cap() -> None:
    patience = RetryPolicy()
    assert (patience.tries, patience.base, patience.cap) == (6, 0.5, 60.0)
    for attempt, highest in ((0, 0.5), (1, 1.0), (3, 4.0), (10, 60.0)):
        found = [patience.backoff(attempt) for _ in range(300)]
        assert 0 <= min(found) < highest / 4
        assert highest * 3 / 4 < max(found) <= highest


def test_a_host_that_is_not_there_is_waited_for_as_long_as_a_restart_takes() -> None:
    patience = RetryPolicy()
    waits = [patience.unanswered(attempt, 6, unreached=attempt + 1) for attempt in range(4)]
    assert waits == [0.5, 1.0, 1.5, None]
    assert patience.unanswered(0, 1, unreached=1) is None
    assert patience.unanswered(5, 6, unreached=0) is None
    assert all(0 <= (patience.unanswered(4, 6, unreached=0) or 0) <= 8 for _ in range(50))


def test_what_the_server_asks_wins_over_the_backoff() -> None:
    assert RetryPolicy().after(0, 429, "120") == 120.0
    assert RetryPolicy().after(0, 403, "") == 60.0
    assert RetryPolicy().after(0, 429, "soon") <= 0.5


def test_the_budget_is_shared_and_ends() -> None:
    budget = Budget(10)
    assert [budget.spend(6), budget.spend(6), budget.spend(4), budget.spend(0.1)] == [
        True,
        False,
        True,
        False,
    ]
    assert not budget.over
    assert Budget(10, run=-1).over
