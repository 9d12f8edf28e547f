"""Previews of closed pull requests: which of them may go, and how one is deleted, from any registry or from ghcr.io.

Nothing is deleted that a tag other than a preview's still uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

from oci_chart_publish.bump.preview_template import preview_of
from oci_chart_publish.errors import AuthError, ForgeError, PublishError, RegistryError
from oci_chart_publish.github.container_packages import HIDDEN, PackageVersion
from oci_chart_publish.oci.descriptor import SOURCE
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.oci.store import Target

if TYPE_CHECKING:
    from oci_chart_publish.github.gateway import GitHub


@runtime_checkable
class Prunable(Protocol):
    """A store whose tags can be listed and deleted."""

    def tags(self) -> tuple[str, ...]:
        """Return all tags."""

    def delete(self, target: str | Digest) -> bool:
        """Delete a manifest or tag; False where the registry does not offer it."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A preview that may go: its repository, tag, digest and the pull request it is of."""

    repository: Repository
    tag: str
    digest: Digest
    number: int


def stale(
    repository: Repository, store: Target, template: str, is_closed: Callable[[int], bool]
) -> Iterator[Preview]:
    """Yield the previews in a repository whose pull request is closed, and whose digest no other tag uses."""
    tags = store.tags() if isinstance(store, Prunable) else ()
    numbers = {tag: preview_of(template, tag.replace("_", "+")) for tag in tags}
    kept = {tag for tag, number in numbers.items() if number is None or not is_closed(number)}
    held = {_shown(repository, store, tag) for tag in kept}
    for tag, number in numbers.items():
        result = store.resolve(tag) if tag not in kept else None
        if number is not None and result is not None and result.digest not in held:
            yield Preview(repository=repository, tag=tag, digest=result.digest, number=number)


def _shown(repository: Repository, store: Target, tag: str) -> Digest:
    """Return the digest of a tag that is to stay; where a registry lists it and does not show it, nothing may go."""
    result = store.resolve(tag)
    if result is None:
        raise RegistryError(
            f"{repository}:{tag} is listed, and not there: what it uses is not known",
            hint="nothing is removed from this repository; run again once the registry shows the tag",
            temporary=True,
        )
    return result.digest


def is_of(preview: Preview, store: Target, source: str) -> bool:
    """Tell whether a preview says that it was made from the repository at the URL ``source``."""
    manifest = store.manifest(preview.digest)
    return manifest is not None and bool(source) and manifest.annotations.get(SOURCE) == source


def remove(preview: Preview, store: Target) -> str:
    """Delete a preview by digest and say what came of it; AuthError where that is not permitted."""
    where = f"{preview.repository}:{preview.tag}"
    try:
        if not isinstance(store, Prunable):
            return f"{where}: remains, nothing can be deleted there"
        gone = store.delete(preview.digest)
        if store.resolve(preview.tag) is not None:  # some registries keep the tag of a digest that is gone
            gone = store.delete(preview.tag) or gone
    except AuthError:
        raise
    except PublishError as error:
        return f"{where}: remains ({error.message})"
    return f"{where}: deleted" if gone else f"{where}: gone already"


class PackageVersions:
    """What there is of packages on ghcr.io: each package is listed once, however many previews of it go."""

    def __init__(self, github: GitHub) -> None:
        self._packages = github.packages
        self._listed: dict[str, dict[str, PackageVersion]] = {}
        self._gone: set[tuple[str, str]] = set()

    def remove(self, preview: Preview) -> str:
        """Delete a preview and say what came of it; GitHub keeps the last version of a package.

        GitHub says 404, too, of what a token may not see or delete. The registry has just shown the digest, so what
        the packages API does not show was not deleted by somebody else: a ForgeError.
        """
        package, digest = preview.repository.path.partition("/")[2], str(preview.digest)
        where = f"{preview.repository}:{preview.tag}"
        if (package, digest) in self._gone:
            return f"{where}: gone already"
        if package not in self._listed:
            self._listed[package] = self._list(package)
        version = self._listed[package].get(digest)
        if version is None:
            raise ForgeError(f"{where}: remains, the packages API does not show it", hint=HIDDEN)
        try:
            deleted = self._packages.delete_version(package, version)
        except ForgeError as error:
            if error.status != 400:
                raise
            return f"{where}: remains ({error.message})"
        if not deleted and digest in self._list(package):
            raise ForgeError(f"{where}: remains, the packages API does not find it to delete", hint=HIDDEN)
        self._gone.add((package, digest))
        return f"{where}: deleted" if deleted else f"{where}: gone already"

    def _list(self, package: str) -> dict[str, PackageVersion]:
        return {version.digest: version for version in self._packages.versions(package)}
