from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.fakes.git import ENV, GitRepo
from tests.fakes.githttp import serve
from tests.git.repositories import opened

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.tree.commit_tree import CommitTree

# "x-access-token:s3cret" in base64.
AUTHORIZATION = "basic eC1hY2Nlc3MtdG9rZW46czNjcmV0"
HINT = "check the repository out with its history: add 'fetch-depth: 0' to the 'with:' of actions/checkout"


def upstream(root: Path) -> GitRepo:
    repo = GitRepo(root)
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("config", "uploadpack.allowAnySHA1InWant", "true")
    repo.write({"charts/web/Chart.yaml": "version: 1.0.0\n"})
    repo.commit("one")
    repo.tag("web-1.0.0")
    repo.write({"charts/web/Chart.yaml": "version: 1.1.0\n"})
    repo.commit("two")
    repo.tag("web-1.1.0", message="annotated")
    repo.write({"charts/web/Chart.yaml": "version: 1.2.0\n"})
    repo.commit("three")
    return repo


def subjects(repository: GitRepository) -> list[str]:
    return [commit.subject for commit in repository.log(["HEAD"])]


def test_a_clone_of_depth_one_gets_its_history_and_tags(tmp_path: Path) -> None:
    upstream(tmp_path / "up")
    clone = GitRepo.clone(tmp_path / "up", tmp_path / "clone", "--depth=1", "--no-tags")
    with opened(clone.root) as repository:
        assert (repository.is_shallow(), subjects(repository), repository.tags()) == (True, ["three"], {})
        repository.fetch_history("main")
        assert (repository.is_shallow(), subjects(repository)) == (False, ["three", "two", "one"])
        assert repository.tags_reachable() == {"web-1.0.0", "web-1.1.0"}
        # Not here yet: fetched when it is asked for.
        assert repository.read("web-1.0.0", "charts/web/Chart.yaml") == b"version: 1.0.0\n"


def test_the_detached_merge_of_a_pull_request_gets_its_history_too(tmp_path: Path) -> None:
    repo = upstream(tmp_path / "up")
    repo.branch("feature", "HEAD~1")
    repo.write({"charts/web/x": "1"})
    repo.commit("feature")
    repo.switch("main")
    repo.git("switch", "--quiet", "--detach", "main")
    merge = repo.merge("feature", "Merge feature into main")
    repo.git("update-ref", "refs/pull/7/merge", merge)
    repo.switch("main")
    clone = GitRepo(tmp_path / "clone")
    clone.git("remote", "add", "origin", repo.root.as_uri())
    clone.git(
        "fetch", "--quiet", "--depth=1", "--no-tags", "origin", "+refs/pull/7/merge:refs/remotes/pull/7/merge"
    )
    clone.git("checkout", "--quiet", "--detach", "refs/remotes/pull/7/merge")
    with opened(clone.root) as repository:
        repository.fetch_history("main")
        assert set(subjects(repository)) == {"Merge feature into main", "feature", "three", "two", "one"}
        assert repository.merge_base("origin/main", "HEAD") == repo.git("rev-parse", "main")


def test_a_whole_clone_gets_missing_tags(tmp_path: Path) -> None:
    repo = upstream(tmp_path / "up")
    clone = GitRepo.clone(tmp_path / "up", tmp_path / "clone", "--no-tags")
    repo.tag("web-1.2.0")
    with opened(clone.root) as repository:
        repository.fetch_history("main")
        assert set(repository.tags()) == {"web-1.0.0", "web-1.1.0", "web-1.2.0"}


