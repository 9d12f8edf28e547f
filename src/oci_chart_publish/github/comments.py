"""One comment a key on a pull request, edited in place.

It is found by a marker in its first line **and** its author, since anybody can paste a marker. Listing and creating
are not one step, so two runs may both create one: whoever finds several keeps the oldest and deletes its own others,
which makes all runs agree without a lock. The marker names the run and what it was for: an older run does not
overwrite what a newer one wrote, nor a plan what a publish did; only between our look and our edit it might, because
GitHub has no conditional edit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum, StrEnum

import msgspec

from oci_chart_publish.errors import ForgeError, ReadOnlyError
from oci_chart_publish.github import response
from oci_chart_publish.github.api import Client
from oci_chart_publish.github.response import Json

NEEDS = "pull-requests: write"
ACTIONS = "github-actions[bot]"
"""Who a job's own token is."""
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
_MARKER = re.compile(
    r'\A<!-- oci-chart-publish key="([^"]*)" run="(\d+)" attempt="(\d+)"(?: state="(\w+)")?'
    r'(?: revision="([0-9a-f]*)")? -->'
)
_ROUNDS = 3
"""How often we begin again when another run deletes a comment under our hands."""


class Stage(IntEnum):
    """How far the run that writes a comment has come; an earlier stage never overwrites what a later one wrote."""

    PLANNED = 0
    RAN = 1
    """It was to publish, and failed or had nothing left to do."""
    PUBLISHED = 2


class RunMark(msgspec.Struct, frozen=True):
    """Which run wrote a comment: ``GITHUB_RUN_ID`` and ``GITHUB_RUN_ATTEMPT``, and what it came to."""

    run: int = 0
    attempt: int = 0
    stage: Stage = Stage.PLANNED

    @property
    def rank(self) -> tuple[int, int, int]:
        """What of two marks decides: the greater one is what the comment has to say."""
        return self.stage, self.run, self.attempt


class CommentStatus(StrEnum):
    """What became of a comment."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    """A newer run, or one that published, has written it already."""
    ABSENT = "absent"
    """There is none, and none was to be created."""


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """A comment of ours. ``body`` is all of it, the marker included; ``url`` its page."""

    id: int
    key: str
    mark: RunMark
    body: str
    url: str


class CommentOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What ``upsert`` did; ``url`` is empty where there is no comment."""

    status: CommentStatus
    url: str = ""


