"""The operations of the stand-in: each changes the state or reads it, and names its answer's status and JSON."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from tests.fakes.github_answers import Answers
from tests.fakes.github_state import Comment, Pull, Refused, Release, State, seen
from tests.fakes.prune_openapi import REPO

Item = TypeVar("Item")
ALL = frozenset({"actions", "contents", "issues", "pull_requests", "packages"})
READ_ONLY = "Resource not accessible by integration"


@dataclass(frozen=True)
class Token:
    """Who a token belongs to, what it may write, and what it may read besides (GitHub's names of permissions).

    In a public repository everybody may read everything. ``scopes`` are those of a classic token, which alone has any.
    """

    login: str = "github-actions[bot]"
    writes: frozenset[str] = ALL
    app: bool = True
    reads: frozenset[str] = ALL
    scopes: frozenset[str] | None = None

    def lacks(self, needs: Collection[str], *, writing: bool) -> bool:
        """Tell whether none of these permissions is given (any of them would do)."""
        return bool(needs) and not (self.writes if writing else self.writes | self.reads).intersection(needs)


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
    """Register a handler; ``needs`` are permissions of which one must be given: to read for GET, else to write."""

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


@route("GET", f"{REPO}/issues/{{issue_number}}/comments", "issues", "pull_requests")
def _comments(call: Call) -> tuple[int, Any]:
    pull = _pull(call, "issue_number")
    listed = seen(comment for comment in call.state.comments.values() if comment.issue == pull.number)
    return 200, [
        call.answers.comment(comment) for comment in call.page(sorted(listed, key=lambda one: one.id))
    ]


@route("POST", f"{REPO}/issues/{{issue_number}}/comments", "issues", "pull_requests")
def _create_comment(call: Call) -> tuple[int, Any]:
    comment = call.state.comment(int(call.values["issue_number"]), call.body["body"], call.login)
    return 201, call.answers.comment(comment)


@route("GET", f"{REPO}/issues/comments/{{comment_id}}", "issues", "pull_requests")
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


@route("GET", f"{REPO}/pulls", "pull_requests")
def _pulls(call: Call) -> tuple[int, Any]:
    state, head = call.query.get("state", "open"), call.query.get("head")
    listed = [
        pull
        for pull in sorted(call.state.pulls.values(), key=lambda one: -one.number)
        if state in ("all", pull.state)
        and (not head or head == f"{(pull.head_repository or '').split('/')[0]}:{pull.head_ref}")
    ]
    return 200, [call.answers.pull(pull, simple=True) for pull in call.page(listed)]


@route("GET", f"{REPO}/pulls/{{pull_number}}", "pull_requests")
def _get_pull(call: Call) -> tuple[int, Any]:
    return 200, call.answers.pull(_pull(call))


@route("GET", f"{REPO}/commits/{{commit_sha}}/pulls", "pull_requests")
def _commit_pulls(call: Call) -> tuple[int, Any]:
    sha = call.values["commit_sha"]
    if sha not in call.state.commits:
        raise Refused(422, f"No commit found for SHA: {sha}")
    listed = [
        pull
        for pull in call.state.pulls.values()
        if sha in (pull.head_sha, pull.merge_sha, *pull.commits)
        and (seen([pull]) or not pull.merged)
        and (pull.merged or pull.state == "open")
        and (
            call.state.commit_pulls_sees_forks or pull.merged or pull.head_repository == call.state.full_name
        )
    ]
    return 200, [call.answers.pull(pull, simple=True) for pull in call.page(listed)]


# Runs of workflows.


@route("GET", f"{REPO}/actions/workflows/{{workflow_id}}/runs", "actions")
def _workflow_runs(call: Call) -> tuple[int, Any]:
    branch = call.query.get("branch")
    listed = [
        run
        for run in sorted(call.state.runs, key=lambda one: -one.id)
        if run.workflow == call.values["workflow_id"] and branch in (None, run.head_branch)
    ]
    return 200, {
        "total_count": len(listed),
        "workflow_runs": [call.answers.workflow_run(run) for run in call.page(listed)],
    }


# Git.


@route("GET", f"{REPO}/git/commits/{{commit_sha}}", "contents")
def _git_commit(call: Call) -> tuple[int, Any]:
    return 200, call.answers.git_commit(_found(call.state.commits.get(call.values["commit_sha"])))


@route("GET", f"{REPO}/git/ref/{{ref}}", "contents")
def _ref(call: Call) -> tuple[int, Any]:
    if call.values["ref"] not in call.state.refs:
        raise Refused(404, "Not Found")
    return 200, call.answers.ref(call.values["ref"])


@route("POST", f"{REPO}/git/refs", "contents")
def _create_ref(call: Call) -> tuple[int, Any]:
    call.state.create_ref(call.body["ref"], call.body["sha"])
    return 201, call.answers.ref(call.body["ref"].removeprefix("refs/"))


@route("POST", f"{REPO}/git/tags", "contents")
def _create_tag(call: Call) -> tuple[int, Any]:
    sha = call.state.create_tag(call.body["tag"], call.body["object"], call.body["message"])
    return 201, call.answers.tag(sha)


@route("GET", f"{REPO}/git/tags/{{tag_sha}}", "contents")
def _tag(call: Call) -> tuple[int, Any]:
    if call.values["tag_sha"] not in call.state.tag_objects:
        raise Refused(404, "Not Found")
    return 200, call.answers.tag(call.values["tag_sha"])


# Releases.


def _release(call: Call) -> Release:
    return _found(call.state.releases.get(int(call.values["release_id"])))


@route("GET", f"{REPO}/releases", "contents")
def _releases(call: Call) -> tuple[int, Any]:
    drafts = call.token is not None and "contents" in call.token.writes  # others are not told of them
    listed = [
        one
        for one in sorted(seen(call.state.releases.values()), key=lambda one: -one.id)
        if drafts or not one.draft
    ]
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


@route("GET", f"{REPO}/releases/latest", "contents")
def _latest(call: Call) -> tuple[int, Any]:
    latest = call.state.latest
    return 200, call.answers.release(_found(call.state.releases.get(latest) if latest else None))


@route("GET", f"{REPO}/releases/tags/{{tag}}", "contents")
def _release_by_tag(call: Call) -> tuple[int, Any]:
    listed = call.state.releases.values()
    found = next((one for one in listed if one.tag == call.values["tag"] and not one.draft), None)
    return 200, call.answers.release(_found(found))


@route("GET", f"{REPO}/releases/{{release_id}}", "contents")
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


@route("GET", f"{REPO}/releases/{{release_id}}/assets", "contents")
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

    def versions(call: Call) -> tuple[int, Any]:
        listed = call.state.packages[check(call)]
        paged = call.page(listed) if kind == "Organization" else listed  # the other list has no pages
        return 200, [call.answers.package_version(version) for version in paged]

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

    route("GET", f"{owner}/packages", "packages")(names)
    route("GET", f"{package}/versions", "packages")(versions)
    route("DELETE", f"{package}/versions/{{package_version_id}}", "packages")(delete_version)


_register_packages("/orgs/{org}", "Organization")
_register_packages("/users/{username}", "User")
