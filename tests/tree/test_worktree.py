from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.fakes.git import GitRepo, chart_yaml
from tests.git.repositories import opened

from oci_chart_publish.chart.chart import load_chart
from oci_chart_publish.errors import ChartError, ConfigError
from oci_chart_publish.tree.commit_tree import CommitTree
from oci_chart_publish.tree.tree import FolderTree, Tree
from oci_chart_publish.tree.worktree import WorkTree, WorkTreeFiles

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\noid sha256:"
    b"98ea6e4f216f2fb4b69fff9b3a44842c38686ca685f3f55dc48c5d3fb1107be4\nsize 3\n"
)


def files_of(root: Path) -> WorkTreeFiles:
    return WorkTreeFiles(opened(root))


def listing(tree: WorkTree, folder: str = "") -> list[tuple[str, str]]:
    """Return every entry below a folder: path, and d for folder, f for file, ? added where git does not track it."""
    found = []
    for entry in tree.entries(folder):
        if entry.error:
            raise entry.error
        path = f"{folder}/{entry.name}" if folder else entry.name
        found.append((path, ("d" if entry.is_dir else "f") + ("" if entry.tracked else "?")))
        if entry.is_dir:
            found += listing(tree, path)
    return found


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    repo = GitRepo(tmp_path / "repo")
    repo.write(
        {
            ".gitignore": "*.log\nnode_modules/\n",
            "charts/web/Chart.yaml": chart_yaml("web"),
            "charts/web/templates/a.yaml": "a: 1\n",
            "charts/web/a-b.txt": "x",
            "charts/web/ü ?.txt": "x",
            "common/shared.yaml": "shared: true\n",
        }
    )
    repo.commit("one")
    return repo


def test_entries_say_what_git_tracks(repo: GitRepo) -> None:
    repo.write(
        {
            "charts/web/credentials.json": "{}",
            "charts/web/debug.log": "x",
            "charts/web/node_modules/m/index.js": "x",
            "charts/web/templates/new.yaml": "x",
        }
    )
    (repo.root / "charts/web/empty").mkdir()
    assert listing(files_of(repo.root).tree("charts/web")) == [
        ("Chart.yaml", "f"),
        ("a-b.txt", "f"),
        ("credentials.json", "f?"),
        ("debug.log", "f?"),
        ("empty", "d?"),
        ("node_modules", "d?"),
        ("node_modules/m", "d?"),
        ("node_modules/m/index.js", "f?"),
        ("templates", "d"),
        ("templates/a.yaml", "f"),
        ("templates/new.yaml", "f?"),
        ("ü ?.txt", "f"),
    ]


def test_a_file_added_to_the_index_is_tracked_before_it_is_committed(repo: GitRepo) -> None:
    repo.write({"charts/web/new.txt": "x", "charts/web/intent.txt": "x"})
    repo.git("add", "charts/web/new.txt")
    repo.git("add", "--intent-to-add", "charts/web/intent.txt")
    files = files_of(repo.root)
    assert files.is_tracked("charts/web/new.txt")
    assert files.is_tracked("charts/web/intent.txt")


def test_bytes_are_those_of_the_work_tree_and_not_of_the_index(repo: GitRepo) -> None:
    repo.write({"charts/web/a-b.txt": "changed"})
    tree = files_of(repo.root).tree("charts/web")
    assert (tree.read("a-b.txt"), tree.size("a-b.txt")) == (b"changed", 7)


def refused(tree: Tree) -> str:
    """Return the error with which a chart is refused."""
    with pytest.raises(ChartError) as caught:
        load_chart(tree)
    return str(caught.value)


def test_a_tracked_file_that_was_deleted_is_refused(repo: GitRepo) -> None:
    (repo.root / "charts/web/a-b.txt").unlink()
    assert refused(files_of(repo.root).tree("charts/web")) == (
        "a-b.txt: tracked by git, and gone from the work tree\n"
        "bring it back with 'git checkout', take it out of git with 'git rm', or name it in .helmignore; in a workflow "
        "an earlier step may have deleted it"
    )


def test_a_deleted_folder_is_refused_and_a_file_in_its_place_too(repo: GitRepo) -> None:
    shutil.rmtree(repo.root / "charts/web/templates")
    gone = "tracked by git, and gone from the work tree"
    assert refused(files_of(repo.root).tree("charts/web")).startswith(f"templates/a.yaml: {gone}")
    repo.write({"charts/web/templates": "x"})
    assert refused(files_of(repo.root).tree("charts/web")).startswith(f"templates: {gone}")
    repo.git("rm", "-r", "--quiet", "--cached", "charts/web/templates")
    assert load_chart(files_of(repo.root).tree("charts/web")).left_out == ("templates",)


