from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes.git import ENV, GitRepo, chart_yaml
from tests.git.repositories import opened

from oci_chart_publish.build.build import left_out
from oci_chart_publish.chart.chart import load_chart
from oci_chart_publish.errors import ChartError
from oci_chart_publish.run.chart_files import ChartFiles
from oci_chart_publish.run.project import open_project
from oci_chart_publish.tree.worktree import WorkTreeFiles


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    """A chart ``web`` that embeds ``lib/base``, and one in a submodule."""
    repo = GitRepo(tmp_path / "repo")
    repo.write({"charts/web/Chart.yaml": chart_yaml("web"), "lib/base/Chart.yaml": chart_yaml("base")})
    vendor = GitRepo(tmp_path / "vendor")
    vendor.write({"Chart.yaml": chart_yaml("vendor")})
    vendor.commit()
    repo.git("submodule", "--quiet", "add", vendor.root.as_uri(), "lib/vendor")
    repo.commit()
    return repo


def refusal(repo: GitRepo, folder: str) -> str:
    """Return why the chart in a folder cannot be read."""
    with opened(repo.root) as repository:
        files = ChartFiles(root=repo.root, files=WorkTreeFiles(repository), committed=False)
        tree = files.tree(folder)
        assert tree is not None
        with pytest.raises(ChartError) as caught:
            tree.read("Chart.yaml")
        with pytest.raises(ChartError):
            load_chart(tree)
        return caught.value.message


def test_a_chart_that_another_embeds_says_why_it_is_not_there(repo: GitRepo, tmp_path: Path) -> None:
    clone = GitRepo.clone(repo.root, tmp_path / "clone")
    assert refusal(clone, "lib/vendor") == "a submodule that is not checked out"
    shutil.rmtree(clone.root / "lib/base")
    assert refusal(clone, "lib/base") == "tracked by git, and gone from the work tree"
    clone.git("sparse-checkout", "set", "--no-cone", "/charts/")
    assert refusal(clone, "lib/base") == "left out of the work tree by a sparse checkout"


def test_a_folder_without_a_chart_is_none(repo: GitRepo) -> None:
    with opened(repo.root) as repository:
        files = ChartFiles(root=repo.root, files=WorkTreeFiles(repository), committed=False)
        assert files.tree("lib") is None
        assert files.tree("nowhere") is None
        assert files.submodules == ("lib/vendor",)


@pytest.mark.parametrize("charts", ["repo/charts", "repo/charts/*", "r*/charts/web", "**/charts/web"])
def test_what_a_log_in_left_is_not_packed_where_the_checkout_is_in_a_folder(
    repo: GitRepo, tmp_path: Path, charts: str
) -> None:
    repo.write({"charts/web/gha-creds-1.json": "{}", "charts/web/made.json": "{}"})
    with closing(
        open_project(tmp_path, {"charts": [charts], "include-untracked": ["*.json"]}, ENV)
    ) as project:
        (source,) = project.sources()
        chart = load_chart(source.tree, include_untracked=project.settings.include_untracked)
    assert [file.path for file in chart.files] == ["Chart.yaml", "made.json"]
    assert chart.left_out == ("gha-creds-1.json",)
    (said,) = left_out(chart)
    assert said.startswith(
        "gha-creds-1.json looks like credentials that a log-in has left and was left out; name it"
    )
