"""Where missing dependencies come from, by the settings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from oci_chart_publish.chartrepo.aliases import OwnRepositories
from oci_chart_publish.registry.connect import PULL
from oci_chart_publish.run.policy import DependencyPolicy
from oci_chart_publish.run.stores import Stores, everywhere
from oci_chart_publish.settings import Settings
from oci_chart_publish.singleflight import SingleFlight
from oci_chart_publish.tree.tree import Tree

if TYPE_CHECKING:
    from oci_chart_publish.chartrepo.fetch import Fetcher


def dependency_policy(
    settings: Settings,
    stores: Stores,
    *,
    page: str,
    tree: Callable[[str], Tree | None],
    save: Callable[[str, bytes], None] | None,
) -> DependencyPolicy:
    """Return the policy of a run; nothing is opened before something has to be fetched.

    ``page`` is that of the repository, ``tree`` gives the chart in one of its folders, ``save`` writes a new lock.
    """
    once: SingleFlight[Fetcher] = SingleFlight()
    return DependencyPolicy(
        is_own=OwnRepositories.of(
            registries=everywhere(settings),
            urls=filter(None, [*settings.own_repositories, settings.rewrite_dependencies]),
            page=page,
        ),
        aliases=settings.repositories,
        fetcher=None
        if settings.dependency == "skip"
        else partial(once.get, "", partial(_fetcher, settings, stores)),
        tree=tree,
        update=settings.dependency == "update",
        save=save,
        rewrite=settings.rewrite_dependencies,
    )


def _fetcher(settings: Settings, stores: Stores) -> Fetcher:
    from oci_chart_publish.chartrepo.fetch import Fetcher  # noqa: PLC0415  (few charts lack something)

    return Fetcher(
        connect=lambda repository: stores.registries.repository(repository, actions=PULL),
        http=stores.registries.chart_repositories(stores.layout.root / "memo" / "indexes"),
        layout=stores.layout,
        memo=stores.memo,
        aliases=settings.repositories,
        offline=settings.offline,
    )
