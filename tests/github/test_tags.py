from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.fakes.github import FakeGitHub, Token

from oci_chart_publish.errors import ForgeError, ReadOnlyError
from oci_chart_publish.github.gateway import GitHub
from oci_chart_publish.github.git_refs import TagOutcome, TagRef, TagStatus


@pytest.fixture
def head(fake: FakeGitHub) -> str:
    return fake.state.refs["heads/main"]


def test_a_tag_is_created_once(fake: FakeGitHub, github: GitHub, head: str) -> None:
    assert github.tags.ensure("web-1.0.0", head) == TagOutcome(status=TagStatus.CREATED, commit=head)
    assert github.tags.ensure("web-1.0.0", head) == TagOutcome(status=TagStatus.EXISTING, commit=head)
    assert fake.state.tags() == {"web-1.0.0": head}
    assert len(fake.sent("POST")) == 1


def annotated(fake: FakeGitHub, name: str, commit: str) -> None:
    """Tag a commit as ``git tag --annotate`` does."""
    fake.state.create_ref(f"refs/tags/{name}", fake.state.create_tag(name, commit, "by hand"))


def test_an_annotated_tag_names_the_commit_that_it_is_of(fake: FakeGitHub, github: GitHub, head: str) -> None:
    annotated(fake, "web-1.0.0", head)
    tag = github.tags.get("web-1.0.0")
    assert tag is not None
    assert (tag.annotated, github.tags.commit(tag)) == (True, head)
    assert github.tags.ensure("web-1.0.0", head) == TagOutcome(status=TagStatus.EXISTING, commit=head)
    assert fake.sent("POST") == []


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_tag_on_another_commit_is_never_moved(
    fake: FakeGitHub, github: GitHub, head: str, *, by_hand: bool
) -> None:
    if by_hand:
        annotated(fake, "web-1.0.0", head)
    else:
        github.tags.ensure("web-1.0.0", head)
    later = fake.state.commit("later", branch="main")
    assert github.tags.ensure("web-1.0.0", later) == TagOutcome(status=TagStatus.ELSEWHERE, commit=head)
    assert fake.state.tags() == {"web-1.0.0": head}


@pytest.mark.parametrize("effect", ["none", "done"])
def test_a_bad_gateway_leaves_one_tag(fake: FakeGitHub, github: GitHub, head: str, effect: str) -> None:
    fake.refuse("POST", "/git/refs$", effect="done" if effect == "done" else "none")
    assert github.tags.ensure("web-1.0.0", head) == TagOutcome(status=TagStatus.CREATED, commit=head)
    assert fake.state.tags() == {"web-1.0.0": head}


def test_two_runs_that_tag_at_once_agree(fake: FakeGitHub, github: GitHub, other: GitHub, head: str) -> None:
    fake.hold("POST", "/git/refs", parties=2)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(gateway.tags.ensure, "web-1.0.0", head) for gateway in (github, other)]
    assert {run.result().status for run in runs} == {TagStatus.CREATED, TagStatus.EXISTING}


def test_tags_are_looked_for_by_their_whole_names(fake: FakeGitHub, github: GitHub, head: str) -> None:
    here = {"web-1.0.0+build.1", "charts/web/1.0.0", "other-1.0.0"}
    for name in here:
        fake.state.create_ref(f"refs/tags/{name}", head)
    fake.state.create_ref("refs/heads/web-2.0.0", head)
    asked = ["web-1.0.0+build.1", "charts/web/1.0.0", "charts/web", "web-1.0.0", "web-2.0.0", "web-1.0.0"]
    assert github.tags.existing(asked) == {"web-1.0.0+build.1", "charts/web/1.0.0"}
    assert len(fake.requests) == 1
    assert github.tags.existing([]) == frozenset()
    assert len(fake.requests) == 1


def test_a_question_for_each_hundred_tags_is_enough_however_many_there_are(
    fake: FakeGitHub, github: GitHub, head: str
) -> None:
    for number in range(3_000):
        fake.state.create_ref(f"refs/tags/x-{number}.0.0", head)
    asked = [f"x-{number}.0.0" for number in range(2_900, 3_017)]
    assert github.tags.existing(asked) == set(asked[:100])
    assert [(one.method, one.path) for one in fake.requests] == [("POST", "/graphql")] * 2


def test_a_token_that_may_not_read_tags_is_told_apart(fake: FakeGitHub, github: GitHub) -> None:
    fake.tokens["t0ken"] = Token(writes=frozenset(), reads=frozenset({"pull_requests"}))
    with pytest.raises(ReadOnlyError) as caught:
        github.tags.existing(["web-1.0.0"])
    assert caught.value.hint == "Add `contents: write` to the `permissions:` of the job."


def test_a_tag_with_slashes_is_one_name(fake: FakeGitHub, github: GitHub, head: str) -> None:
    github.tags.ensure("charts/web/v1.0.0", head)
    assert fake.state.tags() == {"charts/web/v1.0.0": head}
    assert github.tags.get("charts/web/v1.0.0") == TagRef(name="charts/web/v1.0.0", sha=head, annotated=False)
    assert github.tags.get("charts/web") is None


def test_a_ruleset_is_named(fake: FakeGitHub, github: GitHub, head: str) -> None:
    fake.state.protected_tags = ".*"
    with pytest.raises(ForgeError, match="Cannot create ref due to creations being restricted") as caught:
        github.tags.ensure("web-1.0.0", head)
    assert caught.value.hint.startswith("A ruleset of the repository forbids this.")


def test_a_commit_that_github_does_not_have_is_an_error(github: GitHub) -> None:
    with pytest.raises(ForgeError, match="/git/refs: 422 Object does not exist"):
        github.tags.ensure("web-1.0.0", "0" * 40)


def test_a_read_only_token_is_told_apart(fake: FakeGitHub, github: GitHub, head: str) -> None:
    fake.tokens["t0ken"] = Token(writes=frozenset({"pull_requests"}))
    with pytest.raises(ReadOnlyError):
        github.tags.ensure("web-1.0.0", head)
