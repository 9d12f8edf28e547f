"""Releases: draft, assets, publish. The tag appears when the release does.

A draft creates no tag, and a published release may be immutable, so everything is attached before publishing. Neither a
draft nor a prerelease can be "Latest" (422, "Latest release cannot be draft or prerelease."). Whatever
a crash leaves, the next run finds by its tag and our marker and finishes. What another tool released is left alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice
from urllib.parse import quote

from oci_chart_publish.errors import ForgeError, ReadOnlyError
from oci_chart_publish.forge.github import answer, notes
from oci_chart_publish.forge.github.answer import Json
from oci_chart_publish.forge.github.assets import NEEDS, Assets, GoneError, compare
from oci_chart_publish.forge.github.client import PAGE, Client
from oci_chart_publish.forge.github.release import (
    MakeLatest,
    Release,
    ReleaseOutcome,
    ReleaseSpec,
    ReleaseStatus,
    read_release,
)
from oci_chart_publish.forge.github.tags import TagRef, Tags

PAGES = 10
"""Pages of releases that are read, of 100 each. Drafts of a crashed run are among the newest; an older published
one is found by its tag."""
_ROUNDS = 3
"""How often we begin again when another run takes a draft from under our hands."""
_WORKFLOWS = (
    "If the commit changes files below .github/workflows compared with the default branch, the job's own token "
    "cannot release it: release the head of the default branch, create the tag first, or give a GitHub App's token "
    'with "workflows: write" as github-token.'
)


class Releases:
    """The releases of one repository; listed once, however many charts are released."""

    def __init__(self, client: Client, repository: str, tags: Tags) -> None:
        self._client = client
        self._tags = tags
        self._assets = Assets(client, repository)
        self._path = f"/repos/{repository}/releases"
        self._lock = threading.Lock()
        self._known: dict[int, Release] = {}
        self._rest: Iterator[Json] | None = None
        self._listed = 0

    # Looking.

    def recent(self) -> tuple[Release, ...]:
        """Return the newest releases, drafts too (where the token may write): one request, for at most 100."""
        return tuple(self._list(PAGE).values())

    def of_tag(self, tag: str) -> tuple[Release, ...]:
        """Return the releases of one tag, drafts too (of which there can be several), published and oldest first."""
        found = [release for release in self._list(PAGES * PAGE).values() if release.tag == tag]
        if not found and self._listed == PAGES * PAGE:
            found = self._published(tag)
        return tuple(sorted(found, key=lambda release: (release.draft, release.id)))

    def published_tags(self) -> frozenset[str]:
        """Return the tags of published releases that are no prereleases, of the newest ``PAGES`` pages.

        ``ensure`` reads just these, so that together they cost no request more.
        """
        found = self._list(PAGES * PAGE).values()
        return frozenset(one.tag for one in found if not (one.draft or one.prerelease))

    def _list(self, most: int) -> dict[int, Release]:
        """Return what is known of the ``most`` newest releases; pages that have been read are not read again."""
        with self._lock:
            if self._rest is None:
                self._rest = self._client.pages(self._path, most=PAGES, needs=NEEDS)
            try:
                for item in islice(self._rest, most - self._listed):
                    self._listed += 1
                    release = read_release(item)
                    self._known.setdefault(release.id, release)  # what we wrote since is newer than the list
            except ForgeError:
                self._rest, self._listed = None, 0  # a list that broke off is not all that there is
                raise
            return dict(self._known)

    def _published(self, tag: str) -> list[Release]:
        path = f"{self._path}/tags/{quote(tag, safe='')}"
        try:
            return [self._remember(answer.whole(self._client.get(path, needs=NEEDS), path))]
        except ForgeError as error:
            if error.status == 404:
                return []
            raise

    def _remember(self, data: Json) -> Release:
        release = read_release(data)
        with self._lock:
            self._known[release.id] = release
        return release

    def forget(self) -> None:
        """Read everything anew at the next look."""
        with self._lock:
            self._known, self._rest, self._listed = {}, None, 0

    # Ensuring.

    def ensure(self, spec: ReleaseSpec) -> ReleaseOutcome:
        """Make the release of ``spec.tag`` exist, published, with its notes and assets; repair what is missing.

        Idempotent. A release without our marker is left alone (status ``foreign``) unless ``spec.adopt``. Published
        assets are never replaced: those that differ are named in ``ReleaseOutcome.different``, those that an
        immutable release cannot take any more in ``missing``.
        """
        for _ in range(_ROUNDS):
            try:
                return self._ensure(spec)
            except GoneError:
                self.forget()  # another run published it, or deleted our draft
        raise ForgeError(
            f"release {spec.tag}: other runs keep changing it",
            hint="Give the workflow a concurrency group.",
        )

    def _ensure(self, spec: ReleaseSpec) -> ReleaseOutcome:
        found = self.of_tag(spec.tag)
        ours = [release for release in found if spec.adopt or notes.is_ours(release.body)]
        if found and not ours:
            return ReleaseOutcome(status=ReleaseStatus.FOREIGN, release=found[0])
        if not ours:
            tag = self._tags.get(spec.tag)
            return self._publish(self._draft(spec, tag), spec, tag, ReleaseStatus.CREATED)
        first, *others = ours
        for release in others:
            self._discard(release)
        if first.draft:
            return self._publish(first, spec, self._tags.get(spec.tag), ReleaseStatus.REPAIRED)
        return self._repair(first, spec)

    def _draft(self, spec: ReleaseSpec, tag: TagRef | None) -> Release:
        """Create a draft; where the tag exists, its target is not sent (it would be unused, and may be refused)."""
        body: dict[str, object] = {
            "tag_name": spec.tag,
            "name": spec.name,
            "body": notes.merge("", spec.notes),
            "draft": True,
            "prerelease": spec.prerelease,
            "make_latest": MakeLatest.FALSE.value,
            **({} if tag else {"target_commitish": spec.commit}),
        }
        try:
            created = self._client.create(self._path, body, find=lambda: self._find_draft(spec), needs=NEEDS)
        except ForgeError as error:
            raise _with_hint(error, type(error), hidden=error.status == 404) from error
        return self._remember(created)

    def _find_draft(self, spec: ReleaseSpec) -> Json | None:
        known = self._list(PAGES * PAGE)
        for item in self._client.pages(self._path, most=PAGES, needs=NEEDS):
            release = read_release(item)
            if (
                release.draft
                and release.tag == spec.tag
                and release.id not in known
                and notes.is_ours(release.body)
            ):
                return item
        return None

    def _publish(
        self, draft: Release, spec: ReleaseSpec, tag: TagRef | None, status: ReleaseStatus
    ) -> ReleaseOutcome:
        """Attach what is missing to a draft, then publish it, which creates the tag on ``spec.commit``."""
        changes = self._assets.complete(draft, spec.assets, replace=True)
        body: dict[str, object] = {
            "tag_name": spec.tag,
            "name": draft.name or spec.name,
            "body": notes.merge(draft.body, spec.notes),
            "draft": False,
            "prerelease": spec.prerelease,
            "make_latest": (MakeLatest.FALSE if spec.prerelease else spec.make_latest).value,
            **({} if tag else {"target_commitish": spec.commit}),
        }
        try:
            published = self._remember(self._client.patch(f"{self._path}/{draft.id}", body, needs=NEEDS))
        except ForgeError as error:
            published = self._after_refusal(draft, error, tagging=tag is None)
        commit = self._tags.commit(tag) if tag else spec.commit
        return ReleaseOutcome(status=status, release=published, commit=commit, uploaded=changes.uploaded)

    def _after_refusal(self, draft: Release, error: ForgeError, *, tagging: bool) -> Release:
        """Look what a failed publishing left: nothing, a release after all, or a draft that must not stay."""
        current = self._get(draft)
        if current is None:
            raise GoneError from error
        if not current.draft:
            return current  # it was published before the answer got lost
        if error.status == 422:
            self._discard(draft)
            if "already_exists" in error.codes:
                raise GoneError from error
        # The draft was written with the same permission: what is refused now is a tag on that commit, not the token.
        hidden = error.status == 404 or isinstance(error, ReadOnlyError)
        raise _with_hint(error, ForgeError, hidden=tagging and hidden) from error

    def _get(self, release: Release) -> Release | None:
        path = f"{self._path}/{release.id}"
        try:
            return self._remember(answer.whole(self._client.get(path, needs=NEEDS), path))
        except ForgeError as error:
            if error.status == 404:
                return None
            raise

    def _repair(self, release: Release, spec: ReleaseSpec) -> ReleaseOutcome:
        """Bring a published release up to date: the assets it lacks (if it can take them), then the notes."""
        if release.immutable:
            changes = compare(release, spec.assets)
        else:
            changes = self._assets.complete(release, spec.assets, replace=False)
        body = notes.merge(release.body, spec.notes)
        edited = body.splitlines() != release.body.splitlines()  # people's browsers send CRLF
        if edited:
            release = self._edit(release, body)
        changed = edited or bool(changes.uploaded)
        return ReleaseOutcome(
            status=ReleaseStatus.REPAIRED if changed else ReleaseStatus.UNCHANGED,
            release=release,
            uploaded=changes.uploaded,
            different=changes.different,
            missing=changes.missing,
        )

    def _edit(self, release: Release, body: str) -> Release:
        """Change the text of a release and nothing else; everything else is sent as it is."""
        changes = {
            "tag_name": release.tag,
            "name": release.name,
            "body": body,
            "draft": release.draft,
            "prerelease": release.prerelease,
            "make_latest": (MakeLatest.TRUE if self._is_latest(release) else MakeLatest.FALSE).value,
        }
        return self._remember(self._client.patch(f"{self._path}/{release.id}", changes, needs=NEEDS))

    def _is_latest(self, release: Release) -> bool:
        path = f"{self._path}/latest"
        try:
            return answer.integer(answer.whole(self._client.get(path, needs=NEEDS), path), "id") == release.id
        except ForgeError as error:
            if error.status == 404:
                return False
            raise

    def _discard(self, release: Release) -> None:
        """Delete a draft that this tool made; what people prepare is theirs, though it was to be taken over."""
        if not (release.draft and notes.is_ours(release.body)):
            return
        self._client.delete(f"{self._path}/{release.id}", needs=NEEDS)
        with self._lock:
            self._known.pop(release.id, None)


def _with_hint(error: ForgeError, kind: type[ForgeError], *, hidden: bool) -> ForgeError:
    """Say what GitHub does not say: what it hides is workflow files, and a burnt tag needs another version."""
    hint = _WORKFLOWS if hidden else error.hint
    if "immutable release" in error.message:
        hint = "A deleted immutable release keeps its tag name for ever: raise the chart's version."
    return kind(error.message, hint=hint, status=error.status, codes=error.codes, temporary=error.temporary)
