"""Releases: draft, assets, publish. The tag appears when the release does.

A draft creates no tag, and a published release may be immutable, so everything is attached before publishing. Neither a
draft nor a prerelease can be "Latest" (422, "Latest release cannot be draft or prerelease."). Whatever
a crash leaves, the next run finds by its tag and our marker and finishes. What another tool released is left alone.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import islice
from urllib.parse import quote

import msgspec

from oci_chart_publish.errors import ForgeError, ReadOnlyError
from oci_chart_publish.github import response
from oci_chart_publish.github.api import PAGE, Client
from oci_chart_publish.github.git_refs import TagRef, Tags
from oci_chart_publish.github.response import Json

START = "<!-- oci-chart-publish:start -->"
END = "<!-- oci-chart-publish:end -->"


def is_ours(body: str) -> bool:
    """Tell whether a release's text holds our part."""
    return START in body


def section(body: str) -> str:
    """Return our part of a release's text, without the markers; empty where there is none, or it has no end."""
    _, _, rest = body.partition(START)
    part, end, _ = rest.partition(END)
    return part.strip() if end else ""


def merge(body: str, section: str) -> str:
    """Return ``body`` with our part replaced by ``section``; appended where there is none.

    Text before and after it keeps every character. Of a part whose end was deleted only the marker is replaced,
    since where it ended is not known.
    """
    part = f"{START}\n{_plain(section).strip()}\n{END}"
    before, start, rest = body.partition(START)
    if not start:
        return f"{body.rstrip()}\n\n{part}" if body.strip() else part
    _, end, after = rest.partition(END)
    return before + part + (after if end else _plain(rest))


def _plain(text: str) -> str:
    """Drop markers, of which there may be one pair."""
    return text.replace(START, "").replace(END, "")


class MakeLatest(StrEnum):
    """Whether a release becomes the repository's "Latest"; GitHub's own default is ``true``."""

    TRUE = "true"
    FALSE = "false"
    LEGACY = "legacy"


class ReleaseStatus(StrEnum):
    """What became of a release."""

    CREATED = "created"
    REPAIRED = "repaired"
    """It was ours and lacked something: publishing, an asset, or newer notes."""
    UNCHANGED = "unchanged"
    FOREIGN = "foreign"
    """Somebody else made it; nothing was changed."""


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a release. ``digest`` is ``sha256:...``, empty on servers that do not know it yet."""

    id: int
    name: str
    label: str
    size: int
    uploaded: bool
    digest: str


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A release; ``commit`` is the target a draft names. ``url`` is its page."""

    id: int
    tag: str
    commit: str
    name: str
    body: str
    url: str
    upload_url: str
    draft: bool
    prerelease: bool
    immutable: bool
    assets: tuple[Asset, ...]


class AssetFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file to attach."""

    name: str
    data: bytes
    media_type: str = "application/octet-stream"


class ReleaseSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A release to have. ``commit`` is where a new tag goes; ``notes`` is our part of the text, without markers.

    ``adopt`` takes over a release that another tool or a person made. A ``prerelease`` never becomes "Latest".
    """

    tag: str
    commit: str
    name: str
    notes: str
    assets: tuple[AssetFile, ...] = ()
    prerelease: bool = False
    make_latest: MakeLatest = MakeLatest.FALSE
    adopt: bool = False


class ReleaseOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What ``ensure`` did; the tuples hold names of assets.

    ``commit`` is what the tag names, where the release was published now: another than the wanted one only if the
    tag was there before.
    """

    status: ReleaseStatus
    release: Release
    commit: str = ""
    uploaded: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def read_release(data: Json) -> Release:
    """Read GitHub's ``release``."""
    return Release(
        id=response.integer(data, "id"),
        tag=response.text(data, "tag_name"),
        commit=response.text(data, "target_commitish", ""),
        name=response.text(data, "name", ""),
        body=response.text(data, "body", ""),
        url=response.text(data, "html_url"),
        upload_url=response.text(data, "upload_url").partition("{")[0],
        draft=response.flag(data, "draft"),
        prerelease=response.flag(data, "prerelease"),
        immutable=response.flag(data, "immutable"),
        assets=tuple(read_asset(item) for item in response.objects(data, "assets")),
    )


def read_asset(data: Json) -> Asset:
    """Read GitHub's ``release-asset``."""
    return Asset(
        id=response.integer(data, "id"),
        name=response.text(data, "name"),
        label=response.text(data, "label", ""),
        size=response.integer(data, "size"),
        uploaded=response.text(data, "state") == "uploaded",
        digest=response.text(data, "digest", ""),
    )


NEEDS = "contents: write"
_SAFE_NAME = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?")
"""Names that GitHub certainly keeps (docs: it renames special characters, leading and trailing periods)."""


class GoneError(Exception):
    """The release was deleted or published by another run meanwhile."""


class AssetChanges(msgspec.Struct, frozen=True, kw_only=True):
    """Names of assets: those uploaded now, those that hold something else, those that are not there."""

    uploaded: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def compare(release: Release, files: Iterable[AssetFile]) -> AssetChanges:
    """Say how the assets of a release differ from ``files``, changing nothing."""
    result = [(file, _named(release.assets, file)) for file in files]
    different = tuple(file.name for file, asset in result if asset and not _same(asset, file))
    return AssetChanges(different=different, missing=tuple(file.name for file, asset in result if not asset))


def lacks(release: Release, names: Iterable[str]) -> bool:
    """Tell whether a release lacks one of these assets, or holds one that never arrived."""
    held = {name for asset in release.assets if asset.uploaded for name in (asset.name, asset.label)}
    return any(name not in held for name in names)


