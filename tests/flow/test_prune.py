"""Previews of closed pull requests go, and nothing else does."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes.github import FakeGitHub, PackageVersion, Token
from tests.flow.asking import MANIFEST, asked, tags
from tests.flow.charts import chart
from tests.flow.command import Command, Done, credentials
from tests.real.registries import Registry

from oci_chart_publish.cli.prune_command import ClosedPullRequests, Pruning
from oci_chart_publish.commands.prune import PackageVersions, Preview
from oci_chart_publish.errors import ForgeError
from oci_chart_publish.github.api import Options
from oci_chart_publish.github.gateway import GitHub
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.run.project import open_project

SEVEN, EIGHT, NINE = "0.0.0-pr.7.g1234567", "0.0.0-pr.8.gabcdef0", "0.0.0-pr.9.g7654321"


@dataclass(frozen=True)
class Place:
    """A chart, and a repository of previews."""

    command: Command
    registry: Registry
    path: str

    @property
    def previews(self) -> str:
        return f"{self.registry.host}/{self.path}"

    def push(self, *versions: str, name: str = "web") -> None:
        """Publish a chart at some versions."""
        file = self.command.folder / f"charts/{name}/Chart.yaml"
        kept = file.read_bytes()
        for version in versions:
            file.write_text(f"apiVersion: v2\nname: {name}\nversion: {version}\n")
            done = self.command.publish(
                self.previews, charts=[f"charts/{name}"], options=credentials(self.registry)
            )
            assert done.code == 0, done.err
        file.write_bytes(kept)

    def alias(self, tag: str, other: str, name: str = "web") -> None:
        """Give a manifest another tag."""
        data = asked(self.registry, f"{self.path}/{name}/manifests/{tag}", MANIFEST)
        request = urllib.request.Request(
            f"{self.registry.url}/v2/{self.path}/{name}/manifests/{other}",
            method="PUT",
            data=data,
            headers={"Content-Type": MANIFEST},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 201

    def prune(self, *options: str) -> Done:
        return self.command.run("prune", "--preview", self.previews, *credentials(self.registry), *options)

    def held(self, name: str = "web") -> list[str]:
        return tags(self.registry, f"{self.path}/{name}")


def place(tmp_path: Path, registry: Registry, **extra: str) -> Place:
    chart(tmp_path / "repo", "web", "1.0.0")
    (tmp_path / "home").mkdir()
    path = tmp_path.name.replace("_", "-").strip("-")
    return Place(Command(folder=tmp_path / "repo", home=tmp_path / "home", extra=extra), registry, path)


@pytest.fixture
def previews(tmp_path: Path, plain_registry: Registry) -> Place:
    return place(tmp_path, plain_registry)


def hosted(github: FakeGitHub, tmp_path: Path) -> dict[str, str]:
    """Return the environment of a scheduled job."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"repository": {"default_branch": "main"}}))
    return {
        "GITHUB_API_URL": github.api_url,
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_EVENT_NAME": "schedule",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "acme/charts",
        "OCI_CHART_PUBLISH_GITHUB_TOKEN": "t0ken",
    }


def test_previews_of_the_closed_go_and_all_other_tags_stay(previews: Place) -> None:
    previews.push(SEVEN, EIGHT, "1.0.0", "0.0.0-pr.7", "0.0.0-pr.77.g1234567")
    done = previews.prune("--closed", "7")
    assert (done.code, done.out) == (0, f"{previews.previews}/web:{SEVEN}: deleted\n"), done.err
    assert previews.held() == ["0.0.0-pr.7", "0.0.0-pr.77.g1234567", EIGHT, "1.0.0"]


def test_pruning_again_when_nothing_is_left_finds_nothing(previews: Place) -> None:
    previews.push(SEVEN)
    assert previews.prune("--closed", "7").code == 0
    assert previews.held() == []
    done = previews.prune("--closed", "7")
    assert (done.code, done.out) == (0, ""), done.err


def test_chart_without_any_preview_is_no_failure(previews: Place) -> None:
    chart(previews.command.folder, "api", "0.1.0")
    previews.push(SEVEN)
    done = previews.prune("--closed", "7")
    assert (done.code, previews.held()) == (0, []), done.err


