"""The operations of the stand-in: each changes the state or reads it, and names its answer's status and JSON."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from tests.fakes.github_answers import Answers
from tests.fakes.github_state import Comment, Pull, Refused, Release, State
from tests.fakes.prune_openapi import REPO

Item = TypeVar("Item")
WRITE_ALL = frozenset({"contents", "issues", "pull_requests", "packages"})
READ_ONLY = "Resource not accessible by integration"


@dataclass(frozen=True)
class Token:
    """Who a token belongs to, and what it may write (GitHub's names of permissions)."""

    login: str = "github-actions[bot]"
    writes: frozenset[str] = WRITE_ALL
    app: bool = True


@dataclass
class Call:
    """One request, parsed."""

    state: State
    answers: Answers
    token: Token | None
    values: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    raw: bytes
    media_type: str
    pages: list[tuple[str, int]] = field(default_factory=list)

    @property
    def login(self) -> str:
        """Who is asking."""
        assert self.token is not None
        return self.token.login

    def page(self, items: list[Item]) -> list[Item]:
        """Cut one page out of a list and remember the links to its neighbours."""
        size = min(int(self.query.get("per_page", "30")), 100)
        number = int(self.query.get("page", "1"))
        last = max(1, -(-len(items) // size))
        if number < last:
            self.pages += [("next", number + 1), ("last", last)]
        return items[(number - 1) * size : number * size]


Handler = Callable[[Call], tuple[int, Any]]


class Route(NamedTuple):
    method: str
    template: str
    needs: tuple[str, ...]
    handle: Handler


ROUTES: list[Route] = []


def route(method: str, template: str, *needs: str) -> Callable[[Handler], Handler]:
    """Register a handler; ``needs`` are permissions of which one must be ``write``."""

    def register(handle: Handler) -> Handler:
        ROUTES.append(Route(method, template, needs, handle))
        return handle

    return register


def _found(item: Item | None) -> Item:
    if item is None:
        raise Refused(404, "Not Found")
    return item


# Who and where.


@route("GET", "/user")
def _viewer(call: Call) -> tuple[int, Any]:
    if call.token and call.token.app:
        raise Refused(403, READ_ONLY)
    return 200, call.answers.account(call.login)


@route("GET", "/users/{username}")
def _user(call: Call) -> tuple[int, Any]:
    return 200, call.answers.account(call.values["username"])


@route("GET", REPO)
def _repository(call: Call) -> tuple[int, Any]:
    return 200, call.answers.full_repository()


# Comments.


@route("GET", f"{REPO}/issues/{{issue_number}}/comments")
def _comments(call: Call) -> tuple[int, Any]:
    pull = _pull(call, "issue_number")
    listed = [comment for comment in call.state.comments.values() if comment.issue == pull.number]
    return 200, [
        call.answers.comment(comment) for comment in call.page(sorted(listed, key=lambda one: one.id))
    ]


@route("POST", f"{REPO}/issues/{{issue_number}}/comments", "issues", "pull_requests")
def _create_comment(call: Call) -> tuple[int, Any]:
    comment = call.state.comment(int(call.values["issue_number"]), call.body["body"], call.login)
    return 201, call.answers.comment(comment)


@route("GET", f"{REPO}/issues/comments/{{comment_id}}")
def _get_comment(call: Call) -> tuple[int, Any]:
    return 200, call.answers.comment(_comment(call))


@route("PATCH", f"{REPO}/issues/comments/{{comment_id}}", "issues", "pull_requests")
def _edit_comment(call: Call) -> tuple[int, Any]:
    comment = _comment(call)
    call.state.edit_comment(comment, call.body["body"])
    return 200, call.answers.comment(comment)


@route("DELETE", f"{REPO}/issues/comments/{{comment_id}}", "issues", "pull_requests")
def _delete_comment(call: Call) -> tuple[int, Any]:
    del call.state.comments[_comment(call).id]
    return 204, None


def _comment(call: Call) -> Comment:
    return _found(call.state.comments.get(int(call.values["comment_id"])))


# Pull requests.


def _pull(call: Call, name: str = "pull_number") -> Pull:
    return _found(call.state.pulls.get(int(call.values[name])))


@route("GET", f"{REPO}/pulls")
def _pulls(call: Call) -> tuple[int, Any]:
    state, head = call.query.get("state", "open"), call.query.get("head")
    listed = [
        pull
        for pull in sorted(call.state.pulls.values(), key=lambda one: -one.number)
        if state in ("all", pull.state)
        and (not head or head == f"{(pull.head_repository or '').split('/')[0]}:{pull.head_ref}")
    ]
    return 200, [call.answers.pull(pull, simple=True) for pull in call.page(listed)]


@route("GET", f"{REPO}/pulls/{{pull_number}}")
def _get_pull(call: Call) -> tuple[int, Any]:
    return 200, call.answers.pull(_pull(call))


@route("GET", f"{REPO}/pulls/{{pull_number}}/files")
def _pull_files(call: Call) -> tuple[int, Any]:
    return 200, [call.answers.file(path) for path in call.page(list(_pull(call).files))]


@route("GET", f"{REPO}/pulls/{{pull_number}}/commits")
def _pull_commits(call: Call) -> tuple[int, Any]:
    pull = _pull(call)
    before = set(call.state.ancestors(call.state.refs[f"heads/{pull.base_ref}"]))
    own = [sha for sha in call.state.ancestors(pull.head_sha) if sha not in before]
    return 200, [call.answers.commit(call.state.commits[sha]) for sha in call.page(own[::-1])]


@route("GET", f"{REPO}/commits/{{commit_sha}}/pulls")
def _commit_pulls(call: Call) -> tuple[int, Any]:
    sha = call.values["commit_sha"]
    if sha not in call.state.commits:
        raise Refused(422, f"No commit found for SHA: {sha}")
    listed = [
        pull
        for pull in call.state.pulls.values()
        if sha in (pull.head_sha, pull.merge_sha, *pull.commits)
        and (
            call.state.commit_pulls_sees_forks or pull.merged or pull.head_repository == call.state.full_name
        )
    ]
    return 200, [call.answers.pull(pull, simple=True) for pull in call.page(listed)]


@route("GET", f"{REPO}/issues/{{issue_number}}/labels")
def _labels(call: Call) -> tuple[int, Any]:
    return 200, [call.answers.label(name) for name in call.page(_pull(call, "issue_number").labels)]


@route("POST", f"{REPO}/issues/{{issue_number}}/labels", "issues", "pull_requests")
def _add_labels(call: Call) -> tuple[int, Any]:
    labels = _pull(call, "issue_number").labels
    labels += [name for name in call.body["labels"] if name not in labels]
    return 200, [call.answers.label(name) for name in labels]


@route("DELETE", f"{REPO}/issues/{{issue_number}}/labels/{{name}}", "issues", "pull_requests")
def _remove_label(call: Call) -> tuple[int, Any]:
    labels = _pull(call, "issue_number").labels
    if call.values["name"] not in labels:
        raise Refused(404, "Label does not exist")
    labels.remove(call.values["name"])
    return 200, [call.answers.label(name) for name in labels]


# Git.


@route("GET", f"{REPO}/commits/{{ref}}")
def _commit(call: Call) -> tuple[int, Any]:
    sha = call.state.resolve(call.values["ref"])
    if sha is None:
        raise Refused(422, f"No commit found for SHA: {call.values['ref']}")
    return 200, call.answers.commit(call.state.commits[sha])


@route("GET", f"{REPO}/compare/{{basehead}}")
def _compare(call: Call) -> tuple[int, Any]:
    base, _, head = call.values["basehead"].partition("...")
    return 200, call.answers.comparison(_found(call.state.resolve(base)), _found(call.state.resolve(head)))


@route("GET", f"{REPO}/git/commits/{{commit_sha}}")
def _git_commit(call: Call) -> tuple[int, Any]:
    return 200, call.answers.git_commit(_found(call.state.commits.get(call.values["commit_sha"])))


@route("GET", f"{REPO}/git/matching-refs/{{ref}}")
def _matching(call: Call) -> tuple[int, Any]:
    prefix = call.values["ref"]
    return 200, [call.answers.ref(ref) for ref in sorted(call.state.refs) if ref.startswith(prefix)]


@route("GET", f"{REPO}/git/ref/{{ref}}")
def _ref(call: Call) -> tuple[int, Any]:
    if call.values["ref"] not in call.state.refs:
        raise Refused(404, "Not Found")
    return 200, call.answers.ref(call.values["ref"])


@route("POST", f"{REPO}/git/refs", "contents")
def _create_ref(call: Call) -> tuple[int, Any]:
    call.state.create_ref(call.body["ref"], call.body["sha"])
    return 201, call.answers.ref(call.body["ref"].removeprefix("refs/"))


@route("DELETE", f"{REPO}/git/refs/{{ref}}", "contents")
def _delete_ref(call: Call) -> tuple[int, Any]:
    call.state.delete_ref(call.values["ref"])
    return 204, None


@route("POST", f"{REPO}/git/tags", "contents")
def _create_tag(call: Call) -> tuple[int, Any]:
    sha = call.state.create_tag(call.body["tag"], call.body["object"], call.body["message"])
    return 201, call.answers.tag(sha)


@route("GET", f"{REPO}/git/tags/{{tag_sha}}")
def _tag(call: Call) -> tuple[int, Any]:
    if call.values["tag_sha"] not in call.state.tag_objects:
        raise Refused(404, "Not Found")
    return 200, call.answers.tag(call.values["tag_sha"])


# Releases.


def _release(call: Call) -> Release:
    return _found(call.state.releases.get(int(call.values["release_id"])))


@route("GET", f"{REPO}/releases")
def _releases(call: Call) -> tuple[int, Any]:
    listed = sorted(call.state.releases.values(), key=lambda one: -one.id)
    return 200, [call.answers.release(release) for release in call.page(listed)]


@route("POST", f"{REPO}/releases", "contents")
def _create_release(call: Call) -> tuple[int, Any]:
    body = call.body
    release = call.state.create_release(
        tag=body["tag_name"],
        target=body.get("target_commitish", ""),
        name=body.get("name", ""),
        body=body.get("body", ""),
        draft=body.get("draft", False),
        prerelease=body.get("prerelease", False),
        make_latest=body.get("make_latest", ""),
    )
    release.author = call.login
    return 201, call.answers.release(release)


@route("GET", f"{REPO}/releases/latest")
def _latest(call: Call) -> tuple[int, Any]:
    latest = call.state.latest
    return 200, call.answers.release(_found(call.state.releases.get(latest) if latest else None))


@route("GET", f"{REPO}/releases/tags/{{tag}}")
def _release_by_tag(call: Call) -> tuple[int, Any]:
    listed = call.state.releases.values()
    found = next((one for one in listed if one.tag == call.values["tag"] and not one.draft), None)
    return 200, call.answers.release(_found(found))


@route("GET", f"{REPO}/releases/{{release_id}}")
def _get_release(call: Call) -> tuple[int, Any]:
    return 200, call.answers.release(_release(call))


@route("PATCH", f"{REPO}/releases/{{release_id}}", "contents")
def _edit_release(call: Call) -> tuple[int, Any]:
    release = _release(call)
    call.state.edit_release(release, call.body)
    return 200, call.answers.release(release)


@route("DELETE", f"{REPO}/releases/{{release_id}}", "contents")
def _delete_release(call: Call) -> tuple[int, Any]:
    call.state.delete_release(_release(call))
    return 204, None


@route("GET", f"{REPO}/releases/{{release_id}}/assets")
def _assets(call: Call) -> tuple[int, Any]:
    return 200, [call.answers.asset(asset) for asset in call.page(_release(call).assets)]


@route("POST", f"{REPO}/releases/{{release_id}}/assets", "contents")
def _upload(call: Call) -> tuple[int, Any]:
    label = call.query.get("label", "")
    asset = call.state.upload(_release(call), call.query["name"], call.raw, call.media_type, label)
    return 201, call.answers.asset(asset)


@route("DELETE", f"{REPO}/releases/assets/{{asset_id}}", "contents")
def _delete_asset(call: Call) -> tuple[int, Any]:
    for release in call.state.releases.values():
        for asset in release.assets:
            if asset.id == int(call.values["asset_id"]):
                call.state.delete_asset(release, asset)
                return 204, None
    raise Refused(404, "Not Found")


# Packages.


def _register_packages(owner: str, kind: str) -> None:
    package = f"{owner}/packages/{{package_type}}/{{package_name}}"

    def check(call: Call) -> str:
        name = call.values["package_name"]
        if call.state.owner_type != kind or name not in call.state.packages:
            raise Refused(404, "Package not found.")
        return name

    def names(call: Call) -> tuple[int, Any]:
        if call.state.owner_type != kind:
            raise Refused(404, "Not Found")
        return 200, [call.answers.package(name) for name in call.page(sorted(call.state.packages))]

    def get(call: Call) -> tuple[int, Any]:
        return 200, call.answers.package(check(call))

    def versions(call: Call) -> tuple[int, Any]:
        listed = call.state.packages[check(call)]
        paged = call.page(listed) if kind == "Organization" else listed  # the other list has no pages
        return 200, [call.answers.package_version(version) for version in paged]

    def delete(call: Call) -> tuple[int, Any]:
        del call.state.packages[check(call)]
        return 204, None

    def delete_version(call: Call) -> tuple[int, Any]:
        listed = call.state.packages[check(call)]
        found = _found(
            next((one for one in listed if one.id == int(call.values["package_version_id"])), None)
        )
        if found.tags and sum(bool(one.tags) for one in listed) == 1:
            raise Refused(
                400,
                "You cannot delete the last tagged version of a package. You must delete the package instead.",
            )
        listed.remove(found)
        return 204, None

    route("GET", f"{owner}/packages")(names)
    route("GET", package)(get)
    route("DELETE", package, "packages")(delete)
    route("GET", f"{package}/versions")(versions)
    route("DELETE", f"{package}/versions/{{package_version_id}}", "packages")(delete_version)


_register_packages("/orgs/{org}", "Organization")
_register_packages("/users/{username}", "User")


# GraphQL.


def graphql(call: Call) -> dict[str, Any]:
    """Answer the two documents that the client may send; anything else is an error."""
    document = " ".join(str(call.body["query"]).split())
    if document == "query { viewer { login } }":
        return {"data": {"viewer": {"login": call.login}}}
    if "createCommitOnBranch(input: $input)" not in document:
        raise AssertionError(f"unknown GraphQL document: {document}")
    if not call.token or "contents" not in call.token.writes:
        return _graphql_error("FORBIDDEN", READ_ONLY)
    sent = call.body["variables"]["input"]
    assert set(sent) == {"branch", "expectedHeadOid", "fileChanges", "message"}, sent
    assert set(sent["branch"]) == {"repositoryNameWithOwner", "branchName"}, sent
    assert set(sent["message"]) <= {"headline", "body"}, sent
    assert set(sent["fileChanges"]) <= {"additions", "deletions"}, sent
    added = sent["fileChanges"].get("additions", ())
    additions = {one["path"]: base64.b64decode(one["contents"], validate=True) for one in added}
    deletions = {one["path"]: None for one in sent["fileChanges"].get("deletions", ())}
    message = "\n\n".join(part for part in (sent["message"]["headline"], sent["message"].get("body")) if part)
    try:
        commit = call.state.commit_on_branch(
            sent["branch"]["branchName"], sent["expectedHeadOid"], message, {**additions, **deletions}
        )
    except Refused as refused:
        kinds = {404: "NOT_FOUND", 409: "STALE_DATA"}
        return _graphql_error(kinds.get(refused.status, "UNPROCESSABLE"), refused.message)
    url = f"{call.answers.web}/commit/{commit.sha}"
    return {"data": {"createCommitOnBranch": {"commit": {"oid": commit.sha, "url": url}}}}


def _graphql_error(kind: str, message: str) -> dict[str, Any]:
    error = {"type": kind, "path": ["createCommitOnBranch"], "message": message}
    return {"data": {"createCommitOnBranch": None}, "errors": [error]}
