"""Git tags by API, so that no clone has to be deep and no credentials have to stay in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from urllib.parse import quote

import msgspec

from oci_chart_publish.errors import ForgeError
from oci_chart_publish.github import response
from oci_chart_publish.github.api import Client
from oci_chart_publish.github.graphql import ask
from oci_chart_publish.github.response import Json

NEEDS = "contents: write"
ASKED = 100
"""Tags in one GraphQL question."""

_REF = "ref(qualifiedName: $ref) { name }"


class TagStatus(StrEnum):
    """What became of a tag."""

    CREATED = "created"
    EXISTING = "existing"
    """It names this commit already."""
    ELSEWHERE = "elsewhere"
    """It names another commit, and was left where it is."""


class TagOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What ``ensure`` did; ``commit`` is what the tag names now."""

    status: TagStatus
    commit: str


class TagRef(msgspec.Struct, frozen=True, kw_only=True):
    """A tag as GitHub lists it: ``sha`` is a commit, or a tag object where ``annotated``."""

    name: str
    sha: str
    annotated: bool


class Tags:
    """The tags of one repository."""

    def __init__(self, client: Client, repository: str) -> None:
        self._client = client
        self._repository = repository
        self._path = f"/repos/{repository}/git"

    def existing(self, names: Iterable[str]) -> frozenset[str]:
        """Return which of these tags there are: one question for each hundred, however many others there are.

        REST lists all tags, or those of a prefix, and takes no size of a page (``git/list-matching-refs`` has none):
        a repository of charts has thousands.
        """
        expected = sorted(set(names))
        result: set[str] = set()
        for start in range(0, len(expected), ASKED):
            result |= self._ask(expected[start : start + ASKED])
        return frozenset(result)

    def _ask(self, names: Sequence[str]) -> set[str]:
        asked = [{"ref": f"refs/tags/{name}"} for name in names]
        result = ask(self._client, self._repository, _REF, {"ref": "String!"}, asked, needs=NEEDS)
        return {name for name, ref in zip(names, result, strict=True) if ref is not None}

    def get(self, name: str) -> TagRef | None:
        """Return one tag, None where there is none."""
        result = self._find(name)
        return _tag(result) if result is not None else None

    def commit(self, tag: TagRef) -> str:
        """Return the commit of a tag (one request where it is annotated)."""
        if not tag.annotated:
            return tag.sha
        path = f"{self._path}/tags/{tag.sha}"
        return response.text(
            response.mapping(response.whole(self._client.get(path, needs=NEEDS), path), "object"), "sha"
        )

    def ensure(self, name: str, commit: str) -> TagOutcome:
        """Create a tag on a commit; one that exists is never moved."""
        if (existing := self.get(name)) is not None:
            return self._existing(existing, commit)
        body = {"ref": f"refs/tags/{name}", "sha": commit}
        try:
            created = self._client.create(
                f"{self._path}/refs", body, find=lambda: self._find(name), needs=NEEDS
            )
        except ForgeError as error:
            existing = self.get(name) if error.status == 422 else None  # another run was faster
            if existing is None:
                raise
            return self._existing(existing, commit)
        made = self.commit(_tag(created))
        status = TagStatus.CREATED if made == commit else TagStatus.ELSEWHERE
        return TagOutcome(status=status, commit=made)

    def _existing(self, tag: TagRef, commit: str) -> TagOutcome:
        result = self.commit(tag)
        status = TagStatus.EXISTING if result == commit else TagStatus.ELSEWHERE
        return TagOutcome(status=status, commit=result)

    def _find(self, name: str) -> Json | None:
        path = f"{self._path}/ref/tags/{quote(name)}"
        try:
            return response.whole(self._client.get(path, needs=NEEDS), path)
        except ForgeError as error:
            if error.status == 404:
                return None
            raise


def _tag(item: Json) -> TagRef:
    named = response.mapping(item, "object")
    return TagRef(
        name=response.text(item, "ref").removeprefix("refs/tags/"),
        sha=response.text(named, "sha"),
        annotated=response.text(named, "type") == "tag",
    )
