"""``index.json`` of a layout as a value: names and the descriptors they stand for.

The names are the full reference texts in ``org.opencontainers.image.ref.name``. Whatever else other tools wrote,
entries without a name, unknown keys, foreign annotations, stays as it is and where it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from oci_chart_publish.errors import VerificationError
from oci_chart_publish.layout import files
from oci_chart_publish.oci.descriptor import REF_NAME, Descriptor
from oci_chart_publish.singleflight import locked_cached_property

_YOUNG = 20_000_000
"""Nanoseconds within which two writes may bear the same time: file systems count in steps of up to 10 ms."""
INDEX_LIMIT = 256 * 1024 * 1024
"""Bytes of the largest ``index.json`` that is read: a million names."""

_HINT = (
    "restore it, or delete the whole layout: what registries hold can be pulled, the rest can be built again"
)


class Index(msgspec.Struct, frozen=True, dict=True):
    """The decoded ``document`` of an ``index.json``; its ``manifests`` are all objects."""

    document: Mapping[str, Any]

    @classmethod
    def empty(cls) -> Index:
        """Return an index of nothing, as Helm 3.0 to 3.6 wrote it: without ``mediaType``, which is optional."""
        return cls({"schemaVersion": 2, "manifests": []})

    @classmethod
    def parse(cls, data: bytes, origin: str) -> Index:
        """Read the bytes of the file ``origin``; VerificationError where they are no image index."""
        try:
            document = json.loads(data, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise VerificationError(f"{origin} is not JSON: {error}", hint=_HINT) from error
        if not isinstance(document, dict):
            raise VerificationError(f"{origin} is not a JSON object", hint=_HINT)
        manifests = document.get("manifests", [])
        if manifests is None:  # Go writes an empty list so
            manifests = []
        if not isinstance(manifests, list) or not all(isinstance(entry, dict) for entry in manifests):
            raise VerificationError(f"{origin}: 'manifests' is not a list of objects", hint=_HINT)
        version = document.get("schemaVersion")
        if version != 2:
            raise VerificationError(f"{origin}: 'schemaVersion' is {version!r}, expected 2", hint=_HINT)
        return cls({**document, "manifests": manifests})

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return json.dumps(self.document, separators=(",", ":")).encode()

    @property
    def entries(self) -> Sequence[Mapping[str, Any]]:
        """The descriptors as written."""
        entries: Sequence[Mapping[str, Any]] = self.document["manifests"]
        return entries

    def descriptors(self) -> Iterator[Descriptor]:
        """Yield every entry that is a legal descriptor, named or not."""
        for entry in self.entries:
            descriptor = _descriptor(entry)
            if descriptor is not None:
                yield descriptor

    @locked_cached_property
    def names(self) -> Mapping[str, Descriptor]:
        """What each name stands for, in the order of the file; of two entries with one name, the first."""
        result: dict[str, Descriptor] = {}
        for entry in self.entries:
            name = _name(entry)
            if name is not None and name not in result:
                descriptor = _descriptor(entry)
                if descriptor is not None:
                    result[name] = descriptor
        return result

    def named(self, names: Mapping[str, Descriptor]) -> Index:
        """Return the index where ``names`` stand for these manifests: known names in place, new ones at the end."""
        remaining = dict(names)
        entries: list[Mapping[str, Any]] = []
        for entry in self.entries:
            name = _name(entry)
            if name is None or name not in names:
                entries.append(entry)
            elif name in remaining:
                entries.append(_moved(entry, name, remaining.pop(name)))
        entries.extend(_entry(name, descriptor) for name, descriptor in remaining.items())
        index = Index({**self.document, "manifests": entries})
        # Known already: reading thousands of descriptors again for each write costs more than the write.
        changed = {name: _descriptor(entry) for entry in entries if (name := _name(entry)) in names}
        index.__dict__["names"] = {**self.names, **changed}
        return index

    def without(self, name: str) -> Index:
        """Return the index without ``name``."""
        return Index(
            {**self.document, "manifests": [entry for entry in self.entries if _name(entry) != name]}
        )


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON value")


def _name(entry: Mapping[str, Any]) -> str | None:
    annotations = entry.get("annotations")
    name = annotations.get(REF_NAME) if isinstance(annotations, dict) else None
    return name if isinstance(name, str) else None


def _descriptor(entry: Mapping[str, Any]) -> Descriptor | None:
    try:
        return Descriptor.parse(entry)
    except VerificationError:
        return None  # another tool's business: kept, never opened


def _moved(entry: Mapping[str, Any], name: str, descriptor: Descriptor) -> Mapping[str, Any]:
    # What other tools said of the entry was said of the manifest, so it stays only as long as that does.
    return entry if entry.get("digest") == str(descriptor.digest) else _entry(name, descriptor)


def _entry(name: str, descriptor: Descriptor) -> Mapping[str, Any]:
    document = descriptor.document()
    annotations = {**descriptor.annotations, REF_NAME: name}
    return {
        **{key: document[key] for key in ("mediaType", "digest", "size")},
        "annotations": annotations,
        **({"artifactType": descriptor.artifact_type} if descriptor.artifact_type else {}),
    }


class ParsedIndex:
    """The index of one layout, parsed again only where its file is another one than last time. Safe for threads.

    A write is a rename, so another content is another inode, time or size; but for a file so young that a second
    write could have left all three alike, which is read again, as git does with its own index.
    """

    def __init__(self) -> None:
        self._known: tuple[tuple[int, int, int], Index] | None = None

    def read(self, path: Path) -> Index:
        """Return the index in ``path``; an empty one where there is none, as Helm 3.0 to 3.6 left it at first."""
        stamp = _stamp(path)
        known = self._known
        if known is not None and known[0] == stamp and time.time_ns() - known[0][1] > _YOUNG:
            return known[1]
        data = files.read(path, limit=INDEX_LIMIT)
        if data is None:
            return Index.empty()
        index = Index.parse(data, str(path))
        if stamp is not None and stamp == _stamp(path):
            self._known = stamp, index
        return index

    def written(self, path: Path, index: Index) -> None:
        """Take over what was just written to ``path``, under the lock of the layout."""
        stamp = _stamp(path)
        self._known = None if stamp is None else (stamp, index)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
