"""Which blobs nothing refers to any more, and their removal."""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from oci_chart_publish.errors import VerificationError
from oci_chart_publish.layout.blobs import Blobs
from oci_chart_publish.layout.files import INGEST, LOCK
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import MANIFEST_LIMIT

_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


class Collected(msgspec.Struct, frozen=True):
    """What was removed: how many blobs, and their bytes in all."""

    blobs: int = 0
    size: int = 0


class _Stored(msgspec.Struct, frozen=True):
    path: Path
    size: int
    modified: float


def sweep(root: Path, roots: Iterable[Digest], *, before: float, abandoned: float) -> Collected:
    """Remove blobs that ``roots`` do not lead to and that were last written ``before`` (seconds since the epoch).

    Temporary files go if last written before ``abandoned``: their writer has been killed.

    The caller holds the lock, and names are given under the same lock, after looking for the blobs again: nothing is
    swept from under a name.
    """
    blobs = Blobs(root)
    stored = dict(_stored(root))
    kept = _reachable(blobs, stored, roots)
    count = size = 0
    for digest, blob in stored.items():
        if digest not in kept and blob.modified < before and _remove(root, blob.path, before):
            count += 1
            size += blob.size
    _sweep_ingest(root, abandoned)
    return Collected(count, size)


def _stored(root: Path) -> Iterator[tuple[Digest, _Stored]]:
    for algorithm in ("sha256", "sha512"):
        for path, result in _files(root / "blobs" / algorithm):
            with suppress(VerificationError):  # another tool's file
                digest = Digest.parse(f"{algorithm}:{path.name}")
                yield digest, _Stored(path, result.st_size, result.st_mtime)


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    result = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(result.st_mode):
                        yield Path(entry.path), result
    except FileNotFoundError:
        return


def _reachable(blobs: Blobs, stored: dict[Digest, _Stored], roots: Iterable[Digest]) -> set[Digest]:
    """Follow every digest that a JSON blob mentions, and from a manifest to those that name it as their subject.

    Any mention counts, whatever the media type: to keep too much costs disk, to delete too much costs an artifact.
    """
    digests: set[Digest] = set()
    waiting = list(roots)
    referrers: dict[Digest, list[Digest]] | None = None
    while True:
        while waiting:
            digest = waiting.pop()
            if digest not in digests:
                digests.add(digest)
                waiting.extend(_mentioned(_json(blobs, stored, digest)))
                if referrers is not None:
                    waiting.extend(referrers.get(digest, ()))
        if referrers is not None:
            return digests
        referrers = _referrers(blobs, stored, digests)
        waiting.extend(referrer for digest in digests for referrer in referrers.get(digest, ()))


def _json(blobs: Blobs, stored: dict[Digest, _Stored], digest: Digest) -> bytes:
    blob = stored.get(digest)
    if blob is None or blob.size > MANIFEST_LIMIT or not _opens_object(blob.path):
        return b""
    # Damaged or not, its mentions are the best there is.
    with suppress(OSError):
        return blobs.path(digest).read_bytes()
    return b""


def _opens_object(path: Path) -> bool:
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(64).lstrip()[:1] == b"{"
    except OSError:
        return False


def _mentioned(data: bytes) -> Iterator[Digest]:
    for text in _DIGEST.findall(data):
        yield Digest.parse(text.decode())


def _referrers(blobs: Blobs, stored: dict[Digest, _Stored], known: set[Digest]) -> dict[Digest, list[Digest]]:
    result: dict[Digest, list[Digest]] = defaultdict(list)
    for digest in stored.keys() - known:
        data = _json(blobs, stored, digest)
        if b'"subject"' in data:
            with suppress(VerificationError, ValueError, RecursionError, TypeError, KeyError, AttributeError):
                result[Digest.parse(json.loads(data)["subject"]["digest"])].append(digest)
    return result


def _sweep_ingest(root: Path, before: float) -> None:
    for path, result in _files(root / INGEST):
        if path.name != LOCK and result.st_mtime < before:
            _unlink(path)


def _remove(root: Path, path: Path, before: float) -> bool:
    """Remove a blob, unless a writer has touched it since it was looked at.

    A writer that finds a blob touches it instead of writing it. So it is taken away first: a touch before that shows
    in its time, and brings it back; a touch after that fails, and the writer writes.
    """
    aside = root / INGEST / secrets.token_hex(12)
    try:
        if path.lstat().st_mtime >= before:
            return False
        path.rename(aside)
        if aside.lstat().st_mtime >= before:
            aside.replace(path)
            return False
    except OSError:
        return False
    return _unlink(aside)


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