class Comments:
    """The comments that this tool writes on the pull requests of one repository."""

    def __init__(self, client: Client, repository: str) -> None:
        self._client = client
        self._path = f"/repos/{repository}/issues"
        self._login = ""

    def upsert(
        self, pull: int, key: str, body: str, mark: RunMark, *, revision: str = "", create: bool = True
    ) -> CommentOutcome:
        """Make the comment of ``key`` on pull request ``pull`` say ``body`` (Markdown, without a marker).

        ``create`` off changes a comment that exists and creates none; where this token's user has none, that is the
        one that a job with its own token wrote. Raises ReadOnlyError where the token may not comment.
        """
        if not KEY.fullmatch(key):
            raise ValueError(f"not a key of a comment: {key!r}")
        whole = f"{_marker(key, mark, revision)}\n{body}"
        for _ in range(_ROUNDS):
            result = self.find(pull, key, of_jobs=not create)
            if not result and not create:
                return CommentOutcome(status=CommentStatus.ABSENT)
            outcome = self._settle(result, whole, mark) if result else self._create(pull, key, whole, mark)
            if outcome:
                return outcome
        raise ForgeError(
            f"comment {key!r} on pull request {pull}: other runs keep deleting it",
            hint="Give the workflow a concurrency group for each pull request.",
        )

    def find(self, pull: int, key: str, *, of_jobs: bool = False) -> list[Comment]:
        """Return our comments of this key, the oldest first: normally none or one.

        ``of_jobs`` returns those of ``github-actions[bot]`` where there are none. Plans are often made with the job's
        token and published with an app's; and nobody but the repository's jobs writes in that name.
        """
        listed = self._client.pages(f"{self._path}/{pull}/comments", needs=NEEDS)
        marked = [
            (item, match) for item in listed if (match := _MARKER.match(response.text(item, "body", "")))
        ]
        keyed = [(item, match) for item, match in marked if match[1] == key]
        ours = [one for one in keyed if self._ours(one[0])]
        if of_jobs and not ours:
            ours = [
                one
                for one in keyed
                if response.text(response.mapping(one[0], "user"), "login", "") == ACTIONS
            ]
        return sorted((_comment(item, match) for item, match in ours), key=lambda comment: comment.id)

    def _create(self, pull: int, key: str, body: str, mark: RunMark) -> CommentOutcome | None:
        def find() -> Json | None:
            result = [comment for comment in self.find(pull, key) if comment.mark == mark]
            return {"id": result[0].id, "html_url": result[0].url} if result else None

        path = f"{self._path}/{pull}/comments"
        created = self._client.create(path, {"body": body}, find=find, needs=NEEDS)
        self._login = self._login or response.text(response.mapping(created, "user"), "login", "")
        number = response.integer(created, "id")
        result = self.find(pull, key)
        if number not in {comment.id for comment in result}:
            result = sorted((*result, *self._unlisted(number)), key=lambda comment: comment.id)
        if [comment.id for comment in result] == [number]:
            return CommentOutcome(status=CommentStatus.CREATED, url=response.text(created, "html_url"))
        return self._settle(result, body, mark) if result else None

    def _unlisted(self, number: int) -> list[Comment]:
        """Return a comment of ours that a list lacks, which may lag behind; empty where somebody deleted it."""
        path = f"{self._path}/comments/{number}"
        try:
            item = response.whole(self._client.get(path, needs=NEEDS), path)
        except ForgeError as error:
            if error.status == 404:
                return []
            raise
        match = _MARKER.match(response.text(item, "body", ""))
        return [_comment(item, match)] if match else []

    def _settle(self, found: list[Comment], body: str, mark: RunMark) -> CommentOutcome | None:
        """Write the oldest comment, then delete the others; None where it is gone meanwhile."""
        winner, *others = found
        newest = max(comment.mark.rank for comment in found)
        if newest > mark.rank:
            # Whoever created a later comment sees the earlier ones, so the newest text reaches the oldest comment.
            extra = [item for item in others if item.mark.rank < newest] if winner.mark.rank == newest else []
            self._delete(extra)
            return CommentOutcome(status=CommentStatus.SUPERSEDED, url=winner.url)
        status = CommentStatus.UNCHANGED
        if _lines(winner.body) != _lines(body):
            status = CommentStatus.UPDATED
            try:
                self._client.patch(f"{self._path}/comments/{winner.id}", {"body": body}, needs=NEEDS)
            except ForgeError as error:
                if error.status == 404:
                    return None
                raise
        self._delete(others)
        return CommentOutcome(status=status, url=winner.url)

    def _delete(self, comments: Iterable[Comment]) -> None:
        for comment in comments:
            self._client.delete(f"{self._path}/comments/{comment.id}", needs=NEEDS)

    def _ours(self, item: Json) -> bool:
        """Tell whether this token's user wrote a comment; apps end in ``[bot]`` in REST, not everywhere else."""
        user = response.mapping(item, "user")
        login = response.text(user, "login", "")
        bot = response.text(user, "type", "") == "Bot"
        return login == self.login() or (bot and login == f"{self.login()}[bot]")

    def login(self) -> str:
        """Return the login of the token's owner. GraphQL tells apps too; ``GET /user`` answers them 403."""
        if not self._login:
            try:
                viewer = response.mapping(self._client.query("query { viewer { login } }"), "viewer")
                self._login = response.text(viewer, "login")
            except ForgeError as error:
                if error.temporary or error.status == 401:
                    raise
                self._login = self._login_by_rest()
        return self._login

    def _login_by_rest(self) -> str:
        try:
            return response.text(response.whole(self._client.get("/user"), "user"), "login")
        except ReadOnlyError:
            return ACTIONS


def _marker(key: str, mark: RunMark, revision: str) -> str:
    commit = f' revision="{revision}"' if re.fullmatch(r"[0-9a-f]+", revision) else ""
    state = f' state="{mark.stage.name.lower()}"' if mark.stage else ""
    return f'<!-- oci-chart-publish key="{key}" run="{mark.run}" attempt="{mark.attempt}"{state}{commit} -->'


def _comment(item: Json, match: re.Match[str]) -> Comment:
    return Comment(
        id=response.integer(item, "id"),
        key=match[1],
        mark=RunMark(int(match[2]), int(match[3]), _stage(match[4] or "")),
        body=response.text(item, "body", ""),
        url=response.text(item, "html_url"),
    )


def _stage(name: str) -> Stage:
    """Return the stage of a marker; one that a later version of this tool knows is more than a plan."""
    return Stage.__members__.get(name.upper(), Stage.RAN) if name else Stage.PLANNED


def _lines(body: str) -> list[str]:
    """GitHub may answer with other line ends, and without those at the end."""
    return body.rstrip().splitlines()
