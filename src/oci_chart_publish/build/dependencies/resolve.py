"""From what a chart needs to archives in its ``charts/``: built in this run, or fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from oci_chart_publish.build.dependencies.entry import naming
from oci_chart_publish.chart.version import ChartVersion, is_strict
from oci_chart_publish.errors import ChartError
from oci_chart_publish.handover import Need
from oci_chart_publish.oci.reference import SCHEME
from oci_chart_publish.registry.address import redact


class Fetcher(Protocol):
    """Where archives of other people's charts come from; each is fetched once a run and has been verified."""

    def versions(self, repository: str, name: str) -> tuple[ChartVersion, ...]:
        """Return all versions of a chart at a repository."""

    def archive(self, repository: str, name: str, version: str) -> bytes:
        """Return the archive of one version."""


Built = Callable[[Need], tuple[str, bytes]]
"""Gives version and archive of the chart in the need's folder of this repository, as built in this run."""


Archive = tuple[str, bytes]
"""A version and the archive of a chart at that version."""
Gather = Callable[[Sequence[Callable[[], Archive]]], list[Archive]]
"""Makes calls at the same time; results come in the order of the calls."""


def archives(
    needs: Iterable[Need], built: Built, fetcher: Fetcher | None, gather: Gather
) -> tuple[dict[str, bytes], list[str]]:
    """Return the archives by their path in the chart, and warnings; ChartError where one cannot be had."""
    wanted = tuple(needs)
    found = gather([partial(_archive, need, built, fetcher) for need in wanted])
    files: dict[str, bytes] = {}
    warnings: list[str] = []
    for need, (version, data) in zip(wanted, found, strict=True):
        if not need.locked and need.folder is None and version != need.version:
            warnings.append(
                f"{need.name} {need.version} was resolved to {version} without a lock: the result is not reproducible"
            )
        files[f"charts/{need.name}-{version}.tgz"] = data
    return files, warnings


def _archive(need: Need, built: Built, fetcher: Fetcher | None) -> Archive:
    with naming(need.number):
        return _from_tree(need, built) if need.folder is not None else _fetched(need, fetcher)


def _from_tree(need: Need, built: Built) -> Archive:
    version, data = built(need)
    if not need.allows(version) and need.locked:
        raise ChartError(
            f"{need.name} is {version} in this repository, the lock names {need.version}",
            hint="run `helm dependency update`, or publish with dependency: update, and commit the lock",
        )
    if not need.allows(version):
        raise ChartError(
            f"{need.name} is {version} in this repository, which does not satisfy {need.version}",
            hint=f"change the dependency's version, or that of {need.folder}/Chart.yaml",
        )
    return version, data


def _fetched(need: Need, fetcher: Fetcher | None) -> Archive:
    if fetcher is None:
        raise ChartError(
            f"{need.name} {need.version} is missing in charts/ and is not fetched",
            hint="run `helm dependency build`, or commit the subcharts",
        )
    version = need.version if need.locked else _best(need, fetcher)
    return version, fetcher.archive(need.repository, need.name, version)


def _best(need: Need, fetcher: Fetcher) -> str:
    if need.repository.startswith(SCHEME) and is_strict(need.version):
        return need.version  # one tag, so the list is not asked for; as Helm
    fitting = [
        version for version in fetcher.versions(need.repository, need.name) if need.allows(str(version))
    ]
    if not fitting:
        raise ChartError(
            f"no version of {need.name} at {redact(need.repository)} satisfies {need.version}",
            hint="change the version constraint",
        )
    return str(max(fitting))
