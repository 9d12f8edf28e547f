"""The files of a release: upload what it lacks, and clean up after uploads that broke off.

An upload that fails may leave an asset in the state ``starter``, which takes the name and holds nothing (docs,
"Upload a release asset"). GitHub renames files with odd characters; the name we gave then stands in the label.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from oci_chart_publish.errors import ForgeError
from oci_chart_publish.forge.github.answer import Json
from oci_chart_publish.forge.github.client import Client
from oci_chart_publish.forge.github.release import Asset, AssetFile, Release, read_asset

NEEDS = "contents: write"
_SAFE_NAME = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?")
"""Names that GitHub certainly keeps (docs: it renames special characters, leading and trailing periods)."""


class GoneError(Exception):
    """The release was deleted or published by another run meanwhile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AssetChanges:
    """Names of assets: those uploaded now, those that hold something else, those that are not there."""

    uploaded: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def compare(release: Release, files: Iterable[AssetFile]) -> AssetChanges:
    """Say how the assets of a release differ from ``files``, changing nothing."""
    found = [(file, _named(release.assets, file)) for file in files]
    different = tuple(file.name for file, asset in found if asset and not _same(asset, file))
    return AssetChanges(different=different, missing=tuple(file.name for file, asset in found if not asset))


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
