"""Archives of charts of other repositories: chart repositories and registries, each archive fetched once and kept.

Helm ``internal/resolver/resolver.go`` and ``pkg/downloader/manager.go``; unlike Helm, the digest of an index counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.layer import CHART_LAYER, chart_layers
from oci_chart_publish.chart.members import check_plain
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.chartrepo.aliases import url_of
from oci_chart_publish.chartrepo.chart_repository import ARCHIVE_LIMIT, ChartRepositories
from oci_chart_publish.chartrepo.repository_index import IndexEntry, RepositoryIndex
from oci_chart_publish.errors import (
    ChartError,
    ConfigError,
    NotFoundError,
    PublishError,
    RegistryError,
    VerificationError,
)
from oci_chart_publish.http.address import origin_of, redact
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.reference import SCHEME, Repository, TagReference, parse_reference
from oci_chart_publish.oci.store import Source
from oci_chart_publish.singleflight import SingleFlight

_NAME = re.compile(r"[A-Za-z0-9._-]+")


class Place(msgspec.Struct, frozen=True):
    """A chart at a repository whose URL is ``http``, ``https`` or ``oci``, without a slash at its end."""

    repository: str
    name: str

    @property
    def oci(self) -> bool:
        """Whether it is in a registry."""
        return self.repository.startswith(SCHEME)

    @property
    def chart(self) -> Repository:
        """The repository of a registry that has the versions of the chart as its tags."""
        return Repository.parse(self.repository).child(self.name)

    @property
    def key(self) -> str:
        """What tells it from every other; without the text of a query, which may be a secret."""
        plain, mark, query = self.repository.partition("?")
        return f"{plain}{mark}{Digest.of(query.encode()).short if mark else ''}|{self.name}"

    def __str__(self) -> str:
        return f"{self.name} at {redact(self.repository)}"


def located(repository: str, name: str, aliases: Mapping[str, str]) -> Place:
    """Return where a dependency is; ChartError where its name or repository is unusable or unknown."""
    if not _NAME.fullmatch(name) or name.startswith(".") or ".." in name:
        raise ChartError(
            f"{name[:200]!r} is not a name that a dependency may have",
            hint="letters, digits and . _ - are allowed, without .. in it",
        )
    place = Place(_url(repository, name, aliases).rstrip("/"), name)
    try:
        if place.oci:
            place.chart.check()
        else:
            origin_of(place.repository)
    except PublishError as error:
        raise ChartError(f"the dependency {name}: {error.message}", hint=error.hint) from error
    return place


def _url(repository: str, name: str, aliases: Mapping[str, str]) -> str:
    url = url_of(repository, aliases, dependency=name)
    if not url.startswith(("https://", "http://", SCHEME)):
        raise ChartError(
            f"the dependency {name}: the repository {redact(url)!r} is none to fetch from",
            hint=f"write '@{url}'"
            if url in aliases
            else "expected https://, http:// or oci://, or @NAME of one",
        )
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ChartError(
            f"the dependency {name}: a URL with a user name in it is refused: {redact(url)!r}",
            hint="give its credentials by host, as for a registry: in registry-auth, or with `docker login`",
        )
    return url


ARCHIVES = "dependency"
"""Kind of memo: the digest and size of an archive by repository, name and version."""
TAGS = "dependency-tags"
"""Kind of memo: the tags that a repository of a registry had when it was last asked."""

URLS = 4
"""Places of one archive that are tried: an index comes from a stranger, and each may cost some seconds."""

_SHA256 = re.compile(r"(?:sha256:)?([0-9A-Fa-f]{64})")


class Remote(Source, Protocol):
    """A repository of a registry, read only."""

    def tags(self) -> Iterable[str]:
        """Return all tags; nothing where the repository does not exist."""


class Fetcher(msgspec.Struct, frozen=True, kw_only=True):
    """Where archives come from in one run. Safe for threads.

    ``aliases`` gives the URL for a name, of ``@NAME`` and ``alias:NAME``. With ``offline`` nothing is sent: only what
    earlier runs kept in ``layout`` and its ``memo`` is used.
    """

    connect: Callable[[Repository], Remote]
    http: ChartRepositories
    layout: ImageLayout
    memo: Memo
    aliases: Mapping[str, str] = msgspec.field(default_factory=dict)
    offline: bool = False
    _versions: SingleFlight[tuple[ChartVersion, ...]] = msgspec.field(default_factory=SingleFlight)
    _archives: SingleFlight[bytes] = msgspec.field(default_factory=SingleFlight)

    def versions(self, repository: str, name: str) -> tuple[ChartVersion, ...]:
        """Return all versions of a chart at a repository as Chart.yaml names it, lowest first.

        ChartError where the repository is not one, or does not have the chart; RegistryError where it does not answer.
        """
        place = located(repository, name, self.aliases)
        return self._versions.get(place.key, lambda: self._listed(place))

    def archive(self, repository: str, name: str, version: str) -> bytes:
        """Return the archive of one version: a packed chart of that name and version, with the digest promised.

        ChartError where there is none or it is another chart, VerificationError where its bytes have another digest.
        """
        place = located(repository, name, self.aliases)
        key = f"{place.key}|{version}"
        return self._archives.get(key, lambda: self._kept(place, version, key))

    def _listed(self, place: Place) -> tuple[ChartVersion, ...]:
        versions = (
            self._tagged(place) if place.oci else (entry.version for entry in self._index_entries(place))
        )
        return tuple(sorted(versions))

    def _tagged(self, place: Place) -> list[ChartVersion]:
        if self.offline:
            known = self.memo.get(TAGS, place.key)
            if not isinstance(known, list):
                raise _offline(f"the versions of {place}")
            tags = [tag for tag in known if isinstance(tag, str)]
        else:
            tags = list(self.connect(place.chart).tags())
            if not tags:
                raise _unknown(place)
            self.memo.put(TAGS, place.key, tags)
        return [version for version in map(ChartVersion.from_tag, tags) if version is not None]

    def _index_entries(self, place: Place) -> tuple[IndexEntry, ...]:
        entries = self._index(place).versions(place.name)
        if not entries:
            raise _unknown(place)
        return entries

    def _index(self, place: Place) -> RepositoryIndex:
        if not self.offline:
            return self.http.index(place.repository)
        cached = self.http.cached_index(place.repository)
        if cached is None:
            raise _offline(f"the index of {redact(place.repository)}")
        return cached

    def _kept(self, place: Place, version: str, key: str) -> bytes:
        """Return the archive that an earlier run kept, else fetch, check and keep it."""
        if (kept := self._cached(key)) is not None:
            return kept
        if self.offline:
            raise _offline(f"{place} {version}")
        data = self._pulled(place, version) if place.oci else self._downloaded(place, version)
        descriptor = Descriptor.of(CHART_LAYER, data)
        self.layout.put_blob(descriptor, data)
        self.memo.put(ARCHIVES, key, [str(descriptor.digest), descriptor.size])
        return data

    def _cached(self, key: str) -> bytes | None:
        match self.memo.get(ARCHIVES, key):
            case [str(digest), int(size)]:
                try:
                    kept = Descriptor(media_type=CHART_LAYER, digest=Digest.parse(digest), size=size)
                    return self.layout.blob(kept) if self.layout.has(kept) else None
                except (VerificationError, NotFoundError):  # damaged or swept: as good as never kept
                    return None
            case _:
                return None

    def _downloaded(self, place: Place, version: str) -> bytes:
        entry = _entry_of(self._index_entries(place), version)
        if entry is None:
            raise _no_version(place, version)
        promised = _promised(entry, place)
        data = self._from_any(entry.urls[:URLS], place, str(promised or ""))
        if promised is not None and not promised.matches(data):
            raise VerificationError(
                f"{place} {version}: the index says {promised}, the archive is {Digest.of(data)}",
                hint="the archive was replaced after the index was written, or on its way; tell its publisher",
            )
        return _checked(data, place, entry.version)

    def _from_any(self, urls: Sequence[str], place: Place, digest: str) -> bytes:
        """Return what the first of the URLs gives that has an archive; the error of the first where none has.

        Helm asks the first alone (``pkg/downloader/chart_downloader.go``). What came is judged by the caller: bytes
        with another digest than the index promised are an error, whatever the next URL may have.
        """
        failed: list[PublishError] = []
        for url in urls:
            try:
                if url.startswith("oci://"):
                    return self._referred(url, place)
                return self.http.archive(place.repository, url, digest=digest)
            except (RegistryError, ChartError) as error:
                failed.append(error)
        first, *others = failed
        if others:
            first.hint = "; ".join(
                ("the index names other places, which failed too", *(e.message for e in others))
            )
        raise first

    def _pulled(self, place: Place, version: str) -> bytes:
        tag = TagReference(place.chart, ChartVersion.parse(version).tag)
        return _checked(self._layer(tag, place), place, ChartVersion.parse(version))

    def _referred(self, url: str, place: Place) -> bytes:
        """Return what an index refers to in a registry."""
        try:
            reference = parse_reference(url)
        except ConfigError as error:
            raise ChartError(f"{place}: the index refers to {error.message}", hint=error.hint) from error
        if not isinstance(reference, TagReference):
            raise ChartError(f"{place}: the index refers to {redact(url)}, which has no tag")
        index_origin, registry_origin = (
            origin_of(place.repository),
            origin_of(f"https://{reference.repository.registry}"),
        )
        if registry_origin.private and not index_origin.private:
            raise ChartError(f"{place}: the index refers to the private address {redact(url)}")
        return self._layer(reference, place)

    def _layer(self, reference: TagReference, place: Place) -> bytes:
        store = self.connect(reference.repository)
        manifest = store.manifest(reference.tag)
        if manifest is None:
            raise ChartError(f"{place}: {reference} does not exist", hint=_where_to_look(place))
        layers = chart_layers(manifest)
        if len(layers) != 1:
            raise ChartError(f"{place}: {reference} is no chart: it has {len(layers)} layers of one")
        if layers[0].size > ARCHIVE_LIMIT:
            raise ChartError(f"{place}: {reference} has more than {ARCHIVE_LIMIT} bytes")
        return store.blob(layers[0])


def _entry_of(entries: Iterable[IndexEntry], version: str) -> IndexEntry | None:
    """Return the entry of a version: the one spelled so, else the first that is equal (``versionEquals``)."""
    known = list(entries)
    spelled = next((entry for entry in known if str(entry.version) == version), None)
    parsed = ChartVersion.parse(version)
    return spelled or next((entry for entry in known if entry.version == parsed), None)


def _promised(entry: IndexEntry, place: Place) -> Digest | None:
    if not entry.digest:
        return None
    match = _SHA256.fullmatch(entry.digest)
    if match is None:
        raise VerificationError(
            f"{place} {entry.version}: the index has the digest {entry.digest[:100]!r}, expected sha256 in hex"
        )
    return Digest.parse(f"sha256:{match[1].lower()}")


def _checked(data: bytes, place: Place, version: ChartVersion) -> bytes:
    """Return an archive that holds the chart it should; ChartError for every other."""
    chart = load_archive(data, title=f"{place} {version}")
    packed = ChartVersion.parse(chart.version)
    if chart.name != place.name or packed != version or packed.build != version.build:
        raise ChartError(f"{place} {version}: the archive holds {chart.name} {chart.version}")
    try:
        check_plain(data)
    except ChartError as error:
        raise error.within(f"{place} {version}") from error
    return data


def _unknown(place: Place) -> ChartError:
    return ChartError(f"{place}: the repository has no such chart", hint=_where_to_look(place))


def _where_to_look(place: Place) -> str:
    above, _, last = place.repository.rpartition("/")
    if place.oci and last == place.name:
        asked = redact(f"{place.repository}/{last}")
        return (
            f"leave the name off: it is added to the repository, and {asked} was asked; write {redact(above)}"
        )
    return "check name and repository of the dependency"


def _no_version(place: Place, version: str) -> ChartError:
    return ChartError(
        f"{place}: the repository has no version {version}",
        hint="it may have been removed; name another version, and update the lock",
    )


def _offline(what: str) -> PublishError:
    return ChartError(
        f"{what}: not cached, and --offline asks nobody",
        hint="run once without --offline, or vendor it in charts/",
    )
