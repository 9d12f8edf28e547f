"""Which versions are tagged and released: what this run published, what an earlier attempt left, and nothing else."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from tests.action.project import MAIN, Project, charts, notes, release
from tests.fakes.github import FakeGitHub, Release
from tests.real.helm import helm
from tests.real.registries import Registry


def files(found: Release) -> list[str]:
    return sorted(asset.name for asset in found.assets)


def asked(github: FakeGitHub) -> list[str]:
    return [f"{one.method} {one.path.removeprefix('/repos/acme/charts')}" for one in github.requests]


def test_tag_that_was_there_and_names_another_commit_is_warned_of(project: Project) -> None:
    elsewhere = project.head
    project.github.state.create_ref("refs/tags/web-1.0.0", elsewhere)
    project.repo.write({"README.md": "hello"})
    project.commit()
    step = project.push()
    assert step.code == 0, step.errors + step.log
    (warning,) = charts(step)["web"]["warnings"]
    assert warning == (
        f"git tag web-1.0.0 exists already and names another commit, {elsewhere[:9]}, which its release is of"
    )
    assert charts(step)["api"]["warnings"] == []
    assert project.released() == {"web-1.0.0": elsewhere, "api-1.0.0": project.head}


@pytest.mark.parametrize("how", ["release", "tag"])
def test_tag_goes_on_the_commit_that_was_built(project: Project, how: str) -> None:
    built = project.head
    event = project.github.state.commit("the default branch went on")
    step = project.runner.step("workflow_dispatch", {}, ref=MAIN, sha=event, release=how, **project.given)
    assert step.code == 0, step.errors + step.log
    assert project.github.state.tags() == {"web-1.0.0": built, "api-1.0.0": built}


def test_pull_request_that_publishes_is_released_once_it_is_merged(project: Project) -> None:
    project.push(release="off")
    project.open(8, "api", "1.0.1")
    step = project.pull_request(8, command="publish", release="tag")
    assert notes(step) == ["nothing was released: pull request 8 is not merged"]
    assert project.github.state.tags() == {}
    project.open(7, "web", "1.0.1")
    project.pull_request(7)
    (merged,) = project.merge(7)
    step = project.pull_request(7, "closed", command="publish", release="tag")
    assert step.code == 0, step.errors + step.log
    assert project.github.state.tags() == {"web-1.0.1": merged}
    assert "✅ published" in project.comment(7)


def test_release_that_holds_another_file_is_warned_of_and_left(project: Project) -> None:
    project.push()
    found = release(project.github, "web-1.0.0")
    next(one for one in found.assets if one.name == "web-1.0.0.tgz").data = b"other"
    found.assets = [one for one in found.assets if one.name != "SHA256SUMS"]
    step = project.push()
    assert step.code == 0, step.errors + step.log
    assert charts(step)["web"]["warnings"] == [
        "release web-1.0.0 has another web-1.0.0.tgz than what is published; it was left as it is"
    ]
    assert files(found) == ["SHA256SUMS", "report.json", "web-1.0.0.tgz"]


def test_push_that_changes_nothing_asks_for_the_newest_releases_alone(project: Project) -> None:
    before = project.head
    project.push()
    project.repo.write({"README.md": "hello"})
    project.commit()
    project.github.forget()
    step = project.push(before)
    assert step.code == 0, step.errors + step.log
    assert asked(project.github) == ["GET /releases", "POST /graphql"]
    assert [charts(step)[name]["git_tag"] for name in ("web", "api")] == ["web-1.0.0", "api-1.0.0"]
    # Where the newest are others, the tags are asked for as well: one request for each hundred.
    for number in range(100):
        made = project.github.state.next_id()
        project.github.state.releases[made] = Release(made, f"x-{number}", "main", "", "", draft=False)
    project.github.forget()
    step = project.push(before)
    assert asked(project.github) == [
        "GET /releases",
        "POST /graphql",
        "POST /graphql",
    ]
    assert charts(step)["web"]["git_tag"] == "web-1.0.0"


@pytest.mark.parametrize("tag", [True, False], ids=["with tag", "without"])
def test_draft_that_could_not_be_published_is_finished_by_any_later_push(
    project: Project, *, tag: bool
) -> None:
    before = project.head
    if tag:
        project.github.state.create_ref("refs/tags/web-1.0.0", before)
    project.github.refuse("PATCH", "/releases/", "not-accessible", times=2)
    assert project.push().code == 7
    assert project.released() == {}
    project.repo.write({"README.md": "hello"})
    project.commit()
    step = project.push(before)
    assert step.code == 0, step.errors + step.log
    assert set(project.released()) == {"web-1.0.0", "api-1.0.0"}
    assert charts(step)["web"]["digest"] in release(project.github, "web-1.0.0").body


@pytest.mark.parametrize("lost", ["file", "half a file", "notes"])
def test_release_of_ours_that_lost_something_is_repaired(project: Project, lost: str) -> None:
    before = project.head
    project.push()
    found = release(project.github, "web-1.0.0")
    said = found.body
    if lost == "file":
        found.assets = [one for one in found.assets if one.name == "report.json"]
    elif lost == "half a file":
        found.assets[0].state, found.assets[0].data = "starter", b""
    else:
        start, end = "<!-- oci-chart-publish:start -->", "<!-- oci-chart-publish:end -->"
        found.body = f"By hand.\n\n{start}\n{end}"
    project.repo.write({"README.md": "hello"})
    project.commit()
    step = project.push(before)
    assert step.code == 0, step.errors + step.log
    assert files(found) == ["SHA256SUMS", "report.json", "web-1.0.0.tgz"]
    assert found.assets
    assert all(one.state == "uploaded" for one in found.assets)
    assert charts(step)["web"]["digest"] in found.body
    if lost != "notes":
        assert found.body == said
    project.github.forget()
    project.push(before)
    assert project.github.sent("PATCH") + project.github.sent("POST", "/releases") == []


def test_notes_name_a_registry_that_was_added_later(project: Project) -> None:
    project.push()
    first = project.given["registries"]
    second = f"{first}-too"
    project.push(registries=second, charts="charts/api", release="off")
    step = project.push(registries=f"{first}\n{second}")
    assert step.code == 0, step.errors + step.log
    assert {name: chart["status"] for name, chart in charts(step).items()} == {
        "api": "unchanged",
        "web": "published",
    }
    assert f"`{second}/web:1.0.0`" in release(project.github, "web-1.0.0").body


def test_release_of_another_tool_is_left_alone(project: Project) -> None:
    before = project.head
    project.push()
    found = release(project.github, "web-1.0.0")
    found.body, found.assets = "Made by somebody else.", []
    project.commit("api", version="1.0.1")
    assert project.push(before).code == 0
    assert (found.body, found.assets) == ("Made by somebody else.", [])


def test_immutable_release_that_lacks_a_file_costs_no_request(project: Project) -> None:
    before = project.head
    project.push()
    found = release(project.github, "web-1.0.0")
    found.assets, found.immutable = [], True
    project.github.forget()
    step = project.push(before)
    assert (step.code, charts(step)["web"]["warnings"]) == (0, [])
    assert asked(project.github) == ["GET /releases", "POST /graphql"]


@pytest.mark.parametrize("release", ["release", "tag"])
def test_version_published_while_releases_were_off_is_not_released_later(
    project: Project, release: str
) -> None:
    before = project.head
    project.push(release="off")
    project.commit("api", version="1.0.1")
    step = project.push(before, release=release)
    assert step.code == 0, step.errors + step.log
    assert set(project.github.state.tags()) == {"api-1.0.1"}
    for event in ("schedule", "workflow_dispatch"):
        assert project.run(event, {}, release=release).code == 0
    assert set(project.github.state.tags()) == {"api-1.0.1"}
    project.runner.extra = {"OCI_CHART_PUBLISH_BACKFILL": "true"}
    assert project.run("workflow_dispatch", {}, release=release).code == 0
    assert set(project.github.state.tags()) == {"api-1.0.1", "web-1.0.0"}


@pytest.mark.parametrize("release", ["release", "tag"])
@pytest.mark.parametrize("how", ["same push", "another attempt"])
def test_run_that_ended_between_registry_and_tag_is_repaired_by_running_it_again(
    project: Project, release: str, how: str
) -> None:
    before = project.head
    project.push(release="off")
    project.commit("web", version="1.0.1")
    project.push(before, release="off")  # as far as a run comes that dies after the registry
    if how == "another attempt":
        project.runner.extra = {"GITHUB_RUN_ATTEMPT": "2"}
    step = project.push(before, release=release)
    assert step.code == 0, step.errors + step.log
    assert project.github.state.tags() == {"web-1.0.1": project.head}


def test_backfill_reads_from_the_registry_what_the_layout_lacks(
    project: Project, plain_registry: Registry, tmp_path: Path
) -> None:
    client = helm(tmp_path / "helm")
    client.run("package", project.repo.root / "charts/web", "--destination", tmp_path)
    archive = tmp_path / "web-1.0.0.tgz"
    place = project.given["registries"]
    client.run("push", archive, f"oci://{place}", "--plain-http")
    project.given["registries"] = f"{plain_registry.host}/other\n{place}"
    step = project.push()
    assert step.code == 0, step.errors + step.log
    assert charts(step)["web"]["status"] == "published"  # copied to the first one, from the second
    shutil.rmtree(tmp_path / "runner/layout")
    for one in list(project.github.state.releases.values()):
        project.github.state.delete_release(one)
    project.github.state.refs = {
        ref: sha for ref, sha in project.github.state.refs.items() if "tags" not in ref
    }
    project.runner.extra = {"OCI_CHART_PUBLISH_BACKFILL": "true"}
    step = project.push()
    assert (step.code, notes(step)) == (0, []), step.errors + step.log
    held = {asset.name: asset.data for asset in release(project.github, "web-1.0.0").assets}
    assert held["web-1.0.0.tgz"] == archive.read_bytes()
    assert (
        held["SHA256SUMS"].decode() == f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  web-1.0.0.tgz\n"
    )


def test_what_somebody_has_signed_is_released_with_its_provenance(project: Project, tmp_path: Path) -> None:
    client = helm(tmp_path / "helm")
    client.run("package", project.repo.root / "charts/web", "--destination", tmp_path)
    provenance = tmp_path / "web-1.0.0.tgz.prov"
    provenance.write_bytes(b"-----BEGIN PGP SIGNED MESSAGE-----\n")  # Helm takes what lies beside the archive
    client.run("push", tmp_path / "web-1.0.0.tgz", f"oci://{project.given['registries']}", "--plain-http")
    project.runner.extra = {"OCI_CHART_PUBLISH_BACKFILL": "true"}
    step = project.push()
    assert (step.code, notes(step)) == (0, []), step.errors + step.log
    held = {asset.name: asset.data for asset in release(project.github, "web-1.0.0").assets}
    assert held["web-1.0.0.tgz.prov"] == provenance.read_bytes()
    assert [line.split()[1] for line in held["SHA256SUMS"].decode().splitlines()] == [
        "web-1.0.0.tgz",
        "web-1.0.0.tgz.prov",
    ]
    assert [asset.name for asset in release(project.github, "api-1.0.0").assets if "prov" in asset.name] == []


@pytest.mark.parametrize("event", ["push of something else", "schedule", "workflow_dispatch"])
@pytest.mark.parametrize("release", ["release", "tag"])
def test_failure_after_the_registries_is_repaired_by_the_next_run_whichever_it_is(
    project: Project, event: str, release: str
) -> None:
    path = "/releases$" if release == "release" else "/git/refs$"
    project.github.refuse("POST", path, "reference-update-failed" if release == "tag" else "ruleset-release")
    assert project.push(release=release).code == 7
    assert project.github.state.tags() == {}
    before = project.head
    project.repo.write({"README.md": "hello"})
    project.commit()
    if event == "push of something else":
        step = project.push(before, release=release)
    else:
        step = project.run(event, {}, release=release)
    assert step.code == 0, step.errors + step.log
    assert set(project.github.state.tags()) == {"web-1.0.0", "api-1.0.0"}


@pytest.mark.parametrize("event", ["push", "schedule"])
def test_another_attempt_releases_nothing_that_the_run_did_not_touch(project: Project, event: str) -> None:
    """``web`` and ``api`` 1.0.0 have no release because nobody wanted one."""
    assert project.push(release="off").code == 0
    before = project.head
    project.repo.write({"README.md": "hello"})
    project.commit("api", version="1.1.0")
    project.github.refuse("POST", "/releases$", "burnt-tag")
    payload = {"before": before} if event == "push" else {}
    assert project.run(event, payload).code == 7
    project.runner.extra = {"GITHUB_RUN_ATTEMPT": "2"}
    step = project.run(event, payload)
    assert step.code == 0, step.errors + step.log
    assert set(project.released()) == {"api-1.1.0"}


def test_what_runs_failed_for_is_repaired_without_a_record_of_runs_by_its_own_push_alone(
    project: Project,
) -> None:
    project.github.refuse("POST", "/releases$", "ruleset-release")
    assert project.push().code == 7
    project.github.refuse("GET", "/runs$", "not-accessible", times=2)
    assert project.run("schedule", {}).code == 0
    assert project.released() == {}
    assert project.push().code == 0
    assert set(project.released()) == {"web-1.0.0", "api-1.0.0"}
