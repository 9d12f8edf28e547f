"""The stand-in answers GraphQL from its state, and refuses what GitHub's schema and limits refuse, as GitHub does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from graphql import assert_valid_schema
from tests.fakes.github import FakeGitHub, Token
from tests.fakes.github_contract import ContractError
from tests.fakes.github_fields import FIELDS
from tests.fakes.github_graphql import SCHEMA, schema
from tests.fakes.prune_graphql import KEPT

HERE = 'repository(owner: "acme", name: "charts")'
COMMIT = (
    "mutation ($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }"
)


def ask(fake: FakeGitHub, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    body = json.dumps({"query": document, "variables": variables or {}}).encode()
    headers = {"Authorization": "bearer t0ken", "Content-Type": "application/json"}
    with urlopen(Request(f"{fake.url}/graphql", body, headers), timeout=30) as answer:
        assert answer.status == 200
        said: dict[str, Any] = json.loads(answer.read())
    return said


def refused(document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what a wrong document is answered with; it is a violation besides."""
    fake = FakeGitHub()
    with pytest.raises(ContractError) as caught, fake:
        said = ask(fake, document, variables)
    assert said["errors"]
    assert all(error["message"] in str(caught.value) for error in said["errors"])
    return said


def change(head: str, **more: Any) -> dict[str, Any]:
    """Return the variables of a commit that changes one file and deletes another."""
    asked = {
        "branch": {"repositoryNameWithOwner": "acme/charts", "branchName": "main"},
        "expectedHeadOid": head,
        "message": {"headline": "chore: release", "body": "web 1.4.1"},
        "fileChanges": {
            "additions": [{"path": "a", "contents": "MQ=="}],
            "deletions": [{"path": "b"}],
        },
    }
    return {"input": {**asked, **more}}


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{ viewer { name_ } }", "undefinedField"),
        ("{ viewer { login { x } } }", "selectionMismatch"),
        ("{ viewer }", "selectionMismatch"),
        (f'{{ {HERE} {{ ref(name: "a") {{ name }} }} }}', "argumentNotAccepted"),
        (f"{{ {HERE} {{ ref {{ name }} }} }}", "missingRequiredArguments"),
        (f"{{ {HERE} {{ pullRequests(first: 1, states: [MERGE]) {{ totalCount }} }} }}", "argumentLiterals"),
        (f'{{ {HERE} {{ object(oid: "abc") {{ oid }} }} }}', "argumentLiteralsIncompatible"),
        (f"{{ {HERE} {{ object(oid: $a) {{ oid }} }} }}", "variableNotDefined"),
        (f"query ($a: String) {{ {HERE} {{ object(oid: $a) {{ oid }} }} }}", "variableMismatch"),
        ("query ($a: String) { viewer { login } }", "variableNotUsed"),
        ("query ($a: Strng) { viewer { login } }", "undefinedType"),
        ("{ viewer { ...none } }", "useAndDefineFragment"),
        ("{ viewer { ... on Label { name } } }", "cannotSpreadFragment"),
    ],
)
def test_a_document_that_the_schema_forbids_is_refused_with_the_place_and_githubs_code(
    document: str, code: str
) -> None:
    said = refused(document)
    assert set(said) == {"errors"}
    assert any(error["extensions"]["code"].startswith(code) for error in said["errors"])
    assert said["errors"]
    assert all(place["line"] == 1 for error in said["errors"] for place in error["locations"])