class Assets:
    """The assets of the releases of one repository."""

    def __init__(self, client: Client, repository: str) -> None:
        self._client = client
        self._path = f"/repos/{repository}/releases"

    def complete(self, release: Release, files: Iterable[AssetFile], *, replace: bool) -> AssetChanges:
        """Upload the files that a release lacks; ``replace`` also those that differ. Raises GoneError."""
        uploaded, different = [], []
        for asset in release.assets:
            if not asset.uploaded:
                self._delete(asset)
        kept = [asset for asset in release.assets if asset.uploaded]
        for file in files:
            held = _named(kept, file)
            if held and _same(held, file):
                continue
            if held and not replace:
                different.append(file.name)
                continue
            if held:
                self._delete(held)
            self._upload(release, file)
            uploaded.append(file.name)
        return AssetChanges(uploaded=tuple(uploaded), different=tuple(different))

    def _upload(self, release: Release, file: AssetFile) -> None:
        try:
            self._send(release, file)
        except ForgeError as error:
            if error.status == 404:
                raise GoneError from error
            if "already_exists" not in error.codes:
                raise
            if not self._arrived(release, file):
                self._send(release, file)

    def _send(self, release: Release, file: AssetFile) -> None:
        label = "" if _SAFE_NAME.fullmatch(file.name) else file.name

        def find() -> Json | None:
            return {} if self._arrived(release, file) else None

        self._client.upload(release.upload_url, file.name, file.data, file.media_type, label=label, find=find)

    def _arrived(self, release: Release, file: AssetFile) -> bool:
        """After an upload in doubt: tell whether it is there, and delete what is there instead."""
        listed = self._client.pages(f"{self._path}/{release.id}/assets", needs=NEEDS)
        asset = _named([read_asset(item) for item in listed], file)
        if asset and asset.uploaded and _same(asset, file):
            return True
        if asset:
            self._delete(asset)
        return False

    def _delete(self, asset: Asset) -> None:
        self._client.delete(f"{self._path}/assets/{asset.id}", needs=NEEDS)


def _named(assets: Iterable[Asset], file: AssetFile) -> Asset | None:
    return next((asset for asset in assets if file.name in (asset.name, asset.label)), None)


def _same(asset: Asset, file: AssetFile) -> bool:
    if asset.digest:
        return asset.digest == f"sha256:{hashlib.sha256(file.data).hexdigest()}"
    return asset.size == len(file.data)


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
        result = [release for release in self._list(PAGES * PAGE).values() if release.tag == tag]
        if not result and self._listed == PAGES * PAGE:
            result = self._published(tag)
        return tuple(sorted(result, key=lambda release: (release.draft, release.id)))

    def published_tags(self) -> frozenset[str]:
        """Return the tags of published releases that are no prereleases, of the newest ``PAGES`` pages.

        ``ensure`` reads just these, so that together they cost no request more.
        """
        result = self._list(PAGES * PAGE).values()
        return frozenset(item.tag for item in result if not (item.draft or item.prerelease))

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
            return [self._remember(response.whole(self._client.get(path, needs=NEEDS), path))]
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
        result = self.of_tag(spec.tag)
        ours = [release for release in result if spec.adopt or is_ours(release.body)]
        if result and not ours:
            return ReleaseOutcome(status=ReleaseStatus.FOREIGN, release=result[0])
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
            "body": merge("", spec.notes),
            "draft": True,
            "prerelease": spec.prerelease,
            "make_latest": MakeLatest.FALSE.value,
            **({} if tag else {"target_commitish": spec.commit}),
        }
        try:
            created = self._client.create(self._path, body, find=lambda: self._find_draft(spec), needs=NEEDS)
        except ForgeError as error:
            raise _with_hint(error, hidden=error.status == 404) from error
        return self._remember(created)

    def _find_draft(self, spec: ReleaseSpec) -> Json | None:
        known = self._list(PAGES * PAGE)
        for item in self._client.pages(self._path, most=PAGES, needs=NEEDS):
            release = read_release(item)
            if (
                release.draft
                and release.tag == spec.tag
                and release.id not in known
                and is_ours(release.body)
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
            "body": merge(draft.body, spec.notes),
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
        raise _with_hint(error, hidden=tagging and hidden) from error

    def _get(self, release: Release) -> Release | None:
        path = f"{self._path}/{release.id}"
        try:
            return self._remember(response.whole(self._client.get(path, needs=NEEDS), path))
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
        body = merge(release.body, spec.notes)
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
            return (
                response.integer(response.whole(self._client.get(path, needs=NEEDS), path), "id")
                == release.id
            )
        except ForgeError as error:
            if error.status == 404:
                return False
            raise

    def _discard(self, release: Release) -> None:
        """Delete a draft that this tool made; what people prepare is theirs, though it was to be taken over."""
        if not (release.draft and is_ours(release.body)):
            return
        self._client.delete(f"{self._path}/{release.id}", needs=NEEDS)
        with self._lock:
            self._known.pop(release.id, None)


def _with_hint(error: ForgeError, *, hidden: bool) -> ForgeError:
    """Say what GitHub does not say: what it hides is workflow files, and a burnt tag needs another version."""
    hint = _WORKFLOWS if hidden else error.hint
    if "immutable release" in error.message:
        hint = "A deleted immutable release keeps its tag name for ever: raise the chart's version."
    if hidden and isinstance(error, ReadOnlyError):  # which is about the token; this is about the commit
        return ForgeError(error.message, hint=hint, status=error.status, codes=error.codes)
    return error.reworded(error.message, hint)
