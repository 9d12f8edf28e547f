from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.fakes.git import GitRepo, chart_yaml
from tests.git.repositories import opened

from oci_chart_publish.chart.chart import load_chart
from oci_chart_publish.errors import ChartError, ConfigError
from oci_chart_publish.tree.worktree import WorkTree, WorkTreeFiles


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


def test_a_tracked_file_that_was_deleted_is_absent(repo: GitRepo) -> None:
    (repo.root / "charts/web/a-b.txt").unlink()
    names = [entry.name for entry in files_of(repo.root).tree("charts/web").entries("")]
    assert names == ["Chart.yaml", "templates", "ü ?.txt"]


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
    with pytest.raises(ChartError) as caught:
        files.tree("charts/web").entries("")
    assert str(caught.value) == (
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


def test_submodules_that_are_not_checked_out_are_empty(repo: GitRepo, tmp_path: Path) -> None:
    add_submodule(repo, tmp_path)
    clone = GitRepo.clone(repo.root, tmp_path / "clone")
    assert list(files_of(clone.root).named("Chart.yaml")) == ["charts/web/Chart.yaml"]


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
