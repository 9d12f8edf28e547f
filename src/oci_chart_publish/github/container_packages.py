"""Container packages of the owner (GHCR), where previews are listed and removed."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from oci_chart_publish.errors import ForgeError
from oci_chart_publish.github import response
from oci_chart_publish.github.api import Client
from oci_chart_publish.github.response import Json

NEEDS = "packages: write"
_ROLE = (
    'The package also has to give this repository the role Admin: package settings, "Manage Actions access".'
)
HIDDEN = f"Add `{NEEDS}` to the `permissions:` of the job. {_ROLE}"
"""What to do where GitHub answers 404 for what is there."""


class PackageVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest of a package: its ``digest``, its tags, when it was pushed (ISO 8601, UTC)."""

    id: int
    digest: str
    tags: tuple[str, ...]
    created: str


class Packages:
    """The container packages of one owner; names are paths below it (``charts/web`` of ``ghcr.io/acme/charts/web``)."""

    def __init__(self, client: Client, owner: str) -> None:
        self._client = client
        self._owner = owner
        self._path = ""

    def names(self) -> tuple[str, ...]:
        """Return the names of all container packages of the owner that the token may see."""
        path = f"{self._owner_path()}/packages"
        result = self._client.pages(path, {"package_type": "container"}, needs="packages: read")
        return tuple(response.text(item, "name") for item in result)

    def versions(self, package: str) -> tuple[PackageVersion, ...]:
        """Return all versions, the newest first; none where there is no such package."""
        path = f"{self._package(package)}/versions"
        sized = path.startswith("/orgs/")  # the description gives the list of a user no pages
        try:
            return tuple(_version(item) for item in self._client.pages(path, sized=sized, needs=NEEDS))
        except ForgeError as error:
            if error.status == 404:
                return ()
            raise

    def delete_version(self, package: str, version: PackageVersion) -> bool:
        """Delete one version; return False where it was gone. GitHub refuses the last one that has a tag."""
        path = f"{self._package(package)}/versions/{version.id}"
        try:
            return self._client.delete(path, needs=NEEDS)
        except ForgeError as error:
            raise _with_hint(error) from error

    def _package(self, package: str) -> str:
        return f"{self._owner_path()}/packages/container/{quote(package, safe='')}"

    def _owner_path(self) -> str:
        if not self._path:
            path = f"/users/{self._owner}"
            kind = response.text(response.whole(self._client.get(path), path), "type")
            self._path = f"/orgs/{self._owner}" if kind == "Organization" else path
        return self._path


def _with_hint(error: ForgeError) -> ForgeError:
    if error.status != 403:
        return error
    hint = f"{error.hint}\n{_ROLE}".strip()
    return type(error)(
        error.message, hint=hint, status=error.status, codes=error.codes, temporary=error.temporary
    )


def _version(item: Json) -> PackageVersion:
    container = response.mapping(response.mapping(item, "metadata"), "container")
    tags = container.get("tags")
    return PackageVersion(
        id=response.integer(item, "id"),
        digest=response.text(item, "name"),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        created=response.text(item, "created_at"),
    )