def test_a_document_that_is_no_graphql_is_refused() -> None:
    assert (
        refused("{ viewer { login }")["errors"][0]["message"] == "Syntax Error: Expected Name, found <EOF>."
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"expectedHeadOid": "abc"}, "'abc' is not a GitObjectID"),
        ({"expectedHeadOid": None}, "Expected non-nullable type 'GitObjectID!' not to be None."),
        ({"expectedHead": "abc"}, "Field 'expectedHead' is not defined by type 'CreateCommitOnBranchInput'."),
        ({"branch": {"name": "main"}}, "Field 'name' is not defined by type 'CommittableBranch'."),
        ({"fileChanges": {"additions": [{"path": "a", "contents": "1"}]}}, "'1' is not a Base64String"),
        (
            {"fileChanges": {"additions": [{"path": "a"}]}},
            "Field 'contents' of required type 'Base64String!'",
        ),
    ],
)
def test_a_variable_of_the_wrong_shape_is_refused(changed: dict[str, Any], message: str) -> None:
    said = refused(COMMIT, change("0" * 40, **changed))
    assert set(said) == {"errors"}
    assert message in said["errors"][0]["message"]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            "",
            "MISSING_PAGINATION_BOUNDARIES",
            "You must provide a `first` or `last` value to properly paginate the `labels` connection.",
        ),
        (
            "(first: 101)",
            "EXCESSIVE_PAGINATION",
            "Requesting 101 records on the `labels` connection exceeds the `first` limit of 100 records.",
        ),
        (
            "(last: 200)",
            "EXCESSIVE_PAGINATION",
            "Requesting 200 records on the `labels` connection exceeds the `last` limit of 100 records.",
        ),
        (
            '(first: 1, after: "x")',
            "INVALID_CURSOR_ARGUMENTS",
            "`x` does not appear to be a valid cursor.",
        ),
    ],
)
def test_a_connection_wants_its_boundaries_and_is_null_without(
    arguments: str, kind: str, message: str
) -> None:
    fake = FakeGitHub()
    head = fake.add_pull(7).head_sha
    labels = f"labels{arguments} {{ nodes {{ name }} }}"
    with pytest.raises(ContractError) as caught, fake:
        said = ask(fake, asking(head, f"first: 1) {{ nodes {{ number {labels} }} }}"))
    assert message in str(caught.value)
    pulls = said["data"]["repository"]["object"]["associatedPullRequests"]
    assert pulls == {"nodes": [{"number": 7, "labels": None}]}
    (error,) = said["errors"]
    path = ["repository", "object", "associatedPullRequests", "nodes", 0, "labels"]
    assert (error["type"], error["path"], error["message"]) == (kind, path, message)


def asking(commit: str, rest: str) -> str:
    return (
        f'{{ {HERE} {{ object(oid: "{commit}") {{ ... on Commit {{ associatedPullRequests({rest} }} }} }} }}'
    )


def test_a_count_wants_no_boundaries() -> None:
    with FakeGitHub() as fake:
        head = fake.add_pull(7, labels=["a", "b"]).head_sha
        said = ask(fake, asking(head, "first: 1) { nodes { labels { totalCount } } }"))
        pulls = said["data"]["repository"]["object"]["associatedPullRequests"]
        assert pulls == {"nodes": [{"labels": {"totalCount": 2}}]}


@pytest.mark.parametrize(("commits", "labels"), [(100, 100), (10, 50)])
def test_more_nodes_than_github_counts_are_refused_before_anything_is_read(commits: int, labels: int) -> None:
    """The first is semantic-release/github#911, whose message says 1,010,000."""
    fields = " ".join(f"c{number}: object(oid: $oid) {{ ...brought }}" for number in range(commits))
    document = (
        f"query ($oid: GitObjectID!, $size: Int!) {{ {HERE} {{ {fields} }} }} fragment brought on Commit {{ "
        "associatedPullRequests(first: 100) { nodes { labels(first: $size) { nodes { name } } } } }"
    )
    asked = {"oid": "0" * 40, "size": labels}
    if commits == 10:  # 51,000
        with FakeGitHub() as fake:
            assert ask(fake, document, asked)["data"]["repository"]["c9"] is None
        return
    assert refused(document, asked) == {
        "errors": [
            {
                "type": "MAX_NODE_LIMIT_EXCEEDED",
                "message": "This query requests up to 1,010,000 possible nodes which exceeds the maximum limit of "
                "500,000.",
            }
        ]
    }


def test_what_github_passes_over_in_silence_is_a_violation_all_the_same() -> None:
    fake = FakeGitHub()
    with pytest.raises(ContractError) as caught, fake:
        assert ask(fake, "{ viewer { login } }", {"unused": 1}) == {
            "data": {"viewer": {"login": "github-actions[bot]"}}
        }
    assert str(caught.value) == "POST /graphql: variables that the document does not declare: ['unused']"


def test_a_field_that_github_has_and_the_stand_in_has_not_says_so() -> None:
    fake = FakeGitHub()
    with (
        pytest.raises(ContractError, match=r"the stand-in does not know User\.bio"),
        fake,
        pytest.raises(HTTPError) as answered,
    ):
        ask(fake, "{ viewer { bio } }")
    with answered.value as error:
        assert error.code == 418


