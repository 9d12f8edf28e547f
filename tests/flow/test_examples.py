"""The charts of examples/, published to every kind of registry and used from there by Helm 4 and Helm 3."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.flow.command import ROOT, Command, credentials
from tests.real.helm import Helm, helm, transport
from tests.real.registries import Registry

REGISTRIES = ("plain_registry", "htpasswd_registry", "tls_registry", "token_registry", "olareg")
CHARTS = {"common": "0.3.0", "guestbook": "1.4.0", "shop": "0.9.2"}


@pytest.fixture
def command(tmp_path: Path) -> Command:
    shutil.copytree(ROOT / "examples" / "charts", tmp_path / "repo" / "charts")
    (tmp_path / "home").mkdir()
    return Command(folder=tmp_path / "repo", home=tmp_path / "home")


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("version", ["helm", "helm3"])
@pytest.mark.parametrize("fixture", REGISTRIES)
def test_every_chart_is_pulled_shown_and_templated_as_its_source(
    command: Command, fixture: str, version: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    registry: Registry = request.getfixturevalue(fixture)
    place = f"{registry.host}/examples-{version}"
    done = command.publish(place, options=credentials(registry))
    assert done.code == 0, done.err
    assert done.statuses() == dict.fromkeys(CHARTS, "published")
    client = helm(tmp_path / "helm", version)
    client.login(registry)
    for name, number in CHARTS.items():
        source = command.folder / "charts" / name
        found = ("--version", number, *transport(registry))
        client.run("pull", f"oci://{place}/{name}", *found, "--untar", "--untardir", tmp_path / "out")
        assert files(tmp_path / "out" / name) == files(source)
        assert f"name: {name}\n" in client.run("show", "all", f"oci://{place}/{name}", *found)
        if name != "common":  # a library, which cannot be rendered by itself
            assert client.template("x", f"oci://{place}/{name}", *found) == client.template("x", source)


@pytest.mark.parametrize("version", ["helm", "helm3"])
def test_adopting_what_helm_published_takes_no_write_and_then_one_request_a_chart(
    command: Command, version: str, token_registry: Registry, tmp_path: Path
) -> None:
    client = helm(tmp_path / "helm", version)
    client.login(token_registry)
    place = f"{token_registry.host}/adopted-{version}"
    pushed = {name: push(client, command, name, place, tmp_path) for name in CHARTS}
    token_registry.clear()
    done = command.publish(place, options=credentials(token_registry))
    assert done.code == 0, done.err
    assert done.statuses() == dict.fromkeys(CHARTS, "unchanged")
    assert done.digests() == pushed
    assert set() < {method for method, _, _ in token_registry.requests()} <= {"HEAD", "GET"}
    token_registry.clear()
    again = command.publish(place, options=credentials(token_registry))
    assert again.digests() == pushed
    paths = [path for method, path, _ in token_registry.requests() if path != "/v2/"]
    assert len(paths) == len({path for path in paths if "/manifests/" in path}) == len(CHARTS)


def push(client: Helm, command: Command, name: str, place: str, folder: Path) -> str:
    """Let Helm package and push a chart; return the digest it names."""
    client.run("package", command.folder / "charts" / name, "--destination", folder / "packed")
    (archive,) = (folder / "packed").glob(f"{name}-*.tgz")
    said = client.run("push", archive, f"oci://{place}", "--plain-http")
    return said.partition("Digest: ")[2].split()[0]


def test_published_archive_holds_the_files_that_helm_packages(
    command: Command, plain_registry: Registry, tmp_path: Path
) -> None:
    client = helm(tmp_path / "helm")
    place = f"{plain_registry.host}/contents"
    assert command.publish(place).code == 0
    for name, number in CHARTS.items():
        client.run("package", command.folder / "charts" / name, "--destination", tmp_path / "packed")
        (archive,) = (tmp_path / "packed").glob(f"{name}-*.tgz")
        client.run("pull", f"oci://{place}/{name}", "--version", number, "--plain-http", "-d", tmp_path)
        ours, theirs = members(tmp_path / f"{name}-{number}.tgz"), members(archive)
        assert ours == theirs


def members(archive: Path) -> list[str]:
    """Return the names in an archive, in its order."""
    done = subprocess.run(["tar", "tzf", archive], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
