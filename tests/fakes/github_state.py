"""What the stand-in remembers: one repository as GitHub sees it, and GitHub's rules for changing it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.fakes.github_git import GitObjects
from tests.fakes.github_refusals import refusal

COMMENT_LIMIT = 65_536
RELEASE_LIMIT = 125_000


Item = TypeVar("Item", "Comment", "Pull", "Release")


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """An answer of 4xx, with GitHub's message and its list of errors."""

    def __init__(self, status: int, message: str, *, errors: tuple[Mapping[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors


def of_file(name: str) -> Refused:
    """Return a refusal of ``github-refusals.json``."""
    found = refusal(name)
    body = found.body or {}
    return Refused(found.status, body["message"], errors=tuple(body.get("errors", ())))


def invalid(resource: str, code: str, name: str, message: str = "") -> Refused:
    """Return GitHub's 422 for one field."""
    error = {"resource": resource, "code": code, "field": name}
    if message:
        error["message"] = message
    return Refused(422, "Validation Failed", errors=(error,))


@dataclass
class Commit:
    sha: str
    message: str
    parents: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Comment:
    id: int
    issue: int
    login: str
    body: str
    hidden: int = 0
    """How many lists still lack it."""


@dataclass
class Pull:
    number: int
    head_sha: str
    head_repository: str | None
    head_ref: str = "feature"
    base_ref: str = "main"
    state: str = "open"
    merged: bool = False
    merge_sha: str | None = None
    labels: list[str] = field(default_factory=list)
    commits: tuple[str, ...] = ()
    title: str = "A change"
    author: str = "monalisa"
    hidden: int = 0
    """How many answers still lack its merge."""


@dataclass
class Asset:
    id: int
    name: str
    data: bytes
    content_type: str
    label: str = ""
    state: str = "uploaded"


@dataclass
class Release:
    id: int
    tag: str
    target: str
    name: str
    body: str
    draft: bool
    prerelease: bool = False
    immutable: bool = False
    author: str = "github-actions[bot]"
    assets: list[Asset] = field(default_factory=list)
    hidden: int = 0
    """How many lists still lack it."""


@dataclass
class Run:
    """A run of a workflow; ``conclusion`` is None while it lasts."""

    id: int
    workflow: str
    head_sha: str
    conclusion: str | None
    event: str = "push"
    head_branch: str = "main"


@dataclass
class PackageVersion:
    id: int
    digest: str
    tags: tuple[str, ...]
    created: str = "2026-01-02T03:04:05Z"


class State:
    """One repository; every method applies one of GitHub's rules or raises Refused."""

    def __init__(self, owner: str, name: str) -> None:
        self.owner = owner
        self.name = name
        self.owner_type = "Organization"
        self.commits: dict[str, Commit] = {}
        self.refs: dict[str, str] = {}
        self.tag_objects: dict[str, tuple[str, str, str]] = {}
        self.comments: dict[int, Comment] = {}
        self.pulls: dict[int, Pull] = {}
        self.releases: dict[int, Release] = {}
        self.packages: dict[str, list[PackageVersion]] = {}
        self.runs: list[Run] = []
        self.latest: int | None = None
        self.git: GitObjects | None = None
        # Settings of the repository.
        self.immutable_releases = False
        self.burnt_tags: set[str] = set()
        self.protected_tags = ""
        self.protected_branches = ""
        self.workflow_commits: set[str] = set()
        self.commit_pulls_sees_forks = True
        self.lag = 0
        """How many lists lack what was made just before, and how many answers a merge."""
        self._ids = iter(range(1001, 10**9))
        self.commit("initial commit", branch="main")

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    def next_id(self) -> int:
        return next(self._ids)

    # Git.

    def commit(
        self,
        message: str,
        *,
        branch: str | None = None,
        files: Mapping[str, bytes | None] | None = None,
        sha: str = "",
    ) -> str:
        """Add a commit (on ``branch``, which moves); a file of None is deleted."""
        parent = self.refs.get(f"heads/{branch}") if branch else None
        tree = dict(self.commits[parent].files) if parent else {}
        for path, data in (files or {}).items():
            if data is None:
                tree.pop(path, None)
            else:
                tree[path] = data
        sha = sha or hashlib.sha1(f"{message} {parent} {self.next_id()}".encode()).hexdigest()
        self.commits[sha] = Commit(sha, message, (parent,) if parent else (), tree)
        if branch:
            self.refs[f"heads/{branch}"] = sha
        return sha

    def resolve(self, name: str) -> str | None:
        """Return the commit that a branch, tag or SHA names."""
        if name in self.commits:
            return name
        found = self.refs.get(f"heads/{name}") or self.refs.get(f"tags/{name}")
        return self.peel(found) if found else None

    def peel(self, sha: str) -> str:
        return self.tag_objects[sha][1] if sha in self.tag_objects else sha

    def reaches(self, ref: str, sha: str) -> bool:
        """Tell whether a commit is in the history of a ref (``heads/main``)."""
        waiting, seen = [self.refs.get(ref, "")], set[str]()
        while waiting:
            if (one := waiting.pop()) == sha:
                return True
            if one in self.commits and one not in seen:
                seen.add(one)
                waiting += self.commits[one].parents
        return False

    def tags(self) -> dict[str, str]:
        """Return each tag and its commit."""
        return {ref[5:]: self.peel(sha) for ref, sha in self.refs.items() if ref.startswith("tags/")}

    def create_ref(self, ref: str, sha: str) -> None:
        if not well_formed(ref):
            raise Refused(422, f"{ref} is not a valid ref name.")
        short = ref.removeprefix("refs/")
        if sha not in self.commits and sha not in self.tag_objects:
            raise Refused(422, "Object does not exist")
        if short in self.refs:
            raise Refused(422, "Reference already exists")
        self._obey_rules(short)
        self.refs[short] = sha
        if self.git:
            self.git.update_ref(short, sha)

    def create_tag(self, name: str, target: str, message: str) -> str:
        if target not in self.commits:
            raise Refused(422, "Object does not exist")
        digest = hashlib.sha1(f"{name} {target} {message}".encode()).hexdigest()
        sha = self.git.create_tag(name, target, message) if self.git else digest
        self.tag_objects[sha] = (name, target, message)
        return sha

    def use_git(self, root: Path) -> None:
        """Take a real bare repository for the truth of commits and refs, from now on."""
        self.git = GitObjects(root)
        self.commits.clear()
        self.refs.clear()
        self.read_git()

    def read_git(self) -> None:
        """Learn what has been pushed since the last look."""
        if self.git is None or (refs := self.git.refs()) == self.refs:
            return
        for sha, parents, message in self.git.commits():
            self.commits.setdefault(sha, Commit(sha, message, parents))
        for sha in set(refs.values()) - set(self.commits) - set(self.tag_objects):
            if tag := self.git.tag_object(sha):
                self.tag_objects[sha] = tag
        self.refs = refs

    def _obey_rules(self, ref: str) -> None:
        tag = ref.removeprefix("tags/")
        if ref.startswith("tags/") and self.protected_tags and re.fullmatch(self.protected_tags, tag):
            raise of_file("ruleset-ref")

    def commit_on_branch(
        self, branch: str, expected: str, message: str, files: Mapping[str, bytes | None]
    ) -> Commit:
        """Apply ``createCommitOnBranch``."""
        head = self.refs.get(f"heads/{branch}")
        if head is None:
            raise Refused(404, f'No such branch "{branch}"')
        if head != expected:
            raise Refused(
                409, f'Expected branch to point to "{expected}" but it did not.  Pull and try again.'
            )
        if self.protected_branches and re.fullmatch(self.protected_branches, branch):
            raise Refused(
                422, "Repository rule violations found\n\nChanges must be made through a pull request.\n\n"
            )
        sha = self.git.commit(expected, message, files) if self.git else ""
        made = self.commit(message, branch=branch, files=files, sha=sha)
        if self.git:
            self.git.update_ref(f"heads/{branch}", made)
        return self.commits[made]

    # Comments.

    def comment(self, issue: int, body: str, login: str) -> Comment:
        if issue not in self.pulls:
            raise Refused(404, "Not Found")
        _limited(body, COMMENT_LIMIT, "IssueComment")
        comment = Comment(self.next_id(), issue, login, body, hidden=self.lag)
        self.comments[comment.id] = comment
        return comment

    def edit_comment(self, comment: Comment, body: str) -> None:
        _limited(body, COMMENT_LIMIT, "IssueComment")
        comment.body = body

    # Releases.

    def create_release(
        self, *, tag: str, target: str, name: str, body: str, draft: bool, prerelease: bool, make_latest: str
    ) -> Release:
        _limited(body, RELEASE_LIMIT, "Release", blank=True)
        _may_be_latest(make_latest, draft=draft, prerelease=prerelease)
        if not well_formed(f"refs/tags/{tag}"):
            raise invalid("Release", "custom", "tag_name", "tag_name is not well-formed")
        release = Release(
            self.next_id(), tag, target, name, body, draft=True, prerelease=prerelease, hidden=self.lag
        )
        if target and self.resolve(target) is None:
            raise invalid("Release", "invalid", "target_commitish")
        self._workflows(release)
        if not draft:
            self.publish(release, make_latest)
        self.releases[release.id] = release
        return release

    def publish(self, release: Release, make_latest: str) -> None:
        if any(other.tag == release.tag and not other.draft for other in self.releases.values()):
            raise invalid("Release", "already_exists", "tag_name")
        if release.tag in self.burnt_tags:
            raise of_file("burnt-tag")
        self._workflows(release)
        commit = self.resolve(release.target or "main")
        assert commit is not None
        if f"tags/{release.tag}" not in self.refs:
            try:
                self.create_ref(f"refs/tags/{release.tag}", commit)
            except Refused as refused:
                raise of_file("ruleset-release") if "rule" in refused.message else refused from refused
        release.draft = False
        release.immutable = self.immutable_releases
        if make_latest != "false" and not release.prerelease:  # GitHub's default is "true"
            self.latest = release.id

    def _workflows(self, release: Release) -> None:
        """Hide the resource where the target changes workflow files (only tokens of Actions use this fake)."""
        if (
            f"tags/{release.tag}" not in self.refs
            and self.resolve(release.target or "main") in self.workflow_commits
        ):
            raise Refused(404, "Not Found")

    def edit_release(self, release: Release, changes: Mapping[str, object]) -> None:
        _limited(str(changes.get("body", "")), RELEASE_LIMIT, "Release", blank=True)
        if release.immutable and (
            changes.get("tag_name", release.tag) != release.tag or changes.get("draft", False)
        ):
            raise invalid("Release", "custom", "base", "Cannot update an immutable release")
        make_latest = str(changes.get("make_latest", ""))
        draft, prerelease = (bool(changes.get(key, getattr(release, key))) for key in ("draft", "prerelease"))
        _may_be_latest(make_latest, draft=draft, prerelease=prerelease)
        release.name = str(changes.get("name", release.name))
        release.body = str(changes.get("body", release.body))
        release.prerelease = bool(changes.get("prerelease", release.prerelease))
        if release.draft:
            release.tag = str(changes.get("tag_name", release.tag))
            release.target = str(changes.get("target_commitish", release.target))
        if release.draft and changes.get("draft") is False:
            self.publish(release, make_latest)
        elif make_latest == "true":
            self.latest = release.id
        elif make_latest == "false" and self.latest == release.id:
            self.latest = None

    def delete_release(self, release: Release) -> None:
        if release.immutable:
            self.burnt_tags.add(release.tag)
        del self.releases[release.id]

    def upload(self, release: Release, name: str, data: bytes, content_type: str, label: str) -> Asset:
        """Keep an asset under the name that GitHub gives it: odd characters become dots."""
        if release.immutable:
            raise invalid("ReleaseAsset", "custom", "base", "Cannot upload assets to an immutable release.")
        name = re.sub(r"[^A-Za-z0-9._+-]", ".", name).strip(".")
        if any(asset.name == name for asset in release.assets):
            raise invalid("ReleaseAsset", "already_exists", "name")
        asset = Asset(self.next_id(), name, data, content_type, label)
        release.assets.append(asset)
        return asset

    def delete_asset(self, release: Release, asset: Asset) -> None:
        if release.immutable:
            raise invalid("ReleaseAsset", "custom", "base", "Cannot delete asset from an immutable release")
        release.assets.remove(asset)


def seen(items: Iterable[Item]) -> list[Item]:
    """Return what a list shows by now, and let time pass for the rest."""
    shown = []
    for item in items:
        if item.hidden:
            item.hidden -= 1
        else:
            shown.append(item)
    return shown


def well_formed(ref: str) -> bool:
    """Tell whether a ref may have this whole name; the rules of ``git check-ref-format``, and one folder below refs."""
    parts = ref.split("/")
    return (
        len(parts) > 2
        and parts[0] == "refs"
        and all(part and not part.startswith(".") and not part.endswith(".lock") for part in parts)
        and not ref.endswith(".")
        and not re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{", ref)
    )


def _may_be_latest(make_latest: str, *, draft: bool, prerelease: bool) -> None:
    """Refuse what getsentry/craft#583 and kaito-project/kaito#1680 quote; only where "true" is said, not by default."""
    if make_latest == "true" and (draft or prerelease):
        error = {
            "resource": "Release",
            "code": "custom",
            "message": "Latest release cannot be draft or prerelease.",
        }
        raise Refused(422, "Validation Failed", errors=(error,))


def _too_long(resource: str, limit: int) -> Mapping[str, str]:
    """Return the words for a comment (easybuilders/easybuild-easyconfigs#24647) or a release."""
    if resource == "IssueComment":
        message = f"Body is too long (maximum is {limit} characters)"
        return {"resource": resource, "code": "unprocessable", "field": "data", "message": message}
    message = f"body is too long (maximum is {limit} characters)"
    return {"resource": resource, "code": "custom", "field": "body", "message": message}


def _limited(body: str, limit: int, resource: str, *, blank: bool = False) -> None:
    if len(body) > limit:
        raise Refused(422, "Validation Failed", errors=(_too_long(resource, limit),))
    if not body and not blank:
        raise invalid(resource, "missing_field", "body", "body can't be blank")