def test_the_fields_of_a_ref_are_answered_under_their_aliases() -> None:
    with FakeGitHub() as fake:
        fake.state.create_ref("refs/tags/web-1.0.0", fake.state.refs["heads/main"])
        refs = (
            'a: ref(qualifiedName: "refs/tags/web-1.0.0") { __typename name } '
            'b: ref(qualifiedName: "web-1.0.0") { name } c: ref(qualifiedName: "refs/tags/web") { name }'
        )
        assert ask(fake, f"{{ {HERE} {{ {refs} }} }}") == {
            "data": {
                "repository": {
                    "a": {"__typename": "Ref", "name": "web-1.0.0"},
                    "b": {"name": "web-1.0.0"},
                    "c": None,
                }
            }
        }


def test_an_object_is_of_the_kind_that_its_sha_names() -> None:
    with FakeGitHub() as fake:
        commit = fake.state.refs["heads/main"]
        tag = fake.state.create_tag("web-1.0.0", commit, "by hand")
        document = (
            f"query ($a: GitObjectID, $b: GitObjectID, $c: GitObjectID) {{ {HERE} {{ a: object(oid: $a) {{ ...it }} "
            "b: object(oid: $b) { ...it } c: object(oid: $c) { ...it } } } "
            "fragment it on GitObject { __typename ... on Commit { oid } ... on Tag { name } }"
        )
        said = ask(fake, document, {"a": commit, "b": tag, "c": "0" * 40})
        assert said["data"]["repository"] == {
            "a": {"__typename": "Commit", "oid": commit},
            "b": {"__typename": "Tag", "name": "web-1.0.0"},
            "c": None,
        }


def test_a_connection_is_read_page_by_page_in_both_directions() -> None:
    with FakeGitHub() as fake:
        head = fake.state.commit("shared")
        for number in (4, 1, 3, 2, 5):
            fake.add_pull(number, head_sha=head)
        rest = (
            ") { totalCount edges { cursor node { number } } nodes { number } "
            "pageInfo { startCursor endCursor hasNextPage hasPreviousPage } }"
        )

        def read(arguments: str) -> tuple[list[int], dict[str, Any]]:
            pulls = ask(fake, asking(head, arguments + rest))["data"]["repository"]["object"]
            page = pulls["associatedPullRequests"]
            assert page["totalCount"] == 5
            assert [edge["node"] for edge in page["edges"]] == page["nodes"]
            ends = [edge["cursor"] for edge in page["edges"]]
            info = page["pageInfo"]
            assert (info["startCursor"], info["endCursor"]) == ((ends[0], ends[-1]) if ends else (None, None))
            return [node["number"] for node in page["nodes"]], info

        numbers, info = read("first: 2")
        assert (numbers, info["hasNextPage"], info["hasPreviousPage"]) == ([1, 2], True, False)
        numbers, info = read(f'first: 3, after: "{info["endCursor"]}"')
        assert (numbers, info["hasNextPage"], info["hasPreviousPage"]) == ([3, 4, 5], False, True)
        assert read(f'first: 3, after: "{info["endCursor"]}"')[0] == []
        assert read(f'last: 1, before: "{info["startCursor"]}"')[0] == [2]
        assert read("last: 2")[0] == [4, 5]


def test_of_a_commit_on_main_the_merged_pull_request_is_told_and_of_another_the_open_ones_too() -> None:
    numbers = "first: 10) { nodes { number state } }"
    with FakeGitHub() as fake:
        head = fake.add_pull(1).head_sha
        fake.add_pull(2, head_sha=head)
        fake.add_pull(3, head_sha=head, state="closed")
        merged = fake.merge(1)
        fake.add_pull(4, head_sha=merged)
        found = {
            commit: ask(fake, asking(commit, numbers))["data"]["repository"]["object"]
            for commit in (head, merged)
        }
        assert found[merged] == {"associatedPullRequests": {"nodes": [{"number": 1, "state": "MERGED"}]}}
        assert found[head] == {
            "associatedPullRequests": {
                "nodes": [{"number": 1, "state": "MERGED"}, {"number": 2, "state": "OPEN"}]
            }
        }


