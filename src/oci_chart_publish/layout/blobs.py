"""The blobs of a layout: content by digest, in plain read-only files, checked on reading."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from oci_chart_publish.errors import ConfigError, NotFoundError, VerificationError
from oci_chart_publish.layout import files
from oci_chart_publish.oci.content import Content, InFile, InMemory
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import MANIFEST_LIMIT

_MODE = 0o444


class Blobs(msgspec.Struct, frozen=True):
    """``blobs/`` of the layout at ``root``."""

    root: Path

    def path(self, digest: Digest) -> Path:
        """Return the file of a blob. A digest is letters and digits only, so it cannot lead elsewhere."""
        return Path(f"{self.root}/blobs/{digest.algorithm}/{digest.hex}")

    def present(self, descriptor: Descriptor) -> bool:
        """Tell whether a file of the right size is there."""
        return files.regular_size(self.path(descriptor.digest)) == descriptor.size

    def whole(self, descriptor: Descriptor) -> bool:
        """Tell whether the blob is there, undamaged, and keep ``gc`` from it for a while.

        A damaged one counts as missing, so that whoever asks before writing writes it again.
        """
        path = self.path(descriptor.digest)
        if files.regular_size(path) != descriptor.size:
            return False
        try:
            with path.open("rb") as file:
                result = hashlib.file_digest(file, descriptor.digest.algorithm).hexdigest()
        except FileNotFoundError:  # gc was faster
            return False
        return result == descriptor.digest.hex and _touch(path)

    def read(self, descriptor: Descriptor) -> bytes:
        """Read a blob; NotFoundError where it is missing, VerificationError where it is damaged."""
        path = self.path(descriptor.digest)
        size = files.regular_size(path)
        if size is not None and size != descriptor.size:
            raise _damaged(VerificationError(f"{path}: expected {descriptor.size} bytes, found {size}"), path)
        data = files.read(path, limit=descriptor.size)
        if data is None:
            raise NotFoundError(
                f"{self.root}: the blob {descriptor.digest} is missing",
                hint="save or pull the artifact again",
            )
        try:
            descriptor.check(data, str(path))
        except VerificationError as error:
            raise _damaged(error, path) from error
        return data

    def opened(self, descriptor: Descriptor) -> Content:
        """Return a blob to be read piece by piece, once its digest was checked; errors as ``read``."""
        path = self.path(descriptor.digest)
        size = files.regular_size(path)
        if size != descriptor.size or not self.whole(descriptor):
            return InMemory(self.read(descriptor))  # which says what is wrong with it
        return InFile(path=path, size=descriptor.size)

    def read_manifest(self, digest: Digest) -> bytes | None:
        """Read a blob small enough to be a manifest, by its digest; None where there is none."""
        path = self.path(digest)
        data = files.read(path, limit=MANIFEST_LIMIT)
        if data is not None and not digest.matches(data):
            raise _damaged(VerificationError(f"{path}: its {len(data)} bytes have another digest"), path)
        return data

    def write_stream(self, descriptor: Descriptor, content: Content) -> None:
        """Store a blob from its pieces, unless it is there already; VerificationError where they are not the blob."""
        path = self.path(descriptor.digest)
        if self.whole(descriptor):
            return
        try:
            pieces = _verified(descriptor, content, f"writing {path}")
            files.write_pieces(self.root, path, pieces, mode=_MODE, durable=False)
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror or error}") from error

    def write(self, descriptor: Descriptor, data: bytes) -> None:
        """Store a blob, unless these bytes are there already; a damaged one is replaced.

        Not flushed to the disk: that takes longer than building the chart. A power failure can lose or empty a blob
        whose name was kept; the size gives that away, and the next ``save``, ``pull`` or ``publish`` writes it again.
        """
        path = self.path(descriptor.digest)
        descriptor.check(data, f"writing {path}")
        if self._holds(path, data) and _touch(path):
            return
        try:
            files.write(self.root, path, data, mode=_MODE, durable=False)
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}") from error

    def _holds(self, path: Path, data: bytes) -> bool:
        if files.regular_size(path) != len(data):
            return False
        try:
            return files.read(path, limit=len(data)) == data
        except VerificationError:
            return False


def _verified(descriptor: Descriptor, content: Content, origin: str) -> Iterator[bytes | memoryview]:
    """Pass pieces on, and raise VerificationError at their end unless they are what the descriptor says."""
    result, size = hashlib.new(descriptor.digest.algorithm), 0
    for piece in content.pieces():
        result.update(piece)
        size += len(piece)
        yield piece
    if size != descriptor.size:
        raise VerificationError(
            f"{origin}: {descriptor.digest} should have {descriptor.size} bytes, got {size}"
        )
    if result.hexdigest() != descriptor.digest.hex:
        raise VerificationError(
            f"{origin}: the {size} bytes of {descriptor.digest} have another digest, "
            f"{descriptor.digest.algorithm}:{result.hexdigest()}"
        )


def _touch(path: Path) -> bool:
    """Make a blob young again, so that ``gc`` spares it; False where it was faster."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:
        pass  # another user's blob: this user's gc cannot delete it either
    return True


def _damaged(error: VerificationError, path: Path) -> VerificationError:
    return VerificationError(
        f"{error.message}: the file is damaged",
        hint=f"delete {path}, then save or pull the artifact again",
    )
