"""A bounded part of the campaign against the stand-in of GitHub; ``make campaign-github`` tries every case."""

from __future__ import annotations

from tests.campaign.github import Case, Outcome, campaign, judged, told

STEP = 61
"""Every so manieth of some 1,260 cases: all kinds of requests, and half of the refusals."""
TEMPORARY = {
    "server-error",
    "issues-producing",
    "no-server",
    "not-in-time",
    "bad-gateway-page",
    "upload-storage",
    "graphql-went-wrong",
    "graphql-went-wrong-dated",
    "secondary-limit",
    "secondary-limit-support",
    "secondary-limit-429",
    "creation-limit",
    "graphql-rate-limited",
    "graphql-rate-limit",
    "graphql-secondary-limit",
}


def test_whatever_github_refuses_nothing_is_lost_or_repeated_and_the_next_run_is_whole() -> None:
    results = campaign(STEP)
    assert len(results) >= 20
    wrong = [f"{judged(*one)} {one[0]} {told(one[1])}" for one in results if judged(*one).startswith("!")]
    assert wrong == []
    passing = [one for one in results if one[0].refusal in TEMPORARY and not one[0].lasting]
    assert passing
    assert {judged(*one) for one in passing} == {"green"}


def test_a_run_that_leaves_something_undone_is_red_and_any_other_is_not() -> None:
    case = Case(1, "POST /repos/{owner}/{repo}/releases", "not-found", "none", lasting=False)
    whole = Outcome(0, 0, (), (), missing=False)
    assert judged(case, whole) == "green"
    assert judged(case, whole._replace(code=7, missing=True)) == "red, repaired"
    assert judged(case, whole._replace(code=7)) == "!red for nothing"
    assert judged(case, whole._replace(missing=True)) == "!green and unfinished"
    assert judged(case, whole._replace(lost=["a"])) == "!lost"
    assert judged(case, whole._replace(repeated=["a"])) == "!repeated"
    assert judged(case, whole._replace(again=7)) == "!red again"
