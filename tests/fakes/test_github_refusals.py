"""The file of refusals: each has a source and the form that GitHub describes, and no other is taken."""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from msgspec.structs import replace
from tests.fakes.github import FakeGitHub
from tests.fakes.github_contract import ContractError
from tests.fakes.github_refusals import check, refusal, refusals

COMMENTS = "/repos/acme/charts/issues/7/comments"


def post(fake: FakeGitHub, path: str, body: object) -> tuple[int, dict[str, str], bytes]:
    headers = {"Authorization": "token t0ken", "Content-Type": "application/json"}
    request = Request(fake.api_url + path, json.dumps(body).encode(), headers, method="POST")
    try:
        with urlopen(request, timeout=5) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def test_every_refusal_has_a_source_and_the_form_of_the_description() -> None:
    assert len(refusals()) > 35
    assert {one.quotes for one in refusals().values()} == {"body", "words"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"source": "somebody said so"}, "no source"),
        ({"body": {"message": 5}}, "not a basic-error"),
        (
            {"body": {"message": "x", "documentation_url": "y", "errors": [{"field": "a"}]}},
            "not a validation-error",
        ),
        ({"body": None}, "no body"),
    ],
    ids=["source", "type", "errors", "empty"],
)
def test_a_refusal_of_another_form_is_none(change: dict[str, object], reason: str) -> None:
    with pytest.raises(ContractError, match=reason):
        check(replace(refusal("ruleset-ref"), **change))


def test_an_invented_refusal_is_not_taken() -> None:
    with FakeGitHub() as fake, pytest.raises(ContractError, match="no refusal that GitHub is known for"):
        fake.refuse("POST", "/releases", "no-time-today")


def test_headers_that_a_test_may_not_choose_are_refused() -> None:
    with FakeGitHub() as fake, pytest.raises(ContractError, match="may not choose"):
        fake.refuse("POST", "/releases", headers={"X-Anything": "1"})


def test_a_refusal_of_another_operation_is_a_violation() -> None:
    fake = FakeGitHub()
    fake.refuse("POST", "/comments$", "ruleset-ref")
    with pytest.raises(ContractError, match="does not answer ruleset-ref"), fake:
        post(fake, COMMENTS, {"body": "one"})


def test_creations_are_counted_by_the_minute_and_by_the_hour() -> None:
    now = [1000.0]
    with FakeGitHub() as fake:
        fake.add_pull(7)
        fake.clock = lambda: now[0]
        fake.creations_a_minute, fake.creations_an_hour = 3, 5
        assert [post(fake, COMMENTS, {"body": "x"})[0] for _ in range(4)] == [201, 201, 201, 403]
        now[0] += 20
        status, headers, body = post(fake, COMMENTS, {"body": "x"})
        assert (status, headers["Retry-After"]) == (403, "40")
        assert b"temporarily blocked from content creation" in body
        now[0] += 41
        assert [post(fake, COMMENTS, {"body": "x"})[0] for _ in range(3)] == [201, 201, 403]
        assert post(fake, COMMENTS, {"body": "x"})[1]["Retry-After"] == "3539"


def test_lists_lag_behind_what_was_made() -> None:
    with FakeGitHub() as fake:
        fake.add_pull(7)
        fake.state.lag = 2
        post(fake, COMMENTS, {"body": "one"})
        seen = []
        for _ in range(3):
            request = Request(fake.api_url + COMMENTS, headers={"Authorization": "token t0ken"})
            with urlopen(request, timeout=5) as answer:
                seen.append(len(json.loads(answer.read())))
    assert seen == [0, 0, 1]
