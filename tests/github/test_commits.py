from __future__ import annotations

import pytest
from tests.fakes.github import FakeGitHub, Token
from tests.github.conftest import Watch

from oci_chart_publish.errors import ForgeError, ReadOnlyError, StaleHeadError
from oci_chart_publish.github.gateway import GitHub

FILES = {"charts/web/Chart.yaml": b"version: 1.4.1\r\n", "logo.png": b"\x89PNG\x00"}


@pytest.fixture
def head(fake: FakeGitHub) -> str:
    return fake.state.commit("before", branch="main", files={"logo.png": b"1", "kept": b"2"})


def test_files_are_committed_byte_for_byte(fake: FakeGitHub, github: GitHub, head: str) -> None:
    made = github.commits.commit_files("main", head, FILES, "chore: release\n\nweb 1.4.1\n")
    commit = fake.state.commits[made.sha]
    assert (commit.message, commit.parents) == ("chore: release\n\nweb 1.4.1", (head,))
    assert commit.files == {**FILES, "kept": b"2"}
    assert made.url == f"{fake.url}/acme/charts/commit/{made.sha}"
    assert github.commits.head("main") == made.sha


def test_a_branch_that_moved_is_told_apart(fake: FakeGitHub, github: GitHub, head: str) -> None:
    later = fake.state.commit("somebody was faster", branch="main")
    with pytest.raises(StaleHeadError, match="Expected branch to point to"):
        github.commits.commit_files("main", head, FILES, "chore: release")
    assert fake.state.refs["heads/main"] == later


@pytest.mark.parametrize("effect", ["none", "done"])
def test_a_bad_gateway_leaves_one_commit(fake: FakeGitHub, github: GitHub, head: str, effect: str) -> None:
    fake.refuse("POST", "graphql", effect="done" if effect == "done" else "none")
    made = github.commits.commit_files("main", head, FILES, "chore: release\n\nweb 1.4.1")
    assert fake.state.refs["heads/main"] == made.sha
    assert fake.state.commits[made.sha].parents == (head,)
    assert len(fake.sent("POST")) == (1 if effect == "done" else 2)


def test_a_bad_gateway_while_somebody_else_commits_is_a_moved_branch(
    fake: FakeGitHub, github: GitHub, head: str
) -> None:
    fake.before("POST", "graphql", lambda: fake.state.commit("theirs", branch="main"))
    fake.refuse("POST", "graphql")
    with pytest.raises(StaleHeadError):
        github.commits.commit_files("main", head, FILES, "chore: release")


def test_a_protected_branch_names_the_rule(fake: FakeGitHub, github: GitHub, head: str) -> None:
    fake.state.protected_branches = "main"
    with pytest.raises(ForgeError, match="Changes must be made through a pull request") as caught:
        github.commits.commit_files("main", head, FILES, "chore: release")
    assert caught.value.hint.startswith("A ruleset of the repository forbids this.")


def test_a_branch_that_does_not_exist_is_an_error(github: GitHub, head: str) -> None:
    with pytest.raises(ForgeError, match='No such branch "gone"') as caught:
        github.commits.commit_files("gone", head, FILES, "chore: release")
    assert caught.value.status == 404


def test_a_read_only_token_is_told_apart(fake: FakeGitHub, github: GitHub, head: str) -> None:
    fake.tokens["t0ken"] = Token(writes=frozenset())
    with pytest.raises(ReadOnlyError) as caught:
        github.commits.commit_files("main", head, FILES, "chore: release")
    assert "contents: write" in caught.value.hint


@pytest.mark.parametrize(
    ("scopes", "said", "hint"),
    [
        (
            None,
            "Resource not accessible by personal access token",
            "Give the personal access token `contents: write`.",
        ),
        (
            frozenset({"gist"}),
            r"requires one of the following scopes: \['public_repo'\]",
            "Give the personal access token one of these scopes, or take ${{ github.token }}.",
        ),
    ],
    ids=["fine-grained", "classic"],
)
def test_what_a_personal_token_lacks_is_told_in_its_terms(
    fake: FakeGitHub, github: GitHub, head: str, scopes: frozenset[str] | None, said: str, hint: str
) -> None:
    fake.tokens["t0ken"] = Token(login="monalisa", app=False, writes=frozenset(), scopes=scopes)
    with pytest.raises(ReadOnlyError, match=said) as caught:
        github.commits.commit_files("main", head, FILES, "chore: release")
    assert caught.value.hint == hint
    assert fake.state.refs["heads/main"] == head


@pytest.mark.parametrize("refusal", ["graphql-rate-limited", "graphql-rate-limit", "graphql-secondary-limit"])
def test_a_limit_of_graphql_is_waited_for(
    fake: FakeGitHub, github: GitHub, head: str, refusal: str, watch: Watch
) -> None:
    fake.refuse("POST", "graphql", refusal)
    made = github.commits.commit_files("main", head, FILES, "chore: release")
    assert fake.state.refs["heads/main"] == made.sha
    assert watch.slept == [60.0]


@pytest.mark.parametrize("effect", ["none", "done"])
@pytest.mark.parametrize("refusal", ["graphql-went-wrong", "graphql-went-wrong-dated"])
def test_an_untyped_error_of_graphql_is_a_lost_answer(
    fake: FakeGitHub, github: GitHub, head: str, refusal: str, effect: str
) -> None:
    fake.refuse("POST", "graphql", refusal, effect="done" if effect == "done" else "none")
    made = github.commits.commit_files("main", head, FILES, "chore: release")
    assert fake.state.refs["heads/main"] == made.sha
    assert fake.state.commits[made.sha].parents == (head,)
    assert len(fake.sent("POST")) == (1 if effect == "done" else 2)


def test_a_protected_branch_of_either_kind_names_the_rule(
    fake: FakeGitHub, github: GitHub, head: str
) -> None:
    fake.refuse("POST", "graphql", "ruleset-branch")
    with pytest.raises(ForgeError, match="Changes must be made through a pull request") as caught:
        github.commits.commit_files("main", head, FILES, "chore: release")
    assert caught.value.hint.startswith("A ruleset of the repository forbids this.")
