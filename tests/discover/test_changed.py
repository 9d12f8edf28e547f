from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.git import ENV, GitRepo, chart_yaml

from oci_chart_publish.discover import ChartSource, changed_since, charts
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.paths.ownership import Belonging
from oci_chart_publish.tree.worktree import WorkTreeFiles


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    repo = GitRepo(tmp_path / "repo")
    repo.write({f"charts/{name}/Chart.yaml": chart_yaml(name) for name in ("api", "api-extra", "web")})
    repo.write({"common/a.yaml": "a", "README.md": "x"})
    (repo.root / "charts/api/common").symlink_to("../../common")
    repo.commit("one")
    repo.branch("feature")
    return repo


def changed(repo: GitRepo, rev: str = "main") -> list[str]:
    repository = GitRepository.open(repo.root, ENV)
    assert repository is not None
    files = WorkTreeFiles(repository)

    def belonging(source: ChartSource) -> Belonging:
        return Belonging(folder=source.path, extra=tuple(files.links_below(source.path)))

    sources = charts(["**"], base=repo.root, files=files)
    found = changed_since(sources, rev, repository=repository, files=files, belonging=belonging)
    return [one.path for one in found]


def test_without_changes_there_are_no_charts(repo: GitRepo) -> None:
    assert changed(repo) == []


def test_a_change_counts_for_the_chart_in_whose_folder_it_is(repo: GitRepo) -> None:
    repo.write({"charts/web/values.yaml": "x"})
    repo.commit("web")
    assert changed(repo) == ["charts/web"]


def test_changes_on_the_other_branch_do_not_count(repo: GitRepo) -> None:
    repo.switch("main")
    repo.write({"charts/web/values.yaml": "x"})
    repo.commit("web")
    repo.switch("feature")
    assert changed(repo) == []


def test_a_prefix_of_a_name_is_another_chart(repo: GitRepo) -> None:
    repo.write({"charts/api-extra/values.yaml": "x"})
    repo.commit("extra")
    assert changed(repo) == ["charts/api-extra"]


def test_a_deleted_file_and_both_ends_of_a_rename_count(repo: GitRepo) -> None:
    repo.write({"charts/web/notes.txt": "notes\n" * 9})
    repo.commit("web")
    repo.git("tag", "base")
    repo.git("mv", "charts/web/notes.txt", "charts/api/notes.txt")
    repo.commit("move")
    assert changed(repo, "base") == ["charts/api", "charts/web"]


def test_the_work_tree_counts_uncommitted_and_untracked(repo: GitRepo) -> None:
    repo.write(
        {"charts/web/Chart.yaml": chart_yaml("web", "1.0.1"), "charts/new/Chart.yaml": chart_yaml("new")}
    )
    assert changed(repo) == ["charts/new", "charts/web"]


def test_what_a_link_leads_to_counts(repo: GitRepo) -> None:
    repo.write({"common/a.yaml": "b"})
    repo.commit("common")
    assert changed(repo) == ["charts/api"]


def test_everything_counts_for_a_chart_at_the_root(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.write({"Chart.yaml": chart_yaml("root")})
    repo.commit("one")
    repo.git("tag", "base")
    assert changed(repo, "base") == []
    repo.write({"docs/x.md": "x"})
    repo.commit("docs")
    assert changed(repo, "base") == [""]


def test_an_unknown_revision_is_a_configuration_error(repo: GitRepo) -> None:
    with pytest.raises(ConfigError, match="git knows no commit 'v1'"):
        changed(repo, "v1")


def test_missing_history_is_a_configuration_error_with_the_line_to_add(repo: GitRepo, tmp_path: Path) -> None:
    repo.commit("feature")
    repo.switch("main")
    repo.commit("main")
    clone = GitRepo.clone(repo.root, tmp_path / "clone", "--depth=1", "--no-single-branch")
    with pytest.raises(ConfigError) as caught:
        changed(clone, "origin/feature")
    assert caught.value.message == "HEAD and 'origin/feature' have no common ancestor in this clone"
    assert "fetch-depth: 0" in caught.value.hint