def test_what_a_token_may_not_read_is_null_and_the_rest_is_answered() -> None:
    with FakeGitHub() as fake:
        fake.tokens["t0ken"] = Token(writes=frozenset({"contents"}), reads=frozenset())
        head = fake.add_pull(7).head_sha
        rest = 'associatedPullRequests(first: 1) { totalCount } } } m: ref(qualifiedName: "main") { name }'
        said = ask(fake, f'{{ {HERE} {{ o: object(oid: "{head}") {{ ... on Commit {{ oid {rest} }} }}')
        assert said == {
            "data": {
                "repository": {"o": {"oid": head, "associatedPullRequests": None}, "m": {"name": "main"}}
            },
            "errors": [
                {
                    "type": "FORBIDDEN",
                    "path": ["repository", "o", "associatedPullRequests"],
                    "extensions": {"saml_failure": False},
                    "locations": [{"line": 1, "column": 128}],
                    "message": "Resource not accessible by integration",
                }
            ],
        }


def test_another_repository_is_not_found() -> None:
    with FakeGitHub() as fake:
        said = ask(fake, '{ repository(owner: "acme", name: "other") { nameWithOwner } viewer { login } }')
        assert said["data"] == {"repository": None, "viewer": {"login": "github-actions[bot]"}}
        (error,) = said["errors"]
        assert (error["type"], error["path"], error["message"]) == (
            "NOT_FOUND",
            ["repository"],
            "Could not resolve to a Repository with the name 'acme/other'.",
        )


def test_a_commit_is_made_from_what_is_sent() -> None:
    with FakeGitHub() as fake:
        before = fake.state.commit("before", branch="main", files={"b": b"2", "c": b"3"})
        said = ask(fake, COMMIT, change(before))
        made = fake.state.commits[fake.state.refs["heads/main"]]
        assert said == {"data": {"createCommitOnBranch": {"commit": {"oid": made.sha}}}}
        assert (made.parents, made.files) == ((before,), {"a": b"1", "c": b"3"})
        assert made.message == "chore: release\n\nweb 1.4.1"


def test_a_commit_on_another_head_is_stale() -> None:
    with FakeGitHub() as fake:
        said = ask(fake, COMMIT, change("1" * 40))
        assert said["data"] == {"createCommitOnBranch": None}
        (error,) = said["errors"]
        assert (error["type"], error["path"]) == ("STALE_DATA", ["createCommitOnBranch"])


@pytest.mark.parametrize(("scopes", "held"), [((), "['']"), (("gist", "read:org"), "['gist', 'read:org']")])
def test_a_classic_token_without_the_scope_carries_nothing_out(scopes: tuple[str, ...], held: str) -> None:
    with FakeGitHub() as fake:
        fake.tokens["t0ken"] = Token(app=False, scopes=frozenset(scopes))
        head = fake.state.refs["heads/main"]
        said = ask(fake, COMMIT, change(head))
        assert fake.state.refs["heads/main"] == head
        assert said == {
            "errors": [
                {
                    "type": "INSUFFICIENT_SCOPES",
                    "locations": [{"line": 1, "column": 49}],
                    "message": "Your token has not been granted the required scopes to execute this query. The "
                    "'createCommitOnBranch' field requires one of the following scopes: ['public_repo'], but your "
                    f"token has only been granted the: {held} scopes. Please modify your token's scopes at: "
                    "https://github.com/settings/tokens.",
                }
            ]
        }


@pytest.mark.parametrize("scope", ["public_repo", "repo"])
def test_a_classic_token_with_the_scope_commits(scope: str) -> None:
    with FakeGitHub() as fake:
        fake.tokens["t0ken"] = Token(app=False, scopes=frozenset({scope}))
        assert "errors" not in ask(fake, COMMIT, change(fake.state.refs["heads/main"]))


def test_an_unknown_token_is_turned_away() -> None:
    with FakeGitHub() as fake:
        fake.tokens.clear()
        with pytest.raises(HTTPError) as caught:
            ask(fake, "{ viewer { login } }")
        with caught.value as error:
            assert (error.code, json.loads(error.read())["message"]) == (401, "Bad credentials")


def test_the_schema_is_whole_and_the_version_that_the_readme_names() -> None:
    assert_valid_schema(schema())
    assert SCHEMA.read_text().startswith("# @octokit/graphql-schema 15.26.1 ")
    assert set(KEPT) < set(schema().type_map)


def test_every_field_that_the_stand_in_knows_is_githubs() -> None:
    known = {
        f"{name}.{field}"
        for kind in schema().type_map.values()
        for name in (kind.name, *(one for one in ("Connection", "Edge") if kind.name.endswith(one)))
        for field in getattr(kind, "fields", ())
    }
    assert set(FIELDS) <= known
