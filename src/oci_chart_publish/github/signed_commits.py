"""Commits by API: GitHub signs them ("Verified"), and refuses them where the branch has moved."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from oci_chart_publish.github import response
from oci_chart_publish.github.api import Client
from oci_chart_publish.github.response import Json

NEEDS = "contents: write"
MUTATION = "createCommitOnBranch"
_DOCUMENT = (
    "mutation ($input: CreateCommitOnBranchInput!) "
    "{ createCommitOnBranch(input: $input) { commit { oid url } } }"
)


class CommitRef(msgspec.Struct, frozen=True, kw_only=True):
    """A commit made: its ``sha`` and its page."""

    sha: str
    url: str


class Commits:
    """The commits of one repository."""

    def __init__(self, client: Client, repository: str) -> None:
        self._client = client
        self._repository = repository
        self._path = f"/repos/{repository}"

    def head(self, branch: str) -> str:
        """Return the commit a branch ends with; ForgeError with ``status`` 404 where there is no such branch."""
        path = f"{self._path}/git/ref/heads/{quote(branch)}"
        return response.text(response.mapping(response.whole(self._client.get(path), path), "object"), "sha")

    def commit_files(
        self,
        branch: str,
        expected_head: str,
        files: Mapping[str, bytes],
        message: str,
    ) -> CommitRef:
        """Commit whole files (POSIX paths from the root) on ``branch`` if it still ends with ``expected_head``.

        The author is the token's owner; GitHub takes neither links nor executable files this way. Raises
        StaleHeadError where the branch has moved.
        """
        headline, _, body = message.partition("\n")
        additions = [
            {"path": path, "contents": base64.b64encode(data).decode("ascii")}
            for path, data in sorted(files.items())
        ]
        variables = {
            "input": {
                "branch": {"repositoryNameWithOwner": self._repository, "branchName": branch},
                "expectedHeadOid": expected_head,
                "message": {"headline": headline, **({"body": body.strip()} if body.strip() else {})},
                "fileChanges": {"additions": additions},
            }
        }

        def find() -> Json | None:
            return self._find(branch, expected_head, message)

        data = self._client.mutate(_DOCUMENT, variables, find=find, needs=NEEDS)
        made = response.mapping(response.mapping(data, MUTATION), "commit")
        return CommitRef(sha=response.text(made, "oid"), url=response.text(made, "url", ""))

    def _find(self, branch: str, expected_head: str, message: str) -> Json | None:
        """After a lost answer: the branch's head is ours if it has our parent and our message."""
        head = self.head(branch)
        if head == expected_head:
            return None
        path = f"{self._path}/git/commits/{head}"
        commit = response.whole(self._client.get(path), path)
        parents = [response.text(parent, "sha") for parent in response.objects(commit, "parents")]
        if parents != [expected_head] or response.text(commit, "message").split() != message.split():
            return None  # somebody else's: sending again is refused as stale
        return {MUTATION: {"commit": {"oid": head, "url": response.text(commit, "html_url", "")}}}
