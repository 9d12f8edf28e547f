"""Facts about pull requests, and which one a run belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from oci_chart_publish.errors import ForgeError
from oci_chart_publish.github import response
from oci_chart_publish.github.api import Client
from oci_chart_publish.github.graphql import ask
from oci_chart_publish.github.response import Json

NEEDS = "pull-requests: read"
ASKED = 50
"""Commits in one GraphQL question: with 5 pull requests of 100 labels each, 25,250 nodes of the 500,000 allowed."""

_BROUGHT = "object(oid: $commit) { ... on Commit { associatedPullRequests(first: 5, after: $after) { ...brought } } }"
_TYPES = {"commit": "GitObjectID!", "after": "String"}
# Under the names of REST where it has the same; nothing has more than 100 labels.
_FRAGMENT = (
    "fragment brought on PullRequestConnection { pageInfo { hasNextPage endCursor } nodes { "
    "number title state merged headRefOid headRefName headRepository { full_name: nameWithOwner } "
    "baseRefOid baseRefName baseRepository { full_name: nameWithOwner } mergeCommit { oid } "
    "labels(first: 100) { nodes { name } } } }"
)


class PullRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A pull request; ``head`` and ``base`` are commits. ``head_repository`` is empty where the fork is gone.

    ``merge_commit`` is what it became on the base once ``merged`` is true, and empty before.
    """

    number: int
    title: str
    head: str
    head_ref: str
    head_repository: str
    base: str
    base_ref: str
    labels: tuple[str, ...]
    open: bool
    merged: bool
    merge_commit: str


def _pull(item: Json) -> PullRequest:
    """Read what REST says of a pull request."""
    head, base = response.mapping(item, "head"), response.mapping(item, "base")
    merged = response.flag(item, "merged") or bool(item.get("merged_at"))  # lists have only the time
    return PullRequest(
        number=response.integer(item, "number"),
        title=response.text(item, "title", ""),
        head=response.text(head, "sha"),
        head_ref=response.text(head, "ref"),
        head_repository=response.text(response.mapping(head, "repo"), "full_name", ""),
        base=response.text(base, "sha"),
        base_ref=response.text(base, "ref"),
        labels=tuple(response.text(label, "name") for label in response.objects(item, "labels")),
        open=response.text(item, "state") == "open",
        merged=merged,
        merge_commit=response.text(item, "merge_commit_sha", "") if merged else "",
    )


def _as_rest(node: Json) -> Json:
    """Return what GraphQL says of a pull request (``_FRAGMENT``) as REST says it."""
    ends = {
        end: {
            "sha": node.get(f"{end}RefOid"),
            "ref": node.get(f"{end}RefName"),
            "repo": node.get(f"{end}Repository"),
        }
        for end in ("head", "base")
    }
    return {
        **node,
        **ends,
        "state": response.text(node, "state").lower(),
        "merge_commit_sha": response.mapping(node, "mergeCommit").get("oid"),
        "labels": response.mapping(node, "labels").get("nodes"),
    }