def test_digest_that_another_tag_uses_stays(previews: Place) -> None:
    previews.push(SEVEN, EIGHT)
    previews.alias(SEVEN, "stable")
    done = previews.prune("--closed", "7", "--closed", "8")
    assert done.code == 0, done.err
    assert previews.held() == [SEVEN, "stable"]


def test_two_previews_of_one_digest_both_go(previews: Place) -> None:
    previews.push(SEVEN)
    previews.alias(SEVEN, EIGHT)
    done = previews.prune("--closed", "7", "--closed", "8")
    assert (done.code, previews.held()) == (0, []), done.err


def test_dry_run_tells_and_deletes_nothing(previews: Place) -> None:
    previews.push(SEVEN, EIGHT)
    done = previews.prune("--closed", "7", "--dry-run")
    assert (done.code, done.out) == (0, f"would delete {previews.previews}/web:{SEVEN}\n")
    assert previews.held() == [SEVEN, EIGHT]


def test_only_the_charts_that_are_named_are_pruned(previews: Place) -> None:
    chart(previews.command.folder, "api", "0.1.0")
    previews.push(SEVEN)
    previews.push(SEVEN, name="api")
    assert previews.prune("--closed", "7", "charts/api").code == 0
    assert (previews.held(), previews.held("api")) == ([SEVEN], [])


@pytest.mark.parametrize("fixture", ["htpasswd_registry", "tls_registry"])
def test_credentials_and_authorities_are_for_the_registry_of_the_previews(
    tmp_path: Path, fixture: str, request: pytest.FixtureRequest
) -> None:
    registry: Registry = request.getfixturevalue(fixture)
    previews = place(tmp_path, registry)
    previews.push(SEVEN)
    done = previews.prune("--closed", "7")
    assert (done.code, done.out) == (0, f"{previews.previews}/web:{SEVEN}: deleted\n"), done.err


SOURCE = "https://github.com/acme/charts"


@pytest.mark.parametrize("fixture", ["plain_registry", "token_registry", "crane_registry"])
def test_previews_of_a_chart_that_is_gone_from_the_tree_go_too(
    tmp_path: Path, fixture: str, request: pytest.FixtureRequest
) -> None:
    registry: Registry = request.getfixturevalue(fixture)
    previews = place(tmp_path, registry, OCI_CHART_PUBLISH_SOURCE=SOURCE)
    chart(previews.command.folder, "old", "0.1.0")
    previews.push(SEVEN, EIGHT, name="old")
    shutil.rmtree(previews.command.folder / "charts/old")
    done = previews.prune("--closed", "7")
    assert (done.code, done.out, done.err) == (0, f"{previews.previews}/old:{SEVEN}: deleted\n", "")
    assert (
        previews.prune("--closed", "7", "--closed", "8").out == f"{previews.previews}/old:{EIGHT}: deleted\n"
    )


def test_previews_of_another_repository_in_the_same_place_stay(
    tmp_path: Path, plain_registry: Registry
) -> None:
    previews = place(tmp_path, plain_registry, OCI_CHART_PUBLISH_SOURCE="https://github.com/acme/other")
    chart(previews.command.folder, "old", "0.1.0")
    previews.push(SEVEN, name="old")
    shutil.rmtree(previews.command.folder / "charts/old")
    command = Command(
        folder=previews.command.folder,
        home=previews.command.home,
        extra={"OCI_CHART_PUBLISH_SOURCE": SOURCE},
    )
    ours = Place(command, previews.registry, previews.path)
    done = ours.prune("--closed", "7")
    assert (done.code, done.out) == (0, "")
    assert f"old:{SEVEN}: remains, it does not say that it is of this repository" in done.err
    assert ours.held("old") == [SEVEN]
    done = ours.prune("--closed", "7", "--chart", "old")
    assert (done.code, done.out) == (0, f"{previews.previews}/old:{SEVEN}: deleted\n")


def test_charts_beside_and_below_the_previews_are_not_looked_at(previews: Place) -> None:
    beside = Place(previews.command, previews.registry, f"{previews.path}-more")
    below = Place(previews.command, previews.registry, f"{previews.path}/deep")
    beside.push(SEVEN)
    below.push(SEVEN)
    done = previews.prune("--closed", "7")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (beside.held(), below.held()) == ([SEVEN], [SEVEN])


