from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.fakes.git import ENV, GitRepo, chart_yaml

from oci_chart_publish.bump.history import Releases, matching
from oci_chart_publish.bump.policy import History, automatic
from oci_chart_publish.bump.tag_template import TagTemplate
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.paths.ownership import Belonging

TEMPLATE = TagTemplate.parse("{name}-{version}")
PREVIEW = "0.0.0-pr.{number}.g{sha7}"
WEB = Belonging(folder="charts/web", ignore=("README.md",))


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    """Two charts, web and web-ui, both released at 1.0.0."""
    made = GitRepo(tmp_path / "repo")
    made.write({f"charts/{name}/Chart.yaml": f"name: {name}\nversion: 1.0.0\n" for name in ("web", "web-ui")})
    made.commit("feat: begin")
    made.tag("web-1.0.0")
    made.tag("web-ui-1.0.0")
    return made


def change(repo: GitRepo, path: str, message: str) -> str:
    repo.write({path: message})
    return repo.commit(message)


def known(
    repo: GitRepo,
    *,
    name: str = "web",
    belonging: Belonging = WEB,
    published: Iterable[str] = (),
    rev: str = "HEAD",
) -> History:
    with GitRepository.open(repo.root, ENV) or pytest.fail("no repository") as git:
        releases = Releases(git, preview_template=PREVIEW, rev=rev)
        return releases.history(name, TEMPLATE, belonging, lambda: map(ChartVersion.parse, published))


def messages(found: History) -> tuple[str, ...]:
    return tuple(one.rstrip("\n") for one in (change.message for change in found.changes))


def texts(versions: Iterable[ChartVersion]) -> list[str]:
    return [str(version) for version in sorted(versions)]