def test_what_helmignore_leaves_out_may_be_gone(repo: GitRepo) -> None:
    repo.write({"charts/web/.helmignore": "a-b.txt\ntemplates/\n", "charts/web/ci/x": "x"})
    repo.commit("two")
    (repo.root / "charts/web/a-b.txt").unlink()
    shutil.rmtree(repo.root / "charts/web/templates")
    assert [file.path for file in load_chart(files_of(repo.root).tree("charts/web")).files] == [
        ".helmignore", "Chart.yaml", "ci/x", "ü ?.txt",
    ]  # fmt: skip


def test_a_file_that_is_there_may_be_marked_to_be_skipped(repo: GitRepo) -> None:
    repo.git("update-index", "--skip-worktree", "charts/web/a-b.txt")
    files = files_of(repo.root)
    assert files.sparse == frozenset()
    assert files.tree("charts/web").read("a-b.txt") == b"x"
    (repo.root / "charts/web/a-b.txt").unlink()
    assert refused(files_of(repo.root).tree("charts/web")) == (
        "a-b.txt: not in the work tree, and marked with git update-index --skip-worktree\n"
        "bring it back with 'git update-index --no-skip-worktree' and 'git checkout' of the file"
    )


@pytest.mark.parametrize(
    ("path", "data", "message"),
    [
        (
            "files/big.bin",
            POINTER,
            "a Git LFS pointer in place of the file\nadd 'lfs: true' to the 'with:' of actions/",
        ),
        (
            "charts/db-1.0.0.tgz",
            POINTER,
            "a Git LFS pointer in place of the file\nadd 'lfs: true' to the 'with:' of",
        ),
        ("files/key", b"\0GITCRYPT\0\1\2", "encrypted by git-crypt\nrun 'git-crypt unlock' before"),
    ],
)
def test_what_only_stands_for_a_file_is_refused(repo: GitRepo, path: str, data: bytes, message: str) -> None:
    repo.write({f"charts/web/{path}": data})
    sha = repo.commit("two")
    assert refused(files_of(repo.root).tree("charts/web")).startswith(f"{path}: {message}")
    with opened(repo.root) as repository:
        assert refused(CommitTree(repository, sha, "charts/web")).startswith(f"{path}: {message}")
    assert refused(FolderTree(repo.root / "charts/web")).startswith(f"{path}: {message}")


def test_a_text_about_pointers_is_none(repo: GitRepo) -> None:
    text = POINTER + b"size 3\n" * 200
    repo.write({"charts/web/docs.txt": text})
    assert FolderTree(repo.root / "charts/web").read("docs.txt") == text


def test_names_are_sorted_as_bytes(repo: GitRepo) -> None:
    for name in (b"\xff", b"a", b"B", "é".encode(), b"_"):
        Path(os.fsdecode(os.fsencode(repo.root) + b"/charts/web/templates/" + name)).write_bytes(b"x")
    names = [os.fsencode(entry.name) for entry in files_of(repo.root).tree("charts/web").entries("templates")]
    assert names == [b"B", b"_", b"a", b"a.yaml", b"\xc3\xa9", b"\xff"]


