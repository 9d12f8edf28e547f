from __future__ import annotations

import base64
import json
from contextlib import closing
from pathlib import Path

from tests.real.registries import Registry

from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.run.stores import connect, credentials
from oci_chart_publish.settings import ChartSettings, Settings

GHCR = Repository.parse("ghcr.io/acme/charts/web")
QUAY = Repository.parse("quay.io/acme/web")


def auths(**entries: str) -> str:
    listed = {
        host: {"auth": base64.b64encode(f"{user}:x".encode()).decode()} for host, user in entries.items()
    }
    return json.dumps({"auths": listed})


def user(settings: Settings, repository: Repository, home: Path) -> str:
    environment = {"HOME": str(home), "GITHUB_ACTOR": "octocat"}
    found = credentials(settings, environment).find(repository)
    return found.username if found else ""


def test_token_of_the_job_serves_ghcr_and_nothing_else(tmp_path: Path) -> None:
    settings = Settings(github_token="t0ken")
    assert user(settings, GHCR, tmp_path) == "octocat"
    assert user(settings, QUAY, tmp_path) == ""


def test_login_to_ghcr_goes_before_the_token_of_the_job(tmp_path: Path) -> None:
    given = Settings(github_token="t0ken", registry_auth=auths(**{"ghcr.io": "robot"}))
    assert user(given, GHCR, tmp_path) == "robot"
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(auths(**{"ghcr.io": "login"}))
    assert user(Settings(github_token="t0ken"), GHCR, tmp_path) == "login"


def test_username_and_password_serve_the_registry_without_another_credential(tmp_path: Path) -> None:
    registries = ("ghcr.io/acme/charts", "quay.io/acme")
    settings = Settings(github_token="t0ken", username="me", password="secret", registries=registries)
    assert user(settings, QUAY, tmp_path) == "me"
    assert user(settings, GHCR, tmp_path) == "octocat"


def test_authorities_are_trusted_for_the_registries_of_single_charts_too(
    tls_registry: Registry, tmp_path: Path
) -> None:
    own = ChartSettings(registries=(f"{tls_registry.host}/own",))
    settings = Settings(
        ca_file=str(tls_registry.ca_file), registries=("quay.io/acme",), chart_settings={"web": own}
    )
    with closing(
        connect(settings, {"HOME": str(tmp_path)}, say=lambda _: None, secret=lambda _: None)
    ) as registries:
        store = registries.repository(Repository.parse(f"{tls_registry.host}/own/web"))
        assert store.resolve("1.0.0") is None