def test_the_token_goes_to_its_server_in_place_of_a_stale_one_and_is_never_stored(tmp_path: Path) -> None:
    upstream(tmp_path / "srv" / "up")
    bare = GitRepo.clone(tmp_path / "srv" / "up", tmp_path / "srv" / "charts.git", "--bare")
    bare.git("config", "uploadpack.allowFilter", "true")
    with serve(tmp_path / "srv", AUTHORIZATION) as server:
        url = f"{server.url}/charts.git"
        header = f"http.{server.url}/.extraheader=AUTHORIZATION: {AUTHORIZATION}"
        clone = GitRepo.clone(url, tmp_path / "clone", "--depth=1", "--no-tags", f"--config={header}")
        # What a checkout left there is stale now.
        clone.git("config", f"http.{server.url}/.extraheader", "AUTHORIZATION: basic c3RhbGU6c3RhbGU=")
        server.seen.clear()
        with opened(clone.root) as repository:
            repository.authenticate("s3cret", server=server.url)
            repository.fetch_history("main")
            assert subjects(repository) == ["three", "two", "one"]
            assert repository.read("web-1.0.0", "charts/web/Chart.yaml") == b"version: 1.0.0\n"
        assert {tuple(header) for header in server.seen} == {(AUTHORIZATION,)}
    config = (clone.root / ".git" / "config").read_text()
    assert "s3cret" not in config
    assert "czNjcmV0" not in config


def test_a_partial_clone_without_stored_credentials_reads_old_files_with_the_token(tmp_path: Path) -> None:
    repo = upstream(tmp_path / "up")
    (tmp_path / "srv").mkdir()
    bare = GitRepo.clone(repo.root, tmp_path / "srv" / "charts.git", "--bare")
    bare.git("config", "uploadpack.allowFilter", "true")
    bare.git("config", "uploadpack.allowAnySHA1InWant", "true")
    with serve(tmp_path / "srv", AUTHORIZATION) as server:
        header = f"http.{server.url}/.extraheader=AUTHORIZATION: {AUTHORIZATION}"
        # As with `persist-credentials: false`: the clone was let in, and what let it in is gone.
        GitRepo(tmp_path, init=False).git(
            "-c", header, "clone", "--quiet", "--filter=blob:none", f"{server.url}/charts.git", "clone"
        )
        server.seen.clear()
        with opened(tmp_path / "clone") as repository:
            repository.authenticate("s3cret", server=server.url)
            assert server.seen == []
            assert repository.read("web-1.0.0", "charts/web/Chart.yaml") == b"version: 1.0.0\n"
        assert {tuple(header) for header in server.seen} == {(AUTHORIZATION,)}
    assert "extraheader" not in (tmp_path / "clone" / ".git" / "config").read_text()


def test_the_token_is_not_sent_to_another_server(tmp_path: Path) -> None:
    upstream(tmp_path / "srv" / "up")
    GitRepo.clone(tmp_path / "srv" / "up", tmp_path / "srv" / "charts.git", "--bare")
    clone = GitRepo.clone(tmp_path / "srv" / "charts.git", tmp_path / "clone", "--depth=1", "--no-tags")
    with serve(tmp_path / "srv", AUTHORIZATION) as server:
        clone.git("remote", "set-url", "origin", f"{server.url}/charts.git")
        with opened(clone.root) as repository:
            repository.authenticate("s3cret", server="https://github.com")
            with pytest.raises(ConfigError) as caught:
                repository.fetch_history("main")
        assert server.seen
        assert [header for header in server.seen if header] == []
    assert caught.value.exit_code == 2
    assert caught.value.hint == HINT


def test_a_remote_that_is_gone_is_named_with_the_line_to_add(tmp_path: Path) -> None:
    upstream(tmp_path / "up")
    clone = GitRepo.clone(tmp_path / "up", tmp_path / "clone", "--depth=1")
    clone.git("remote", "set-url", "origin", "http://user:s3cret@127.0.0.1:9/charts.git")
    with pytest.raises(ConfigError) as caught:
        opened(clone.root).fetch_history("main")
    assert caught.value.message.startswith(
        f"cannot fetch the missing history of {clone.root}: fatal: unable to access"
    )
    assert "s3cret" not in str(caught.value)
    assert caught.value.hint == HINT


def test_an_unknown_revision_of_a_shallow_clone_asks_for_history(tmp_path: Path) -> None:
    upstream(tmp_path / "up")
    clone = GitRepo.clone(tmp_path / "up", tmp_path / "clone", "--depth=1", "--no-tags")
    with pytest.raises(ConfigError) as caught:
        opened(clone.root).require("web-1.0.0")
    assert caught.value.hint == HINT


