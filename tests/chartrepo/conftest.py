"""Chart repositories, and fetchers whose cache lasts as long as the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.fakes.chartrepo import ChartRepo
from tests.fakes.clients import authority, registries, serve, trusting

from oci_chart_publish.chartrepo.fetch import Fetcher
from oci_chart_publish.http.credentials import Credential, Credentials, ExplicitCredentials
from oci_chart_publish.http.retry import RetryPolicy
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.registry.client import RegistryRepository
from oci_chart_publish.registry.connect import PULL, Registries, RegistryOptions

__all__ = ("MakeFetcher", "authority", "chart_repo", "fetcher", "registries", "serve", "trusting")


class MakeFetcher(Protocol):
    """Makes the fetcher of another run over the same cache."""

    def __call__(
        self,
        *,
        aliases: Mapping[str, str] = ...,
        offline: bool = ...,
        credentials: Mapping[str, Credential] = ...,
    ) -> Fetcher: ...


@pytest.fixture
def chart_repo() -> Iterator[Callable[..., ChartRepo]]:
    """Start chart repositories."""
    running: list[ChartRepo] = []

    def start(**settings: Any) -> ChartRepo:
        running.append(ChartRepo(**settings))
        return running[-1]

    yield start
    for repo in running:
        repo.close()


@pytest.fixture
def fetcher(tmp_path: Path) -> Iterator[MakeFetcher]:
    """Make fetchers."""
    made: list[Registries] = []

    def make(
        *,
        aliases: Mapping[str, str] | None = None,
        offline: bool = False,
        credentials: Mapping[str, Credential] | None = None,
    ) -> Fetcher:
        patience = RetryPolicy(tries=3, base=0.001, secondary=0.01, restart=())
        found = Credentials([ExplicitCredentials(credentials or {})])
        registries = Registries(found, RegistryOptions(patience=patience))
        made.append(registries)
        layout = ImageLayout.create(tmp_path / "layout")

        def connect(repository: Repository) -> RegistryRepository:
            return registries.repository(repository, actions=PULL)

        return Fetcher(
            connect=connect,
            http=registries.chart_repositories(tmp_path / "chart-repositories"),
            layout=layout,
            memo=Memo(layout.root / "memo"),
            aliases=aliases or {},
            offline=offline,
        )

    yield make
    for opened in made:
        opened.close()
