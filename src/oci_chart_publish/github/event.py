"""What started the run: the event of a GitHub workflow, read from the environment and the event file.

Nothing of it is trusted to be there; an absent value is empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.paths.globs import whole

if TYPE_CHECKING:
    from oci_chart_publish.github.pull_requests import PullRequest

EVENT_LIMIT = 32 * 1024 * 1024
"""Bytes of the largest event file that is read; GitHub caps webhook payloads at 25 MB."""

_NUMBER = re.compile(r"\(#(\d{1,9})\)\s*\Z|\AMerge pull request #(\d{1,9}) ")
"""How GitHub names a pull request in the subject of a squash or a merge (docs, "About merge methods")."""
DEPENDABOT = "dependabot[bot]"
_NO_COMMIT = "0" * 40


class PullRequestEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The pull request of an event. ``head_repository`` is empty where the fork has been deleted."""

    number: int
    action: str = ""
    head: str = ""
    head_ref: str = ""
    title: str = ""
    head_repository: str = ""
    base: str = ""
    base_ref: str = ""
    merged: bool = False
    closed: bool = False
    labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: PullRequest) -> PullRequestEvent:
        """Return a pull request that the code host tells of, as an event of it would have named it."""
        return cls(
            number=found.number,
            head=found.head,
            head_ref=found.head_ref,
            title=found.title,
            head_repository=found.head_repository,
            base=found.base,
            base_ref=found.base_ref,
            merged=found.merged,
            closed=not found.open,
            labels=found.labels,
        )


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The event: ``before`` is the commit before a push of ``commits`` commits, ``url`` the repository's page.

    For a merge group ``before`` is its base. ``pushed`` are the commits of a push, as far as the event lists them,
    ``named`` the numbers of pull requests that GitHub has put into their subjects when it merged them, and ``created``
    says that the push made the branch, which has nothing before. ``actor`` is who started the run first, and
    ``workflow`` the file of the workflow.
    """

    name: str = ""
    repository: str = ""
    revision: str = ""
    ref: str = ""
    default_branch: str = ""
    before: str = ""
    commits: int = 0
    pushed: tuple[str, ...] = ()
    named: tuple[int, ...] = ()
    created: bool = False
    url: str = ""
    api_url: str = ""
    actor: str = ""
    workflow: str = ""
    run_id: str = ""
    run_attempt: str = ""
    pull_request: PullRequestEvent | None = None
    workflow_run: Mapping[str, Any] | None = None

    @property
    def on_default_branch(self) -> bool:
        """Whether the ref is the default branch. A schedule knows no other, and its payload does not say its name."""
        if self.name == "schedule":
            return True
        return bool(self.default_branch) and self.ref == f"refs/heads/{self.default_branch}"

    def publishes(self, ref: str, publish_refs: Sequence[str]) -> bool:
        """Whether a ref is the default branch, or one of those that are published from besides it (globs)."""
        listed = whole(tuple(publish_refs)).covers(ref)
        return listed or (bool(self.default_branch) and ref == f"refs/heads/{self.default_branch}")

    @property
    def source(self) -> str:
        """The repository whose code this run, or the run before it, is about; "" where that is gone, or unknown."""
        if self.workflow_run is not None:
            head = self.workflow_run.get("head_repository")
            return str(head.get("full_name") or "") if isinstance(head, dict) else ""
        return self.pull_request.head_repository if self.pull_request is not None else self.repository

    @property
    def is_gitea(self) -> bool:
        """Whether the code host is Gitea or Forgejo, which name themselves GitHub to an action, and are another API."""
        return self.api_url.rstrip("/").endswith("/api/v1")

    @property
    def read_only(self) -> bool:
        """Whether the job's own token reads only, whatever ``permissions:`` says (docs, "GITHUB_TOKEN")."""
        return self.from_fork or self.actor == DEPENDABOT

    @property
    def from_fork(self) -> bool:
        """Whether the pull request comes from another repository (or one that is gone)."""
        return self.pull_request is not None and self.pull_request.head_repository != self.repository


def read_event(environment: Mapping[str, str]) -> Event:
    """Read the event of this run; outside a workflow everything is empty."""
    document = _document(environment.get("GITHUB_EVENT_PATH", ""))
    repository = environment.get("GITHUB_REPOSITORY", "")
    server = environment.get("GITHUB_SERVER_URL", "").rstrip("/")
    pull_request = _mapping(document, "pull_request")
    before = _text(document, "before") or _text(_mapping(document, "merge_group"), "base_sha")
    listed = document.get("commits")
    commits = [commit for commit in listed if isinstance(commit, dict)] if isinstance(listed, list) else []
    return Event(
        name=environment.get("GITHUB_EVENT_NAME", ""),
        repository=repository,
        revision=environment.get("GITHUB_SHA", ""),
        ref=environment.get("GITHUB_REF", ""),
        default_branch=_text(_mapping(document, "repository"), "default_branch"),
        before="" if before == _NO_COMMIT else before,
        commits=len(commits),
        pushed=tuple(_text(commit, "id") for commit in commits if _text(commit, "id")),
        named=_named(commits or [_mapping(_mapping(document, "workflow_run"), "head_commit")]),
        created=before == _NO_COMMIT,
        url=f"{server}/{repository}" if server and repository else "",
        api_url=environment.get("GITHUB_API_URL", ""),
        actor=environment.get("GITHUB_ACTOR", ""),
        workflow=environment.get("GITHUB_WORKFLOW_REF", "").partition("@")[0].rpartition("/")[2],
        run_id=environment.get("GITHUB_RUN_ID", ""),
        run_attempt=environment.get("GITHUB_RUN_ATTEMPT", ""),
        pull_request=_pull_request(document, pull_request) if pull_request else None,
        workflow_run=_mapping(document, "workflow_run") or None,
    )


def _named(commits: Iterable[Mapping[str, Any]]) -> tuple[int, ...]:
    subjects = (_text(commit, "message").partition("\n")[0] for commit in commits)
    matches = (_NUMBER.search(subject) for subject in subjects)
    return tuple(int(match[1] or match[2]) for match in matches if match)


def _document(path: str) -> Mapping[str, Any]:
    if not path:
        return {}
    try:
        with Path(path).open("rb") as file:
            data = file.read(EVENT_LIMIT + 1)
        document = json.loads(data) if len(data) <= EVENT_LIMIT else None
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"cannot read the event file {path}: {error}") from error
    return document if isinstance(document, dict) else {}


def _pull_request(document: Mapping[str, Any], pull_request: Mapping[str, Any]) -> PullRequestEvent | None:
    number = pull_request.get("number")
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    head, base = _mapping(pull_request, "head"), _mapping(pull_request, "base")
    labels = pull_request.get("labels")
    return PullRequestEvent(
        number=number,
        action=_text(document, "action"),
        head=_text(head, "sha"),
        head_ref=_text(head, "ref"),
        title=_text(pull_request, "title"),
        head_repository=_text(_mapping(head, "repo"), "full_name"),
        base=_text(base, "sha"),
        base_ref=_text(base, "ref"),
        merged=pull_request.get("merged") is True,
        closed=_text(pull_request, "state") == "closed",
        labels=tuple(_text(label, "name") for label in labels if isinstance(label, dict))
        if isinstance(labels, list)
        else (),
    )


def _mapping(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""
