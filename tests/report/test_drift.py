from __future__ import annotations

from typing import Literal

import pytest

from oci_chart_publish.outcomes import Status
from oci_chart_publish.report import document
from oci_chart_publish.report.compose import settle


def chart(status: Status) -> document.Chart:
    return document.Chart(name="web", path="charts/web", version="1.0.0", status=status)


@pytest.mark.parametrize(
    ("status", "policy", "changed", "settled", "touched"),
    [
        ("conflict", "touched", True, "conflict", None),
        ("conflict", "touched", False, "drift", False),
        ("conflict", "all", False, "conflict", None),
        ("conflict", "warn", True, "drift", True),
        ("conflict", "warn", False, "drift", False),
        ("drift", "all", True, "drift", True),
        ("drift", "touched", False, "drift", False),
    ],
)
def test_drift_says_whose_it_is(
    status: Status,
    policy: Literal["touched", "all", "warn"],
    *,
    changed: bool,
    settled: Status,
    touched: bool | None,
) -> None:
    (found,) = settle([chart(status)], policy, lambda _: changed)
    assert (found.status, found.touched) == (settled, touched)


def test_nobody_is_asked_where_nothing_differs() -> None:
    def asked(one: document.Chart) -> bool:
        raise AssertionError(one)

    charts = (chart("published"), chart("unchanged"), chart("failed"))
    assert settle(charts, "touched", asked) == charts