def test_chart_is_named_where_the_registry_lists_nothing(tmp_path: Path, olareg: Registry) -> None:
    previews = place(tmp_path, olareg, OCI_CHART_PUBLISH_SOURCE=SOURCE)
    chart(previews.command.folder, "old", "0.1.0")
    previews.push(SEVEN)
    previews.push(SEVEN, name="old")
    shutil.rmtree(previews.command.folder / "charts/old")
    done = previews.prune("--closed", "7")
    assert (done.code, done.out) == (0, f"{previews.previews}/web:{SEVEN}: deleted\n")
    assert f"{olareg.host} does not list its repositories: previews of charts that are not" in done.err
    assert previews.held("old") == [SEVEN]
    done = previews.prune("--closed", "7", "--chart", "old")
    assert (done.code, done.out, done.err) == (0, f"{previews.previews}/old:{SEVEN}: deleted\n", "")


def pruning(github: FakeGitHub, tmp_path: Path, preview: str) -> Pruning:
    chart(tmp_path / "repo", "web", "1.0.0")
    project = open_project(tmp_path / "repo", {"preview": preview}, hosted(github, tmp_path))
    return Pruning(
        project=project, github=project.github(), closed=ClosedPullRequests(numbers=(7,), github=None)
    )


def test_code_host_lists_the_charts_on_ghcr(tmp_path: Path, github: FakeGitHub) -> None:
    for name in ("previews/web", "previews/old", "previews/deep/er", "previews", "more/web", "web"):
        github.state.packages[name] = []
    run = pruning(github, tmp_path, "ghcr.io/acme/previews")
    assert run.others(["web"]) == ["old"]
    assert run.packages is not None
    assert run.versions is not None
    assert run.versions is run.versions
    assert pruning(github, tmp_path, "ghcr.io/somebody/previews").versions is None


