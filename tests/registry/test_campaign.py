"""A part of ``make campaign``: nothing is lost, left in a wrong state or shown to another host, whatever answers."""

from __future__ import annotations

import pytest
from tests.registry import campaign


@pytest.mark.parametrize(
    "fault", ["404 page", "404 empty", "404 gateway", "200 login page", "cut after", "wrong origin"]
)
@pytest.mark.parametrize(
    "verb", [verb for verb in campaign.VERBS if verb.name != "promote"], ids=lambda verb: verb.name
)
def test_no_fault_at_any_request_loses_anything(verb: campaign.Verb, fault: str) -> None:
    ((_, row),) = campaign.campaign([verb], [fault])
    assert row.told == []
    assert row.runs == row.survived + row.errors > 0
    assert (row.lost, row.wrong, row.credentials, row.unclear) == (0, 0, 0, 0)
