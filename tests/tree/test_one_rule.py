"""A work tree and a clean checkout's commit are read by one rule: the same files, or the same refusal."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.fakes.git import GitRepo, chart_yaml
from tests.git.repositories import opened

from oci_chart_publish.chart.chart import load_chart
from oci_chart_publish.errors import ChartError
from oci_chart_publish.tree.commit_tree import CommitTree
from oci_chart_publish.tree.tree import Tree
from oci_chart_publish.tree.worktree import WorkTreeFiles

FOLDERS = ["web", "web/a", "web/a/b", "web/templates", "common", "common/x"]
NAMES = ["f", "g", "l", "m", "x"]
TARGETS = [
    "f", "l", "m", ".", "..", "../a", "../l", "a/b", "x/f", "b/../f", "../../web", "../common/../web/a",
    "../../common", "../common/x", "../../common/x/f", "nowhere", "/etc/hostname", "/etc", "../../..", "../../../no",
    "../.git/config",
]  # fmt: skip


def read(tree: Tree) -> dict[str, bytes] | str:
    """Return the files of a chart by path, or why it is refused."""
    try:
        return {file.path: file.data for file in load_chart(tree).files}
    except ChartError as error:
        return str(error)


@pytest.mark.parametrize("seed", range(4))
def test_links_of_any_web_are_read_alike(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311
    repo = GitRepo(tmp_path / "repo")
    refused = set()
    for number in range(12):
        top = str(number)
        repo.write(
            {
                f"{top}/web/Chart.yaml": chart_yaml("web"),
                f"{top}/web/a/b/f": "1",
                f"{top}/web/templates/f": "t",
                f"{top}/web/.helmignore": draw.choice(["", "l\n", "m/\n", "a/\n"]),
                f"{top}/common/x/f": "x",
            }
        )
        for _ in range(draw.randint(1, 4)):
            link = repo.root / top / draw.choice(FOLDERS) / draw.choice(NAMES)
            if not link.exists() and not link.is_symlink():
                link.symlink_to(draw.choice(TARGETS))
    sha = repo.commit("links")
    with opened(repo.root) as repository:
        files = WorkTreeFiles(repository)
        for number in range(12):
            folder = f"{number}/web"
            there = read(files.tree(folder))
            assert there == read(CommitTree(repository, sha, folder)), folder
            refused.add(isinstance(there, str))
    assert refused == {True, False}
