"""`bump: auto` as a user runs it: real git, a registry on a socket, and the command in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.git import ENV, GitRepo
from tests.fakes.registry import FakeRegistry

ROOT = Path(__file__).parents[2]
CHART = "# ours\r\napiVersion: v2\r\nname: {name}\r\nversion: '{version}' # next\r\n"


@dataclass(frozen=True)
class Work:
    """A repository with the charts web and db, and a registry."""

    repo: GitRepo
    server: FakeRegistry
    home: Path

    @property
    def registry(self) -> str:
        return f"{self.server.host}/charts"

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "oci_chart_publish", *arguments],
            cwd=self.repo.root,
            env={**ENV, "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + (done.stderr if code else "")

    def publish(self, *options: str) -> dict[str, tuple[str, str]]:
        """Publish and return version and status of each chart."""
        out = self.run("publish", "--json", "--bump", "auto", "--registry", self.registry, *options)
        report: dict[str, Any] = json.loads(out)
        return {chart["name"]: (chart["version"], chart["status"]) for chart in report["charts"]}

    def next(self, *options: str) -> dict[str, tuple[str, str]]:
        """Return next version and level of each chart."""
        out = self.run("bump", "--json", "--registry", self.registry, *options)
        return {one["name"]: (one["next"], one["level"]) for one in json.loads(out)}

    def change(self, path: str, message: str) -> None:
        self.repo.write({path: f"changed: {message!r}\n"})
        self.repo.commit(message)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    repo = GitRepo(tmp_path / "repo")
    for name, version in (("web", "1.2.0"), ("db", "0.3.0")):
        repo.write({f"charts/{name}/Chart.yaml": CHART.format(name=name, version=version)})
    repo.commit("feat: begin")
    (tmp_path / "home").mkdir()
    with closing(FakeRegistry()) as server:
        yield Work(repo, server, tmp_path / "home")


def test_each_chart_goes_on_from_its_own_release(work: Work) -> None:
    assert work.publish() == {"db": ("0.3.0", "published"), "web": ("1.2.0", "published")}
    work.repo.tag("web-1.2.0")
    work.repo.tag("db-0.3.0")
    work.change("charts/web/values.yaml", "feat: ingress")
    work.change("charts/db/values.yaml", "fix: port")
    assert work.publish() == {"db": ("0.3.1", "published"), "web": ("1.3.0", "published")}
    assert work.publish() == {"db": ("0.3.1", "unchanged"), "web": ("1.3.0", "unchanged")}


def test_a_run_that_died_before_it_tagged_burns_no_number(work: Work) -> None:
    work.publish()
    work.repo.tag("web-1.2.0")
    work.change("charts/web/values.yaml", "feat: ingress")
    assert work.publish()["web"] == ("1.3.0", "published")
    work.repo.commit("docs: elsewhere")
    assert work.publish()["web"] == ("1.3.0", "unchanged")
    work.change("charts/web/values.yaml", "fix: typo")
    assert work.publish()["web"] == ("1.4.0", "published")


def test_write_edits_one_scalar_and_check_is_content_afterwards(work: Work) -> None:
    work.publish()
    work.repo.tag("web-1.2.0")
    work.repo.tag("db-0.3.0")
    work.change("charts/web/values.yaml", "fix: port")
    assert work.next() == {"db": ("0.3.0", "none"), "web": ("1.2.1", "patch")}
    said = work.run("bump", "--check", "--registry", work.registry, code=4)
    assert "charts/web/Chart.yaml:4: 'version': 1.2.0 was not raised: 'fix: port'" in said
    work.run("bump", "--write", "--registry", work.registry)
    assert (work.repo.root / "charts/web/Chart.yaml").read_bytes() == (
        b"# ours\r\napiVersion: v2\r\nname: web\r\nversion: '1.2.1' # next\r\n"
    )
    assert work.repo.git("status", "--porcelain") == "M charts/web/Chart.yaml"
    work.repo.commit("chore: bump")
    work.run("bump", "--check", "--registry", work.registry)
    assert work.publish() == {"db": ("0.3.0", "unchanged"), "web": ("1.2.1", "published")}


@pytest.mark.parametrize("other", ["--write", "--commit"])
def test_check_beside_what_changes_something_is_refused(work: Work, other: str) -> None:
    work.repo.tag("web-1.2.0")
    work.change("charts/web/values.yaml", "fix: port")
    head = work.repo.git("rev-parse", "HEAD")
    said = work.run("bump", "--check", other, "--registry", work.registry, code=2)
    assert f"bump: --check changes nothing, and {other} does" in said
    assert (work.repo.git("status", "--porcelain"), work.repo.git("rev-parse", "HEAD")) == ("", head)


def test_a_policy_under_which_nothing_is_decided_is_refused(work: Work) -> None:
    said = work.run("bump", "--bump", "chart", "--registry", work.registry, code=2)
    assert "bump: --bump chart decides nothing" in said
    work.repo.write({".oci-chart-publish.yaml": "bump: chart\n"})
    assert work.next() == {"db": ("0.3.0", "none"), "web": ("1.2.0", "none")}


def test_files_of_a_submodule_are_not_committed(work: Work, tmp_path: Path) -> None:
    inner = GitRepo(tmp_path / "inner")
    inner.write({"Chart.yaml": CHART.format(name="sub", version="1.0.0")})
    inner.commit("begin")
    allow = "protocol.file.allow=always"
    work.repo.git("-c", allow, "submodule", "--quiet", "add", str(inner.root), "charts/sub")
    work.repo.commit("feat: sub")
    work.repo.tag("sub-1.0.0")
    inside = GitRepo(work.repo.root / "charts/sub", init=False)
    inside.write({"values.yaml": "a: 1\n"})
    inside.commit("feat: more")
    work.repo.commit("fix: sub")
    said = work.run("bump", "--commit", code=2)
    assert "--commit: charts/sub/Chart.yaml: not in the last commit of this repository" in said
    assert inside.git("status", "--porcelain") == ""


def test_edits_of_others_are_not_committed_along(work: Work) -> None:
    work.repo.tag("web-1.2.0")
    work.repo.tag("db-0.3.0")
    work.change("charts/web/values.yaml", "fix: port")
    head = work.repo.git("rev-parse", "HEAD")
    edited = (work.repo.root / "charts/web/Chart.yaml").read_bytes() + b"icon: x\r\n"
    work.repo.write({"charts/web/Chart.yaml": edited})
    said = work.run("bump", "--commit", code=2)
    assert "--commit: charts/web/Chart.yaml: changed here and not committed" in said
    assert (work.repo.root / "charts/web/Chart.yaml").read_bytes() == edited
    assert work.repo.git("rev-parse", "HEAD") == head


@pytest.mark.parametrize("how", ["--write", "--commit"])
def test_where_one_file_cannot_be_written_none_is(work: Work, how: str) -> None:
    work.repo.write({"shared/Chart.yaml": CHART.format(name="web", version="1.2.0")})
    (work.repo.root / "charts/web/Chart.yaml").unlink()
    (work.repo.root / "charts/web/Chart.yaml").symlink_to("../../shared/Chart.yaml")
    work.repo.commit("feat: shared")
    work.repo.tag("web-1.2.0")
    work.repo.tag("db-0.3.0")
    work.change("charts/db/values.yaml", "fix: port")
    work.change("charts/web/values.yaml", "fix: port")
    said = work.run("bump", how, code=3)
    assert "charts/web/Chart.yaml: is a symbolic link" in said
    assert work.repo.git("status", "--porcelain") == ""


def test_a_commit_without_a_message_is_refused(work: Work) -> None:
    said = work.run("bump", "--commit", "--message", " ", "--registry", work.registry, code=2)
    assert "bump: --message is empty" in said


def test_an_explicit_step_moves_only_what_changed(work: Work) -> None:
    work.publish()
    work.repo.tag("web-1.2.0")
    work.repo.tag("db-0.3.0")
    work.change("charts/web/values.yaml", "fix: port")
    assert work.next("--bump", "major") == {"db": ("0.3.0", "none"), "web": ("2.0.0", "major")}


@pytest.mark.parametrize("bump", ["auto", "minor"])
def test_a_version_that_is_taken_is_told_where_it_stands(work: Work, bump: str) -> None:
    work.repo.tag("web-1.2.0")
    work.repo.branch("other")
    work.change("charts/web/values.yaml", "feat: elsewhere")
    work.repo.tag("web-1.3.0")
    work.repo.switch("main")
    work.change("charts/web/values.yaml", "feat: here")
    said = work.run("bump", "--bump", bump, "charts/web", code=4)
    assert (
        "error: charts/web/Chart.yaml:4: 'version': the next minor version after 1.2.0 is 1.3.0, which"
        in said
    )


def test_an_explicit_step_is_not_taken_for_files_whose_change_needs_no_version(work: Work) -> None:
    work.publish()
    work.repo.tag("web-1.2.0")
    work.repo.tag("db-0.3.0")
    work.change("charts/web/README.md", "docs: more")
    work.change("charts/db/README.md", "docs: more")
    work.change("charts/db/values.yaml", "fix: port")
    options = ("--bump", "minor", "--ignore-changes", "README.md")
    assert work.next(*options) == {"db": ("0.4.0", "minor"), "web": ("1.2.0", "none")}


def test_missing_history_is_fetched(work: Work, tmp_path: Path) -> None:
    work.publish()
    work.repo.tag("web-1.2.0")
    work.repo.tag("db-0.3.0")
    work.change("charts/web/values.yaml", "feat: ingress")
    work.change("charts/db/values.yaml", "docs: last")
    shallow = GitRepo.clone(work.repo.root, tmp_path / "shallow", "--depth=1", "--no-tags")
    there = Work(shallow, work.server, work.home)
    assert there.next() == {"db": ("0.3.1", "patch"), "web": ("1.3.0", "minor")}


def test_missing_history_is_fetched_once_however_many_charts_need_it(work: Work, tmp_path: Path) -> None:
    work.repo.write(
        {
            f"charts/c{number}/Chart.yaml": CHART.format(name=f"c{number}", version="1.0.0")
            for number in range(12)
        }
    )
    work.repo.commit("feat: many")
    for number in range(12):
        work.repo.tag(f"c{number}-1.0.0")
    work.change("charts/c3/values.yaml", "feat: more")
    shallow = GitRepo.clone(work.repo.root, tmp_path / "shallow", "--depth=1", "--no-tags")
    there = Work(shallow, work.server, work.home)
    assert there.next()["c3"] == ("1.1.0", "minor")


def test_the_step_of_the_application_decides_for_commits_that_do_not_say_it(
    work: Work, tmp_path: Path
) -> None:
    def declare(app_version: str, redis: str, message: str) -> None:
        needs = (
            f"dependencies:\r\n- name: redis\r\n  version: {redis}\r\n  repository: oci://charts.test/x\r\n"
        )
        text = CHART.format(name="web", version="1.2.0") + f"appVersion: {app_version}\r\n{needs}"
        work.repo.write({"charts/web/Chart.yaml": text})
        work.repo.commit(message)

    declare("v1.2", "17.0.*", "feat: begin")
    work.repo.tag("web-1.2.0")
    work.repo.tag("db-0.3.0")
    work.change("charts/db/values.yaml", "Tidy")
    declare("v1.2.1", "17.0.*", "Update the application")
    options = ("--untyped", "app-version")
    assert work.next(*options) == {"db": ("0.3.1", "patch"), "web": ("1.2.1", "patch")}
    declare("v1.3", "18.0.*", "[web] Update the application again")
    assert work.next(*options)["web"] == ("1.3.0", "minor")
    assert work.next()["web"] == ("1.2.1", "patch")
    wanted = "'[web] Update the application again', appVersion v1.2 -> v1.3"
    assert wanted in work.run("bump", "--registry", work.registry, *options)
    shallow = GitRepo.clone(work.repo.root, tmp_path / "shallow", "--depth=1", "--no-tags")
    assert Work(shallow, work.server, work.home).next(*options)["web"] == ("1.3.0", "minor")
    declare("v1.2", "18.0.*", "[web] Go back")
    assert "dependency redis 17.0.* -> 18.0.*" in work.run("bump", "--registry", work.registry, *options)


def test_a_chart_follows_what_it_embeds_from_the_repository(work: Work) -> None:
    work.repo.write(
        {
            "charts/web/Chart.yaml": CHART.format(name="web", version="1.2.0")
            + "dependencies:\r\n- name: db\r\n  version: 0.3.0\r\n  repository: file://../db\r\n"
        }
    )
    (work.repo.root / "charts/web/charts").mkdir()
    (work.repo.root / "charts/web/charts/db").symlink_to("../../db")
    work.repo.commit("feat: embed")
    work.publish()
    work.repo.tag("web-1.2.0")
    work.repo.tag("db-0.3.0")
    work.change("charts/db/values.yaml", "fix: port")
    assert work.next() == {"db": ("0.3.1", "patch"), "web": ("1.2.1", "patch")}
    # The link makes it part of what is packed: without another version it would be a conflict.
    assert work.next("--no-bump-dependents")["web"] == ("1.2.1", "patch")


def test_archives_that_git_does_not_track_are_no_copy_that_a_chart_embeds(work: Work) -> None:
    work.repo.write(
        {
            "charts/web/Chart.yaml": CHART.format(name="web", version="1.2.0")
            + "dependencies:\r\n- name: db\r\n  version: 0.3.0\r\n  repository: file://../db\r\n",
            ".gitignore": "*.tgz\n",
        }
    )
    work.repo.commit("feat: embed")
    (work.repo.root / "charts/web/charts").mkdir()
    with tarfile.open(work.repo.root / "charts/web/charts/db-0.3.0.tgz", "w:gz") as archive:
        archive.add(work.repo.root / "charts/db", "db")
    work.publish()
    work.repo.tag("web-1.2.0")
    work.repo.tag("db-0.3.0")
    work.change("charts/db/values.yaml", "fix: port")
    work.run("bump", "--write", "--registry", work.registry)
    assert "  version: 0.3.1\r\n" in (work.repo.root / "charts/web/Chart.yaml").read_bytes().decode()


@pytest.mark.parametrize(("ignored", "level"), [("", "minor"), ("charts/sub/\n", "none")])
def test_a_chart_inside_another_one_counts_for_it_where_it_is_packed_with_it(
    work: Work, ignored: str, level: str
) -> None:
    work.repo.write(
        {
            "charts/web/charts/sub/Chart.yaml": CHART.format(name="sub", version="0.1.0"),
            "charts/web/.helmignore": ignored,
        }
    )
    work.repo.commit("feat: inside")
    charts = ("charts/web", "charts/web/charts/sub")
    work.publish(*charts)
    work.repo.tag("web-1.2.0")
    work.repo.tag("sub-0.1.0")
    work.change("charts/web/charts/sub/values.yaml", "feat: sub")
    version = {"minor": "1.3.0", "none": "1.2.0"}[level]
    assert work.next(*charts) == {"sub": ("0.2.0", "minor"), "web": (version, level)}
    assert work.publish(*charts)["web"] == (version, {"minor": "published", "none": "unchanged"}[level])


def test_settings_of_a_dependency_tell_which_of_its_files_count(work: Work) -> None:
    dependency = "dependencies:\r\n- name: db\r\n  version: 0.3.0\r\n  repository: file://../db\r\n"
    settings = "charts: {db: {ignore-changes: [dashboards/], extra-paths: [lib]}}\n"
    work.repo.write(
        {
            "charts/web/Chart.yaml": CHART.format(name="web", version="1.2.0") + dependency,
            ".oci-chart-publish.yaml": settings,
        }
    )
    work.repo.commit("feat: embed")
    work.repo.tag("web-1.2.0")
    work.repo.tag("db-0.3.0")
    work.change("charts/db/dashboards/a.yaml", "feat: dashboard")
    assert work.next() == {"db": ("0.3.0", "none"), "web": ("1.2.0", "none")}
    work.change("lib/a.tpl", "feat: helper")
    assert work.next() == {"db": ("0.4.0", "minor"), "web": ("1.3.0", "minor")}


def test_a_chart_that_does_not_follow_is_left_as_it_is(work: Work) -> None:
    dependency = "dependencies:\r\n- name: db\r\n  version: 0.3.0\r\n  repository: file://../db\r\n"
    work.repo.write({"charts/web/Chart.yaml": CHART.format(name="web", version="1.2.0") + dependency})
    work.repo.commit("feat: embed")
    work.publish()
    work.repo.tag("web-1.2.0")
    work.repo.tag("db-0.3.0")
    work.change("charts/db/values.yaml", "fix: port")
    before = (work.repo.root / "charts/web/Chart.yaml").read_bytes()
    work.run("bump", "--write", "--no-bump-dependents", "--registry", work.registry)
    assert (work.repo.root / "charts/web/Chart.yaml").read_bytes() == before
    # What moves for a reason of its own has to name what it embeds.
    work.repo.git("checkout", "--quiet", ".")
    work.change("charts/web/values.yaml", "fix: web")
    work.run("bump", "--write", "--no-bump-dependents", "--registry", work.registry)
    assert "  version: 0.3.1\r\n" in (work.repo.root / "charts/web/Chart.yaml").read_bytes().decode()


def test_what_is_published_needs_no_bump_though_the_tree_names_an_older_version(work: Work) -> None:
    work.publish()
    work.repo.tag("web-1.2.0")
    work.repo.tag("db-0.3.0")
    work.change("charts/web/values.yaml", "fix: web")
    assert "1.2.0 was not raised" in work.run("bump", "--check", "--registry", work.registry, code=4)
    assert work.publish()["web"] == ("1.2.1", "published")
    work.run("bump", "--check", "--registry", work.registry)


def test_warnings_are_printed_and_what_all_charts_lack_is_said_once(work: Work) -> None:
    work.publish()
    work.repo.tag("web-1.2.0")
    work.repo.tag("db-0.3.0")
    work.change("charts/web/values.yaml", "fix: web\n\nRelease-As: 2.5")
    arguments = [sys.executable, "-m", "oci_chart_publish", "bump"]
    around = {**ENV, "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HOME": str(work.home)}
    done = subprocess.run(
        arguments, cwd=work.repo.root, env=around, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "warning: web: 'Release-As: 2.5' of 'fix: web' is no semantic version" in done.stderr

    shallow = GitRepo.clone(work.repo.root, work.home / "shallow", "--depth=1", "--no-tags")
    shallow.git("remote", "set-url", "origin", "http://127.0.0.1:1/gone")
    done = subprocess.run(
        arguments, cwd=shallow.root, env=around, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("cannot fetch the missing history")) == (2, 1)


COLLIDING = """charts:
  web: {tag-template: 'v{version}'}
  d*: {tag-template: 'v{version}'}
