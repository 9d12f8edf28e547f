from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.git import ENV, GitRepo, chart_yaml

from oci_chart_publish.discover import ChartSource, charts
from oci_chart_publish.discover.find import home
from oci_chart_publish.errors import ChartError, ConfigError
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.tree.worktree import WorkTreeFiles


def found(base: Path, *patterns: str) -> list[str]:
    return [source.path for source in sources(base, *patterns)]


def sources(base: Path, *patterns: str) -> tuple[ChartSource, ...]:
    repository = GitRepository.open(base, ENV)
    return charts(patterns, base=base, files=WorkTreeFiles(repository) if repository else None)


def write_charts(repo: GitRepo, *folders: str) -> None:
    repo.write({f"{folder}/Chart.yaml".removeprefix("/"): chart_yaml("x") for folder in folders})


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    """Charts in several places: nested, vendored, in ignored folders, with odd names."""
    repo = GitRepo(tmp_path / "repo")
    write_charts(
        repo,
        "charts/web",
        "charts/web/charts/common",
        "charts/web/charts/common/charts/deep",
        "charts/group/api",
        "charts/a b",
        "charts/ünï",
        "library/base",
        "library/base/examples/demo",
        "node_modules/m",
    )
    repo.write({".gitignore": "build/\n", "charts/README.md": "x", "docs/x.md": "x"})
    repo.commit("one")
    write_charts(repo, "build/web", "charts/new")
    return repo


ALL_CHARTS = ["charts/a b", "charts/group/api", "charts/new", "charts/web", "charts/ünï"]


def test_by_default_the_charts_below_charts_are_found(repo: GitRepo) -> None:
    assert found(repo.root) == ALL_CHARTS