def test_a_repository_without_commits_has_no_history(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it has no commit yet\ncommit the charts, or use bump: chart"):
        known(GitRepo(tmp_path / "empty"))


def test_each_chart_has_its_own_history(repo: GitRepo) -> None:
    change(repo, "charts/web/values.yaml", "fix: web")
    change(repo, "charts/web-ui/values.yaml", "feat: ui")
    change(repo, "README.md", "docs: neither")
    repo.tag("v9.0.0")
    web = known(repo)
    ui = known(repo, name="web-ui", belonging=Belonging(folder="charts/web-ui"))
    assert (str(web.base), messages(web)) == ("1.0.0", ("fix: web",))
    assert (str(ui.base), messages(ui)) == ("1.0.0", ("feat: ui",))
    assert web.since == ui.since == repo.git("rev-parse", "web-1.0.0")
    assert automatic("1.0.0", web).version == "1.0.1"
    assert automatic("1.0.0", ui).version == "1.1.0"


def test_a_commit_that_only_touches_ignored_files_asks_for_nothing(repo: GitRepo) -> None:
    change(repo, "charts/web/README.md", "feat!: rewrite the README")
    assert messages(known(repo)) == ()


def test_commits_inside_a_merge_count_and_the_merge_itself_does_not(repo: GitRepo) -> None:
    repo.git("switch", "--quiet", "--create", "topic")
    change(repo, "charts/web/values.yaml", "feat: ingress")
    repo.git("switch", "--quiet", "main")
    change(repo, "charts/web-ui/values.yaml", "fix: elsewhere")
    repo.git("merge", "--quiet", "--no-ff", "--message", "Merge pull request #1 from topic", "topic")
    assert messages(known(repo)) == ("feat: ingress",)


def test_what_was_changed_while_merging_counts_where_nothing_else_does(repo: GitRepo) -> None:
    repo.branch("topic")
    change(repo, "README.md", "docs: elsewhere")
    repo.switch("main")
    change(repo, "charts/web-ui/values.yaml", "fix: elsewhere")
    repo.git("merge", "--quiet", "--no-ff", "--no-commit", "topic")
    repo.write({"charts/web/values.yaml": "a: 1\n"})
    repo.commit("Merge topic, and mend web")
    assert messages(known(repo)) == ("Merge topic, and mend web",)
    assert automatic("1.0.0", known(repo)).version == "1.0.1"
    change(repo, "charts/web/values.yaml", "feat: more")
    assert messages(known(repo)) == ("feat: more",)


def test_a_merge_that_was_reverted_asks_for_nothing(repo: GitRepo) -> None:
    repo.branch("topic")
    change(repo, "charts/web/values.yaml", "feat: ingress")
    change(repo, "charts/web/README.md", "docs: ingress")
    repo.switch("main")
    repo.merge("topic", "Merge pull request #7 from acme/topic")
    repo.git("revert", "--no-edit", "-m", "1", "HEAD")
    change(repo, "charts/web/other.yaml", "fix: one")
    assert messages(known(repo)) == ("fix: one",)
    repo.git("revert", "--no-edit", "HEAD~1")
    assert messages(known(repo)) == ("fix: one", "feat: ingress")


def test_of_a_merge_that_is_released_in_part_the_revert_stays(repo: GitRepo) -> None:
    repo.branch("topic")
    change(repo, "charts/web/values.yaml", "feat: ingress")
    repo.tag("web-1.1.0")
    change(repo, "charts/web/other.yaml", "feat: more")
    repo.switch("main")
    repo.merge("topic", "Merge topic")
    repo.git("revert", "--no-edit", "-m", "1", "HEAD")
    found = messages(known(repo))
    assert (found[0].splitlines()[0], found[1:]) == ('Revert "Merge topic"', ("feat: more",))


def test_a_chart_that_moved_keeps_its_history(repo: GitRepo) -> None:
    change(repo, "charts/web/values.yaml", "feat: ingress")
    change(repo, "charts/web/README.md", "feat!: rewrite the README")
    repo.write({"stable/x": ""})
    repo.git("mv", "charts/web", "stable/web")
    repo.commit("chore: move")
    change(repo, "stable/web/values.yaml", "fix: port")
    repo.git("mv", "stable/web", "charts/website")
    repo.commit("chore: move again")
    change(repo, "charts/web/Chart.yaml", "feat!: this is another chart now")
    moved = Belonging(folder="charts/website", ignore=("README.md",))
    found = known(repo, belonging=moved)
    assert messages(found) == ("chore: move again", "fix: port", "chore: move", "feat: ingress")
    assert found.folder == "charts/web"
    assert found.changes
    assert all(one.own for one in found.changes)
    assert automatic("1.0.0", found).version == "1.1.0"


def test_of_charts_that_moved_together_each_is_found_at_the_cost_of_one(
    tmp_path: Path, repo: GitRepo
) -> None:
    calls = tmp_path / "calls"
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    program = shutil.which("git", path=ENV["PATH"])
    wrapper.write_text(f'#!/bin/sh\necho "$1" >> {calls}\nexec {program} "$@"\n')
    wrapper.chmod(0o755)
    counting = {**ENV, "PATH": f"{wrapper.parent}:{ENV['PATH']}"}
    many = [f"a-{number}" for number in range(30)]
    embedded = "charts/a-1/charts/web/Chart.yaml"
    repo.write({embedded: chart_yaml("web"), **{f"charts/{one}/Chart.yaml": chart_yaml(one) for one in many}})
    repo.commit("chore: more")
    change(repo, "charts/web/values.yaml", "feat: ingress")
    repo.git("mv", "charts", "helm")
    repo.commit("chore: move")
    with GitRepository.open(repo.root, counting) or pytest.fail("no repository") as git:
        releases = Releases(git, preview_template=PREVIEW)
        calls.write_text("")
        found = releases.history("web", TEMPLATE, Belonging(folder="helm/web"), list)
    assert (messages(found), found.folder) == (("chore: move", "feat: ingress"), "charts/web")
    assert len(calls.read_text().split()) < len(many) / 2


def test_a_folder_that_another_chart_left_is_not_where_a_chart_was(repo: GitRepo) -> None:
    change(repo, "charts/web/values.yaml", "feat!: web")
    repo.git("mv", "charts/web", "charts/new")
    repo.write({"charts/new/Chart.yaml": "name: new\nversion: 1.0.0\n"})
    repo.commit("feat: another chart")
    repo.tag("new-0.9.0", "HEAD~1")
    found = known(repo, name="new", belonging=Belonging(folder="charts/new"))
    assert messages(found) == ("feat: another chart",)


def test_tags_that_differ_in_build_metadata_are_one_release_wherever_they_are(repo: GitRepo) -> None:
    change(repo, "charts/web/values.yaml", "feat: one")
    repo.tag("web-1.1.0")
    repo.branch("other")
    change(repo, "charts/web/values.yaml", "fix: elsewhere")
    repo.tag("web-1.1.0+k8s")
    repo.switch("main")
    change(repo, "charts/web/values.yaml", "fix: two")
    found = known(repo)
    assert (str(found.base), messages(found)) == ("1.1.0", ("fix: two",))


def test_a_maintenance_branch_counts_from_its_own_tag(repo: GitRepo) -> None:
    repo.git("branch", "release-1")
    change(repo, "charts/web/values.yaml", "feat!: two")
    repo.tag("web-2.0.0")
    repo.git("switch", "--quiet", "release-1")
    change(repo, "charts/web/values.yaml", "fix: old")
    old = known(repo, published=["1.0.0", "2.0.0"])
    assert (str(old.base), texts(old.counted), texts(old.taken)) == ("1.0.0", ["1.0.0"], ["1.0.0", "2.0.0"])
    assert automatic("1.0.0", old).version == "1.0.1"
    assert str(known(repo, rev="main").base) == "2.0.0"


def test_versions_in_registries_without_a_tag_count(repo: GitRepo) -> None:
    change(repo, "charts/web/values.yaml", "fix: x")
    found = known(repo, published=["1.0.0", "1.0.1", "0.9.0"])
    assert (str(found.base), texts(found.counted)) == ("1.0.0", ["0.9.0", "1.0.0", "1.0.1"])
    assert automatic("1.0.0", found).version == "1.0.2"


def test_previews_count_nowhere(repo: GitRepo) -> None:
    repo.tag("web-0.0.0-pr.3.g0123456")
    found = known(repo, published=["0.0.0-pr.4.gabcdef0"])
    assert (texts(found.counted), texts(found.taken)) == (["1.0.0"], ["1.0.0"])


def test_a_reverted_commit_asks_for_nothing(repo: GitRepo) -> None:
    change(repo, "charts/web/values.yaml", "feat!: two")
    change(repo, "charts/web/other.yaml", "fix: one")
    repo.git("revert", "--no-edit", "HEAD~1")
    assert messages(known(repo)) == ("fix: one",)


def test_a_dependency_in_the_repository_counts_as_the_chart_itself(repo: GitRepo) -> None:
    change(repo, "charts/common/values.yaml", "feat: helpers")
    change(repo, "lib/x.tpl", "fix: shared")
    whole = Belonging(folder="charts/web", extra=("lib",), dependencies=(Belonging(folder="charts/common"),))
    assert messages(known(repo, belonging=whole)) == ("fix: shared", "feat: helpers")


def test_without_a_tag_the_commit_that_set_the_version_is_where_changes_begin(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.write({"charts/web/Chart.yaml": "name: web\nversion: 1.0.0\n"})
    repo.commit("feat!: begin")
    repo.write({"charts/web/Chart.yaml": "name: web\nversion: '1.1.0' # next\n"})
    raised = repo.commit("feat: more")
    repo.write({"charts/web/Chart.yaml": "name: web\nversion: 1.1.0\nicon: x\n"})
    repo.commit("fix: icon")
    published = known(repo, published=["1.1.0"])
    assert (published.base, messages(published)) == (None, ("fix: icon",))
    assert published.since == raised
    assert automatic("1.1.0", published).version == "1.1.1"
    assert messages(known(repo)) == ("fix: icon", "feat: more", "feat!: begin")
    assert known(repo).since == ""


@pytest.mark.parametrize("text", ["\ufeffversion: {}\r\nname: web\r\n", "{{name: web, version: {}}}\n"])
def test_the_version_is_read_however_it_is_written(tmp_path: Path, text: str) -> None:
    repo = GitRepo(tmp_path / "repo")
    for version, message in (("1.0.0", "feat!: begin"), ("1.1.0", "feat: more")):
        repo.write({"charts/web/Chart.yaml": text.format(version)})
        repo.commit(message)
    change(repo, "charts/web/values.yaml", "fix: x")
    assert messages(known(repo, published=["1.1.0"])) == ("fix: x",)


def test_a_revert_of_what_was_published_without_a_tag_stays(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    change(repo, "charts/web/values.yaml", "feat: old")
    repo.write({"charts/web/Chart.yaml": "name: web\nversion: 1.1.0\n"})
    repo.commit("chore: 1.1.0")
    repo.git("revert", "--no-edit", "HEAD~1")
    assert len(known(repo, published=["1.1.0"]).changes) == 1


def test_what_a_chart_declared_is_read_where_it_can_be(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.write(
        {
            "Chart.yaml": "name: root\nversion: 1.0.0\nappVersion: '1'\n",
            "web/Chart.yaml": "name: web\nversion: 1.0.0\n",
            "web/requirements.yaml": "dependencies:\n- name: db\n  version: 1.2.0\n",
            "bad/Chart.yaml": "name: [\n",
        }
    )
    repo.commit("begin")
    repo.write({"Chart.yaml": "name: root\nversion: 1.0.0\nappVersion: '2'\n"})
    repo.commit("next")
    with GitRepository.open(repo.root, ENV) or pytest.fail("no repository") as git:
        releases = Releases(git, preview_template=PREVIEW)
        root = releases.metadata("HEAD~1", "") or pytest.fail("no metadata")
        web = releases.metadata("HEAD", "web") or pytest.fail("no metadata")
        assert root.app_version == "1"
        assert [one.version for one in web.dependencies] == ["1.2.0"]
        assert releases.metadata("HEAD", "bad") is None
        assert releases.metadata("HEAD", "gone") is None


def test_a_chart_at_the_root_of_the_repository_has_a_history_too(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.write(
        {"Chart.yaml": "name: web\nversion: 1.0.0\n", "charts/db/Chart.yaml": "name: db\nversion: 1.0.0\n"}
    )
    repo.commit("feat: begin")
    repo.tag("web-1.0.0", message="annotated")
    change(repo, "charts/db/values.yaml", "feat: db")
    change(repo, "values.yaml", "fix: web")
    found = known(repo, belonging=Belonging(folder="", nested=("charts/db",)))
    assert (str(found.base), messages(found)) == ("1.0.0", ("fix: web",))


def test_hostile_messages_are_only_messages(repo: GitRepo) -> None:
    change(repo, "charts/web/values.yaml", "fix: x\x01\x1b[31m\n\nBREAKING CHANGE: \u2028y\n\n--- a/b\n")
    assert automatic("1.0.0", known(repo)).version == "2.0.0"


def test_settings_of_a_chart_by_name_win_over_globs() -> None:
    assert matching("db-one", {"*": 1, "db-one": 2, "db-*": 3, "web": 4}) == ["*", "db-*", "db-one"]
