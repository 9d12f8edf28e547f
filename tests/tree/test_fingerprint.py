"""A chart whose files git vouches for is not read again; whatever git does not vouch for is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.git import GitRepo, chart_yaml
from tests.git.repositories import opened

from oci_chart_publish.build.build import ArtifactOptions, build
from oci_chart_publish.chart.metadata import decode_metadata
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.model import ChartArtifact
from oci_chart_publish.tree.fingerprint import WORTHWHILE
from oci_chart_publish.tree.worktree import WorkTree, WorkTreeFiles

CHART = "charts/web"
VALUES = f"{CHART}/values.yaml"


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    repo = GitRepo(tmp_path / "repo")
    repo.write(
        {
            ".gitignore": "*.log\n",
            f"{CHART}/Chart.yaml": chart_yaml("web"),
            VALUES: "a: 1\n",
            f"{CHART}/templates/a.yaml": "a: 1\n",
            "common/shared.yaml": "shared: true\n",
        }
    )
    repo.commit("one")
    return repo


def tree_of(repo: GitRepo, folder: str = CHART) -> WorkTree:
    """Return the tree as a run about enough charts has it."""
    files = WorkTreeFiles(opened(repo.root))
    return [files.tree(folder) for _ in range(WORTHWHILE)][-1]


def git(repo: GitRepo, *args: str) -> None:
    subprocess.run(["git", "-C", str(repo.root), *args], check=True, capture_output=True)


def test_a_fingerprint_is_that_of_paths_modes_and_bytes(repo: GitRepo) -> None:
    first = tree_of(repo).fingerprint()
    assert first is not None
    assert tree_of(repo).fingerprint() == first
    repo.write({"common/shared.yaml": "shared: false\n"})
    assert tree_of(repo).fingerprint() == first  # it is of this folder alone
    repo.write({VALUES: "a: 2\n"})
    repo.commit("two")
    second = tree_of(repo).fingerprint()
    assert second not in {None, first}
    git(repo, "mv", VALUES, f"{CHART}/values2.yaml")
    repo.commit("three")
    assert tree_of(repo).fingerprint() not in {None, first, second}


def test_one_folder_alone_is_read(repo: GitRepo) -> None:
    assert WorkTreeFiles(opened(repo.root)).tree(CHART).fingerprint() is None


def same_size_and_time(repo: GitRepo) -> None:
    status = (repo.root / VALUES).stat()
    (repo.root / VALUES).write_text("a: 2\n")
    os.utime(repo.root / VALUES, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def assumed_unchanged(repo: GitRepo) -> None:
    git(repo, "update-index", "--assume-unchanged", VALUES)
    repo.write({VALUES: "b: 2\n"})


def skipped(repo: GitRepo) -> None:
    git(repo, "update-index", "--skip-worktree", VALUES)
    repo.write({VALUES: "b: 2\n"})


def linked(repo: GitRepo) -> None:
    (repo.root / CHART / "shared.yaml").symlink_to("../../common/shared.yaml")
    repo.commit("a link")


def linked_folder(repo: GitRepo) -> None:
    (repo.root / CHART / "files").symlink_to("../../common")
    repo.commit("a link")


def crlf(repo: GitRepo) -> None:
    git(repo, "config", "core.autocrlf", "true")


def encoded(repo: GitRepo) -> None:
    repo.write({".gitattributes": "values.yaml working-tree-encoding=UTF-16LE-BOM\n"})
    (repo.root / VALUES).write_bytes("a: 1\n".encode("utf-16"))
    repo.commit("an encoding")


def attributes(text: str) -> Callable[[GitRepo], None]:
    def change(repo: GitRepo) -> None:
        repo.write({".gitattributes": f"values.yaml {text}\n"})
        repo.commit("attributes")

    change.__name__ = text
    return change


def by_info(repo: GitRepo) -> None:
    (repo.root / ".git" / "info").mkdir(exist_ok=True)
    (repo.root / ".git" / "info" / "attributes").write_text("values.yaml ident\n")


def submodule(repo: GitRepo) -> None:
    other = GitRepo(repo.root.parent / "other")
    other.write({"x.yaml": "x: 1\n"})
    other.commit("x")
    git(repo, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.root), f"{CHART}/files")
    repo.commit("a submodule")


def submodule_that_is_not_checked_out(repo: GitRepo) -> None:
    submodule(repo)
    git(repo, "submodule", "deinit", "-q", "-f", f"{CHART}/files")


@pytest.mark.parametrize(
    "change",
    [
        lambda repo: repo.write({VALUES: "b: 22\n"}),
        same_size_and_time,
        lambda repo: (repo.root / VALUES).chmod(0o755),
        lambda repo: (repo.root / VALUES).unlink(),
        lambda repo: repo.write({f"{CHART}/untracked.yaml": "x"}),
        lambda repo: repo.write({f"{CHART}/ignored.log": "x"}),
        lambda repo: repo.write({f"{CHART}/charts/dep-1.0.0.tgz": "x"}),
        assumed_unchanged,
        skipped,
        linked,
        linked_folder,
        crlf,
        attributes("ident"),
        attributes("eol=crlf"),
        attributes("filter=lfs"),
        encoded,
        by_info,
        submodule,
        submodule_that_is_not_checked_out,
    ],
)
def test_what_git_does_not_vouch_for_is_read(repo: GitRepo, change: Callable[[GitRepo], object]) -> None:
    assert tree_of(repo).fingerprint() is not None
    change(repo)
    assert tree_of(repo).fingerprint() is None


class Unreadable(WorkTree):
    """A tree that tells when a file is opened."""

    def read(self, path: str) -> bytes:
        raise AssertionError(f"{path} was read")


def built(tree: WorkTree, folder: Path, options: ArtifactOptions | None = None) -> ChartArtifact:
    layout, memo = ImageLayout.create(folder), Memo(folder / "memo")
    metadata = decode_metadata(chart_yaml("web").encode())
    return build(tree, CHART, layout, memo, options or ArtifactOptions(), metadata=metadata)


def test_an_unchanged_chart_is_not_read(repo: GitRepo, tmp_path: Path) -> None:
    first = built(tree_of(repo), tmp_path / "layout")
    assert not first.recalled
    files = WorkTreeFiles(opened(repo.root))
    for _ in range(WORTHWHILE):
        files.tree(CHART)
    unreadable = Unreadable(files, CHART)
    again = built(unreadable, tmp_path / "layout")
    assert again.recalled
    assert (again.digest, again.layer, again.config) == (first.digest, first.layer, first.config)
    with pytest.raises(AssertionError, match="was read"):  # what else shapes the artifact counts, too
        built(unreadable, tmp_path / "layout", ArtifactOptions(source="https://example.com"))
    with pytest.raises(AssertionError, match="was read"):  # and so does another cache
        built(unreadable, tmp_path / "other")


def test_what_gc_took_is_built_again(repo: GitRepo, tmp_path: Path) -> None:
    first = built(tree_of(repo), tmp_path / "layout")
    (tmp_path / "layout" / "blobs" / "sha256" / first.layer.digest.hex).unlink()
    again = built(tree_of(repo), tmp_path / "layout")
    assert not again.recalled
    assert again.digest == first.digest
