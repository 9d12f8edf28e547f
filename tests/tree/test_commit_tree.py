from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tests.fakes.git import GitRepo, chart_yaml
from tests.git.repositories import opened

from oci_chart_publish.errors import ChartError, ConfigError
from oci_chart_publish.tree.commit_tree import CommitFiles, CommitTree


def contents(tree: CommitTree, folder: str = "") -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in tree.entries(folder):
        if entry.error:
            raise entry.error
        path = f"{folder}/{entry.name}" if folder else entry.name
        found |= contents(tree, path) if entry.is_dir else {path: tree.read(path)}
    return found


def checkout(repo: GitRepo, sha: str, folder: str) -> dict[str, bytes]:
    """Return the files below a folder as a checkout in a second work tree has them."""
    place = repo.root.parent / f"at-{sha[:7]}"
    repo.git("worktree", "add", "--quiet", "--detach", str(place), sha)
    top = place / folder
    return {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def test_a_commit_has_the_files_it_had_whatever_the_work_tree_holds(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.write(
        {
            "charts/web/Chart.yaml": chart_yaml("web"),
            "charts/web/templates/ü b.yaml": "a\r\n",
            "charts/web/templates.txt": b"\xef\xbb\xbf\0\xff",
            "charts/api/Chart.yaml": chart_yaml("api"),
        }
    )
    sha = repo.commit("one")
    repo.git("rm", "-r", "--quiet", "charts/web")
    repo.commit("two")
    with opened(repo.root) as repository:
        tree = CommitTree(repository, "HEAD~1", "charts/web")
        assert tree.title == f"charts/web at {sha[:12]}"
        assert [(entry.name, entry.is_dir, entry.tracked) for entry in tree.entries("")] == [
            ("Chart.yaml", False, True),
            ("templates", True, True),
            ("templates.txt", False, True),
        ]
        assert contents(tree) == {
            "Chart.yaml": b"apiVersion: v2\nname: web\nversion: 1.0.0\n",
            "templates/ü b.yaml": b"a\r\n",
            "templates.txt": b"\xef\xbb\xbf\0\xff",
        }
        assert tree.size("templates/ü b.yaml") == 3


def test_the_bytes_are_those_of_a_clean_checkout(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.git("config", "filter.shout.clean", "tr A-Z a-z")
    repo.git("config", "filter.shout.smudge", "tr a-z A-Z")
    repo.write(
        {
            ".gitattributes": "*.bat eol=crlf\n*.id ident\n*.up filter=shout\n*.utf16 working-tree-encoding=UTF-16LE\n",
            "web/run.bat": "a\r\nb\r\n",
            "web/x.id": "$Id$\n",
            "web/x.up": "LOUD\n",
            "web/x.utf16": "wide\n".encode("utf-16-le"),
            "web/plain.txt": "plain\n",
        }
    )
    sha = repo.commit("one")
    with opened(repo.root) as repository:
        found = contents(CommitTree(repository, sha, "web"))
    assert found == checkout(repo, sha, "web")
    assert (found["run.bat"], found["x.up"], found["x.utf16"]) == (
        b"a\r\nb\r\n",
        b"LOUD\n",
        b"w\0i\0d\0e\0\n\0",
    )


def test_line_ends_asked_for_by_the_configuration_are_written(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.write({".gitattributes": "*.sh -text\n", "web/a.txt": "a\n", "web/b.sh": "b\n"})
    sha = repo.commit("one")
    repo.git("config", "core.autocrlf", "true")
    with opened(repo.root) as repository:
        assert contents(CommitTree(repository, sha, "web")) == {"a.txt": b"a\r\n", "b.sh": b"b\n"}
    assert checkout(repo, sha, "web") == {"a.txt": b"a\r\n", "b.sh": b"b\n"}


def test_links_are_followed_inside_the_commit(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.write({"common/lib/a.yaml": "a: 1\n", "web/Chart.yaml": chart_yaml("web")})
    (tmp_path / "web/lib").symlink_to("../common/lib")
    (tmp_path / "web/a.yaml").symlink_to("lib/a.yaml")
    repo.commit("one")
    repo.git("rm", "-r", "--quiet", "common")
    with opened(tmp_path) as repository:
        tree = CommitTree(repository, "HEAD", "web")
        assert sorted(contents(tree)) == ["Chart.yaml", "a.yaml", "lib/a.yaml"]
        assert tree.read("a.yaml") == tree.read("lib/a.yaml") == b"a: 1\n"


@pytest.mark.parametrize("target", ["/etc/hostname", "../../outside"])
def test_a_link_out_of_the_repository_is_refused(tmp_path: Path, target: str) -> None:
    repo = GitRepo(tmp_path)
    repo.write({"web/Chart.yaml": chart_yaml("web")})
    (tmp_path / "web/values.yaml").symlink_to(target)
    repo.commit("one")
    with opened(tmp_path) as repository, pytest.raises(ChartError) as caught:
        contents(CommitTree(repository, "HEAD", "web"))
    assert str(caught.value) == (
        "values.yaml: a symbolic link that leaves the repository\nput a copy of the file in its place"
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere", "x: a symbolic link that leads nowhere: No such file or directory"),
        ("x", "x: a symbolic link that leads nowhere: Too many levels of symbolic links"),
        ("../web", "x: a symbolic link that leads into a circle\nremove the link"),
        ("..", "x: a symbolic link that leads into a circle\nremove the link"),
    ],
)
def test_links_that_loop_or_lead_nowhere_are_refused(tmp_path: Path, target: str, message: str) -> None:
    repo = GitRepo(tmp_path)
    repo.write({"web/Chart.yaml": chart_yaml("web")})
    (tmp_path / "web/x").symlink_to(target)
    repo.commit("one")
    with opened(tmp_path) as repository, pytest.raises(ChartError) as caught:
        contents(CommitTree(repository, "HEAD", "web"))
    assert str(caught.value) == message


def test_one_listing_serves_many_charts(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.write({f"charts/{name}/Chart.yaml": chart_yaml(name) for name in ("a", "b")})
    repo.commit("one")
    with opened(tmp_path) as repository:
        files = CommitFiles(repository, "HEAD")
        assert files.tree("charts/b").read("Chart.yaml") == b"apiVersion: v2\nname: b\nversion: 1.0.0\n"
        assert [entry.name for entry in files.tree("").entries("charts")] == ["a", "b"]


def test_what_is_not_in_the_commit_is_named(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.write({"web/Chart.yaml": chart_yaml("web")})
    sha = repo.commit("one")
    with opened(tmp_path) as repository:
        tree = CommitTree(repository, sha, "web")
        with pytest.raises(ChartError, match=f"values.yaml: no file of commit {sha[:12]}"):
            tree.read("values.yaml")
        with pytest.raises(ChartError, match=f"templates: no folder of commit {sha[:12]}"):
            tree.entries("templates")
        with pytest.raises(ConfigError, match="git knows no commit 'v9'"):
            CommitTree(repository, "v9", "web")


def test_files_of_a_submodule_are_those_of_the_commit_it_is_at(tmp_path: Path) -> None:
    lib = GitRepo(tmp_path / "lib")
    lib.write(
        {"lib/Chart.yaml": chart_yaml("lib"), "lib/run.bat": "a\n", ".gitattributes": "*.bat eol=crlf\n"}
    )
    lib.commit("lib")
    repo = GitRepo(tmp_path / "repo")
    repo.git("submodule", "--quiet", "add", lib.root.as_uri(), "charts/vendor")
    (repo.root / "current").symlink_to("charts/vendor/lib")
    sha = repo.commit("submodule")
    GitRepo(repo.root / "charts/vendor", init=False).git("rm", "-r", "--quiet", "lib")
    with opened(repo.root) as repository:
        files = CommitFiles(repository, sha)
        assert list(files.named("Chart.yaml")) == ["charts/vendor/lib/Chart.yaml"]
        assert contents(files.tree("current")) == {
            "Chart.yaml": b"apiVersion: v2\nname: lib\nversion: 1.0.0\n",
            "run.bat": b"a\r\n",
        }
    lib.write({"lib/values.yaml": "a: 1\n"})
    later = lib.commit("later")
    repo.git("update-index", "--cacheinfo", f"160000,{later},charts/vendor")
    moved = repo.commit("moved", add=False)
    with opened(repo.root) as repository:
        files = CommitFiles(repository, moved)
        assert files.unseen == {"charts/vendor"}
        with pytest.raises(ChartError) as caught:
            contents(files.tree("charts/vendor/lib"))
    assert str(caught.value) == (
        "a submodule that is checked out without the commit it has to be at\nadd 'submodules: true' to the 'with:' of "
        "actions/checkout, or run 'git submodule update --init'"
    )


def test_a_file_of_git_lfs_is_read_where_the_checkout_has_brought_it(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    data = b"a large file\n"
    digest = hashlib.sha256(data).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(data)}\n"
    repo.write({"web/Chart.yaml": chart_yaml("web"), "web/big.bin": pointer})
    repo.commit("one")
    repo.write({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    repo.git("add", ".gitattributes")
    sha = repo.commit("two", add=False)
    # Configured as `git lfs install` does, without the program.
    repo.git("config", "filter.lfs.smudge", "git-lfs smudge -- %f")
    repo.git("config", "filter.lfs.required", "true")
    with opened(tmp_path) as repository:
        with pytest.raises(ChartError) as caught:
            contents(CommitTree(repository, sha, "web"))
        assert str(caught.value) == (
            "big.bin: a Git LFS pointer in place of the file\n"
            "add 'lfs: true' to the 'with:' of actions/checkout, or run 'git lfs pull'"
        )
        stored = tmp_path / ".git/lfs/objects" / digest[:2] / digest[2:4] / digest
        stored.parent.mkdir(parents=True)
        stored.write_bytes(b"something else")
        with pytest.raises(ChartError, match="a Git LFS pointer"):
            CommitTree(repository, sha, "web").read("big.bin")
        stored.write_bytes(data)
        assert contents(CommitTree(repository, sha, "web"))["big.bin"] == data


@pytest.mark.parametrize("required", ["true", "false"])
def test_a_filter_that_fails_is_an_error_of_the_chart(tmp_path: Path, required: str) -> None:
    repo = GitRepo(tmp_path)
    repo.write(
        {"web/Chart.yaml": chart_yaml("web"), "web/x.up": "loud\n", ".gitattributes": "*.up filter=shout\n"}
    )
    sha = repo.commit("one")
    repo.git("config", "filter.shout.smudge", "no-such-program-here")
    repo.git("config", "filter.shout.required", required)
    with opened(tmp_path) as repository, pytest.raises(ChartError) as caught:
        contents(CommitTree(repository, sha, "web"))
    assert caught.value.path == "x.up"
    assert caught.value.message.startswith("the filter 'shout' of .gitattributes failed: ")


def test_what_git_archive_would_leave_out_or_fill_in_is_a_file_like_any_other(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.write(
        {
            ".gitattributes": "*.md export-ignore\n*.txt export-subst\n",
            "web/a.md": "a",
            "web/b.txt": "$Format:%H$",
        }
    )
    sha = repo.commit("one")
    with opened(repo.root) as repository:
        assert contents(CommitTree(repository, sha, "web")) == {"a.md": b"a", "b.txt": b"$Format:%H$"}
    assert checkout(repo, sha, "web") == {"a.md": b"a", "b.txt": b"$Format:%H$"}
