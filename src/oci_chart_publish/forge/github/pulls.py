"""Facts about pull requests, and which one a run belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oci_chart_publish.errors import ForgeError
from oci_chart_publish.forge.github import answer
from oci_chart_publish.forge.github.answer import Json
from oci_chart_publish.forge.github.client import Client

NEEDS = "pull-requests: read"
ASKED = 50
"""Commits in one GraphQL question."""

_BROUGHT = (
    "fragment brought on Commit { associatedPullRequests(first: 5) { nodes { "
    "number title url state merged author { login } headRefOid headRefName headRepository { nameWithOwner } "
    "baseRefOid baseRefName baseRepository { nameWithOwner } mergeCommit { oid } "
    "labels(first: 50) { nodes { name } } } } }"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequest:
    """A pull request; ``head`` and ``base`` are commits. ``head_repository`` is empty where the fork is gone.

    ``merge_commit`` is what it became on the base once ``merged`` is true, and empty before.
    """

    number: int
    title: str
    url: str
    author: str
    head: str
    head_ref: str
    head_repository: str
    base: str
    base_ref: str
    labels: tuple[str, ...]
    open: bool
    merged: bool
    merge_commit: str


class PullRequests:
    """The pull requests of one repository."""

    def __init__(self, client: Client, repository: str) -> None:
        self._client = client
        self._repository = repository
        self._path = f"/repos/{repository}"

    def get(self, number: int) -> PullRequest:
        """Return one pull request; ForgeError with ``status`` 404 where there is none."""
        path = f"{self._path}/pulls/{number}"
        return _pull(answer.whole(self._client.get(path, needs=NEEDS), path))

    def of_commit(self, commit: str) -> tuple[PullRequest, ...]:
        """Return the pull requests of this repository that a commit is part of or was merged as."""
        try:
            listed = list(self._client.pages(f"{self._path}/commits/{commit}/pulls", needs=NEEDS))
        except ForgeError as error:
            if error.status in (404, 409, 422):  # GitHub does not know the commit, or has not yet counted it
                return ()
            raise
        return tuple(_pull(item) for item in listed if _base(item) == self._repository.lower())

    def merged_with(self, commits: Iterable[str]) -> Mapping[str, PullRequest]:
        """Return the merged pull request that brought each commit, with its labels as they are now.

        One question for each fifty commits. Those that came without one, and that GitHub does not know, are left out.
        """
        wanted = list(dict.fromkeys(commits))
        found: dict[str, PullRequest] = {}
        for start in range(0, len(wanted), ASKED):
            found |= self._ask(wanted[start : start + ASKED])
        return found

    def _ask(self, commits: Sequence[str]) -> dict[str, PullRequest]:
        variables = {f"c{number}": commit for number, commit in enumerate(commits)}
        types = "".join(f", ${key}: GitObjectID!" for key in variables)
        objects = " ".join(f"{key}: object(oid: ${key}) {{ ...brought }}" for key in variables)
        owner, _, name = self._repository.partition("/")
        document = (
            f"query ($owner: String!, $name: String!{types}) "
            f"{{ repository(owner: $owner, name: $name) {{ {objects} }} }} {_BROUGHT}"
        )
        asked = {"owner": owner, "name": name, **variables}
        answered = answer.mapping(self._client.query(document, asked, needs=NEEDS), "repository")
        found = {}
        for number, commit in enumerate(commits):
            pulls = answer.mapping(answer.mapping(answered, f"c{number}"), "associatedPullRequests")
            here = [
                _node(node) for node in answer.objects(pulls, "nodes") if _is_here(node, self._repository)
            ]
            merged = [pull for pull in here if pull.merged]
            # Of several (a branch that was merged into another first) the one that became this very commit counts.
            best = next((pull for pull in merged if pull.merge_commit == commit), next(iter(merged), None))
            if best is not None:
                found[commit] = best
        return found

    def of_workflow_run(self, run: Mapping[str, Any]) -> PullRequest | None:
        """Return the pull request that a ``workflow_run`` (of the event's payload) is about, None where there is none.

        The event names it only when its head is in this repository. For forks the head's commit decides, and the
        repository it lies in; nothing that the other workflow has written is used.
        """
        listed = [item for item in answer.objects(run, "pull_requests") if _here(item, run)]
        if listed:
            return self.get(answer.integer(listed[0], "number"))
        head = answer.text(run, "head_sha")
        source = answer.mapping(run, "head_repository")
        repository = answer.text(source, "full_name", "")
        branch = answer.text(run, "head_branch", "")
        if not repository:
            return None
        found = _heads(self.of_commit(head), head, repository)
        return found or _heads(self._opened_from(repository, branch), head, repository)

    def _opened_from(self, repository: str, branch: str) -> Iterable[PullRequest]:
        query = {"state": "open"}
        if branch:
            query["head"] = f"{repository.split('/', maxsplit=1)[0]}:{branch}"
        return (_pull(item) for item in self._client.pages(f"{self._path}/pulls", query, needs=NEEDS))


def _heads(pulls: Iterable[PullRequest], head: str, repository: str) -> PullRequest | None:
    """Return the one whose head it is: an open one first, then the oldest."""
    same = [
        pull for pull in pulls if pull.head == head and pull.head_repository.lower() == repository.lower()
    ]
    return min(same, key=lambda pull: (not pull.open, pull.number), default=None)


def _pull(item: Json) -> PullRequest:
    head, base = answer.mapping(item, "head"), answer.mapping(item, "base")
    merged = answer.flag(item, "merged") or bool(item.get("merged_at"))  # lists have only the time
    return PullRequest(
        number=answer.integer(item, "number"),
        title=answer.text(item, "title", ""),
        url=answer.text(item, "html_url"),
        author=answer.text(answer.mapping(item, "user"), "login", ""),
        head=answer.text(head, "sha"),
        head_ref=answer.text(head, "ref"),
        head_repository=answer.text(answer.mapping(head, "repo"), "full_name", ""),
        base=answer.text(base, "sha"),
        base_ref=answer.text(base, "ref"),
        labels=tuple(answer.text(label, "name") for label in answer.objects(item, "labels")),
        open=answer.text(item, "state") == "open",
        merged=merged,
        merge_commit=answer.text(item, "merge_commit_sha", "") if merged else "",
    )


def _base(item: Json) -> str:
    base = answer.mapping(answer.mapping(item, "base"), "repo")
    return answer.text(base, "full_name", "").lower()


def _here(item: Json, run: Json) -> bool:
    """Tell whether a pull request of a run is one of the run's own repository, not of a fork's."""
    there = answer.mapping(answer.mapping(item, "base"), "repo").get("id")
    here = answer.mapping(run, "repository").get("id")
    return there is None or here is None or there == here


def _node(node: Json) -> PullRequest:
    """Read what GraphQL says of a pull request."""
    return PullRequest(
        number=answer.integer(node, "number"),
        title=answer.text(node, "title", ""),
        url=answer.text(node, "url"),
        author=answer.text(answer.mapping(node, "author"), "login", ""),
        head=answer.text(node, "headRefOid"),
        head_ref=answer.text(node, "headRefName"),
        head_repository=answer.text(answer.mapping(node, "headRepository"), "nameWithOwner", ""),
        base=answer.text(node, "baseRefOid"),
        base_ref=answer.text(node, "baseRefName"),
        labels=tuple(
            answer.text(label, "name") for label in answer.objects(answer.mapping(node, "labels"), "nodes")
        ),
        open=answer.text(node, "state") == "OPEN",
        merged=answer.flag(node, "merged"),
        merge_commit=answer.text(answer.mapping(node, "mergeCommit"), "oid", ""),
    )


def _is_here(node: Json, repository: str) -> bool:
    """Tell whether a pull request is one of this repository: forks share its commits."""
    base = answer.text(answer.mapping(node, "baseRepository"), "nameWithOwner", "")
    return base.lower() == repository.lower()
