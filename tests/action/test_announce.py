"""What is tagged, released and commented on, each choice by itself, as the code host and the report show it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.action.minirunner import ROOT
from tests.action.project import Project, charts, notes, release
from tests.fakes.git import GitRepo, chart_yaml
from tests.fakes.github import FakeGitHub, Release, Token
from tests.real.helm import helm

NO_PERMISSION = "403 Resource not accessible by integration"


def foreign(github: FakeGitHub, tag: str) -> Release:
    """Let another tool have released a version."""
    made = github.state.create_release(
        tag=tag,
        target="main",
        name="Theirs",
        body="By another tool.",
        draft=False,
        prerelease=False,
        make_latest="false",
    )
    github.state.upload(made, "theirs.txt", b"theirs", "text/plain", "")
    return made


def extra(project: Project, **settings: str) -> None:
    project.runner.extra = {f"OCI_CHART_PUBLISH_{name.upper()}": value for name, value in settings.items()}


# Comments.


def test_merged_pull_request_without_a_comment_gets_none(project: Project) -> None:
    project.push(release="off")
    before = project.head
    project.open(7, "web", "1.0.1")
    project.merge(7)
    step = project.push(before, release="off")
    assert (step.code, charts(step)["web"]["status"]) == (0, "published")
    assert project.github.state.comments == {}


def test_changes_are_commented_on_and_nothing_else(project: Project) -> None:
    project.push(release="off")
    project.repo.git("checkout", "--quiet", "-b", "topic-7")
    project.repo.write({"README.md": "hello\n"})
    project.github.add_pull(7, head_sha=project.commit())
    assert project.pull_request(7, comment="changes").code == 0
    assert project.github.state.comments == {}
    project.github.state.pulls[7].head_sha = project.commit("web", version="1.0.1")
    assert project.pull_request(7, comment="changes").code == 0
    assert "1 to publish" in project.comment(7)


@pytest.mark.parametrize("event", ["schedule", "workflow_dispatch"])
def test_run_of_another_event_leaves_the_comment_of_a_merged_pull_request(
    project: Project, event: str
) -> None:
    project.push(release="off")
    before = project.head
    project.open(7, "web", "1.0.1")
    project.pull_request(7)
    project.merge(7)
    project.github.refuse("POST", "/releases$", "burnt-tag")
    assert project.push(before).code == 7
    said = project.comment(7)
    assert "422 Validation Failed" in said
    project.github.forget()
    step = project.run(event, {})
    assert step.code == 0, step.errors + step.log
    assert project.comment(7) == said
    asked = project.github.sent("POST", "graphql") + project.github.sent("GET", "/comments")
    assert [one for one in asked if "associatedPullRequests" in str(one.body) or one.method == "GET"] == []


# Tags and releases.


def test_tag_alone_where_that_is_asked_for(project: Project) -> None:
    step = project.push(release="tag")
    assert step.code == 0, step.errors + step.log
    assert project.github.state.tags() == {"web-1.0.0": project.head, "api-1.0.0": project.head}
    assert project.github.state.releases == {}
    assert {chart["git_tag"] for chart in charts(step).values()} == {"web-1.0.0", "api-1.0.0"}
    assert {chart["release_url"] for chart in charts(step).values()} == {None}


def test_draft_of_somebody_else_is_no_release_of_the_chart(project: Project) -> None:
    made = foreign(project.github, "web-1.0.0")
    made.draft = True
    del project.github.state.refs["tags/web-1.0.0"]
    step = project.push()
    assert step.code == 0, step.errors + step.log
    web = charts(step)["web"]
    assert web["warnings"] == ["release web-1.0.0 was made by somebody else and left as it is"]
    assert (web["git_tag"], web["release_url"], made.draft) == (None, None, True)


def test_release_of_another_tool_is_warned_of_and_not_taken_over(project: Project) -> None:
    made = foreign(project.github, "web-1.0.0")
    step = project.push()
    assert step.code == 0, step.errors + step.log
    assert charts(step)["web"]["warnings"] == [
        "release web-1.0.0 was made by somebody else and left as it is"
    ]
    assert charts(step)["api"]["warnings"] == []
    assert (made.name, made.body) == ("Theirs", "By another tool.")
    assert [asset.name for asset in made.assets] == ["theirs.txt"]


def test_backfill_takes_over_the_release_of_another_tool_and_keeps_its_text(project: Project) -> None:
    project.push(release="off")
    made = foreign(project.github, "web-1.0.0")
    extra(project, backfill="true")
    step = project.run("workflow_dispatch", {})
    assert step.code == 0, step.errors + step.log
    assert made.name == "Theirs"
    assert made.body.startswith("By another tool.\n\n<!-- oci-chart-publish:start -->\n")
    assert charts(step)["web"]["digest"] in made.body
    assert sorted(asset.name for asset in made.assets) == [
        "SHA256SUMS",
        "report.json",
        "theirs.txt",
        "web-1.0.0.tgz",
    ]
    assert charts(step)["web"]["warnings"] == []


def test_immutable_release_that_lacks_files_is_warned_of(project: Project) -> None:
    project.push()
    found = release(project.github, "web-1.0.0")
    found.assets = [asset for asset in found.assets if asset.name == "report.json"]
    found.immutable = True
    extra(project, backfill="true")
    step = project.run("workflow_dispatch", {})
    assert step.code == 0, step.errors + step.log
    assert charts(step)["web"]["warnings"] == [
        "release web-1.0.0 is immutable and lacks web-1.0.0.tgz, SHA256SUMS"
    ]


def test_version_that_another_tool_published_is_not_released_though_the_push_changed_the_chart(
    project: Project, tmp_path: Path
) -> None:
    before = project.head
    project.push(release="off")
    project.commit("web", "api", version="1.0.1")
    client = helm(tmp_path / "helm")
    client.run("package", project.repo.root / "charts/web", "--destination", tmp_path)
    client.run("push", tmp_path / "web-1.0.1.tgz", f"oci://{project.given['registries']}", "--plain-http")
    project.push(before, release="off", charts="charts/api")
    step = project.push(before)
    assert step.code == 0, step.errors + step.log
    assert {name: chart["status"] for name, chart in charts(step).items()} == {
        "web": "unchanged",
        "api": "unchanged",
    }
    # Both have no tag; api is byte for byte what this tool publishes, so an earlier attempt of it ended too soon.
    assert project.released() == {"api-1.0.1": project.head}


def test_latest_is_asked_for_where_that_is_set_and_a_prerelease_is_released_without(
    project: Project,
) -> None:
    project.commit("api", version="2.0.0-rc.1")
    extra(project, latest="true")
    step = project.push()
    assert step.code == 0, step.errors + step.log
    assert project.github.state.latest == release(project.github, "web-1.0.0").id
    assert release(project.github, "api-2.0.0-rc.1").prerelease
    assert set(project.released()) == {"web-1.0.0", "api-2.0.0-rc.1"}


@pytest.mark.parametrize("known", ["released", "published", "published before"])
def test_version_of_an_old_line_does_not_become_the_latest(project: Project, known: str) -> None:
    """Not though it goes on with its line, which is no reason for a warning."""
    project.repo.git("branch", "old")
    project.commit("web", version="2.0.0")
    extra(project, latest="true")
    project.push(charts="charts/web", release="off" if known == "published" else "release")
    project.commit("api", version="1.0.1")
    project.push(charts="charts/api")
    latest = project.github.state.latest
    assert latest == release(project.github, "api-1.0.1").id
    for line, warned in (("1.0.0", True), ("0.9.0", True), ("1.0.1", False)):
        project.repo.git("checkout", "--quiet", "-B", f"old-{line}", "old")
        project.commit("web", version=line)
        if known == "published before":
            project.push(charts="charts/web", release="off")
            extra(project, latest="true", backfill="true")
        project.github.forget()
        step = project.push(charts="charts/web")
        assert step.code == 0, step.errors + step.log
        assert project.released()[f"web-{line}"] == project.head
        assert project.github.state.latest == latest
        assert len(project.github.sent("GET", "/releases$")) == 1
        if known == "released":
            assert any("is lower than" in one for one in charts(step)["web"]["warnings"]) is warned, line
    project.repo.git("checkout", "--quiet", "main")
    project.commit("web", version="2.0.1")
    assert project.push(charts="charts/web").code == 0
    assert project.github.state.latest == release(project.github, "web-2.0.1").id


def test_backfill_keeps_the_notes_that_were_made_when_the_version_before_was_known(project: Project) -> None:
    project.push()
    before = project.head
    project.repo.tag("web-1.0.0")
    project.commit("web", version="1.0.1", message="fix: one thing")
    project.push(before)
    found = release(project.github, "web-1.0.1")
    said = found.body
    assert "### Changes since 1.0.0\n\n- fix: one thing" in said
    assert "| before | 1.0.0 " in said
    # Beyond the newest hundred, which are all that other runs look at.
    for number in range(100):
        made = project.github.state.next_id()
        project.github.state.releases[made] = Release(made, f"x-{number}", "main", "", "", draft=False)
    project.github.forget()
    extra(project, backfill="true")
    step = project.push(before)
    assert step.code == 0, step.errors + step.log
    assert found.body == said
    assert [one for one in project.github.sent("PATCH") if "/releases/" in one.path] == []


def verified(project: Project, tag: str, text: str, folder: Path) -> str:
    """Run the line for ``verify`` of a text in a clone at a tag, and return it."""
    folder.mkdir()
    clone = GitRepo.clone(project.repo.root, folder / "clone", f"--branch={tag}")
    (line,) = [line for line in text.splitlines() if line.startswith("oci-chart-publish verify ")]
    done = subprocess.run(
        [sys.executable, "-m", "oci_chart_publish", *shlex.split(line)[1:]],
        cwd=clone.root,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "src"),
            "HOME": str(folder / "home"),
            "OCI_CHART_CACHE": str(folder / "cache"),
        },
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    assert b"1.1.0" in done.stdout
    return line


def test_printed_line_verifies_a_chart_together_with_what_it_embeds(project: Project, tmp_path: Path) -> None:
    embeds = "dependencies:\n- name: web\n  version: ^1.0.0\n  repository: file://../web\n"
    project.repo.write({"charts/api/Chart.yaml": chart_yaml("api", "1.0.0") + embeds})
    project.commit()
    project.push()
    before = project.head
    project.repo.tag("web-1.0.0")
    project.repo.tag("api-1.0.0")
    project.repo.write({"charts/web/values.yaml": "replicas: 2\n", "charts/api/values.yaml": "a: 1\n"})
    project.commit(message="feat: two replicas")
    step = project.push(before, bump="auto")
    assert step.code == 0, step.errors + step.log
    for name in ("web", "api"):
        assert charts(step)[name]["version"] == "1.1.0"
        project.repo.tag(f"{name}-1.1.0")
    verified(project, "api-1.1.0", release(project.github, "api-1.1.0").body, tmp_path / "notes")
    about = step.summary.partition("<summary>api")[2].partition("</details>")[0]
    line = verified(project, "api-1.1.0", about, tmp_path / "summary")
    assert line.startswith("oci-chart-publish verify charts/api charts/web --registry ")


@pytest.mark.parametrize("bump", ["chart", "auto", "minor"])
def test_printed_line_verifies_a_clone_at_the_tag_of_the_release(
    project: Project, tmp_path: Path, bump: str
) -> None:
    project.push()
    before = project.head
    project.repo.tag("web-1.0.0")
    project.repo.tag("api-1.0.0")
    project.repo.write({"charts/web/values.yaml": "replicas: 2\n"})
    version = "1.1.0" if bump == "chart" else "1.0.0"  # what the tree says; the others publish 1.1.0 as well
    project.commit("web", version=version, message="feat: two replicas")
    step = project.push(before, bump=bump)
    assert step.code == 0, step.errors + step.log
    assert charts(step)["web"]["version"] == "1.1.0"
    project.repo.tag("web-1.1.0")
    for where, text in {
        "notes": release(project.github, "web-1.1.0").body,
        "summary": step.summary,
    }.items():
        line = verified(project, "web-1.1.0", text, tmp_path / where)
        assert ("--bump" in line) is (bump != "chart")


# Permissions.


@pytest.mark.parametrize("release", ["release", "tag"])
def test_token_that_may_not_write_is_told_once_for_all_charts(project: Project, release: str) -> None:
    names = [f"app{number:02}" for number in range(12)]
    project.commit(*names)
    project.github.tokens["t0ken"] = Token(writes=frozenset({"pull_requests"}))
    step = project.push(release=release)
    assert step.code == 7
    assert {chart["status"] for chart in charts(step).values()} == {"published"}
    (note,) = notes(step)
    tags = ["api-1.0.0", *(f"{name}-1.0.0" for name in names[:9])]
    done = {"release": "released", "tag": "tagged"}[release]
    assert note.startswith(f"14 charts are published and not {done}, {', '.join(tags)} and 4 more: POST http")
    assert note.endswith(
        f"{NO_PERMISSION}. Add `contents: write` to the `permissions:` of the job. GitHub accepts: contents=write. "
        "Then run once with `backfill: true` in the settings file for what is missing"
    )
    assert "workflow" not in note
    assert len([one for one in project.github.sent("POST") if "graphql" not in one.path]) == 1


def test_backfill_makes_what_a_token_could_not(project: Project) -> None:
    project.github.tokens["t0ken"] = Token(writes=frozenset({"pull_requests"}))
    assert project.push(release="tag").code == 7
    project.github.tokens["t0ken"] = Token()
    extra(project, backfill="true")
    step = project.run("workflow_dispatch", {}, release="tag")
    assert step.code == 0, step.errors + step.log
    assert set(project.github.state.tags()) == {"web-1.0.0", "api-1.0.0"}


@pytest.mark.parametrize("what", ["limited", "expired"])
def test_what_ends_all_releases_is_told_once_and_asked_no_more(project: Project, what: str) -> None:
    if what == "limited":
        project.github.limit("POST", "/git/refs$", retry_after=3600)
    else:
        project.github.refuse("POST", "/git/refs$", "bad-credentials")
    step = project.push(release="tag")
    assert (step.code, len(project.github.sent("POST", "/git/refs$"))) == (7, 1)
    (note,) = notes(step)
    assert note.startswith("2 charts are published and not tagged, api-1.0.0, web-1.0.0: POST http")
    assert note.endswith("Then re-run this job: another attempt makes what is missing")
    # As it says.
    project.runner.extra = {"GITHUB_RUN_ATTEMPT": "2"}
    step = project.push(release="tag")
    assert step.code == 0, step.errors + step.log
    assert set(project.github.state.tags()) == {"web-1.0.0", "api-1.0.0"}


def test_release_that_is_refused_for_another_reason_does_not_stop_the_others(project: Project) -> None:
    project.github.refuse("PATCH", "/releases/", "not-accessible")
    step = project.push()
    assert step.code == 7
    (note,) = notes(step)
    assert "If the commit changes files below .github/workflows" in note
    assert set(project.released()) == {"web-1.0.0"}


def test_private_repository_whose_token_reads_nothing_is_published_all_the_same(project: Project) -> None:
    before = project.head
    project.push()
    project.open(7, "web", "1.0.1")
    project.pull_request(7)
    said = project.comment(7)
    project.merge(7)
    project.github.tokens["t0ken"] = Token(writes=frozenset(), reads=frozenset())
    step = project.push(before)
    assert (step.code, charts(step)["web"]["status"]) == (7, "published")
    of_releases, of_pull = notes(step)
    assert of_releases.startswith("1 chart is published and not released, web-1.0.1: GET http")
    assert (
        f"/releases: {NO_PERMISSION}. Add `contents: write` to the `permissions:` of the job." in of_releases
    )
    assert of_pull.startswith(
        "which pull request this run belongs to is not known, so no comment was written: GET "
    )
    assert of_pull.endswith(
        f"/graphql: 400 {NO_PERMISSION[4:]}. Add `pull-requests: read` to the `permissions:` of the job"
    )
    assert project.comment(7) == said


def test_private_repository_whose_token_may_not_read_comments_is_green(project: Project) -> None:
    project.push(release="off")
    project.open(7, "web", "1.0.1")
    project.github.tokens["t0ken"] = Token(writes=frozenset({"contents"}), reads=frozenset())
    step = project.pull_request(7)
    assert step.code == 0, step.errors + step.log
    (note,) = notes(step)
    assert note == (
        "the token may not comment: the report is in the step summary only. "
        "Add `pull-requests: write` to the `permissions:` of the job. GitHub accepts: issues=read; pull_requests=read"
    )
    assert "would publish" in step.summary


def test_publish_on_gitea_leaves_no_half_of_a_release_and_is_green(project: Project) -> None:
    project.runner.api_url = f"{project.github.url}/api/v1"
    step = project.push()
    assert step.code == 0, step.errors + step.log
    assert step.outputs["published"] == "true"
    assert notes(step)[0].startswith("nothing was released: the API of Gitea and Forgejo is not GitHub's")
    assert project.github.requests == []