class PullRequests:
    """The pull requests of one repository."""

    def __init__(self, client: Client, repository: str) -> None:
        self._client = client
        self._repository = repository
        self._path = f"/repos/{repository}"

    def get(self, number: int) -> PullRequest:
        """Return one pull request; ForgeError with ``status`` 404 where there is none."""
        path = f"{self._path}/pulls/{number}"
        return _pull(response.whole(self._client.get(path, needs=NEEDS), path))

    def of_commit(self, commit: str) -> tuple[PullRequest, ...]:
        """Return the pull requests of this repository that a commit is part of or was merged as."""
        try:
            listed = list(self._client.pages(f"{self._path}/commits/{commit}/pulls", needs=NEEDS))
        except ForgeError as error:
            if error.status in (404, 409, 422):  # GitHub does not know the commit, or has not yet counted it
                return ()
            raise
        return tuple(map(_pull, filter(self._ours, listed)))

    def merged_with(self, commits: Iterable[str], named: Iterable[int] = ()) -> Mapping[str, PullRequest]:
        """Return the merged pull request that brought each commit, with its labels as they are now.

        One question for each fifty commits. Those that came without one, and that GitHub does not know, are left out.
        Just after a merge GitHub does not know yet what it has brought: the pull requests of the numbers ``named`` that
        were not among the answers are asked for themselves.
        """
        commits = tuple(commits)
        result = self._associated(commits)
        known = {pull.number for pull in result.values()}
        for number in dict.fromkeys(named):
            pull = self._numbered(number) if number not in known else None
            if pull is not None and pull.merged and pull.merge_commit in commits:
                result[pull.merge_commit] = pull
        return result

    def _numbered(self, number: int) -> PullRequest | None:
        """Return a pull request, None where the number is none of one."""
        try:
            return self.get(number)
        except ForgeError as error:
            if error.status == 404:
                return None
            raise

    def _associated(self, commits: Iterable[str]) -> dict[str, PullRequest]:
        result: dict[str, PullRequest] = {}
        waiting: list[tuple[str, str | None]] = [(commit, None) for commit in dict.fromkeys(commits)]
        while waiting:
            asked, waiting = waiting[:ASKED], waiting[ASKED:]
            for (commit, _), page in zip(asked, self._brought(asked), strict=True):
                listed = map(_as_rest, response.objects(page, "nodes"))
                merged = [pull for pull in map(_pull, filter(self._ours, listed)) if pull.merged]
                # Of several (a branch that was merged into another first) the one that became this very commit counts.
                best = next((pull for pull in merged if pull.merge_commit == commit), None)
                if best or merged:
                    result[commit] = best or result.get(commit, merged[0])
                further = response.mapping(page, "pageInfo")
                if best is None and response.flag(further, "hasNextPage"):
                    waiting.append((commit, response.text(further, "endCursor")))
        return result

    def _brought(self, asked: Sequence[tuple[str, str | None]]) -> Iterator[Json]:
        """Yield a page of the pull requests of each commit, from the cursor beside it on."""
        things = [{"commit": commit, "after": after} for commit, after in asked]
        answered = ask(
            self._client, self._repository, _BROUGHT, _TYPES, things, fragment=_FRAGMENT, needs=NEEDS
        )
        return (response.mapping(commit or {}, "associatedPullRequests") for commit in answered)

    def _ours(self, item: Json) -> bool:
        """Tell whether a pull request is one of this repository: forks share its commits."""
        base = response.mapping(response.mapping(item, "base"), "repo")
        return response.text(base, "full_name", "").lower() == self._repository.lower()

    def of_workflow_run(self, run: Mapping[str, Any]) -> PullRequest | None:
        """Return the pull request that a ``workflow_run`` (of the event's payload) is about, None where there is none.

        The event names it only when its head is in this repository. For forks the head's commit decides, and the
        repository it lies in; nothing that the other workflow has written is used. Of several from one branch, to
        different bases, it is the one that the run is called after.
        """
        title = response.text(run, "display_title", "")
        listed = [item for item in response.objects(run, "pull_requests") if _here(item, run)]
        if listed:
            pulls = [self.get(response.integer(item, "number")) for item in listed]
            return next((pull for pull in pulls if pull.title == title), pulls[0])
        head = response.text(run, "head_sha")
        source = response.mapping(run, "head_repository")
        repository = response.text(source, "full_name", "")
        branch = response.text(run, "head_branch", "")
        if not repository:
            return None
        result = _heads(self.of_commit(head), head, repository, title)
        return result or _heads(self._from_branch(repository, branch), head, repository, title)

    def _from_branch(self, repository: str, branch: str) -> Iterable[PullRequest]:
        """Yield the pull requests from a branch, also those closed unmerged, which GitHub lists for no commit.

        Without the name of a branch only those that are open: all that ever were may be thousands.
        """
        owner = repository.split("/", maxsplit=1)[0]
        query = {"state": "all", "head": f"{owner}:{branch}"} if branch else {"state": "open"}
        return (_pull(item) for item in self._client.pages(f"{self._path}/pulls", query, needs=NEEDS))


def _heads(pulls: Iterable[PullRequest], head: str, repository: str, title: str) -> PullRequest | None:
    """Return the one whose head it is: an open one first, then one of that title, then the oldest."""
    same = [
        pull for pull in pulls if pull.head == head and pull.head_repository.lower() == repository.lower()
    ]
    return min(same, key=lambda pull: (not pull.open, pull.title != title, pull.number), default=None)


def _here(item: Json, run: Json) -> bool:
    """Tell whether a pull request of a run is one of the run's own repository, not of a fork's."""
    there = response.mapping(response.mapping(item, "base"), "repo").get("id")
    here = response.mapping(run, "repository").get("id")
    return there is None or here is None or there == here
