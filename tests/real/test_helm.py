"""Real Helm works with the real registries, away from the user's folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.real.helm import HELM3, HELM4, helm, transport
from tests.real.registries import Registry
from tests.real.tools import REPOSITORY

ARCHIVE = REPOSITORY / "tests" / "vectors" / "helm" / "g1-0.1.0.tgz"


@pytest.mark.parametrize(("name", "version"), [(HELM4, "v4."), (HELM3, "v3.")])
@pytest.mark.parametrize("mode", ["plain_registry", "htpasswd_registry", "tls_registry", "token_registry"])
def test_helm_pushes_and_pulls(
    name: str, version: str, mode: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    registry: Registry = request.getfixturevalue(mode)
    program = helm(tmp_path / "helm", name)
    assert program.run("version", "--short").startswith(version)
    program.login(registry)
    repository = f"oci://{registry.host}/helm/{name}"
    assert f"Pushed: {registry.host}/helm/{name}/g1:0.1.0" in program.run(
        "push", ARCHIVE, repository, *transport(registry)
    )
    pulled = ("pull", f"{repository}/g1", "--version", "0.1.0", "--destination", tmp_path)
    program.run(*pulled, *transport(registry))
    assert (tmp_path / ARCHIVE.name).read_bytes() == ARCHIVE.read_bytes()


def test_helm_keeps_to_its_folders(tmp_path: Path) -> None:
    environment = helm(tmp_path / "helm").environment()
    folders = {name for name, value in environment.items() if value.startswith(str(tmp_path / "helm"))}
    assert folders == {
        "HOME",
        "HELM_CACHE_HOME",
        "HELM_CONFIG_HOME",
        "HELM_DATA_HOME",
        "HELM_REGISTRY_CONFIG",
    }
