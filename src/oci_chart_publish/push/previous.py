"""The version published before: what a new one is compared with in the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import PublishError
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.store import Target


@runtime_checkable
class Listing(Protocol):
    """A store that can list its tags."""

    def tags(self) -> Iterable[str]:
        """Return all tags; nothing where the repository does not exist."""


class Previous(msgspec.Struct, frozen=True, kw_only=True):
    """A published version, its manifest, the store that has it, and its releases up to there, lowest first."""

    version: ChartVersion
    manifest: Manifest
    store: Target
    releases: tuple[ChartVersion, ...] = ()


def published_versions(store: Target) -> tuple[ChartVersion, ...]:
    """Return the versions that a repository's tags stand for, lowest first; tags that are no versions are left out."""
    if not isinstance(store, Listing):
        return ()
    result = (ChartVersion.from_tag(tag) for tag in store.tags())
    return tuple(sorted(version for version in result if version is not None))


def published(store: Target) -> tuple[ChartVersion, ...]:
    """Return the published versions, none where the registry does not say: a report without history is still one."""
    try:
        return published_versions(store)
    except PublishError:
        return ()


def overtaken(version: ChartVersion, published: Iterable[ChartVersion]) -> ChartVersion | None:
    """Return the highest release where ``version`` is below it and goes on with no line of releases.

    Such a version was lowered, perhaps by mistake. A line is a major version, or a minor one, all of whose releases
    are lower: 1.4.3 goes on with 1.4.2 whatever comes after it.
    """
    # Once it is pushed, the version is among them itself.
    releases = [release for release in published if not release.prerelease and release != version]
    highest = max(releases, default=version)
    if highest <= version:
        return None
    major = [release for release in releases if release.major == version.major]
    minor = [release for release in major if release.minor == version.minor]
    goes_on = any(line and max(line) < version for line in (major, minor))
    return None if goes_on else highest


def previous(store: Target, version: ChartVersion, versions: Sequence[ChartVersion]) -> Previous | None:
    """Return what was published before ``version``: the highest version below it, prereleases only if it is one too.

    ``versions`` are those that are published. None where there is nothing below, or it cannot be read.
    """
    below = [one for one in versions if one < version]
    releases = tuple(one for one in below if not one.prerelease)
    comparable = below if version.prerelease else releases
    try:
        manifest = store.manifest(comparable[-1].tag) if comparable else None
    except PublishError:
        return None
    if manifest is None:
        return None
    return Previous(version=comparable[-1], manifest=manifest, store=store, releases=releases)
