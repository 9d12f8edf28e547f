"""The stand-in's answers: GitHub's JSON for what it remembers, completed by what the description demands."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tests.fakes.github_contract import contract
from tests.fakes.github_state import Asset, Comment, Commit, PackageVersion, Pull, Release, Run, State

WHEN = "2026-01-02T03:04:05Z"


class Answers:
    """Builds JSON; every URL in it leads back to the stand-in."""

    def __init__(self, state: State, *, api: str, web: str, uploads: str) -> None:
        self.state = state
        self.api = api
        self.web = f"{web}/{state.full_name}"
        self.repo_url = f"{api}/repos/{state.full_name}"
        self.uploads_url = f"{uploads}/repos/{state.full_name}"

    def user(self, login: str) -> dict[str, Any]:
        kind = "Bot" if login.endswith("[bot]") else "User"
        return contract().fill("simple-user", {"login": login, "id": _number(login), "type": kind})

    def workflow_run(self, run: Run) -> dict[str, Any]:
        done = "in_progress" if run.conclusion is None else "completed"
        known = {
            "id": run.id,
            "head_sha": run.head_sha,
            "head_branch": run.head_branch,
            "event": run.event,
            "status": done,
            "conclusion": run.conclusion,
        }
        return contract().fill("workflow-run", known)

    def account(self, login: str) -> dict[str, Any]:
        kind = self.state.owner_type if login == self.state.owner else "User"
        return contract().fill(
            "public-user",
            {"login": login, "id": _number(login), "type": kind, "user_view_type": "public"},
        )

    def repository(self, full_name: str = "") -> dict[str, Any]:
        full_name = full_name or self.state.full_name
        owner, name = full_name.split("/")
        return {
            "id": _number(full_name),
            "name": name,
            "full_name": full_name,
            "owner": self.user(owner),
            "private": False,
            "default_branch": "main",
            "url": f"{self.api}/repos/{full_name}",
            "html_url": self.web,
        }

    def full_repository(self) -> dict[str, Any]:
        return contract().fill("full-repository", self.repository())

    def comment(self, comment: Comment) -> dict[str, Any]:
        known = {
            "id": comment.id,
            "url": f"{self.repo_url}/issues/comments/{comment.id}",
            "html_url": f"{self.web}/pull/{comment.issue}#issuecomment-{comment.id}",
            "issue_url": f"{self.repo_url}/issues/{comment.issue}",
            "body": comment.body,
            "user": self.user(comment.login),
            "created_at": WHEN,
            "updated_at": WHEN,
        }
        return contract().fill("issue-comment", known)

    def pull(self, pull: Pull, *, simple: bool = False) -> dict[str, Any]:
        schema = "pull-request-simple" if simple else "pull-request"
        head_owner = (pull.head_repository or "ghost/gone").split("/")[0]
        base = self.state.refs.get(f"heads/{pull.base_ref}", "0" * 40)
        known: dict[str, Any] = {
            "number": pull.number,
            "id": 5000 + pull.number,
            "url": f"{self.repo_url}/pulls/{pull.number}",
            "html_url": f"{self.web}/pull/{pull.number}",
            "issue_url": f"{self.repo_url}/issues/{pull.number}",
            "title": pull.title,
            "state": pull.state,
            "user": self.user(pull.author),
            "labels": [self.label(name) for name in pull.labels],
            "merged_at": WHEN if pull.merged else None,
            "merge_commit_sha": pull.merge_sha,
            "head": self._branch(pull.head_ref, pull.head_sha, head_owner, pull.head_repository),
            "base": self._branch(pull.base_ref, base, self.state.owner, self.state.full_name),
        }
        if not simple:
            known["merged"] = pull.merged
        filled = contract().fill(schema, known)
        if pull.head_repository is None:
            filled["head"]["repo"] = None
        return filled

    def _branch(self, ref: str, sha: str, owner: str, full_name: str | None) -> dict[str, Any]:
        return {
            "label": f"{owner}:{ref}",
            "ref": ref,
            "sha": sha,
            "user": self.user(owner),
            "repo": self.repository(full_name) if full_name else None,
        }

    def label(self, name: str) -> dict[str, Any]:
        number = _number(name)
        return {
            "id": number,
            "node_id": f"LA_{number}",
            "url": f"{self.repo_url}/labels/{quote(name, safe='')}",
            "name": name,
            "description": "",
            "color": "ededed",
            "default": False,
        }

    def git_commit(self, commit: Commit) -> dict[str, Any]:
        url = f"{self.repo_url}/git/commits/{commit.sha}"
        parents = [
            {"sha": sha, "url": f"{self.repo_url}/git/commits/{sha}", "html_url": url}
            for sha in commit.parents
        ]
        known = {"sha": commit.sha, "url": url, "message": commit.message, "parents": parents}
        return contract().fill("git-commit", known)

    def ref(self, ref: str) -> dict[str, Any]:
        sha = self.state.refs[ref]
        kind = "tag" if sha in self.state.tag_objects else "commit"
        return contract().fill(
            "git-ref",
            {
                "ref": f"refs/{ref}",
                "url": f"{self.repo_url}/git/refs/{ref}",
                "object": {"type": kind, "sha": sha, "url": f"{self.repo_url}/git/{kind}s/{sha}"},
            },
        )

    def tag(self, sha: str) -> dict[str, Any]:
        name, target, message = self.state.tag_objects[sha]
        return contract().fill(
            "git-tag",
            {
                "sha": sha,
                "url": f"{self.repo_url}/git/tags/{sha}",
                "tag": name,
                "message": message,
                "object": {"type": "commit", "sha": target, "url": f"{self.repo_url}/git/commits/{target}"},
            },
        )

    def release(self, release: Release) -> dict[str, Any]:
        url = f"{self.repo_url}/releases/{release.id}"
        page = f"untagged-{release.id}" if release.draft else release.tag
        known = {
            "id": release.id,
            "url": url,
            "html_url": f"{self.web}/releases/tag/{page}",
            "assets_url": f"{url}/assets",
            "upload_url": f"{self.uploads_url}/releases/{release.id}/assets{{?name,label}}",
            "tag_name": release.tag,
            "target_commitish": release.target or "main",
            "name": release.name,
            "body": release.body,
            "draft": release.draft,
            "prerelease": release.prerelease,
            "immutable": release.immutable,
            "created_at": WHEN,
            "published_at": None if release.draft else WHEN,
            "author": self.user(release.author),
            "assets": [self.asset(asset) for asset in release.assets],
        }
        return contract().fill("release", known)

    def asset(self, asset: Asset) -> dict[str, Any]:
        done = asset.state == "uploaded"
        known = {
            "id": asset.id,
            "url": f"{self.repo_url}/releases/assets/{asset.id}",
            "browser_download_url": f"{self.web}/releases/download/{asset.name}",
            "name": asset.name,
            "label": asset.label,
            "content_type": asset.content_type,
            "size": len(asset.data),
            "state": asset.state,
            "digest": f"sha256:{hashlib.sha256(asset.data).hexdigest()}" if done else None,
        }
        return contract().fill("release-asset", known)

    def package(self, name: str) -> dict[str, Any]:
        return contract().fill(
            "package",
            {
                "id": _number(name),
                "name": name,
                "package_type": "container",
                "version_count": len(self.state.packages[name]),
            },
        )

    def package_version(self, version: PackageVersion) -> dict[str, Any]:
        metadata: Mapping[str, Any] = {"package_type": "container", "container": {"tags": list(version.tags)}}
        return contract().fill(
            "package-version",
            {
                "id": version.id,
                "name": version.digest,
                "created_at": version.created,
                "updated_at": version.created,
                "metadata": metadata,
            },
        )


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
