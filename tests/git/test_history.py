from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.git import GitRepo
from tests.git.repositories import opened

from oci_chart_publish.errors import ConfigError, PublishError
from oci_chart_publish.git.log import Commit, parse_log


def test_a_commit_has_its_whole_message_and_its_files(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    root = repo.commit("chore: begin", date=1_700_000_000)
    body = "feat(web)!: new look\n\nBody with ünïcode\n\n\nBREAKING CHANGE: all\nRelease-As: 2.0.0\n"
    repo.write({"b.txt": "", "a b/ü.txt": "x", "new\nline": "x"})
    sha = repo.commit(body, date=1_700_000_060)
    assert opened(tmp_path).log(["HEAD"]) == (
        Commit(
            sha=sha,
            parents=(root,),
            time=1_700_000_060,
            author="Ada",
            email="ada@example.com",
            message=body,
            files=("a b/ü.txt", "b.txt", "new\nline"),
        ),
        Commit(
            sha=root,
            parents=(),
            time=1_700_000_000,
            author="Ada",
            email="ada@example.com",
            message="chore: begin\n",
            files=(),
        ),
    )


def test_the_files_of_the_first_commit_are_listed(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.write({"a": "", "b": ""})
    repo.commit("one")
    assert [commit.files for commit in opened(tmp_path).log(["HEAD"])] == [("a", "b")]


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\n\n",
        b"a\n\0\n\0" + b"0" * 40 + b"\0\0" + b"1\0x\0y\0z\0\nfile\0",
        b"commit 0123456789012345678901234567890123456789\nAuthor: x",
        b"%x00%H",
        b"\x1e\x1f\xff\xfe",
    ],
    ids=["empty", "lines", "nul", "commit", "format", "bytes"],
)
def test_no_message_can_pass_for_something_else(tmp_path: Path, message: bytes) -> None:
    repo = GitRepo(tmp_path)
    repo.write({"a": ""})
    one = repo.commit("one")
    person = b"Ada <ada@example.com> 1700000000 +0000"
    tree = repo.git("rev-parse", "HEAD^{tree}").encode()
    head = b"tree " + tree + b"\nparent " + one.encode() + b"\nauthor " + person + b"\ncommitter " + person
    (tmp_path / ".git" / "object").write_bytes(head + b"\n\n" + message)
    two = repo.git("hash-object", "-w", "--literally", "-t", "commit", ".git/object")
    repo.git("reset", "--quiet", "--hard", two)
    repo.write({"b": ""})
    three = repo.commit("three")
    found = [(commit.sha, commit.files) for commit in opened(tmp_path).log(["HEAD"])]
    assert found == [(three, ("b",)), (two, ()), (one, ("a",))]


def test_a_rename_is_a_file_that_went_and_one_that_came(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.git("config", "diff.renames", "copies")
    repo.write({"old.txt": "the same content\n" * 9})
    one = repo.commit("one")
    repo.git("mv", "old.txt", "new.txt")
    two = repo.commit("two")
    repository = opened(tmp_path)
    assert repository.log(["HEAD"])[0].files == ("new.txt", "old.txt")
    assert repository.changed_files(one, two) == ("new.txt", "old.txt")


def merged(repo: GitRepo) -> tuple[str, str, str, str]:
    repo.write({"a": "1"})
    one = repo.commit("one")
    repo.branch("feature")
    repo.write({"charts/web/x": "1"})
    feature = repo.commit("feat: x")
    repo.switch("main")
    repo.write({"a": "2"})
    two = repo.commit("two")
    return one, feature, two, repo.merge("feature", "Merge it")


def test_history_of_a_path_finds_the_commit_inside_a_merge(tmp_path: Path) -> None:
    one, feature, two, merge = merged(GitRepo(tmp_path))
    repository = opened(tmp_path)
    assert [commit.sha for commit in repository.log([f"{one}..HEAD"], ["charts/web"])] == [feature]
    assert {commit.sha: commit.files for commit in repository.log(["HEAD"])} == {
        merge: (),
        two: ("a",),
        feature: ("charts/web/x",),
        one: ("a",),
    }


def test_with_first_parents_only_a_merge_has_all_it_brought(tmp_path: Path) -> None:
    one, _, two, merge = merged(GitRepo(tmp_path))
    commits = opened(tmp_path).log(["HEAD"], first_parent=True)
    assert [(commit.sha, commit.files) for commit in commits] == [
        (merge, ("charts/web/x",)),
        (two, ("a",)),
        (one, ("a",)),
    ]


def test_a_path_is_never_a_pattern_nor_an_option(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.write({"*": "1", "a": "1", "--all": "1", ":(top)": "1"})
    repo.commit("one")
    repo.write({"a": "2"})
    repo.commit("two")
    repository = opened(tmp_path)
    assert [repository.log(["HEAD"], [name])[0].subject for name in ("*", "--all", ":(top)", "a")] == [
        "one",
        "one",
        "one",
        "two",
    ]


def test_a_revision_is_never_an_option(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.commit("one")
    with pytest.raises(ConfigError, match="git cannot list the commits of --output=x"):
        opened(tmp_path).log(["--output=x"])
    assert not (tmp_path / "x").exists()


def test_output_that_is_cut_short_is_refused() -> None:
    with pytest.raises(PublishError, match="ends in the middle of a commit"):
        parse_log(b"\0" + b"a" * 40 + b"\0\0" + b"1\0Ada")


def test_output_that_does_not_begin_with_a_commit_is_refused() -> None:
    with pytest.raises(PublishError, match="where a commit had to begin"):
        parse_log(b"warning: x\0")


def test_an_empty_range_has_no_commits(tmp_path: Path) -> None:
    GitRepo(tmp_path).commit("one")
    assert opened(tmp_path).log(["HEAD..HEAD"]) == ()


def test_changes_of_the_work_tree_count_without_being_committed(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.write({"a": "1", "b": "1", "c": "1", "d": "1"})
    base = repo.commit("one")
    repo.write({"a": "2"})
    repo.git("add", "a")
    repo.write({"b": "2"})
    (tmp_path / "c").unlink()
    (tmp_path / "d").touch()
    assert opened(tmp_path).changed_files(base) == ("a", "b", "c")


def test_the_merge_base_is_where_two_branches_parted(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    base = repo.commit("one")
    repo.branch("feature")
    repo.commit("feature")
    repo.switch("main")
    repo.commit("two")
    assert opened(tmp_path).merge_base("main", "feature") == base


def test_unrelated_histories_have_no_merge_base(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.commit("one")
    repo.git("switch", "--quiet", "--orphan", "other")
    repo.commit("two")
    assert opened(tmp_path).merge_base("main", "other") is None
