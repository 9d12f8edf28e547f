"""An OCI image layout (image-spec, image-layout.md) as a store of artifacts that many processes share.

``oci-layout``, ``index.json`` and ``blobs/`` are exactly the specification's; ``ingest/`` holds the lock and what is
being written. Blobs and index are written whole and renamed into place, so that a process killed at any moment leaves
a layout that every OCI tool reads. Names move freely: a cache never conflicts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from oci_chart_publish.errors import ConfigError, NotFoundError, VerificationError
from oci_chart_publish.layout import files
from oci_chart_publish.layout.blobs import Blobs
from oci_chart_publish.layout.files import exclusive
from oci_chart_publish.layout.index import Index, ParsedIndex
from oci_chart_publish.layout.naming import NamingQueue
from oci_chart_publish.lazy import lazy
from oci_chart_publish.oci.content import Content
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest

if TYPE_CHECKING:
    from oci_chart_publish.layout import gc
    from oci_chart_publish.layout.gc import Collected
else:
    gc = lazy("oci_chart_publish.layout.gc")

MARKER = "oci-layout"
_MARKER_DATA = b'{"imageLayoutVersion":"1.0.0"}'
_INDEX = "index.json"
_PARTS = frozenset({MARKER, _INDEX, "blobs", files.INGEST, "memo"})
_MODE = 0o644
HOUR = timedelta(hours=1)


class ImageLayout(msgspec.Struct, frozen=True):
    """The layout in the folder ``root``; made by ``create`` or ``open``. Safe to use from several threads."""

    root: Path
    _naming: NamingQueue = msgspec.field(default_factory=NamingQueue)
    """Names that threads want written at the same moment: one rewrite of the index serves all of them."""
    _parsed: ParsedIndex = msgspec.field(default_factory=ParsedIndex)
    """The index as it was last read, for as long as its file stays the same."""

    @classmethod
    def create(cls, root: Path) -> Self:
        """Open the layout ``root``, making an empty one where there is none yet."""
        layout = cls(root)
        try:
            if not _is_layout(root):
                layout._initialise()
        except OSError as error:
            raise ConfigError(
                f"cannot make the image layout {root}: {error.strerror}",
                hint="choose another folder with --layout",
            ) from error
        return layout

    @classmethod
    def open(cls, root: Path) -> Self:
        """Open a layout that exists; nothing is written by opening or reading it."""
        if not _is_layout(root):
            raise ConfigError(f"{root} is not an image layout: it has no file {MARKER}")
        return cls(root)

    @property
    def title(self) -> str:
        """The folder, as messages name it."""
        return str(self.root)

    @property
    def _blobs(self) -> Blobs:
        return Blobs(self.root)

    def names(self) -> Mapping[str, Descriptor]:
        """Return all names and the manifest each stands for, in the order of ``index.json``."""
        return self._index().names

    def resolve(self, name: str) -> Descriptor | None:
        """Return what a name, or the text of a digest, stands for; None if nothing here has it."""
        index = self._index()
        result = index.names.get(name)
        if result is not None:
            return result
        try:
            digest = Digest.parse(name)
        except VerificationError:
            return None
        return self._by_digest(index, digest)

    def manifest(self, target: str | Digest) -> Manifest | None:
        """Read the manifest of a name or digest; None if nothing here has it.

        NotFoundError where a name is here and its manifest is not, VerificationError where it is damaged.
        """
        if isinstance(target, Digest):
            data = self._blobs.read_manifest(target)
            return None if data is None else _parse(data, "", self._blobs.path(target)).known_as(target)
        descriptor = self.resolve(target)
        if descriptor is None:
            return None
        return _parse(
            self._blobs.read(descriptor), descriptor.media_type, self._blobs.path(descriptor.digest)
        )

    def blob(self, descriptor: Descriptor) -> bytes:
        """Read a blob; NotFoundError where it is missing, VerificationError where it is damaged."""
        return self._blobs.read(descriptor)

    @contextmanager
    def opened(self, descriptor: Descriptor) -> Iterator[Content]:
        """Give a blob to be read piece by piece, checked; errors as ``blob``."""
        yield self._blobs.opened(descriptor)

    def modified(self, descriptor: Descriptor) -> float | None:
        """Return when a blob was last written or asked for (seconds since the epoch), None where it is missing."""
        try:
            return self._blobs.path(descriptor.digest).lstat().st_mtime
        except FileNotFoundError:
            return None

    def has(self, descriptor: Descriptor) -> bool:
        """Tell whether a blob or manifest is stored and undamaged; ``gc`` then leaves it for an hour."""
        return self._blobs.whole(descriptor)

    def put_blob(self, descriptor: Descriptor, data: bytes | Content) -> None:
        """Store a blob; VerificationError if ``data`` is not what the descriptor says."""
        if isinstance(data, bytes):
            self._blobs.write(descriptor, data)
        else:
            self._blobs.write_stream(descriptor, data)

    def put_manifest(self, manifest: Manifest, name: str | None = None) -> None:
        """Store a manifest, and let ``name`` stand for it; what it points to has to be stored already."""
        self._blobs.write(manifest.descriptor, manifest.data)
        if name is not None:
            self._naming.put(name, manifest.descriptor, self.name_all)

    def name_all(self, names: Mapping[str, Descriptor]) -> None:
        """Let each name stand for a stored manifest, with one rewrite of the index.

        NotFoundError, and nothing is named, if a manifest or something it points to is not stored.
        """
        for name in names:
            _check_name(name)
        # What has its name already is whole and stays so: gc keeps it, and most runs name nothing new.
        new = _moving(self._index(), names)
        if not new:
            return
        with self._writing() as index:
            # Under the lock, so that gc, which holds it too, cannot remove what is being named.
            for name, descriptor in new.items():
                self._check_stored(name, descriptor)
            self._write_index(index, index.named(new))

    def remove(self, name: str) -> Descriptor | None:
        """Drop a name and return what it stood for, None if it was not here; blobs stay until ``gc``."""
        with self._writing() as index:
            result = index.names.get(name)
            if result is not None:
                self._write_index(index, index.without(name))
        return result

    def gc(self, older_than: timedelta = HOUR) -> Collected:
        """Remove blobs that no entry of the index leads to and that nobody wrote or asked for since ``older_than``.

        Kept are nested indexes, configs, layers, and the referrers of what is kept.
        """
        with self._writing() as index:
            roots = [descriptor.digest for descriptor in index.descriptors()]
            now = time.time()
            before, abandoned = now - older_than.total_seconds(), now - HOUR.total_seconds()
            return gc.sweep(self.root, roots, before=before, abandoned=abandoned)

    def _initialise(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        foreign = sorted(entry.name for entry in self.root.iterdir() if entry.name not in _PARTS)
        if foreign:
            raise ConfigError(
                f"{self.root} is not an image layout and holds other things: {', '.join(foreign[:3])}",
                hint="choose an empty or new folder with --layout",
            )
        (self.root / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        with exclusive(self.root):
            # The marker comes last: a folder that has it is a whole layout.
            if not (self.root / _INDEX).exists():
                self._write(_INDEX, Index.empty().data)
            if not (self.root / MARKER).exists():
                self._write(MARKER, _MARKER_DATA)

    @contextmanager
    def _writing(self) -> Iterator[Index]:
        """Hold the lock and yield the index as it is now, whoever wrote it last."""
        try:
            with exclusive(self.root):
                yield self._index()
        except OSError as error:
            raise ConfigError(f"cannot write to the image layout {self.root}: {error.strerror}") from error

    def _index(self) -> Index:
        return self._parsed.read(self.root / _INDEX)

    def _write_index(self, old: Index, new: Index) -> None:
        if new.entries != old.entries:
            self._write(_INDEX, new.data)
            self._parsed.written(self.root / _INDEX, new)

    def _write(self, name: str, data: bytes) -> None:
        files.write(self.root, self.root / name, data, mode=_MODE, durable=True)

    def _by_digest(self, index: Index, digest: Digest) -> Descriptor | None:
        listed = next((entry for entry in index.descriptors() if entry.digest == digest), None)
        if listed is not None:
            return listed
        manifest = self.manifest(digest)
        return None if manifest is None else manifest.descriptor

    def _check_stored(self, name: str, descriptor: Descriptor) -> None:
        manifest = _parse(
            self._blobs.read(descriptor), descriptor.media_type, self._blobs.path(descriptor.digest)
        )
        for part in (*manifest.blobs, *manifest.manifests):
            if not self._blobs.present(part):
                raise NotFoundError(
                    f"{self.root}: cannot name {name}: {part.digest}, which its manifest points to, is not stored",
                    hint="save or pull it again",
                )


def _is_layout(root: Path) -> bool:
    path = root / MARKER
    data = files.read(path, limit=64 * 1024)
    if data is None:
        return False
    try:
        version = json.loads(data)["imageLayoutVersion"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise VerificationError(
            f"{path} is damaged: no JSON object with 'imageLayoutVersion'",
            hint=f"if {root} is a layout, delete this one file and it is written again",
        ) from error
    if not isinstance(version, str) or not version.startswith("1."):
        raise ConfigError(f"{path}: image layout version {version!r}; this program knows 1.0.0")
    return True


def _moving(index: Index, names: Mapping[str, Descriptor]) -> dict[str, Descriptor]:
    """Return the names that do not stand for these manifests yet."""
    known = index.names
    return {name: expected for name, expected in names.items() if not _same(known.get(name), expected)}


def _same(found: Descriptor | None, descriptor: Descriptor) -> bool:
    return found is not None and (found.media_type, found.digest, found.size) == (
        descriptor.media_type,
        descriptor.digest,
        descriptor.size,
    )


def _parse(data: bytes, media_type: str, path: Path) -> Manifest:
    try:
        return Manifest.parse(data, media_type)
    except VerificationError as error:
        raise VerificationError(f"{path}: {error.message}", hint=error.hint) from error


def _check_name(name: str) -> None:
    if not name or not name.isprintable() or " " in name:
        raise ConfigError(
            f"{name!r} cannot name an artifact in an image layout", hint="expected HOST/PATH:TAG or NAME:TAG"
        )
