"""The whole run against real registries, undisturbed."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import jsonschema
import pytest
from tests.fakes.git import GitRepo
from tests.flow.command import ROOT, Command, credentials, repository
from tests.real.helm import Helm, helm
from tests.real.registries import Registry

REGISTRIES = ("plain_registry", "htpasswd_registry", "tls_registry", "token_registry", "olareg")


@pytest.fixture
def command(tmp_path: Path) -> Command:
    (tmp_path / "home").mkdir()
    return Command(folder=repository(tmp_path / "repo"), home=tmp_path / "home")


def packed(client: Helm, chart: Path, folder: Path) -> Path:
    """Let Helm package a chart."""
    client.run("package", chart, "--destination", folder)
    (archive,) = folder.glob(f"{chart.name}-*.tgz")
    return archive


@pytest.mark.parametrize("fixture", REGISTRIES)
def test_everything_is_published_once_and_then_unchanged(
    command: Command, fixture: str, request: pytest.FixtureRequest
) -> None:
    registry: Registry = request.getfixturevalue(fixture)
    place, options = f"{registry.host}/once", credentials(registry)
    first = command.publish(place, options=options)
    assert first.code == 0, first.err
    assert set(first.statuses().values()) == {"published"}
    again = command.publish(place, options=options)
    assert again.code == 0, again.err
    assert set(again.statuses().values()) == {"unchanged"}
    assert again.digests() == first.digests()
    schema = json.loads((ROOT / "schema" / "report-v1.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(first.report)


def kinds(registry: Registry) -> Counter[str]:
    """Count requests: those that look at what there is, by HEAD or GET, and those that write, by method."""
    methods = (method for method, _, _ in registry.requests())
    return Counter("look" if method in {"HEAD", "GET"} else method for method in methods)


def test_new_chart_takes_seven_requests_and_an_unchanged_one_takes_one(
    command: Command, plain_registry: Registry
) -> None:
    plain_registry.clear()
    command.publish(f"{plain_registry.host}/count")
    asked = kinds(plain_registry)
    # One look before and one after; on a machine that takes more than two seconds to get there, one more.
    assert asked.pop("look") in range(8, 13)
    assert asked == {"POST": 8, "PUT": 12}
    plain_registry.clear()
    command.publish(f"{plain_registry.host}/count")
    assert kinds(plain_registry) == {"look": 4}


def test_new_chart_takes_four_requests_where_one_post_is_enough(command: Command, olareg: Registry) -> None:
    command.publish(f"{olareg.host}/learn")
    olareg.clear()
    command.publish(f"{olareg.host}/single", options=["--jobs", "1"])
    # One more for the blob that was on its way while the registry showed that it takes a single POST.
    assert len(olareg.requests()) in range(4 * 5, 4 * 6 + 2)


@pytest.mark.parametrize("version", ["helm", "helm3"])
def test_what_helm_published_before_is_unchanged_without_a_single_write(
    command: Command, version: str, plain_registry: Registry, tmp_path: Path
) -> None:
    client = helm(tmp_path / "helm", version)
    place = f"{plain_registry.host}/adopt-{version}"
    for chart in sorted((command.folder / "charts").iterdir()):
        archive = packed(client, chart, tmp_path / "packed")
        client.run("push", str(archive), f"oci://{place}", "--plain-http")
    plain_registry.clear()
    done = command.publish(place)
    assert done.code == 0, done.err
    assert set(done.statuses().values()) == {"unchanged"}
    assert kinds(plain_registry).keys() == {"look"}
    plain_registry.clear()
    assert command.publish(place).code == 0
    assert kinds(plain_registry) == {"look": 4}


@pytest.mark.parametrize("version", ["helm", "helm3"])
def test_helm_pulls_shows_and_templates_what_was_published(
    command: Command, version: str, plain_registry: Registry, tmp_path: Path
) -> None:
    place = f"{plain_registry.host}/pull-{version}"
    assert command.publish(place).code == 0
    client = helm(tmp_path / "helm", version)
    reference = f"oci://{place}/chart-2"
    client.run(
        "pull",
        reference,
        "--version",
        "1.2.0",
        "--plain-http",
        "--untar",
        "--untardir",
        str(tmp_path / "out"),
    )
    source = command.folder / "charts" / "chart-2"
    for path in (p for p in source.rglob("*") if p.is_file()):
        assert (tmp_path / "out/chart-2" / path.relative_to(source)).read_bytes() == path.read_bytes()
    assert "name: chart-2" in client.run("show", "chart", reference, "--version", "1.2.0", "--plain-http")
    rendered = client.run("template", "x", reference, "--version", "1.2.0", "--plain-http")
    assert "kind: ConfigMap" in rendered


def test_helm_push_of_our_archive_gives_our_manifest(
    command: Command, plain_registry: Registry, tmp_path: Path
) -> None:
    ours = Command(
        folder=command.folder, home=command.home, extra={"SOURCE_DATE_EPOCH": "1609459200", "TZ": "UTC"}
    )
    place = f"{plain_registry.host}/parity"
    done = ours.publish(place, charts=["charts/chart-1"], options=["--annotations", "helm"])
    assert done.code == 0, done.err
    (chart,) = done.report["charts"]
    archive = tmp_path / "chart-1-1.1.0.tgz"
    layer = chart["layer"]["digest"].partition(":")[2]
    archive.write_bytes((command.home / "layout/blobs/sha256" / layer).read_bytes())
    os.utime(archive, (1609459200, 1609459200))
    client = helm(tmp_path / "helm")
    said = client.run("push", str(archive), f"oci://{plain_registry.host}/parity-helm", "--plain-http")
    assert f"Digest: {chart['digest']}" in said


def test_clone_that_rewrites_line_ends_has_another_digest_and_attributes_prevent_it(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    origin = GitRepo(repository(tmp_path / "origin", 1))
    origin.commit("charts")

    def digest(*options: str) -> str:
        clone = GitRepo.clone(origin.root, tmp_path / f"clone-{len(list(tmp_path.iterdir()))}", *options)
        done = Command(folder=clone.root, home=tmp_path / "home").run("plan", "--json")
        assert done.code == 0, done.err
        return done.digests()["chart-0"]

    crlf = ("--config", "core.autocrlf=true")
    before = digest()
    assert digest() == before
    assert digest(*crlf) != before
    origin.write({".gitattributes": "* -text\n"})
    origin.commit("bytes as they are")
    assert (digest(), digest(*crlf)) == (before, before)


def test_without_a_registry_the_charts_end_in_the_layout(command: Command) -> None:
    done = command.publish()
    assert done.code == 0, done.err
    index = json.loads((command.home / "layout" / "index.json").read_text())
    names = {entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index["manifests"]}
    assert names == {f"chart-{number}:1.{number}.0" for number in range(4)}
    assert set(done.statuses().values()) == {"saved"}
    assert (done.report["totals"]["saved"], done.report["totals"]["published"]) == (4, 0)
    assert done.report["conclusion"] == "nothing"
    again = command.publish()
    assert (again.code, set(again.statuses().values())) == (0, {"unchanged"})


def test_one_build_is_pushed_unchanged_to_every_registry(
    command: Command, plain_registry: Registry, olareg: Registry
) -> None:
    done = command.publish(f"{plain_registry.host}/both", f"{olareg.host}/both")
    assert done.code == 0, done.err
    for chart in done.report["charts"]:
        assert [target["digest"] for target in chart["targets"]] == [chart["digest"]] * 2


def test_registry_that_lacks_a_version_receives_what_is_published_and_no_rebuild(
    command: Command, plain_registry: Registry, olareg: Registry, tmp_path: Path
) -> None:
    client = helm(tmp_path / "helm")
    archive = packed(client, command.folder / "charts" / "chart-0", tmp_path / "packed")
    client.run("push", str(archive), f"oci://{plain_registry.host}/lack", "--plain-http")
    done = command.publish(f"{plain_registry.host}/lack", f"{olareg.host}/lack", charts=["charts/chart-0"])
    assert done.code == 0, done.err
    (chart,) = done.report["charts"]
    assert [target["status"] for target in chart["targets"]] == ["unchanged", "published"]
    assert chart["targets"][0]["digest"] == chart["targets"][1]["digest"] == chart["digest"]
    assert chart["digest"] != chart["built_digest"]


def test_verify_proves_what_is_there_and_names_what_is_not(
    command: Command, plain_registry: Registry
) -> None:
    place = f"{plain_registry.host}/verify"
    assert command.publish(place, charts=["charts/chart-0"]).code == 0
    assert command.run("verify", "charts/chart-0", "--registry", place).code == 0
    done = command.run("verify", "--registry", place)
    assert done.code == 8
    assert f"{place}/chart-1:1.1.0 is not published" in done.err


def test_diff_shows_files_and_values(command: Command, plain_registry: Registry) -> None:
    place = f"{plain_registry.host}/diff"
    assert command.publish(place, charts=["charts/chart-0"]).code == 0
    chart = command.folder / "charts" / "chart-0"
    (chart / "values.yaml").write_text("key0: other\n")
    (chart / "new.txt").write_text("new\n")
    done = command.run("diff", f"oci://{place}/chart-0:1.0.0", "charts/chart-0", "--exit-code")
    assert done.code == 8
    assert "+ new.txt" in done.out
    assert 'values.yaml: key0: "value-0-0" -> "other"' in done.out
