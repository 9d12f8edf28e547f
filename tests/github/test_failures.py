"""What becomes of each refusal that GitHub is known for."""

from __future__ import annotations

import pytest
from tests.fakes.github_refusals import GRAPHQL, refusals

from oci_chart_publish.errors import ForbiddenError, ForgeError, LimitedError, ReadOnlyError
from oci_chart_publish.github.failures import Failure, explain

LOST = {
    "server-error",
    "issues-producing",
    "no-server",
    "not-in-time",
    "bad-gateway-page",
    "upload-storage",
    "graphql-went-wrong",
    "graphql-went-wrong-dated",
}
LIMITED = {
    "secondary-limit",
    "secondary-limit-support",
    "secondary-limit-429",
    "creation-limit",
    "primary-limit",
    "too-quickly",
    "graphql-rate-limited",
    "graphql-rate-limit",
    "graphql-secondary-limit",
}
FORBIDDEN = {
    "ruleset-release",
    "ruleset-ref",
    "ruleset-ref-terse",
    "reference-update-failed",
    "ruleset-branch",
    "archived",
    "ip-allow-list",
    "saml",
}
READ_ONLY = {
    "not-accessible",
    "not-accessible-token",
    "admin-rights",
    "push-access",
    "graphql-not-accessible",
}


def failure(name: str) -> Failure:
    """Return a refusal as the client reads it; PyGithub takes an answer of GraphQL without data for a 400."""
    refused = refusals()[name]
    body = refused.body or {}
    errors = tuple(body.get("errors", ()))
    graphql = refused.at == (GRAPHQL,)
    return Failure(
        status=400 if graphql else refused.status,
        message=refused.message,
        errors=errors,
        headers={key.lower(): value for key, value in refused.headers.items()},
        graphql=graphql,
    )


@pytest.mark.parametrize("name", refusals())
def test_every_refusal_is_of_one_kind(name: str) -> None:
    found = failure(name)
    kinds = {
        "lost": found.lost,
        "limited": found.limited,
        "forbidden": found.forbidden,
        "read only": found.read_only,
    }
    expected = {
        "lost": name in LOST,
        "limited": name in LIMITED,
        "forbidden": name in FORBIDDEN,
        "read only": name in READ_ONLY,
    }
    assert kinds == expected


@pytest.mark.parametrize(
    ("names", "kind"), [(LIMITED, LimitedError), (FORBIDDEN, ForbiddenError), (READ_ONLY, ReadOnlyError)]
)
def test_every_kind_has_an_error_of_its_own_and_says_what_to_do(
    names: set[str], kind: type[ForgeError]
) -> None:
    for name in sorted(names):
        error = explain("POST there", failure(name), "contents: write")
        assert type(error) is kind, name
        assert error.hint, name
        assert error.temporary == (kind is LimitedError)


def test_a_question_of_graphql_that_is_wrong_is_not_asked_again() -> None:
    wrong = {"message": "Field 'me' doesn't exist on type 'Query'", "locations": [{"line": 1, "column": 9}]}
    for error in (
        wrong,
        {"message": "m", "extensions": {"code": "undefinedField"}},
        {"message": "m", "type": "X"},
    ):
        assert not Failure(status=400, message="m", errors=(error,), graphql=True).lost


def test_a_release_body_that_quotes_a_limit_in_an_error_of_the_server_is_lost() -> None:
    assert Failure(status=502, message="API rate limit").lost
