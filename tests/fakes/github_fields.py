"""The fields of GitHub's GraphQL schema that the stand-in knows: each reads the state or, a mutation's, changes it.

A field that is GitHub's and not here is a gap of the stand-in, which says so (``ContractError``).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import GraphQLResolveInfo, get_named_type
from tests.fakes.github_contract import ContractError
from tests.fakes.github_routes import READ_ONLY, Call
from tests.fakes.github_state import Commit, Pull, Refused, seen
from tests.fakes.graphql_document import Owner, selected

LARGEST = 100
"""Nodes of a connection that may be asked for at once."""
CURSOR = "cursor:v2:"
PROFILES = {404: "NOT_FOUND", 409: "STALE_DATA"}
"""GitHub's types of the errors that REST has a status for."""


class Denied(Exception):  # noqa: N818 - it is an answer, not a fault
    """An error of one field, which GitHub answers with null: GitHub's type of it, and the message.

    ``wrong``: only a document that should not be asked gets it.
    """

    def __init__(self, kind: str, message: str, *, wrong: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.wrong = wrong


class Account(NamedTuple):
    login: str


class Repository(NamedTuple):
    full_name: str


class Ref(NamedTuple):
    name: str


class Tag(NamedTuple):
    name: str


class Label(NamedTuple):
    name: str


class Edge(NamedTuple):
    node: Any
    cursor: str


@dataclass(frozen=True)
class Page:
    """The nodes of a connection from ``start`` to ``end``."""

    items: Sequence[Any]
    start: int
    end: int


Resolver = Callable[[Call, Any, Mapping[str, Any]], Any]
"""What answers a field: from the call, the value it is a field of, and its arguments."""


class Field(NamedTuple):
    """How a field is answered, and what a token needs for it: a permission to read or write, one of some scopes."""

    answer: Resolver
    reads: str
    writes: str
    scopes: tuple[str, ...]


FIELDS: dict[str, Field] = {}


def field(
    name: str, *, reads: str = "", writes: str = "", scopes: tuple[str, ...] = ()
) -> Callable[[Resolver], Resolver]:
    """Register what answers ``Type.field``."""

    def register(answer: Resolver) -> Resolver:
        FIELDS[name] = Field(answer, reads, writes, scopes)
        return answer

    return register


def resolve(source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
    """Answer one field; Denied as GitHub would, ContractError where it is not modelled."""
    name = f"{info.parent_type.name}.{info.field_name}"
    named = get_named_type(info.return_type)
    known = FIELDS.get(name) or FIELDS.get(f"{_general(info.parent_type.name)}.{info.field_name}")
    if known is None:
        raise ContractError(f"the stand-in does not know {name}")
    call: Call = info.context
    assert call.token is not None
    permission = known.writes or known.reads
    if permission and call.token.lacks([permission], writing=bool(known.writes)):
        whose = READ_ONLY if call.token.app else "Resource not accessible by personal access token"
        raise Denied("FORBIDDEN", whose)
    try:
        found = known.answer(call, source, arguments)
    except Refused as refused:
        raise Denied(PROFILES.get(refused.status, "UNPROCESSABLE"), refused.message) from refused
    return _page(info, arguments, found) if named.name.endswith("Connection") else found


def kind(value: Any) -> str:
    """Return which type of an interface a value is of."""
    return type(value).__name__


# Connections.


def _general(name: str) -> str:
    return next((suffix for suffix in ("Connection", "Edge") if name.endswith(suffix)), name)


def _page(info: GraphQLResolveInfo, arguments: Mapping[str, Any], items: Sequence[Any]) -> Page:
    """Cut a page out of a list by the rules of the documentation and of the cursor specification."""
    named = get_named_type(info.return_type)
    assert isinstance(named, Owner)
    wanted = {
        node.name.value
        for field_node in info.field_nodes
        if field_node.selection_set
        for _, node in selected(info.schema, named, field_node.selection_set, info.fragments)
    }
    first, last = arguments.get("first"), arguments.get("last")
    if wanted - {"totalCount"} and first is None and last is None:
        said = f"You must provide a `first` or `last` value to properly paginate the `{info.field_name}` connection."
        raise Denied("MISSING_PAGINATION_BOUNDARIES", said, wrong=True)
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 1 <= size <= LARGEST:
            said = (
                f"Requesting {size} records on the `{info.field_name}` connection "
                f"exceeds the `{name}` limit of {LARGEST} records."
            )
            raise Denied("EXCESSIVE_PAGINATION", said, wrong=True)
    start = _place(arguments.get("after"), 0)
    end = min(_place(arguments.get("before"), len(items) + 1) - 1, len(items))
    if first is not None:
        end = min(end, start + first)
    if last is not None:
        start = max(start, end - last)
    return Page(items, start, max(start, end))


def _cursor(place: int) -> str:
    return base64.b64encode(f"{CURSOR}{place}".encode()).decode()


def _place(cursor: str | None, default: int) -> int:
    """Return the place in its list, from 1, that a cursor names."""
    if cursor is None:
        return default
    try:
        text = base64.b64decode(cursor, validate=True).decode()
        return int(text.removeprefix(CURSOR))
    except (binascii.Error, ValueError) as error:
        said = f"`{cursor}` does not appear to be a valid cursor."
        raise Denied("INVALID_CURSOR_ARGUMENTS", said, wrong=True) from error


field("Connection.nodes")(lambda _, page, __: page.items[page.start : page.end])
field("Connection.edges")(
    lambda _, page, __: [
        Edge(item, _cursor(page.start + number))
        for number, item in enumerate(page.items[page.start : page.end], 1)
    ]
)
field("Connection.pageInfo")(lambda _, page, __: page)
field("Connection.totalCount")(lambda _, page, __: len(page.items))
field("Edge.node")(lambda _, edge, __: edge.node)
field("Edge.cursor")(lambda _, edge, __: edge.cursor)
field("PageInfo.startCursor")(lambda _, page, __: _cursor(page.start + 1) if page.end > page.start else None)
field("PageInfo.endCursor")(lambda _, page, __: _cursor(page.end) if page.end > page.start else None)
field("PageInfo.hasNextPage")(lambda _, page, __: page.end < len(page.items))
field("PageInfo.hasPreviousPage")(lambda _, page, __: page.start > 0)


# Who and where.


field("Query.viewer")(lambda call, *_: Account(call.login))
field("User.login")(lambda _, account, __: account.login)


@field("Query.repository")
def _repository(call: Call, _: None, arguments: Mapping[str, Any]) -> Repository:
    return _here(call, f"{arguments['owner']}/{arguments['name']}")


def _here(call: Call, full_name: str) -> Repository:
    if full_name.lower() != call.state.full_name.lower():
        raise Denied("NOT_FOUND", f"Could not resolve to a Repository with the name '{full_name}'.")
    return Repository(call.state.full_name)


field("Repository.nameWithOwner")(lambda _, repository, __: repository.full_name)


# Git.


@field("Repository.ref", reads="contents")
def _ref(call: Call, _: Repository, arguments: Mapping[str, Any]) -> Ref | None:
    """Find a ref by its whole name, or else by that of a branch or tag."""
    name = arguments["qualifiedName"]
    whole = [name.removeprefix("refs/")] if name.startswith("refs/") else []
    for ref in (*whole, f"heads/{name}", f"tags/{name}"):
        if ref in call.state.refs:
            return Ref(ref.partition("/")[2])
    return None


field("Ref.name")(lambda _, ref, __: ref.name)


@field("Repository.object", reads="contents")
def _object(call: Call, _: Repository, arguments: Mapping[str, Any]) -> Commit | Tag | None:
    if "oid" not in arguments:
        raise ContractError("the stand-in knows objects by their oid alone")
    oid = arguments["oid"]
    if oid in call.state.tag_objects:
        return Tag(call.state.tag_objects[oid][0])
    pushed = any(oid in (pull.head_sha, *pull.commits) for pull in call.state.pulls.values())
    return call.state.commits.get(oid) or (Commit(oid, "") if pushed else None)


field("Tag.name")(lambda _, tag, __: tag.name)
field("Commit.oid")(lambda _, commit, __: commit.sha)
field("Commit.url")(lambda call, commit, _: f"{call.answers.web}/commit/{commit.sha}")


@field("Commit.associatedPullRequests", reads="pull_requests")
def _associated(call: Call, commit: Commit, arguments: Mapping[str, Any]) -> list[Pull]:
    """List the merged pull requests that brought a commit and, where it is not on ``main``, the open ones with it."""
    if arguments.get("orderBy") != {"field": "CREATED_AT", "direction": "ASC"}:
        raise ContractError("the stand-in knows the order of creation alone")
    there = call.state.reaches("heads/main", commit.sha)
    having = (
        pull
        for pull in call.state.pulls.values()
        if commit.sha in (pull.head_sha, pull.merge_sha, *pull.commits)
    )
    found = (
        pull for pull in having if (pull.merged and seen([pull])) or (pull.state == "open" and not there)
    )
    return sorted(found, key=lambda pull: pull.number)


@field("Mutation.createCommitOnBranch", writes="contents", scopes=("public_repo",))
def _create_commit(call: Call, _: None, arguments: Mapping[str, Any]) -> Commit:
    sent = arguments["input"]
    branch, message, changes = sent["branch"], sent["message"], sent.get("fileChanges") or {}
    if "repositoryNameWithOwner" not in branch or "branchName" not in branch:
        raise ContractError("the stand-in knows branches by their names alone")
    _here(call, branch["repositoryNameWithOwner"])
    files: dict[str, bytes | None] = {
        one["path"]: base64.b64decode(one["contents"]) for one in changes.get("additions", ())
    }
    files |= {one["path"]: None for one in changes.get("deletions", ())}
    text = "\n\n".join(part for part in (message["headline"], message.get("body")) if part)
    return call.state.commit_on_branch(branch["branchName"], sent["expectedHeadOid"], text, files)


field("CreateCommitOnBranchPayload.commit")(lambda _, commit, __: commit)


# Pull requests.


field("PullRequest.number")(lambda _, pull, __: pull.number)
field("PullRequest.title")(lambda _, pull, __: pull.title)
field("PullRequest.state")(lambda _, pull, __: "MERGED" if pull.merged else pull.state.upper())
field("PullRequest.merged")(lambda _, pull, __: pull.merged)
field("PullRequest.headRefOid")(lambda _, pull, __: pull.head_sha)
field("PullRequest.headRefName")(lambda _, pull, __: pull.head_ref)
field("PullRequest.headRepository")(
    lambda _, pull, __: Repository(pull.head_repository) if pull.head_repository else None
)
field("PullRequest.baseRefOid")(lambda call, pull, _: call.state.refs.get(f"heads/{pull.base_ref}", "0" * 40))
field("PullRequest.baseRefName")(lambda _, pull, __: pull.base_ref)
field("PullRequest.baseRepository")(lambda call, *_: Repository(call.state.full_name))
field("PullRequest.mergeCommit")(lambda _, pull, __: Commit(pull.merge_sha, "") if pull.merge_sha else None)
field("PullRequest.labels")(lambda _, pull, __: [Label(name) for name in pull.labels])
field("Label.name")(lambda _, label, __: label.name)
