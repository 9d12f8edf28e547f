"""Where a dependency comes from, read from the ``repository`` and ``name`` that somebody wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from oci_chart_publish.errors import ChartError, PublishError
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.reference import SCHEME, Repository
from oci_chart_publish.registry.address import origin_of, redact

_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Place:
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
    url = repository
    for mark in ("@", "alias:"):
        if repository.startswith(mark):
            alias = repository.removeprefix(mark)
            url = aliases.get(alias, "")
            if not url:
                raise ChartError(
                    f"the dependency {name}: nobody says what the repository {repository[:200]!r} is",
                    hint=f"give its URL in the setting repositories, as {alias[:100]}: https://...",
                )
    if not url.startswith(("https://", "http://", SCHEME)):
        raise ChartError(
            f"the dependency {name}: the repository {redact(url)!r} is none to fetch from",
            hint="expected https://, http:// or oci://, or @NAME of one",
        )
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ChartError(
            f"the dependency {name}: a URL with a user name in it is refused: {redact(url)!r}",
            hint="give its credentials by host, as for a registry: in registry-auth, or with `docker login`",
        )
    return url