"""


@pytest.mark.parametrize("command", ["publish", "plan"])
@pytest.mark.parametrize("bump", ["chart", "auto", "minor"])
def test_charts_whose_tags_collide_are_refused_before_anything_is_written(
    work: Work, command: str, bump: str
) -> None:
    work.repo.write({".oci-chart-publish.yaml": COLLIDING})
    said = work.run(command, "--bump", bump, "--registry", work.registry, code=2)
    assert (
        "tag-template: 'v1.0.0' would be a tag of 'db' by 'v{version}' (chart-settings: d*: tag-template)"
        in said
    )
    assert "and of 'web' by 'v{version}' (chart-settings: web: tag-template)" in said
    assert [line for line in work.server.lines() if not line.startswith(("GET", "HEAD"))] == []

    work.repo.write({".oci-chart-publish.yaml": "tag-template: 'v{version}'\n"})
    said = work.run(command, "--bump", bump, "--registry", work.registry, code=2)
    assert "tag-template: 'v{version}' would give all charts the same tags" in said
    assert [line for line in work.server.lines() if not line.startswith(("GET", "HEAD"))] == []


def test_templates_do_not_matter_where_nothing_is_tagged(work: Work) -> None:
    work.repo.write({".oci-chart-publish.yaml": COLLIDING + "release: 'off'\n"})
    work.run("publish", "--registry", work.registry)
    assert "would be a tag of" in work.run("bump", "--registry", work.registry, code=2)


def test_a_chart_that_is_called_as_a_version_of_another_one_is_refused(work: Work) -> None:
    work.repo.write({"charts/db-1.0.0/Chart.yaml": CHART.format(name="db-1.0.0", version="1.0.0")})
    work.repo.commit("feat: a copy")
    said = work.run("publish", "--registry", work.registry, code=2)
    assert (
        "tag-template: 'db-1.0.0-1.0.0' would be a tag of 'db-1.0.0' by '{name}-{version}' (tag-template)"
        in said
    )


def test_a_channel_makes_prereleases_that_count_up(work: Work) -> None:
    work.publish()
    work.change("charts/web/values.yaml", "feat: one")
    assert work.publish("--channel", "rc")["web"] == ("1.3.0-rc.1", "published")
    work.change("charts/web/values.yaml", "fix: two")
    assert work.publish("--channel", "rc")["web"] == ("1.3.0-rc.2", "published")


def test_the_first_versions_are_as_others_where_that_is_asked_for(work: Work) -> None:
    work.publish()
    work.change("charts/db/values.yaml", "feat!: one")
    assert work.next()["db"] == ("0.4.0", "minor")
    work.repo.write({".oci-chart-publish.yaml": "initial-development: false\n"})
    assert work.next()["db"] == ("1.0.0", "major")
