"""Servers, certificates and clients for the tests of the registry client.

Every test of a folder that takes them over runs with a hostile environment: credentials in netrc for the hosts
used, a proxy that is dead and a CA bundle that does not exist. All of it would be taken up by ``requests`` if it
were asked in the usual way.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.fakes.registry import FakeRegistry, Quirks
from tests.fakes.wire import Answering, WireServer

from oci_chart_publish.http.credentials import Credential, Credentials, ExplicitCredentials
from oci_chart_publish.http.retry import RetryPolicy
from oci_chart_publish.http.tls import Trust
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.registry.client import RegistryRepository
from oci_chart_publish.registry.connect import PULL_PUSH, Registries, RegistryOptions

ALICE = Credential(username="alice", password="s3cret:with-colon", origin="the test")
USERS = {"alice": "s3cret:with-colon"}


@pytest.fixture(autouse=True)
def hostile_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Set traps that a client built on ``requests`` runs into."""
    home = tmp_path / "home"
    home.mkdir()
    entries = "".join(
        f"machine {name} login mallory password netrc-secret\n"
        for name in ("127.0.0.1", "localhost", "registry.test")
    )
    (home / ".netrc").write_text(entries)
    (home / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NETRC", str(home / ".netrc"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "no-such-bundle.pem"))


@pytest.fixture
def serve() -> Iterator[Callable[..., WireServer]]:
    """Start scripted servers: ``serve(answer, tls=None)``."""
    running: list[WireServer] = []

    def start(answer: Answering, tls: ssl.SSLContext | None = None) -> WireServer:
        running.append(WireServer(answer=answer, tls=tls))
        return running[-1]

    yield start
    for server in running:
        server.close()


@pytest.fixture
def fake() -> Iterator[Callable[..., FakeRegistry]]:
    """Start fake registries: ``fake(Quirks(...), users=..., auth=...)``."""
    running: list[FakeRegistry] = []

    def start(quirks: Quirks | None = None, **settings: Any) -> FakeRegistry:
        running.append(FakeRegistry(quirks, **settings))
        return running[-1]

    yield start
    for registry in running:
        registry.close()


Client = Callable[..., RegistryRepository]


@pytest.fixture
def registries() -> Iterator[Callable[..., Registries]]:
    """Make registries with quick retries: ``registries({host: credential}, **options)``."""
    made: list[Registries] = []

    def make(explicit: dict[str, Credential] | None = None, **options: Any) -> Registries:
        options.setdefault("patience", quick())
        sources = [ExplicitCredentials(explicit)] if explicit else []
        made.append(Registries(Credentials(sources), RegistryOptions(**options)))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def client(registries: Callable[..., Registries]) -> Client:
    """Make the client of a repository of a server: ``client(server, path="charts/web", credential=None)``."""

    def make(
        server: FakeRegistry | WireServer,
        path: str = "charts/web",
        *,
        credential: Credential | None = None,
        actions: str = PULL_PUSH,
        **options: Any,
    ) -> RegistryRepository:
        explicit = {server.host: credential} if credential else None
        made = registries(explicit, **options)
        return made.repository(Repository(server.host, path), actions=actions)

    return make


def quick(**settings: Any) -> RetryPolicy:
    """Return a patience that waits next to nothing."""
    settings.setdefault("base", 0.001)
    settings.setdefault("secondary", 0.01)
    settings.setdefault("restart", (0.001, 0.001, 0.001))
    return RetryPolicy(**settings)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """Return the file of a certificate authority, and the server side of TLS for 127.0.0.1 and localhost."""
    ca = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return path, context


@pytest.fixture
def trusting(authority: tuple[Path, ssl.SSLContext]) -> Callable[..., Trust]:
    """Make the trust in the test authority for some hosts: ``trusting(host, ...)``."""

    def make(*hosts: str, **settings: Any) -> Trust:
        return Trust(ca_files=dict.fromkeys(hosts, authority[0]), **settings)

    return make
