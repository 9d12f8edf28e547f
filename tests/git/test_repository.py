from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.git import ENV, GitRepo
from tests.git.repositories import opened
from tests.real.tools import as_root

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.git.remote import web_url
from oci_chart_publish.git.repository import GitRepository, LastChange


def test_a_folder_outside_git_is_no_repository_and_needs_no_git_program(tmp_path: Path) -> None:
    assert GitRepository.open(tmp_path, {"PATH": ""}) is None


def test_an_empty_git_folder_makes_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert GitRepository.open(tmp_path, ENV) is None


def test_a_repository_without_a_git_program_is_a_configuration_error(tmp_path: Path) -> None:
    GitRepo(tmp_path)
    with pytest.raises(ConfigError) as caught:
        GitRepository.open(tmp_path, {"PATH": str(tmp_path)})
    assert str(caught.value) == (
        f"{tmp_path} is a git repository, but there is no git program on the PATH\n"
        "install git, or run on a copy of the charts without the .git folder"
    )


def test_the_root_is_found_from_a_folder_below_and_through_a_link(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.write({"charts/web/Chart.yaml": "name: web\n"})
    (tmp_path / "link").symlink_to(repo.root / "charts")
    assert opened(repo.root / "charts" / "web").root == repo.root
    assert opened(tmp_path / "link" / "web").root == repo.root


def test_a_second_work_tree_is_a_repository_of_its_own(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    sha = repo.commit("one")
    repo.git("worktree", "add", "--quiet", str(tmp_path / "second"), "HEAD")
    second = opened(tmp_path / "second")
    assert (second.root, second.bare, second.head()) == (tmp_path / "second", False, sha)


def given_away(root: Path) -> None:
    """Give a folder and all in it to another user."""
    for folder, _, names in os.walk(root):
        for path in [folder, *(f"{folder}/{name}" for name in names)]:
            os.chown(path, 1001, 1001)


def test_charts_called_as_the_parts_of_a_git_directory_make_no_bare_repository(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.write({f"charts/{name}/Chart.yaml": f"name: {name}\n" for name in ("HEAD", "objects", "refs")})
    sha = repo.commit("first")
    with opened(repo.root / "charts" / "HEAD") as repository:
        assert (repository.root, repository.bare, repository.head()) == (repo.root, False, sha)


def test_a_bare_repository_is_read(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.write({"a.txt": "a\n"})
    sha = repo.commit("one")
    bare = opened(GitRepo.clone(repo.root, tmp_path / "bare.git", "--bare").root)
    with bare:
        assert (bare.bare, bare.head(), bare.read("HEAD", "a.txt")) == (True, sha, b"a\n")


def test_a_git_file_that_leads_nowhere_is_an_error_and_not_a_folder_without_git(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /nowhere/at/all\n")
    with pytest.raises(ConfigError, match=r"git cannot use the repository at .*not a git repository"):
        GitRepository.open(tmp_path, ENV)


def test_the_workspace_of_another_user_is_trusted_for_this_process_alone(tmp_path: Path) -> None:
    as_root("only root can give a folder to another user")
    repo = GitRepo(tmp_path / "repo")
    repo.write({"a.txt": "a\n"})
    sha = repo.commit("one")
    given_away(repo.root)
    with pytest.raises(AssertionError, match="dubious ownership"):
        repo.git("status")
    repository = GitRepository.open(
        repo.root, {**ENV, "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(repo.root)}
    )
    assert repository is not None
    assert repository.head() == sha
    with pytest.raises(AssertionError, match="dubious ownership"):
        repo.git("status")


@pytest.mark.parametrize("workspace", ["", "elsewhere"])
def test_a_repository_of_another_user_runs_no_program_of_its_own(tmp_path: Path, workspace: str) -> None:
    as_root("only root can give a folder to another user")
    repo = GitRepo(tmp_path / "repo")
    repo.commit("one")
    given_away(repo.root)
    around = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path / workspace)} if workspace else {}
    with pytest.raises(ConfigError, match="dubious ownership") as raised:
        GitRepository.open(repo.root, {**ENV, **around})
    assert f"git config --global --add safe.directory {repo.root}" in raised.value.hint


def test_what_root_fetches_belongs_to_the_owner_of_the_workspace(tmp_path: Path) -> None:
    as_root("only root can give a folder to another user")
    origin = GitRepo(tmp_path / "origin")
    for number in range(3):
        origin.commit(f"{number}")
        origin.tag(f"charts/web-1.{number}.0")
    clone = GitRepo.clone(origin.root, tmp_path / "clone", "--depth=1")
    clone.git("config", "remote.origin.url", origin.root.as_uri())
    given_away(clone.root)
    around = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(clone.root)}
    with GitRepository.open(clone.root, {**ENV, **around, "GIT_ALLOW_PROTOCOL": "file"}) or pytest.fail(
        "none"
    ) as repository:
        repository.fetch_history("main")
        assert len(repository.tags()) == 3
    foreign = [path for path in (clone.root / ".git").rglob("*") if path.lstat().st_uid != 1001]
    assert foreign == []


def test_hooks_and_programs_of_the_configuration_are_not_run(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.write({".gitattributes": "* diff=evil\n", "a.txt": "a\n"})
    base = repo.commit("one")
    trap = tmp_path / "ran"
    program = tmp_path / "trap.sh"
    program.write_text(f"#!/bin/sh\ntouch {trap}\n")
    program.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "diff.external", "diff.evil.textconv", "diff.evil.command"):
        repo.git("config", key, str(program))
    hook = repo.root / ".git" / "hooks" / "post-index-change"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {trap}\n")
    hook.chmod(0o755)
    repo.write({"a.txt": "b\n"})
    with opened(repo.root) as repository:
        assert repository.changed_files(base) == ("a.txt",)
        assert [commit.sha for commit in repository.log(["HEAD"])] == [base]
        assert repository.git.output("ls-files", "--others") == b""
    assert not trap.exists()


def test_variables_that_would_steer_git_are_not_passed_on(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    sha = repo.commit("one")
    other = GitRepo(tmp_path / "other")
    other.commit("two")
    env = {**ENV, "GIT_DIR": str(other.root / ".git"), "GIT_WORK_TREE": str(other.root), "GIT_TRACE": "1"}
    repository = GitRepository.open(repo.root, env)
    assert repository is not None
    assert (repository.root, repository.head()) == (repo.root, sha)


def test_head_is_none_before_the_first_commit(tmp_path: Path) -> None:
    GitRepo(tmp_path)
    assert opened(tmp_path).head() is None


@pytest.mark.parametrize("rev", ["nowhere", "--all", "-h", "HEAD~9", ""])
def test_an_unknown_revision_is_named(tmp_path: Path, rev: str) -> None:
    GitRepo(tmp_path).commit("one")
    with pytest.raises(ConfigError) as caught:
        opened(tmp_path).require(rev)
    assert caught.value.message == f"git knows no commit {rev!r} in {tmp_path}"
    assert caught.value.hint == "give a branch, a tag or a commit that exists here"


def test_tags_are_peeled_and_those_of_other_objects_left_out(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.write({"a.txt": "a\n"})
    one = repo.commit("one")
    repo.tag("light-1.0.0")
    two = repo.commit("two")
    repo.tag("web-1.0.0+build", message="annotated")
    repo.tag("twice", "web-1.0.0+build", message="a tag of a tag")
    repo.tag("tree", "HEAD^{tree}")
    repo.tag("blob", "HEAD:a.txt", message="a file")
    assert opened(tmp_path).tags() == {"light-1.0.0": one, "web-1.0.0+build": two, "twice": two}


def test_tags_reachable_from_a_maintenance_branch_are_only_its_own(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.commit("one")
    repo.tag("web-1.0.0")
    repo.branch("release-1")
    repo.commit("fix")
    repo.tag("web-1.0.1", message="annotated")
    repo.switch("main")
    repo.commit("two")
    repo.tag("web-2.0.0")
    repository = opened(tmp_path)
    assert repository.tags_reachable("release-1") == {"web-1.0.0", "web-1.0.1"}
    assert repository.tags_reachable() == {"web-1.0.0", "web-2.0.0"}


def test_files_are_read_at_a_revision_through_one_process(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    names = ["a.txt", "sp ace/ünï.txt", "new\nline", "-dash", ":colon"]
    repo.write({name: f"{name}\n" for name in names})
    repo.write({"empty": b"", "bytes": bytes(range(256))})
    repo.commit("one")
    repo.write({"a.txt": "changed\n"})
    repo.commit("two")
    with opened(tmp_path) as repository:
        assert [repository.read("HEAD~1", name) for name in names] == [f"{name}\n".encode() for name in names]
        assert repository.read("HEAD", "a.txt") == b"changed\n"
        assert repository.read("HEAD", "empty") == b""
        assert repository.read("HEAD", "bytes") == bytes(range(256))
        assert repository.read("HEAD", "sp ace") is None
        assert repository.read("HEAD", "missing one") is None
        assert repository.read("nowhere", "a.txt") is None


def test_what_a_revision_holds_is_told_without_reading_it(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.write({"charts/web/x": "1"})
    repo.commit()
    repository = opened(tmp_path)
    held = {path: repository.holds("HEAD", path) for path in ("charts/web/x", "charts/web", "charts/db", "x")}
    assert held == {"charts/web/x": True, "charts/web": True, "charts/db": False, "x": False}


def test_files_are_read_by_many_threads_at_once(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.write({f"{number}.txt": f"{number}\n" * 1000 for number in range(16)})
    repo.commit("one")
    wrong: list[int] = []

    def reader(number: int) -> None:
        answers = {repository.read("HEAD", f"{number}.txt") for _ in range(20)}
        if answers != {f"{number}\n".encode() * 1000}:
            wrong.append(number)

    with opened(tmp_path) as repository:
        threads = [threading.Thread(target=reader, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_reading_goes_on_after_close(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.write({"a.txt": "a\n"})
    repo.commit("one")
    repository = opened(tmp_path)
    assert repository.read("HEAD", "a.txt") == b"a\n"
    repository.close()
    assert repository.read("HEAD", "a.txt") == b"a\n"
    repository.close()


def test_the_last_change_is_the_last_commit_that_touched_a_path(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.write({"charts/a/x": "1", "charts/b/x": "1"})
    repo.commit("both", date=1_700_000_000)
    repo.write({"charts/a/x": "2"})
    last_a = repo.commit("a", date=1_700_000_100)
    repo.write({"charts/b/x": "2"})
    last_b = repo.commit("b", date=1_700_000_200)
    repository = opened(tmp_path)
    assert repository.last_change(["charts/a"]) == LastChange(last_a, 1_700_000_100)
    assert repository.last_change(["charts/a", "charts/b"]) == LastChange(last_b, 1_700_000_200)
    assert repository.last_change([""]) == LastChange(last_b, 1_700_000_200)
    assert repository.last_change(["charts/*"]) is None


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://github.com/acme/charts.git", "https://github.com/acme/charts"),
        ("https://github.com/acme/charts/", "https://github.com/acme/charts"),
        ("https://user:secret@GitHub.com/acme/charts", "https://github.com/acme/charts"),
        ("git@github.com:acme/charts.git", "https://github.com/acme/charts"),
        ("github.com:acme/charts", "https://github.com/acme/charts"),
        ("ssh://git@github.com:22/acme/charts.git", "https://github.com/acme/charts"),
        ("git://example.org/acme/charts.git", "https://example.org/acme/charts"),
        ("http://forge.local:3000/acme/charts.git", "http://forge.local:3000/acme/charts"),
        ("http://forge.local/acme/charts.git", "https://forge.local/acme/charts"),
        ("https://[::1]:8443/acme/charts", "https://[::1]:8443/acme/charts"),
        ("https://gitlab.com/group/sub/charts.git?x=1#y", "https://gitlab.com/group/sub/charts"),
        ("/srv/git/charts.git", ""),
        ("../charts", ""),
        ("file:///srv/git/charts.git", ""),
        ("C:/git/charts", ""),
        ("https://host:port/x", ""),
        ("https://github.com/", ""),
        ("", ""),
    ],
)
def test_a_remote_of_any_form_becomes_a_web_address(remote: str, url: str) -> None:
    assert web_url(remote) == url


def test_the_origin_is_read_from_the_configuration(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    assert opened(tmp_path).origin_url() == ""
    repo.git("remote", "add", "origin", "https://x:token@github.com/acme/charts.git")
    assert opened(tmp_path).origin_url() == "https://github.com/acme/charts"


HOSTILE = [
    "--upload-pack=touch pwned",
    "--output=pwned",
    "-h",
    "--help",
    "--all",
    "+refs/heads/x:refs/tags/y",
    "",
]


@pytest.mark.parametrize("word", HOSTILE)
def test_words_from_elsewhere_are_no_options(tmp_path: Path, word: str) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.write({"a": "1\n"})
    repo.commit("one")
    repo.git("remote", "add", "origin", repo.root.as_uri())
    with opened(repo.root) as repository:
        assert repository.commit(word) is None
        assert repository.read(word or "-", "a") is None
        assert not repository.holds(word, "-a")
        asking: list[Callable[[], object]] = [
            lambda: repository.merge_base(word, "HEAD"),
            lambda: repository.is_ancestor("HEAD", word),
            lambda: repository.changed_files(word),
            lambda: repository.last_change(["a"], word),
            lambda: repository.tags_reachable(word),
            lambda: repository.parents(word),
            lambda: repository.log([f"{word}x"]),
            lambda: repository.fetch_commit(word),
        ]
        if word:
            asking.append(lambda: repository.fetch_history(word))
        for ask in asking:
            with pytest.raises(ConfigError):
                ask()
        assert repository.tags() == {}
    assert sorted(path.name for path in repo.root.iterdir()) == [".git", "a"]


@pytest.mark.parametrize("branch", ["x:refs/tags/y", "a b", "*", "-x", "a..b", "x^", "a\nb", "x/", "@{1}"])
def test_a_branch_whose_name_would_be_another_refspec_is_not_fetched(tmp_path: Path, branch: str) -> None:
    repo = GitRepo(tmp_path)
    repo.commit("one")
    with opened(repo.root) as repository, pytest.raises(ConfigError, match="is no name of a branch"):
        repository.fetch_history(branch)
