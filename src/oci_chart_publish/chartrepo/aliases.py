"""Which repository URLs mean the repository that publishes: its registries, its page, and those the settings name."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.oci.reference import SCHEME, Repository


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
