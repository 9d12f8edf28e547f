"""Which repository a dependency means: names of URLs, and which URLs mean the repository that publishes.

Those are its registries, its page, and what the settings name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import msgspec

from oci_chart_publish.errors import ChartError, ConfigError
from oci_chart_publish.oci.reference import SCHEME, Repository

_ALIASES = ("@", "alias:")


def alias_in(repository: str) -> str | None:
    """Return the name in ``@name`` and ``alias:name``, None where a repository is written as a URL."""
    for prefix in _ALIASES:
        if repository.startswith(prefix):
            return repository.removeprefix(prefix)
    return None


def unaliased(repository: str, aliases: Mapping[str, str]) -> str:
    """Return the URL that a dependency's repository stands for; a name that nobody knows as it is written."""
    name = alias_in(repository)
    return repository if name is None else aliases.get(name, repository)


def url_of(repository: str, aliases: Mapping[str, str], *, dependency: str) -> str:
    """Return the URL that the repository of a ``dependency`` stands for; ChartError for a name that nobody knows.

    As for Helm, ``@name`` and ``alias:name`` are names; ``name`` and ``@@name`` are not.
    """
    name = alias_in(repository)
    if name is not None and not aliases.get(name):
        shown = name[:100]
        raise ChartError(
            f"{dependency}: no repository is called {shown!r}",
            hint=f"name its URL in the settings file: repositories: {{{shown}: https://...}}",
        )
    return unaliased(repository, aliases)


class OwnRepositories(msgspec.Struct, frozen=True):
    """Tells whether a dependency's repository means this one; ``urls`` are in their normal form."""

    urls: frozenset[str]

    @classmethod
    def of(cls, *, registries: Iterable[str], urls: Iterable[str], page: str) -> OwnRepositories:
        """Collect the registries that charts go to, other ``urls``, and where the repository's page has its charts.

        ``page`` is ``https://github.com/OWNER/REPO``.
        """
        named = [*urls, *(f"{SCHEME}{registry.removeprefix(SCHEME)}" for registry in registries)]
        owner, _, name = urlsplit(page).path.strip("/").partition("/")
        pages = [f"https://{owner}.github.io/{name}"] if owner and name and "/" not in name else []
        return cls(frozenset(map(normal, [*named, *pages])))

    def __call__(self, url: str) -> bool:
        """Tell whether a URL means this repository."""
        return normal(url) in self.urls


def normal(url: str) -> str:
    """Return a URL as it is compared: without a final slash, host in lower case, Docker Hub under one name."""
    if url.startswith(SCHEME):
        try:
            return f"{SCHEME}{Repository.parse(url)}"
        except ConfigError:
            return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"
