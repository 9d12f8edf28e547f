from __future__ import annotations

import base64
import json
from contextlib import closing
from pathlib import Path

import pytest
from tests.real.registries import Registry

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.run.stores import connect, credentials, keep_apart, trust
from oci_chart_publish.settings import ChartSettings, HostSettings, Settings

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


@pytest.mark.parametrize(
    ("server", "registry"),
    [
        ("", "ghcr.io"),
        ("https://github.com", "ghcr.io"),
        ("https://acme.ghe.com", "containers.acme.ghe.com"),
        ("https://github.acme.test", ""),
        ("https://gitea.acme.test/", ""),
        ("https://github.com.evil.test", ""),
        ("https://evilghe.com", ""),
    ],
)
def test_token_of_the_job_goes_to_the_registry_of_its_server_alone(
    tmp_path: Path, server: str, registry: str
) -> None:
    environment = {"HOME": str(tmp_path), "GITHUB_ACTOR": "octocat", "GITHUB_SERVER_URL": server}
    found = credentials(Settings(github_token="t0ken"), environment)
    hosts = (
        "ghcr.io",
        "containers.acme.ghe.com",
        "containers.github.acme.test",
        "gitea.acme.test",
        "docker.io",
    )
    assert [host for host in hosts if found.find(Repository(host, "acme/charts"))] == [registry] * bool(
        registry
    )


@pytest.mark.parametrize(
    ("releases", "preview"),
    [
        ("ghcr.io/acme/charts", "GHCR.io/acme/charts"),
        ("ghcr.io/acme/charts", "ghcr.io:443/acme/charts/"),
        ("docker.io/acme", "index.docker.io/acme"),
        ("registry-1.docker.io/acme", "oci://docker.io:443/acme"),
    ],
)
def test_previews_are_kept_apart_however_a_host_is_spelled(releases: str, preview: str) -> None:
    with pytest.raises(ConfigError, match="is where releases go"):
        keep_apart(Settings(registries=(releases,), preview=preview))
    keep_apart(Settings(registries=(releases,), preview=f"{preview.rstrip('/')}-previews"))


def test_a_broken_proxy_or_ca_file_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    der = tmp_path / "ca.crt"
    der.write_bytes(b"\x30\x82")
    for settings, environment, message in (
        (Settings(), {"HTTPS_PROXY": "::::"}, "HTTPS_PROXY: not the URL of a proxy"),
        (Settings(ca_file=str(der)), {}, r"ca-file: .*ca\.crt is DER, not PEM"),
        (Settings(client_key="k.pem"), {}, "client-key: there is no client-cert"),
    ):
        with pytest.raises(ConfigError, match=message):
            connect(settings, environment, say=lambda _: None, secret=lambda _: None)


def test_a_client_certificate_is_for_the_registries_and_those_of_single_hosts_go_before_it(
    tmp_path: Path,
) -> None:
    for name in ("ca.pem", "own.pem"):
        (tmp_path / name).write_text("-----BEGIN CERTIFICATE-----")
    special = HostSettings(ca_file=str(tmp_path / "own.pem"), client_cert="own.crt", client_key="own.key")
    settings = Settings(
        registries=("a.test/charts", "b.test/charts"),
        client_cert="all.pem",
        ca_file=str(tmp_path / "ca.pem"),
        host_settings={"b.test": special, "deps.test": special},
    )
    given = trust(settings, {}, frozenset({"a.test", "b.test"}))
    own = (Path("own.crt"), Path("own.key"))
    assert [given.client_certificate(host) for host in ("a.test", "b.test", "deps.test", "other.test")] == [
        (Path("all.pem"), None),
        own,
        own,
        None,
    ]
    names = {host: [path.name for _, path in given.authorities(host)] for host in ("b.test", "other.test")}
    assert names == {"b.test": ["own.pem", "ca.pem"], "other.test": ["ca.pem"]}