def test_by_default_the_chart_at_the_root_is_found_where_charts_holds_none(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    write_charts(repo, "", "charts/vendored", "examples/other")
    repo.commit("one")
    assert found(tmp_path) == [""]


def test_by_default_charts_elsewhere_are_listed_in_the_error(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    write_charts(repo, *(f"deploy/{number:02}" for number in range(12)))
    repo.commit("one")
    with pytest.raises(ConfigError) as caught:
        found(tmp_path)
    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        f"no chart in charts/ and none at the root of {tmp_path}\n"
        "name the charts with 'charts:' (on the command line: PATH); found: deploy/00, deploy/01, deploy/02, "
        "deploy/03, deploy/04, deploy/05, deploy/06, deploy/07, deploy/08, deploy/09 and 2 more"
    )


def test_by_default_a_repository_without_any_chart_says_so(tmp_path: Path) -> None:
    GitRepo(tmp_path).commit("one")
    with pytest.raises(ConfigError, match=r"; found: none$"):
        found(tmp_path)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["library"], ["library/base", "library/base/examples/demo"]),
        (["library/base"], ["library/base", "library/base/examples/demo"]),
        (["library/base/Chart.yaml"], ["library/base"]),
        (["./library/base/"], ["library/base", "library/base/examples/demo"]),
        (["charts/web", "library/base/Chart.yaml"], ["charts/web", "library/base"]),
        (["charts/web", "charts/web/", "charts"], ALL_CHARTS),
        (["."], [*ALL_CHARTS, "library/base", "library/base/examples/demo"]),
        (["charts/*"], ["charts/a b", "charts/new", "charts/web", "charts/ünï"]),
        (["charts/*/"], ["charts/a b", "charts/new", "charts/web", "charts/ünï"]),
        (["charts/*/Chart.yaml"], ["charts/a b", "charts/new", "charts/web", "charts/ünï"]),
        (["charts/**"], ALL_CHARTS),
        (["**/api"], ["charts/group/api"]),
        (["**"], [*ALL_CHARTS, "library/base", "library/base/examples/demo"]),
        (["charts/w?b"], ["charts/web"]),
        (["charts/[a-w]*"], ["charts/a b", "charts/new", "charts/web"]),
        (["charts/[!a-w]*"], ["charts/ünï"]),
        (["charts/a b"], ["charts/a b"]),
        (["charts", "!charts/group"], ["charts/a b", "charts/new", "charts/web", "charts/ünï"]),
        (["charts", "!group"], ["charts/a b", "charts/new", "charts/web", "charts/ünï"]),
        (["!charts/w*", "!api/", "!charts/new"], ["charts/a b", "charts/ünï"]),
        (["charts/*", "! charts/**/web"], ["charts/a b", "charts/new", "charts/ünï"]),
        (["", "  charts/web  "], ["charts/web"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_patterns_choose_charts(repo: GitRepo, patterns: list[str], expected: list[str]) -> None:
    assert found(repo.root, *patterns) == expected


def test_patterns_are_relative_to_the_folder_the_tool_runs_in(repo: GitRepo) -> None:
    charts_folder = repo.root / "charts"
    assert found(charts_folder, "web") == ["charts/web"]
    assert found(charts_folder, "*", "!web") == ["charts/a b", "charts/new", "charts/ünï"]
    assert found(charts_folder, "../library/base/Chart.yaml") == ["library/base"]
    assert found(charts_folder / "web") == ["charts/web"]
    assert found(repo.root / "docs", str(charts_folder / "web")) == ["charts/web"]


def test_a_folder_whose_name_is_a_glob_counts_as_that_folder(repo: GitRepo) -> None:
    write_charts(repo, "charts/x[1]*", "charts/x1z")
    assert found(repo.root, "charts/x[1]*") == ["charts/x[1]*"]
    assert found(repo.root, "charts/x[[]1]*") == ["charts/x[1]*"]


def test_globs_below_a_folder_whose_name_is_a_glob(repo: GitRepo) -> None:
    write_charts(repo, "x[1]/one", "x1/two")
    assert found(repo.root / "x[1]", "*") == ["x[1]/one"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("nowhere", "charts: there is no 'nowhere' in {root}"),
        ("docs", "charts: no chart in 'docs'"),
        ("charts/README.md", "charts: no chart in 'charts/README.md'"),
        ("chrts/*", "charts: no chart matches 'chrts/*'"),
    ],
)
def test_a_pattern_that_names_no_chart_is_an_error(repo: GitRepo, pattern: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        found(repo.root, "charts", pattern)
    assert caught.value.message == message.format(root=repo.root)
    assert caught.value.hint == (
        "charts found: charts/a b, charts/group/api, charts/new, charts/web, charts/ünï, library/base, "
        "library/base/examples/demo"
    )


def test_leaving_out_every_chart_is_an_error(repo: GitRepo) -> None:
    with pytest.raises(ConfigError) as caught:
        found(repo.root, "library", "!library")
    assert str(caught.value) == (
        "charts: !library leaves out every chart that was found: library/base, library/base/examples/demo"
    )


@pytest.mark.parametrize("pattern", ["..", "../other", "/etc", "../*"])
def test_a_path_outside_the_repository_is_refused(repo: GitRepo, pattern: str) -> None:
    with pytest.raises(ConfigError) as caught:
        found(repo.root, pattern)
    assert str(caught.value) == (
        f"charts: {pattern!r} lies outside the repository {repo.root}\nrun the tool once for each repository"
    )


@pytest.mark.parametrize("pattern", ["!", "a\0b"])
def test_a_pattern_that_is_no_path_is_refused(repo: GitRepo, pattern: str) -> None:
    with pytest.raises(ConfigError, match="is no path"):
        found(repo.root, pattern)


def test_a_broken_glob_is_refused(repo: GitRepo) -> None:
    with pytest.raises(ConfigError, match=r"charts: 'charts/\[z-a\]' is no glob: bad character range z-a"):
        found(repo.root, "charts/[z-a]")


def test_vendored_and_ignored_charts_are_found_only_by_name(repo: GitRepo) -> None:
    assert found(repo.root, "charts/web/charts/common") == ["charts/web/charts/common"]
    assert found(repo.root, "build/web") == ["build/web"]
    assert found(repo.root, "node_modules/m") == ["node_modules/m"]
    for pattern in ("charts/web/charts/*", "build/*", "node_modules/**"):
        with pytest.raises(ConfigError, match="no chart matches"):
            found(repo.root, pattern)
    with pytest.raises(ConfigError) as caught:
        found(repo.root, "charts/web/charts")
    assert caught.value.hint == (
        "the charts there are vendored in another chart; name the folder of one to take it all the same"
    )


def test_a_chart_that_is_broken_is_found_beside_the_others(repo: GitRepo) -> None:
    repo.write({"charts/broken/Chart.yaml": "\tname: [", "charts/empty/Chart.yaml": ""})
    assert found(repo.root, "charts/*") == [
        "charts/a b", "charts/broken", "charts/empty", "charts/new", "charts/web", "charts/ünï",
    ]  # fmt: skip


def test_a_deleted_chart_is_not_found(repo: GitRepo) -> None:
    (repo.root / "charts/web/Chart.yaml").unlink()
    assert found(repo.root, "charts/*") == ["charts/a b", "charts/new", "charts/ünï"]


def test_a_link_to_a_chart_is_the_chart_it_leads_to(repo: GitRepo) -> None:
    (repo.root / "current").symlink_to("charts/web")
    (repo.root / "all").symlink_to("library")
    assert found(repo.root, "current", "all") == ["charts/web", "library/base", "library/base/examples/demo"]
    assert found(repo.root, "current/Chart.yaml") == ["charts/web"]


def test_a_chart_says_whether_git_tracks_it(repo: GitRepo) -> None:
    assert {
        source.path: source.tracked for source in sources(repo.root, "charts/web", "charts/new", "build/web")
    } == {
        "build/web": False,
        "charts/new": False,
        "charts/web": True,
    }


def names(source: ChartSource) -> list[tuple[str, bool]]:
    return [(entry.name, entry.tracked) for entry in source.tree.entries("")]


def test_the_files_of_a_tracked_chart_are_marked_and_those_of_another_are_what_helm_takes(
    repo: GitRepo,
) -> None:
    repo.write({"charts/web/extra": "x", "charts/new/extra": "x", "Chart.yaml": chart_yaml("root")})
    web, new, root = sources(repo.root, "charts/web", "charts/new", "Chart.yaml")[::-1]
    assert names(web) == [("Chart.yaml", True), ("charts", True), ("extra", False)]
    assert names(new) == [("Chart.yaml", True), ("extra", True)]
    assert root.path == ""
    assert ".git" not in dict(names(root))
    assert {entry for entry in names(root) if entry[0] in {"Chart.yaml", "build"}} == {
        ("Chart.yaml", True),
        ("build", False),
    }


def test_links_of_an_untracked_chart_may_not_leave_the_repository(repo: GitRepo, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (repo.root / "charts/new/link").symlink_to(tmp_path / "secret")
    (source,) = sources(repo.root, "charts/new")
    assert [str(entry.error).partition("\n")[0] for entry in source.tree.entries("") if entry.error] == [
        "link: a symbolic link that leaves the repository"
    ]
    with pytest.raises(ChartError, match="leaves the repository"):
        source.tree.read("link")


def test_links_of_a_chart_outside_git_lead_anywhere_as_for_helm(tmp_path: Path) -> None:
    plain = GitRepo(tmp_path / "plain", init=False)
    write_charts(plain, "web")
    (tmp_path / "shared").write_text("x")
    (plain.root / "web/link").symlink_to(tmp_path / "shared")
    (source,) = sources(plain.root, "web")
    assert names(source) == [("Chart.yaml", True), ("link", True)]


def test_charts_outside_git_are_found_in_the_folders_themselves(tmp_path: Path) -> None:
    plain = GitRepo(tmp_path, init=False)
    write_charts(
        plain, "charts/web", "charts/web/charts/common", "charts/node_modules/m", "charts/.git/x", "other"
    )
    assert found(tmp_path) == ["charts/web"]
    assert found(tmp_path, "**") == ["charts/web", "other"]
    assert [source.tracked for source in sources(tmp_path, "other")] == [False]
    assert found(tmp_path / "other") == [""]


def test_outside_git_only_the_folders_named_are_searched(tmp_path: Path) -> None:
    plain = GitRepo(tmp_path / "here", init=False)
    write_charts(plain, "a/web", "b/c/d/e/far", "b/.hidden")
    write_charts(GitRepo(tmp_path / "there", init=False), "web")
    assert found(plain.root, "../there") == ["../there/web"]
    assert found(plain.root, str(tmp_path / "there/web")) == ["../there/web"]
    assert found(plain.root, "b/**") == ["b/.hidden", "b/c/d/e/far"]
    with pytest.raises(ConfigError) as caught:
        found(plain.root, "x*")
    assert caught.value.hint == "charts found: a/web, b/.hidden"


def test_the_home_of_a_run_is_the_repository_of_the_first_path(repo: GitRepo, tmp_path: Path) -> None:
    assert home(["*", "!x", "nowhere"], tmp_path) == tmp_path
    assert home(["repo/charts/web", "other"], tmp_path) == tmp_path / "repo/charts/web"
    assert home([str(repo.root / "charts/web/Chart.yaml")], tmp_path) == repo.root / "charts/web"
    files = WorkTreeFiles(GitRepository.open(repo.root, ENV))  # type: ignore[arg-type]
    assert [one.path for one in charts(["repo/charts/web"], base=tmp_path, files=files)] == ["charts/web"]
    assert [one.path for one in charts(["repo/library/*"], base=tmp_path, files=files)] == ["library/base"]


def test_charts_are_found_again_in_the_same_order(repo: GitRepo) -> None:
    assert found(repo.root, "library", "charts", "**") == found(repo.root, "**", "charts")


@pytest.fixture
def vendored(repo: GitRepo, tmp_path: Path) -> GitRepo:
    """A clone whose submodule ``charts/vendor`` is not checked out."""
    lib = GitRepo(tmp_path / "lib")
    write_charts(lib, "one", "two")
    lib.commit("lib")
    repo.git("submodule", "--quiet", "add", lib.root.as_uri(), "charts/vendor")
    repo.commit("submodule")
    return GitRepo.clone(repo.root, tmp_path / "clone")


@pytest.mark.parametrize(
    "patterns", [[], ["charts"], ["."], ["charts/*"], ["charts/**"], ["**/one"], ["charts/*/one"]]
)
def test_a_submodule_that_is_not_checked_out_is_not_passed_over(
    vendored: GitRepo, patterns: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        found(vendored.root, *patterns)
    assert str(caught.value) == (
        "charts: cannot look into 'charts/vendor', a submodule that is not checked out\n"
        "add 'submodules: true' to the 'with:' of actions/checkout, or run 'git submodule update --init'; "
        "or leave it out with !charts/vendor"
    )


def test_a_submodule_that_nobody_asks_for_is_no_matter(vendored: GitRepo) -> None:
    assert found(vendored.root, "charts", "!charts/vendor") == ALL_CHARTS
    assert found(vendored.root, "library/*", "charts/w*") == ["charts/web", "library/base"]


@pytest.mark.parametrize("pattern", ["charts/vendor", "charts/vendor/one", "charts/vendor/one/Chart.yaml"])
def test_a_chart_in_a_submodule_that_is_not_checked_out_says_so(vendored: GitRepo, pattern: str) -> None:
    with pytest.raises(ConfigError, match="submodule that is not checked out") as caught:
        found(vendored.root, pattern)
    assert "'submodules: true'" in caught.value.hint


def test_a_chart_that_is_left_out_of_the_checkout_says_so_where_it_is_named(repo: GitRepo) -> None:
    repo.git("sparse-checkout", "set", "--no-cone", "/charts/group/", "/library/")
    assert found(repo.root) == ["charts/group/api", "charts/new"]
    with pytest.raises(ConfigError) as caught:
        found(repo.root, "charts/web")
    assert str(caught.value) == (
        "charts: 'charts/web': charts/web/Chart.yaml is left out of the work tree by a sparse checkout\n"
        "check the whole chart out: remove 'sparse-checkout:', or add the chart's folder to it"
    )


@pytest.mark.usefixtures("repo")
def test_a_glob_finds_the_repository_as_a_path_does(tmp_path: Path) -> None:
    assert home(["repo/charts/*"], tmp_path) == tmp_path / "repo/charts"
    assert home(["r*/charts/w?b"], tmp_path) == tmp_path / "repo/charts/web"
    assert home(["**/api"], tmp_path) == tmp_path / "repo/charts/group/api"
    assert home(["!repo", "nowhere/*"], tmp_path) == tmp_path


def test_a_chart_of_a_repository_is_not_taken_without_git(repo: GitRepo, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        charts(["."], base=tmp_path, files=None)
    assert str(caught.value) == (
        f"charts: 'repo/build/web' lies in the git repository {repo.root}, whose files nobody would look at\n"
        "name a folder in it, or run there; once for each repository"
    )


def test_a_chart_yaml_that_the_job_has_made_does_not_switch_the_guard_off(repo: GitRepo) -> None:
    repo.write({"charts/made/values.yaml": "a: 1\n", "charts/made/templates/x.yaml": "x"})
    repo.commit("made")
    repo.write({"charts/made/Chart.yaml": chart_yaml("made"), "charts/made/secret.json": "{}"})
    (source,) = sources(repo.root, "charts/made")
    assert names(source) == [
        ("Chart.yaml", True),
        ("secret.json", False),
        ("templates", True),
        ("values.yaml", True),
    ]
    assert source.tracked is False


def test_globs_and_excludes_from_above_the_repository_lead_into_it(repo: GitRepo, tmp_path: Path) -> None:
    files = WorkTreeFiles(GitRepository.open(repo.root, ENV))  # type: ignore[arg-type]

    def chosen(*patterns: str) -> list[str]:
        return [source.path for source in charts(patterns, base=tmp_path, files=files)]

    assert chosen("r*/charts/w?b") == ["charts/web"]
    assert chosen("**/api", "repo/library/*") == ["charts/group/api", "library/base"]
    assert chosen("repo/charts", "!web", "!**/group", "!r*/charts/a*") == ["charts/new", "charts/ünï"]
    with pytest.raises(ConfigError, match="lies outside the repository"):
        chosen("other/*")
