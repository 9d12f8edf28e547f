"""From what a chart needs to archives in its ``charts/``: built in this run, or fetched."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol

import msgspec
from msgspec.structs import replace

from oci_chart_publish.chart.chart import Chart
from oci_chart_publish.chart.constraint import Constraint
from oci_chart_publish.chart.lock import encode_lock, lock_digest, lock_digest_helm2
from oci_chart_publish.chart.metadata import CHART_FILE, Dependency
from oci_chart_publish.chart.version import ChartVersion, is_lenient
from oci_chart_publish.chartrepo.aliases import url_of
from oci_chart_publish.errors import ChartError, PublishError
from oci_chart_publish.http.address import redact
from oci_chart_publish.model import ChartArtifact, Need
from oci_chart_publish.oci.reference import SCHEME

DEPENDENCIES = "dependencies"


def key_of(number: int) -> str:
    """Return the dotted key of a declared dependency, counted from 0."""
    return f"{DEPENDENCIES}.{number}"


@contextmanager
def naming(number: int) -> Iterator[None]:
    """Give every error the place of the dependency with this number in the list.

    An error about another file, one in a fetched archive say, names that file in its message instead.
    """
    try:
        yield
    except PublishError as error:
        if error.path in {"", CHART_FILE}:
            raise error.at(CHART_FILE, key=key_of(number)) from error
        elsewhere = str(error).removesuffix(f"\n{error.hint}")
        raise ChartError(elsewhere, path=CHART_FILE, key=key_of(number), hint=error.hint) from error


FILE = "file://"


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What is known around a chart.

    ``links`` are the folders of this repository that its dependencies come from, by their number; ``charts`` the name
    of the chart in each, and its version in this run; ``aliases`` URLs by the names that Chart.yaml may use for them.
    """

    links: Mapping[int, str]
    charts: Mapping[str, tuple[str, str]]
    aliases: Mapping[str, str]


def needs(chart: Chart, folder: str, around: Surroundings, *, locked: bool = True) -> tuple[Need, ...]:
    """Return what the chart in ``folder`` declares and lacks in ``charts/``; ChartError for a stale lock."""
    present = {subchart.name for subchart in chart.subcharts}
    missing = [
        number
        for number, dependency in enumerate(chart.metadata.dependencies)
        if dependency.name not in present
    ]
    if not missing:
        return ()
    plain = _plain(chart, around.aliases)
    versions = _locked_versions(chart, plain) if locked else {}
    result = []
    for number in missing:
        with naming(number):
            result.append(_need(plain[number], number, versions.get(number), folder, around))
    return tuple(result)


def _with_url(dependency: Dependency, aliases: Mapping[str, str]) -> Dependency:
    return replace(dependency, repository=url_of(dependency.repository, aliases, dependency=dependency.name))


def _plain(chart: Chart, aliases: Mapping[str, str]) -> list[Dependency]:
    """Return the declared dependencies with the URLs that names of repositories stand for."""
    result = []
    for number, dependency in enumerate(chart.metadata.dependencies):
        with naming(number):
            result.append(_with_url(dependency, aliases))
    return result


def _need(dependency: Dependency, number: int, locked: str | None, folder: str, around: Surroundings) -> Need:
    base = Need(
        number=number,
        name=dependency.name,
        version=dependency.version if locked is None else locked,
        locked=locked is not None,
        repository=dependency.repository,
    )
    if dependency.repository.startswith(FILE):
        target = _file_folder(dependency, folder)
        _check_name(dependency, around.charts.get(target))
        return replace(base, folder=target)
    if not dependency.repository:
        raise ChartError(
            f"{dependency.name} has no repository and is missing in charts/",
            hint=f"put it into charts/{dependency.name}/, or say where it comes from",
        )
    target = around.links.get(number, "")
    if target in around.charts and number in around.links and base.allows(around.charts[target][1]):
        return replace(base, folder=target)
    return base


def _check_name(dependency: Dependency, found: tuple[str, str] | None) -> None:
    """Raise ChartError where another chart is in the folder: Helm would pack that, and then miss the one declared."""
    if found is not None and found[0] != dependency.name:
        raise ChartError(
            f"{dependency.name!r} is to come from {dependency.repository}, where the chart is called {found[0]!r}",
            hint=f"write name: {found[0]}, and what it is called here as alias:",
        )


def _file_folder(dependency: Dependency, folder: str) -> str:
    path = dependency.repository.removeprefix(FILE)
    target = posixpath.normpath(posixpath.join(folder, path)) if not path.startswith("/") else path
    if target.startswith(("..", "/")):
        raise ChartError(
            f"{dependency.name}: {dependency.repository} leads out of the repository",
            hint="a chart is built from its own repository only",
        )
    return "" if target == "." else target


def _locked_versions(chart: Chart, declared: Sequence[Dependency]) -> dict[int, str]:
    """Return the locked version of each declared dependency, by its number; empty without a lock."""
    lock = chart.lock
    if lock is None:
        return {}
    name = "Chart.lock" if chart.file("Chart.lock") is not None else "requirements.lock"
    known = {lock_digest(declared, lock.dependencies)}
    if chart.metadata.api_version != "v2":
        known.add(lock_digest_helm2(chart.metadata.dependencies))
    if lock.digest not in known:
        source = "Chart.yaml" if name == "Chart.lock" else "requirements.yaml"
        raise ChartError(
            f"is out of sync with the dependencies in {source}",
            path=name,
            key="digest",
            hint="run `helm dependency update`, or publish with dependency: update, and commit the lock",
        )
    waiting = list(lock.dependencies)
    result: dict[int, str] = {}
    for number, dependency in enumerate(declared):
        entry = next((item for item in waiting if item.name == dependency.name), None)
        if entry is not None:
            waiting.remove(entry)
            result[number] = entry.version
    return result


