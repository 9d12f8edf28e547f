"""The stand-in refuses what GitHub would refuse, or would ignore in silence."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from tests.fakes.git import GitRepo
from tests.fakes.github import FakeGitHub, State, Token
from tests.fakes.github_contract import ContractError, Sent, contract
from tests.fakes.prune_openapi import OPERATIONS

RELEASES = "/repos/acme/charts/releases"


def send(
    fake: FakeGitHub, method: str, path: str, body: object = None, bearer: str = "t0ken"
) -> tuple[int, Any]:
    headers: Mapping[str, str] = {"Authorization": f"token {bearer}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(fake.api_url + path, data, dict(headers), method=method), timeout=5) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.mark.parametrize(
    ("method", "path", "body", "reason"),
    [
        ("POST", RELEASES, {"tag_name": "a", "make_lastest": "false"}, "unknown properties ['make_lastest']"),
        ("POST", RELEASES, {"tag_name": "a", "make_latest": False}, "False is not of type 'string'"),
        ("POST", RELEASES, {"name": "a"}, "'tag_name' is a required property"),
        ("GET", f"{RELEASES}?perpage=100", None, "unknown query parameters ['perpage']"),
        ("GET", "/repos/acme/charts/release", None, "no such operation"),
        ("PUT", RELEASES, {}, "no such operation"),
        ("POST", f"{RELEASES}/5/assets?name=a", {}, "uploads go to the host of upload_url"),
        ("POST", "/graphql", {"query": "query { me }"}, "Cannot query field 'me' on type 'Query'"),
    ],
    ids=["misspelt", "type", "missing", "query", "path", "method", "upload", "graphql"],
)
def test_a_wrong_request_fails_at_once_and_again_at_the_end(
    method: str, path: str, body: object, reason: str
) -> None:
    fake = FakeGitHub()
    with pytest.raises(ContractError) as caught, fake:
        send(fake, method, path, body)
    assert len(fake.violations) == 1
    assert reason in str(caught.value)


def test_an_incomplete_answer_is_a_violation_too() -> None:
    values = {"owner": "acme", "repo": "charts", "release_id": "5"}
    with pytest.raises(ContractError, match="'upload_url' is a required property"):
        contract().check_answer(
            "GET", "/repos/{owner}/{repo}/releases/{release_id}", values, 200, b'{"id": 5}'
        )


def test_a_request_of_the_right_shape_passes() -> None:
    values = {"owner": "acme", "repo": "charts"}
    body = b'{"ref": "refs/tags/a", "sha": "b"}'
    contract().check_request(
        Sent("POST", "/repos/{owner}/{repo}/git/refs", values, {}, body, "application/json")
    )


def test_the_description_is_the_version_that_the_readme_names() -> None:
    assert contract().document["info"]["version"] == "23.0.2"
    assert set(contract().document["paths"]) == set(OPERATIONS)


def test_an_unknown_token_is_turned_away() -> None:
    with FakeGitHub() as fake:
        assert send(fake, "GET", RELEASES, bearer="other")[0] == 401


def test_the_token_of_an_app_cannot_ask_who_it_is_by_rest() -> None:
    with FakeGitHub() as fake:
        assert send(fake, "GET", "/user") == (
            403,
            {
                "message": "Resource not accessible by integration",
                "documentation_url": fake.url,
                "status": "403",
            },
        )


def test_another_repository_does_not_exist() -> None:
    with FakeGitHub() as fake:
        assert send(fake, "GET", "/repos/acme/other/releases")[0] == 404


def test_a_published_release_has_a_tag_and_a_draft_has_none() -> None:
    with FakeGitHub() as fake:
        send(fake, "POST", RELEASES, {"tag_name": "a-1.0.0", "draft": True})
        assert fake.state.tags() == {}
        assert send(fake, "GET", f"{RELEASES}/tags/a-1.0.0")[0] == 404
        send(fake, "POST", RELEASES, {"tag_name": "b-1.0.0"})
        assert fake.state.tags() == {"b-1.0.0": fake.state.refs["heads/main"]}
        assert send(fake, "GET", f"{RELEASES}/latest")[1]["tag_name"] == "b-1.0.0"


def test_an_edit_that_says_nothing_of_draft_leaves_it_one() -> None:
    with FakeGitHub() as fake:
        _, release = send(fake, "POST", RELEASES, {"tag_name": "a-1.0.0", "draft": True})
        send(fake, "PATCH", f"{RELEASES}/{release['id']}", {"body": "new"})
        assert fake.state.releases[release["id"]].draft


@pytest.mark.parametrize("flag", ["draft", "prerelease"])
def test_a_draft_or_prerelease_cannot_be_the_latest(flag: str) -> None:
    with FakeGitHub() as fake:
        asked = {"tag_name": "a-1.0.0", flag: True}
        status, answer = send(fake, "POST", RELEASES, {**asked, "make_latest": "true"})
        assert (status, answer["errors"][0]["message"]) == (
            422,
            "Latest release cannot be draft or prerelease.",
        )
        assert fake.state.releases == {}
        status, made = send(fake, "POST", RELEASES, asked)
        assert (status, fake.state.latest) == (201, None)
        status, answer = send(fake, "PATCH", f"{RELEASES}/{made['id']}", {"make_latest": "true"})
        assert (status, answer["errors"][0]["message"]) == (
            422,
            "Latest release cannot be draft or prerelease.",
        )


def test_the_tag_of_a_deleted_immutable_release_is_burnt() -> None:
    with FakeGitHub() as fake:
        fake.state.immutable_releases = True
        _, release = send(fake, "POST", RELEASES, {"tag_name": "a-1.0.0"})
        assert send(fake, "DELETE", f"{RELEASES}/{release['id']}")[0] == 204
        status, answer = send(fake, "POST", RELEASES, {"tag_name": "a-1.0.0"})
        assert (status, answer["errors"][0]["message"]) == (422, "tag_name was used by an immutable release")


NAMES = [
    "tags/web-1.0.0",
    "tags/charts/web/v1.0.0+build",
    "tags/a.b",
    "tags/a@b",
    "tags/@",
    "tags/-a",
    "heads/a{b",
    "notes/commits",
    "tags/ä",
    "tags",
    "tags/",
    "tags//a",
    "tags/a//b",
    "tags/a/",
    "tags/.a",
    "tags/a/.b",
    "tags/a..b",
    "tags/a.",
    "tags/a.lock",
    "tags/a.lock/b",
    "tags/a~b",
    "tags/a^b",
    "tags/a:b",
    "tags/a?b",
    "tags/a*b",
    "tags/a[b",
    "tags/a\\b",
    "tags/a@{b",
]


@pytest.mark.parametrize("name", [*NAMES, "tags/a b", "tags/a\tb", "tags/a\x7fb", ""])
def test_a_ref_may_have_the_names_that_git_takes(tmp_path: Path, name: str) -> None:
    repo = GitRepo(tmp_path)
    repo.write({"a": ""})
    commit = repo.commit("one")
    checked = subprocess.run(["git", "check-ref-format", f"refs/{name}"], check=False).returncode == 0
    # git itself also takes refs/tags, which is a folder on GitHub.
    taken = checked and "/" in name
    with FakeGitHub() as fake:
        fake.state.commit("one", sha=commit)
        status, answer = send(
            fake, "POST", "/repos/acme/charts/git/refs", {"ref": f"refs/{name}", "sha": commit}
        )
        assert (status == 201) is taken
        if not taken:
            assert (status, answer["message"]) == (422, f"refs/{name} is not a valid ref name.")


def test_a_release_needs_a_tag_that_can_be() -> None:
    with FakeGitHub() as fake:
        status, answer = send(fake, "POST", RELEASES, {"tag_name": "a..b", "draft": True})
        assert (status, answer["errors"][0]["message"]) == (422, "tag_name is not well-formed")


@pytest.mark.parametrize(
    ("path", "accepts"),
    [
        (RELEASES, "contents=read"),
        ("/repos/acme/charts/pulls/7", "pull_requests=read"),
        ("/repos/acme/charts/issues/7/comments", "issues=read; pull_requests=read"),
        ("/orgs/acme/packages?package_type=container", "packages=read"),
    ],
)
def test_what_a_token_may_not_read_is_refused_and_what_it_may_write_it_may_read(
    path: str, accepts: str
) -> None:
    with FakeGitHub() as fake:
        fake.add_pull(7)
        fake.tokens["t0ken"] = Token(writes=frozenset(), reads=frozenset())
        with pytest.raises(HTTPError) as caught:
            urlopen(Request(fake.api_url + path, headers={"Authorization": "token t0ken"}), timeout=5)
        with caught.value as error:
            assert (error.code, error.headers["X-Accepted-GitHub-Permissions"]) == (403, accepts)
        name = accepts.partition("=")[0]
        for token in (
            Token(writes=frozenset({name}), reads=frozenset()),
            Token(writes=frozenset(), reads=frozenset({name})),
        ):
            fake.tokens["t0ken"] = token
            assert send(fake, "GET", path)[0] == 200


def test_drafts_are_listed_for_those_who_may_write_them() -> None:
    with FakeGitHub() as fake:
        send(fake, "POST", RELEASES, {"tag_name": "a-1.0.0", "draft": True})
        send(fake, "POST", RELEASES, {"tag_name": "b-1.0.0"})
        fake.tokens["other"] = Token(writes=frozenset())
        listed = [
            [one["tag_name"] for one in send(fake, "GET", RELEASES, bearer=bearer)[1]]
            for bearer in ("t0ken", "other")
        ]
        assert listed == [["b-1.0.0", "a-1.0.0"], ["b-1.0.0"]]


def test_every_answer_says_what_is_left_of_the_rate_limit_and_nothing_goes_beyond_it() -> None:
    with FakeGitHub() as fake:
        fake.rate_limit = 2
        for left in ("1", "0"):
            request = Request(fake.api_url + RELEASES, headers={"Authorization": "token t0ken"})
            with urlopen(request, timeout=5) as answer:
                assert answer.headers["X-RateLimit-Remaining"] == left
        status, said = send(fake, "POST", RELEASES, {"tag_name": "a-1.0.0"})
        assert (status, said["message"]) == (403, "API rate limit exceeded for installation ID 19416693.")
        assert fake.state.releases == {}
        query = {"query": "query { viewer { login } }"}  # its points are counted apart
        assert send(fake, "POST", "/graphql", query)[0] == 200


def test_a_commit_keeps_the_files_of_its_parent() -> None:
    state = State("acme", "charts")
    state.commit("one", branch="main", files={"a": b"1", "b": b"2"})
    head = state.commit("two", branch="main", files={"a": None, "c": b"3"})
    assert state.commits[head].files == {"b": b"2", "c": b"3"}


def test_a_real_repository_behind_it_holds_what_the_api_creates(tmp_path: Path) -> None:
    work = GitRepo(tmp_path / "work")
    work.write({"charts/web/Chart.yaml": "version: 1.0.0\n", "run.sh": "#!/bin/sh\n"})
    first = work.commit("feat: first")
    work.tag("old-1.0.0", message="old")
    bare = GitRepo.clone(work.root, tmp_path / "bare.git", "--bare")
    with FakeGitHub() as fake:
        fake.state.use_git(bare.root)
        assert fake.state.tags() == {"old-1.0.0": first}
        _, release = send(fake, "POST", RELEASES, {"tag_name": "web-1.0.0", "target_commitish": first})
        assert (release["draft"], bare.git("rev-parse", "web-1.0.0")) == (False, first)
        made = fake.state.commit_on_branch(
            "main", first, "chore: release", {"charts/web/Chart.yaml": b"version: 1.0.1\n", "run.sh": None}
        )
        assert bare.git("show", "main:charts/web/Chart.yaml") == "version: 1.0.1"
        assert bare.git("ls-tree", "-r", "--name-only", "main") == "charts/web/Chart.yaml"
        assert bare.git("log", "-1", "--format=%H %P %s", "main") == f"{made.sha} {first} chore: release"
        work.branch("feature")
        pushed = work.commit("fix: pushed")
        work.git("push", "--quiet", bare.root.as_uri(), "feature")
        assert send(fake, "GET", "/repos/acme/charts/git/ref/heads/feature")[1]["object"]["sha"] == pushed
        sha = fake.state.create_tag("web-2.0.0", pushed, "web 2.0.0")
        fake.state.create_ref("refs/tags/web-2.0.0", sha)
        assert bare.git("rev-parse", "web-2.0.0^{commit}") == pushed
        assert bare.git("tag", "--list", "--format=%(contents:subject)", "web-2.0.0") == "web 2.0.0"
