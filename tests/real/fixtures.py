"""pytest fixtures for the real components; ``tests/conftest.py`` loads them, so every test can ask for them.

Registries live for the session and keep their content in memory: a test takes a namespace of its own. One that needs
more (files on disk, a restart, a rate limit) starts its own by the functions in ``registries``.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real import registries
from tests.real.helm import Helm, HelmLibrary, helm, helm_library
from tests.real.registries import RunningRegistry


@pytest.fixture
def namespace() -> str:
    """A repository prefix that no other test uses."""
    return f"charts-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def plain_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """docker-registry over HTTP without authentication."""
    with registries.docker_registry(tmp_path_factory.mktemp("plain")) as running:
        yield running


@pytest.fixture(scope="session")
def basic_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """docker-registry that wants a password by Basic."""
    with registries.docker_registry(tmp_path_factory.mktemp("basic"), htpasswd=True) as running:
        yield running


@pytest.fixture(scope="session")
def tls_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """docker-registry over HTTPS, with a certificate of a private authority."""
    with registries.docker_registry(tmp_path_factory.mktemp("tls"), tls=True) as running:
        yield running


@pytest.fixture(scope="session")
def token_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """docker-registry that wants a Bearer token from its own token server."""
    with registries.docker_registry(tmp_path_factory.mktemp("token"), token=True) as running:
        yield running


@pytest.fixture(scope="session")
def read_only_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """docker-registry that refuses every upload with 405."""
    with registries.docker_registry(tmp_path_factory.mktemp("read-only"), read_only=True) as running:
        yield running


@pytest.fixture(scope="session")
def olareg_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """olareg: referrers API and single POST."""
    with registries.olareg(tmp_path_factory.mktemp("olareg")) as running:
        yield running


@pytest.fixture(scope="session")
def olareg_without_referrers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """olareg that answers 404 to the referrers API."""
    with registries.olareg(tmp_path_factory.mktemp("olareg"), referrers=False) as running:
        yield running


@pytest.fixture(scope="session")
def crane_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """crane's registry: relative locations, manifests without their blobs accepted."""
    with registries.crane_registry(tmp_path_factory.mktemp("crane")) as running:
        yield running


@pytest.fixture
def helm4(tmp_path: Path) -> Helm:
    """Real Helm 4."""
    return helm("helm", tmp_path / "helm4")


@pytest.fixture
def helm3(tmp_path: Path) -> Helm:
    """Real Helm 3, a current one."""
    return helm("helm3", tmp_path / "helm3")


@pytest.fixture
def helm36(tmp_path: Path) -> Helm:
    """Helm 3.6.3, the last with ``helm chart save``, ``push``, ``pull`` and ``export``."""
    return helm("helm-3.6.3", tmp_path / "helm36", HELM_EXPERIMENTAL_OCI="1")


@pytest.fixture(params=["helm", "helm3"])
def any_helm(request: pytest.FixtureRequest, tmp_path: Path) -> Helm:
    """Helm 4 and Helm 3 in turn."""
    return helm(str(request.param), tmp_path / str(request.param))


@pytest.fixture
def helm_sdk(tmp_path: Path) -> HelmLibrary:
    """Helm 4 as a library, which needs no Go."""
    return helm_library(tmp_path / "helm-sdk")