def test_the_git_folder_of_a_chart_at_the_root_is_no_entry(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.write({"Chart.yaml": chart_yaml("root")})
    repo.commit("one")
    assert listing(files_of(tmp_path).tree("")) == [("Chart.yaml", "f")]


def test_links_are_followed_inside_the_repository(repo: GitRepo) -> None:
    web = repo.root / "charts/web"
    (web / "shared.yaml").symlink_to("../../common/shared.yaml")
    (web / "common").symlink_to("../../common")
    (web / "absolute").symlink_to(repo.root / "common")
    repo.commit("links")
    repo.write({"common/untracked.yaml": "x"})
    files = files_of(repo.root)
    tree = files.tree("charts/web")
    assert [entry for entry in listing(tree) if "common" in entry[0] or "shared" in entry[0]] == [
        ("absolute/shared.yaml", "f"),
        ("common", "d"),
        ("common/shared.yaml", "f"),
        ("common/untracked.yaml", "f?"),
        ("shared.yaml", "f"),
    ]
    assert tree.read("shared.yaml") == tree.read("common/shared.yaml") == b"shared: true\n"
    assert tree.size("absolute/shared.yaml") == 13
    assert files.links_below("charts/web") == ("common", "common/shared.yaml")


def test_a_tracked_link_to_an_untracked_file_is_untracked(repo: GitRepo) -> None:
    (repo.root / "charts/web/values.yaml").symlink_to("../../gha-creds.json")
    repo.git("add", "charts/web/values.yaml")
    repo.write({"gha-creds.json": "{}"})
    tree = files_of(repo.root).tree("charts/web")
    assert ("values.yaml", "f?") in listing(tree)


def test_an_untracked_link_is_not_followed(repo: GitRepo) -> None:
    (repo.root / "charts/web/outside").symlink_to("/etc")
    (repo.root / "charts/web/broken").symlink_to("nowhere")
    found = listing(files_of(repo.root).tree("charts/web"))
    assert [entry for entry in found if entry[1] == "f?"] == [("broken", "f?"), ("outside", "f?")]


@pytest.mark.parametrize("target", ["/etc/hostname", "../../..", "../../.git/config", "../../.git"])
def test_a_link_out_of_the_repository_is_refused(repo: GitRepo, target: str) -> None:
    (repo.root / "charts/web/values.yaml").symlink_to(target)
    repo.commit("link")
    tree = files_of(repo.root).tree("charts/web")
    with pytest.raises(ChartError) as caught:
        listing(tree)
    assert str(caught.value) == (
        "values.yaml: a symbolic link that leaves the repository\nput a copy of the file in its place"
    )
    with pytest.raises(ChartError, match="leaves the repository"):
        tree.read("values.yaml")


@pytest.mark.parametrize(
    ("link", "target"),
    [("templates/up", "../../web"), ("templates/self", "."), ("again", "../web"), ("root", "../..")],
)
def test_a_link_to_a_folder_that_holds_it_is_refused(repo: GitRepo, link: str, target: str) -> None:
    (repo.root / "charts/web" / link).symlink_to(target)
    repo.commit("link")
    with pytest.raises(ChartError) as caught:
        listing(files_of(repo.root).tree("charts/web"))
    assert str(caught.value) == f"{link}: a symbolic link that leads into a circle\nremove the link"


def test_two_folders_that_link_to_each_other_are_refused(repo: GitRepo) -> None:
    (repo.root / "common/back").symlink_to("../charts/web")
    (repo.root / "charts/web/common").symlink_to("../../common")
    repo.commit("links")
    with pytest.raises(ChartError) as caught:
        listing(files_of(repo.root).tree("charts/web"))
    assert caught.value.path == "common/back"


@pytest.mark.parametrize("target", ["nowhere", "loop"])
def test_a_link_that_leads_nowhere_is_refused(repo: GitRepo, target: str) -> None:
    (repo.root / "charts/web/loop").symlink_to(target)
    repo.commit("link")
    with pytest.raises(ChartError, match="loop: a symbolic link that leads nowhere: "):
        listing(files_of(repo.root).tree("charts/web"))


def test_a_link_that_must_not_be_followed_does_no_harm_where_it_is_ignored(repo: GitRepo) -> None:
    (repo.root / "charts/web/outside").symlink_to("/etc/hostname")
    (repo.root / "charts/web/broken").symlink_to("nowhere")
    (repo.root / "charts/web/.helmignore").write_text("outside\nbroken\n")
    repo.commit("links")
    paths = [file.path for file in load_chart(files_of(repo.root).tree("charts/web")).files]
    assert "outside" not in paths
    assert ".helmignore" in paths


def test_a_chart_that_a_sparse_checkout_leaves_out_in_part_is_refused(repo: GitRepo) -> None:
    repo.git("sparse-checkout", "set", "--no-cone", "/*", "!/charts/web/templates/")
    files = files_of(repo.root)
    assert files.sparse == {"charts/web/templates/a.yaml"}
    assert refused(files.tree("charts/web")) == (
        "templates/a.yaml: left out of the work tree by a sparse checkout\n"
        "check the whole chart out: remove 'sparse-checkout:', or add the chart's folder to it"
    )
    assert listing(files.tree("common")) == [("shared.yaml", "f")]


def add_submodule(repo: GitRepo, tmp_path: Path) -> None:
    lib = GitRepo(tmp_path / "lib")
    lib.write({"lib/Chart.yaml": chart_yaml("lib")})
    lib.commit("lib")
    repo.git("submodule", "--quiet", "add", lib.root.as_uri(), "charts/vendor")
    repo.commit("submodule")


def test_submodules_that_are_checked_out_are_part_of_the_work_tree(repo: GitRepo, tmp_path: Path) -> None:
    add_submodule(repo, tmp_path)
    repo.write({"charts/vendor/lib/untracked": "x"})
    files = files_of(repo.root)
    assert sorted(files.named("Chart.yaml")) == ["charts/vendor/lib/Chart.yaml", "charts/web/Chart.yaml"]
    assert files.untracked == ("charts/vendor/lib/untracked",)
    assert listing(files.tree("charts/vendor/lib")) == [("Chart.yaml", "f"), ("untracked", "f?")]


SUBMODULE = (
    "a submodule that is not checked out\nadd 'submodules: true' to the 'with:' of actions/checkout, or run 'git "
    "submodule update --init'"
)


def test_a_chart_with_a_submodule_that_is_not_checked_out_is_refused(repo: GitRepo, tmp_path: Path) -> None:
    lib = GitRepo(tmp_path / "lib")
    lib.write({"shared.yaml": "a: 1\n"})
    lib.commit("lib")
    repo.git("submodule", "--quiet", "add", lib.root.as_uri(), "charts/web/files/lib")
    sha = repo.commit("submodule")
    clone = GitRepo.clone(repo.root, tmp_path / "clone")
    assert refused(files_of(clone.root).tree("charts/web")) == f"files/lib: {SUBMODULE}"
    with opened(clone.root) as repository:
        assert refused(CommitTree(repository, sha, "charts/web")) == f"files/lib: {SUBMODULE}"
    clone.write({"charts/web/.helmignore": "/files/lib/\n"})
    clone.git("add", "charts/web/.helmignore")
    assert "files/lib" not in [
        file.path for file in load_chart(files_of(clone.root).tree("charts/web")).files
    ]
    # A second work tree has none either.
    repo.git("worktree", "add", "--quiet", str(tmp_path / "second"), sha)
    assert refused(files_of(tmp_path / "second").tree("charts/web")) == f"files/lib: {SUBMODULE}"


def test_submodules_that_are_not_checked_out_are_known(repo: GitRepo, tmp_path: Path) -> None:
    add_submodule(repo, tmp_path)
    clone = GitRepo.clone(repo.root, tmp_path / "clone")
    files = files_of(clone.root)
    assert list(files.named("Chart.yaml")) == ["charts/web/Chart.yaml"]
    assert files.unseen == {"charts/vendor"}
    assert refused(files.tree("charts/vendor/lib")) == SUBMODULE


def test_a_link_to_what_is_not_checked_out_says_why(repo: GitRepo, tmp_path: Path) -> None:
    add_submodule(repo, tmp_path)
    (repo.root / "charts/web/lib").symlink_to("../vendor/lib")
    sha = repo.commit("link")
    clone = GitRepo.clone(repo.root, tmp_path / "clone")
    assert refused(files_of(clone.root).tree("charts/web")) == f"lib: {SUBMODULE}"
    with opened(clone.root) as repository:
        assert refused(CommitTree(repository, sha, "charts/web")) == f"lib: {SUBMODULE}"


@pytest.mark.parametrize("target", ["/etc", "nowhere", "../../.."])
def test_a_refused_link_is_no_file_where_helmignore_names_a_folder(repo: GitRepo, target: str) -> None:
    (repo.root / "charts/web/vendor").symlink_to(target)
    repo.write({"charts/web/.helmignore": "vendor/\n"})
    sha = repo.commit("link")
    with opened(repo.root) as repository:
        trees: list[Tree] = [
            files_of(repo.root).tree("charts/web"),
            CommitTree(repository, sha, "charts/web"),
            FolderTree(repo.root / "charts/web", boundary=repo.root),
        ]
        for tree in trees:
            assert "vendor" not in [file.path for file in load_chart(tree).files]


def test_unmerged_files_are_tracked_once(repo: GitRepo) -> None:
    repo.branch("other")
    repo.write({"charts/web/a-b.txt": "theirs"})
    repo.commit("theirs")
    repo.switch("main")
    repo.write({"charts/web/a-b.txt": "ours"})
    repo.commit("ours")
    with pytest.raises(AssertionError, match="git merge"):
        repo.git("merge", "other")
    assert ("a-b.txt", "f") in listing(files_of(repo.root).tree("charts/web"))


def test_a_second_work_tree_has_its_own_files(repo: GitRepo, tmp_path: Path) -> None:
    repo.git("worktree", "add", "--quiet", str(tmp_path / "second"), "HEAD")
    repo.write({"charts/web/only-here.txt": "x"})
    assert ("only-here.txt", "f?") not in listing(files_of(tmp_path / "second").tree("charts/web"))


def test_a_bare_repository_has_no_files(repo: GitRepo, tmp_path: Path) -> None:
    bare = GitRepo.clone(repo.root, tmp_path / "bare.git", "--bare")
    with pytest.raises(ConfigError) as caught:
        files_of(bare.root)
    assert (
        str(caught.value)
        == f"{bare.root} is a bare repository, without the files of any chart\nclone it first"
    )


def test_a_sparse_index_is_read_whole(repo: GitRepo) -> None:
    repo.write({"library/base/Chart.yaml": chart_yaml("base")})
    repo.commit("two")
    repo.git("sparse-checkout", "set", "--cone", "--sparse-index", "charts")
    files = files_of(repo.root)
    assert files.sparse == {"common/shared.yaml", "library/base/Chart.yaml"}
    assert [entry.tracked for entry in files.tree("charts/web").entries("")] == [True, True, True, True]