def test_code_host_that_may_not_list_is_told_and_nothing_stops(
    tmp_path: Path, github: FakeGitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    run = pruning(github, tmp_path, "ghcr.io/acme/previews")
    github.tokens.clear()
    assert run.others(["web"]) == []
    told = capsys.readouterr().err
    assert told.startswith("ghcr.io does not list its repositories (")
    assert told.endswith("name such a chart with --chart NAME\n")


def test_code_host_says_which_pull_requests_are_closed(
    tmp_path: Path, plain_registry: Registry, github: FakeGitHub
) -> None:
    previews = place(tmp_path, plain_registry, **hosted(github, tmp_path))
    previews.push(SEVEN, EIGHT, NINE)
    github.add_pull(7)
    github.add_pull(8)
    github.merge(7)
    done = previews.prune()
    assert done.code == 0, done.err
    assert previews.held() == [EIGHT, NINE]
    assert "pull request 9" in done.err
    assert len(github.sent("GET", "pulls/7")) == 1


@pytest.fixture
def merged(tmp_path: Path, plain_registry: Registry, github: FakeGitHub) -> Place:
    """The preview of a pull request that the code host knows as merged."""
    previews = place(tmp_path, plain_registry, **hosted(github, tmp_path))
    previews.push(SEVEN)
    github.add_pull(7)
    github.merge(7)
    return previews


def test_code_host_that_fails_deletes_nothing(merged: Place, github: FakeGitHub) -> None:
    github.tokens.clear()
    done = merged.prune()
    assert done.code in {6, 7}, done.err
    assert merged.held() == [SEVEN]


def test_token_that_may_not_read_pull_requests_deletes_nothing_and_is_told_what_lacks(
    merged: Place, github: FakeGitHub
) -> None:
    github.tokens["t0ken"] = Token(writes=frozenset({"packages"}), reads=frozenset({"contents"}))
    done = merged.prune()
    assert (done.code, done.out) == (7, ""), done.err
    assert "Add `pull-requests: read` to the `permissions:` of the job." in done.err
    assert merged.held() == [SEVEN]


def test_without_a_token_nobody_knows_what_is_closed(previews: Place) -> None:
    previews.push(SEVEN)
    done = previews.prune()
    assert done.code == 2
    assert "--closed N" in done.err
    assert previews.held() == [SEVEN]


def test_tag_goes_too_where_the_registry_keeps_it_without_its_digest(
    tmp_path: Path, crane_registry: Registry
) -> None:
    previews = place(tmp_path, crane_registry)
    previews.push(SEVEN, EIGHT)
    done = previews.prune("--closed", "7")
    assert (done.code, done.out) == (0, f"{previews.previews}/web:{SEVEN}: deleted\n"), done.err
    assert previews.held() == [EIGHT]


def test_place_of_the_previews_has_to_be_named(previews: Place) -> None:
    done = previews.command.run("prune", "--closed", "7")
    assert done.code == 2
    assert "--preview HOST/PATH" in done.err


def test_unknown_chart_is_refused(previews: Place) -> None:
    previews.push(SEVEN)
    done = previews.prune("--closed", "7", "charts/nothing")
    assert done.code == 2, done.err
    assert "charts/nothing" in done.err
    assert previews.held() == [SEVEN]


def test_registry_that_is_down_fails(previews: Place) -> None:
    done = previews.command.run("prune", "--preview", "127.0.0.1:1/previews", "--closed", "7")
    assert done.code == 5, done.err
    assert "127.0.0.1:1" in done.err


PACKAGE = Repository.parse("ghcr.io/acme/previews/web")


def held_by(github: FakeGitHub, tags: Sequence[str]) -> list[Preview]:
    """Let the package hold a version of each tag, and return them as what the registry shows."""
    github.state.packages["previews/web"] = [
        PackageVersion(number, f"sha256:{number:064x}", (tag,)) for number, tag in enumerate(tags, 1)
    ]
    return [
        Preview(repository=PACKAGE, tag=tag, digest=Digest.parse(f"sha256:{number:064x}"), number=7)
        for number, tag in enumerate(tags, 1)
    ]


@pytest.fixture
def versions(github: FakeGitHub) -> Iterator[PackageVersions]:
    options = Options(token="t0ken", api_url=github.api_url, between_writes=0)
    with GitHub("acme/charts", options) as gateway:
        yield PackageVersions(gateway)


def test_package_of_ghcr_loses_the_version_of_the_digest_and_keeps_its_last_one(
    github: FakeGitHub, versions: PackageVersions
) -> None:
    first, last = held_by(github, [SEVEN, EIGHT])
    assert versions.remove(first) == f"{PACKAGE}:{SEVEN}: deleted"
    assert versions.remove(last).startswith(f"{PACKAGE}:{EIGHT}: remains (")
    assert versions.remove(first) == f"{PACKAGE}:{SEVEN}: gone already"
    assert [version.id for version in github.state.packages["previews/web"]] == [2]


def test_package_of_ghcr_is_listed_once_however_much_of_it_goes(
    github: FakeGitHub, versions: PackageVersions
) -> None:
    previews = held_by(github, [f"0.0.0-pr.{number}.gabcdef0" for number in range(250)])
    for preview in previews[:100]:
        assert versions.remove(preview).endswith(": deleted")
    # Three pages, and one question of whose packages they are.
    assert (len(github.sent("GET")), len(github.sent("DELETE"))) == (4, 100)
    assert len(github.state.packages["previews/web"]) == 150


def test_preview_that_the_packages_api_does_not_show_remains(
    github: FakeGitHub, versions: PackageVersions
) -> None:
    (unseen, _) = held_by(github, [SEVEN, EIGHT])
    del github.state.packages["previews/web"][0]
    with pytest.raises(ForgeError, match=f"{SEVEN}: remains, the packages API does not show it") as caught:
        versions.remove(unseen)
    assert "packages: write" in caught.value.hint
    assert "Manage Actions access" in caught.value.hint
    github.state.packages.clear()  # GitHub says 404 of a package that the token may not see
    with pytest.raises(ForgeError, match="does not show it"):
        versions.remove(unseen)


def test_preview_that_github_does_not_find_to_delete_is_looked_for_again(
    github: FakeGitHub, versions: PackageVersions
) -> None:
    first, second, _ = held_by(github, [SEVEN, EIGHT, NINE])
    github.refuse("DELETE", "/versions/1$", "not-found")
    with pytest.raises(ForgeError, match=f"{SEVEN}: remains, the packages API does not find it to delete"):
        versions.remove(first)
    listed = github.state.packages["previews/web"]
    github.before("DELETE", "/versions/2$", lambda: listed.remove(listed[1]))
    assert versions.remove(second) == f"{PACKAGE}:{EIGHT}: gone already"
