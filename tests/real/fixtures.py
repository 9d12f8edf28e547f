"""The real registries as fixtures: one of each for a whole session, started when a test first asks for it.

What one test puts there the next one sees: give repositories names of their own, and `clear` the log before counting.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.real import registries
from tests.real.registries import Registry

__all__ = (
    "crane_registry",
    "htpasswd_registry",
    "olareg",
    "olareg_no_referrers",
    "plain_registry",
    "readonly_registry",
    "tls_registry",
    "token_registry",
)


@pytest.fixture(scope="session")
def plain_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """docker-registry, open to all."""
    with registries.plain(tmp_path_factory.mktemp("plain-registry")) as registry:
        yield registry


@pytest.fixture(scope="session")
def htpasswd_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """docker-registry with Basic authentication."""
    with registries.htpasswd(tmp_path_factory.mktemp("htpasswd-registry")) as registry:
        yield registry


@pytest.fixture(scope="session")
def tls_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """docker-registry with TLS by an authority of its own."""
    with registries.tls(tmp_path_factory.mktemp("tls-registry")) as registry:
        yield registry


@pytest.fixture(scope="session")
def token_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """docker-registry with Bearer tokens."""
    with registries.token(tmp_path_factory.mktemp("token-registry")) as registry:
        yield registry


@pytest.fixture(scope="session")
def readonly_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """docker-registry that takes no uploads."""
    with registries.readonly(tmp_path_factory.mktemp("readonly-registry")) as registry:
        yield registry


@pytest.fixture(scope="session")
def olareg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """olareg: single POST, the referrers API, pages of tags."""
    with registries.olareg(tmp_path_factory.mktemp("olareg")) as registry:
        yield registry


@pytest.fixture(scope="session")
def olareg_no_referrers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """olareg without the referrers API."""
    with registries.olareg(tmp_path_factory.mktemp("olareg"), "--api-referrer=false") as registry:
        yield registry


@pytest.fixture(scope="session")
def crane_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The registry of crane: relative locations, single POST, no checks of manifests."""
    with registries.crane(tmp_path_factory.mktemp("crane-registry")) as registry:
        yield registry