def left_alone(artifact: ChartArtifact, embedded: Iterable[str]) -> tuple[str, ...]:
    """Warn of what would be resolved anew, were it not in ``charts/``: nothing in the tree is deleted.

    ``embedded`` are the names of the dependencies that were taken from this repository.
    """
    missing = {*embedded, *(need.name for need in artifact.unresolved)}
    vendored = [d.name for d in artifact.metadata.dependencies if d.repository and d.name not in missing]
    return tuple(
        f"{name} is in charts/ and is packed as it is there; delete it there to have it resolved anew"
        for name in dict.fromkeys(vendored)
    )


def renewed_lock(chart: Chart, aliases: Mapping[str, str]) -> tuple[str, bytes]:
    """Return name and bytes of the lock for a chart whose ``charts/`` is complete, as ``helm dependency update`` would.

    The old lock is returned where it says the same: ``generated`` changes only with the rest.
    """
    path = "Chart.lock" if chart.metadata.api_version == "v2" else "requirements.lock"
    declared = _plain(chart, aliases)
    locked = [
        Dependency(name=d.name, repository=d.repository, version=_embedded(d, chart.subcharts))
        for d in declared
    ]
    digest = lock_digest(declared, locked)
    old = chart.file(path)
    if old is not None and chart.lock is not None and chart.lock.digest == digest:
        return path, old
    return path, encode_lock(locked, digest)


def _embedded(dependency: Dependency, subcharts: Sequence[Chart]) -> str:
    """Return the version that a lock names for a dependency: the tag where it is one, else what is embedded."""
    versions = [subchart.version for subchart in subcharts if subchart.name == dependency.name]
    constraint = Constraint.parse(dependency.version)  # one chart may be there twice, at versions of its own
    embedded = next((v for v in versions if constraint.allows(ChartVersion.parse(v))), dependency.version)
    if _names_tag(dependency.repository, dependency.version):
        tag = ChartVersion.parse(dependency.version)
        return dependency.version if tag == ChartVersion.parse(embedded) else embedded
    return embedded


class Fetcher(Protocol):
    """Where archives of other people's charts come from; each is fetched once a run and has been verified."""

    def versions(self, repository: str, name: str) -> tuple[ChartVersion, ...]:
        """Return all versions of a chart at a repository."""

    def archive(self, repository: str, name: str, version: str) -> bytes:
        """Return the archive of one version."""


Archive = tuple[str, bytes]
"""A version and the archive of a chart at that version."""
Gather = Callable[[Sequence[Callable[[], Archive]]], list[Archive]]
"""Makes calls at the same time; results come in the order of the calls."""


def archives(
    needs: Iterable[Need], fetcher: Fetcher | None, gather: Gather
) -> tuple[dict[str, bytes], list[str]]:
    """Return the archives that come from elsewhere by their path in the chart, and warnings.

    ChartError where one cannot be had.
    """
    lacking = tuple(needs)
    result = gather([partial(_archive, need, fetcher) for need in lacking])
    files: dict[str, bytes] = {}
    warnings: list[str] = []
    for need, (version, data) in zip(lacking, result, strict=True):
        if not need.locked and version != need.version:
            warnings.append(
                f"{need.name} {need.version} was resolved to {version} without a lock: the result is not reproducible"
            )
        files[archive_path(need.name, version)] = data
    return files, warnings


def archive_path(name: str, version: str) -> str:
    """Return where the archive of a dependency is, below the chart."""
    return f"charts/{name}-{version}.tgz"


def _archive(need: Need, fetcher: Fetcher | None) -> Archive:
    with naming(need.number):
        return _fetched(need, fetcher)


def check_version(need: Need, version: str) -> None:
    """Raise ChartError unless the version that a dependency has in this repository is what is declared or locked."""
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


def _fetched(need: Need, fetcher: Fetcher | None) -> Archive:
    if fetcher is None:
        raise ChartError(
            f"{need.name} {need.version} is missing in charts/ and is not fetched",
            hint="run `helm dependency build`, or commit the subcharts",
        )
    version = need.version if need.locked else _best(need, fetcher)
    return version, fetcher.archive(need.repository, need.name, version)


def _names_tag(repository: str, version: str) -> bool:
    """Tell whether a version is the tag in a registry itself, as written: ``1.2.3``, and ``v1.2.3`` and ``1.2`` too.

    Helm takes what its lenient parser takes (``internal/resolver/resolver.go``); only other constraints list the tags.
    """
    return repository.startswith(SCHEME) and is_lenient(version)


def _best(need: Need, fetcher: Fetcher) -> str:
    if _names_tag(need.repository, need.version):
        return need.version  # one tag, so the list is not asked for
    fitting = [
        version for version in fetcher.versions(need.repository, need.name) if need.allows(str(version))
    ]
    if not fitting:
        raise ChartError(
            f"no version of {need.name} at {redact(need.repository)} satisfies {need.version}",
            hint="change the version constraint",
        )
    return str(max(fitting))