def test_the_token_is_never_an_argument(tmp_path: Path) -> None:
    upstream(tmp_path / "up")
    clone = GitRepo.clone(tmp_path / "up", tmp_path / "clone", "--depth=1")
    seen = tmp_path / "argv"
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >> {seen}\nexec /usr/bin/env -S PATH={ENV["PATH"]} git "$@"\n'
    )
    fake.chmod(0o755)
    repository = GitRepository.open(clone.root, {**ENV, "PATH": f"{fake.parent}{os.pathsep}{ENV['PATH']}"})
    assert repository is not None
    repository.authenticate("s3cret", server="https://github.com")
    repository.fetch_history("main")
    repository.close()
    assert "--unshallow" in seen.read_text()
    assert "s3cret" not in seen.read_text()
    assert "czNjcmV0" not in seen.read_text()


def test_old_files_are_brought_with_one_request(tmp_path: Path) -> None:
    repo = upstream(tmp_path / "srv" / "up")
    for number in range(5):
        repo.write({f"charts/{name}/Chart.yaml": f"version: 2.0.{number}\n# {name}\n" for name in "abcd"})
        repo.commit(str(number))
    bare = GitRepo.clone(repo.root, tmp_path / "srv" / "charts.git", "--bare")
    bare.git("config", "uploadpack.allowFilter", "true")
    bare.git("config", "uploadpack.allowAnySHA1InWant", "true")
    with serve(tmp_path / "srv", AUTHORIZATION) as server:
        clone = GitRepo.clone(bare.root, tmp_path / "clone", "--depth=1")
        clone.git("remote", "set-url", "origin", f"{server.url}/charts.git")
        with opened(clone.root) as repository:
            repository.authenticate("s3cret", server=server.url)
            repository.fetch_history("main")
            server.seen.clear()
            names = [f"HEAD~{back}:charts/{name}/Chart.yaml" for back in range(1, 4) for name in "abcd"]
            old = [clone.git("rev-parse", name) for name in names]
            repository.prefetch_blobs([*old, *old])
            # One for the capabilities, one for the objects.
            assert len(server.seen) == 2
            assert [repository.blob(sha) for sha in old[:2]] == [
                b"version: 2.0.3\n# a\n",
                b"version: 2.0.3\n# b\n",
            ]
            assert old
            assert all(repository.blob(sha) for sha in old)
            assert len(server.seen) == 2
            CommitTree(repository, "HEAD~4", "charts").read("a/Chart.yaml")
            CommitTree(repository, "HEAD~4", "charts").read("b/Chart.yaml")
            assert len(server.seen) == 4


def test_in_a_whole_clone_nothing_is_brought(tmp_path: Path) -> None:
    upstream(tmp_path / "up")
    clone = GitRepo.clone(tmp_path / "up", tmp_path / "clone")
    clone.git("remote", "set-url", "origin", "http://127.0.0.1:9/charts.git")
    with opened(clone.root) as repository:
        repository.prefetch_blobs([clone.git("rev-parse", "HEAD:charts/web/Chart.yaml")])
        assert repository.read("HEAD", "charts/web/Chart.yaml") == b"version: 1.2.0\n"


def test_tags_that_moved_follow_the_origin(tmp_path: Path) -> None:
    repo = upstream(tmp_path / "up")
    clone = GitRepo.clone(tmp_path / "up", tmp_path / "clone", "--depth=1", "--no-tags")
    clone.tag("web-1.0.0")
    with opened(clone.root) as repository:
        repository.fetch_history("main")
        assert repository.tags()["web-1.0.0"] == repo.git("rev-parse", "web-1.0.0")


@pytest.mark.parametrize(
    "revision",
    [
        "--upload-pack=touch {}/ran",
        "+refs/heads/main:refs/tags/forged",
        "HEAD",
        "main",
        "a" * 39,
        "a" * 40 + "\n",
    ],
)
def test_what_is_no_commit_id_never_reaches_git(tmp_path: Path, revision: str) -> None:
    upstream(tmp_path / "up")
    clone = GitRepo.clone(tmp_path / "up", tmp_path / "clone", "--no-tags")
    with opened(clone.root) as repository:
        with pytest.raises(ConfigError, match="is no commit: expected 40 or 64 hexadecimal digits"):
            repository.fetch_commit(revision.format(tmp_path))
        assert repository.tags() == {}
    assert not (tmp_path / "ran").exists()
