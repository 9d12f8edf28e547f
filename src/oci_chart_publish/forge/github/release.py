"""A release as plain values: what there is, what is wanted, what was done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from oci_chart_publish.forge.github import answer
from oci_chart_publish.forge.github.answer import Json


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """A file of a release. ``digest`` is ``sha256:...``, empty on servers that do not know it yet."""

    id: int
    name: str
    label: str
    size: int
    uploaded: bool
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class AssetFile:
    """A file to attach."""

    name: str
    data: bytes
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseSpec:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseOutcome:
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
        id=answer.integer(data, "id"),
        tag=answer.text(data, "tag_name"),
        commit=answer.text(data, "target_commitish", ""),
        name=answer.text(data, "name", ""),
        body=answer.text(data, "body", ""),
        url=answer.text(data, "html_url"),
        upload_url=answer.text(data, "upload_url").partition("{")[0],
        draft=answer.flag(data, "draft"),
        prerelease=answer.flag(data, "prerelease"),
        immutable=answer.flag(data, "immutable"),
        assets=tuple(read_asset(item) for item in answer.objects(data, "assets")),
    )


def read_asset(data: Json) -> Asset:
    """Read GitHub's ``release-asset``."""
    return Asset(
        id=answer.integer(data, "id"),
        name=answer.text(data, "name"),
        label=answer.text(data, "label", ""),
        size=answer.integer(data, "size"),
        uploaded=answer.text(data, "state") == "uploaded",
        digest=answer.text(data, "digest", ""),
    )
