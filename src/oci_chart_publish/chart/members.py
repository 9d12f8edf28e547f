"""The members of a packed chart, by Helm's rules and limits (Helm ``pkg/chart/loader/archive/archive.go``).

An archive comes from anywhere: nothing is allocated beyond the limit, and no path leaves the folder.
"""

from __future__ import annotations

import posixpath
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from oci_chart_publish.errors import ChartError

SIZE_LIMIT = 100 * 1024 * 1024
"""Bytes of all files of a chart together; there is no limit for a single one (Helm 4.3)."""
MEMBER_LIMIT = 100_000
"""Entries in one archive."""
_DRIVE = re.compile(r"[a-zA-Z]:/")
_SKIPPED = frozenset({tarfile.DIRTYPE, tarfile.XGLTYPE})
_SLACK = 64 * 1024 * 1024  # headers and padding, beside the limit for the files themselves


@dataclass(frozen=True, slots=True)
class ChartFile:
    """A file of a chart: POSIX path below the chart's root, and its bytes."""

    path: str
    data: bytes


def read_members(data: bytes) -> list[ChartFile]:
    """Return the files of an archive, without the folder that holds them all."""
    files = list(_files(gunzip(data)))
    if not files:
        raise ChartError("no files in the archive")
    return files


def gunzip(data: bytes) -> bytearray:
    """Return what a gzip archive holds; ChartError where it is none, cut off, or larger than a chart may be."""
    if not data.startswith(b"\x1f\x8b\x08"):
        raise ChartError("not a gzip archive", hint="expected a chart packed as .tgz")
    tar = bytearray()
    rest = data
    try:
        while rest:
            member = zlib.decompressobj(wbits=31)
            chunk = member.decompress(rest, SIZE_LIMIT + _SLACK - len(tar) + 1)
            tar += chunk
            if len(tar) > SIZE_LIMIT + _SLACK:
                raise ChartError(f"larger than {SIZE_LIMIT} bytes once decompressed")
            if not member.eof:
                raise ChartError("the archive is cut off")
            rest = member.unused_data
    except zlib.error as error:
        raise ChartError(f"not a whole gzip archive: {error}") from error
    return tar


def _files(tar: bytearray) -> Iterator[ChartFile]:
    total = 0
    for number, (name, kind, data) in enumerate(_members(tar)):
        if number >= MEMBER_LIMIT:
            raise ChartError(f"more than {MEMBER_LIMIT} members in the archive")
        if kind in _SKIPPED:
            continue
        path = _inner_path(name)
        content = bytes(data) if kind in tarfile.REGULAR_TYPES else b""
        total += len(content)
        if total > SIZE_LIMIT:
            raise ChartError(f"larger than {SIZE_LIMIT} bytes once decompressed", path=path)
        yield ChartFile(path, content)


def _members(tar: bytearray) -> Iterator[tuple[str, bytes, memoryview]]:
    """Yield name, type and bytes of each member; PAX and GNU long names are put in place."""
    view = memoryview(tar)
    at, long_name = 0, ""
    while at + 512 <= len(tar):
        block = tar[at : at + 512]
        if not any(block):
            return
        try:
            info = tarfile.TarInfo.frombuf(bytes(block), "utf-8", "surrogateescape")
        except tarfile.TarError as error:
            raise ChartError(f"not a tar archive: {error}") from error
        at += 512
        if info.size < 0 or at + info.size > len(tar):
            raise ChartError("the archive is cut off")
        data = view[at : at + info.size]
        at += -(-info.size // 512) * 512
        if info.type == tarfile.XHDTYPE:
            long_name = _pax_path(bytes(data)) or long_name
        elif info.type == tarfile.GNUTYPE_LONGNAME:
            long_name = bytes(data).rstrip(b"\0").decode("utf-8", "surrogateescape")
        elif info.type != tarfile.GNUTYPE_LONGLINK:
            yield long_name or info.name, info.type, data
            long_name = ""


def _pax_path(records: bytes) -> str:
    found = ""
    while records:
        size, _, _ = records.partition(b" ")
        if not size.isdigit() or not 0 < int(size) <= len(records):
            raise ChartError("a PAX record that cannot be read")
        record = records[len(size) + 1 : int(size) - 1]
        key, _, value = record.partition(b"=")
        if key == b"path":
            found = value.decode("utf-8", "surrogateescape")
        records = records[int(size) :]
    return found


def _inner_path(name: str) -> str:
    """Return the path below the top folder; ChartError for what would lead out of it."""
    separator = "\\" if "\\" in name else "/"
    parts = name.split(separator)
    inner = "/".join(parts[1:])
    if not inner:
        raise ChartError("content outside the chart's folder", path=name)
    if inner.startswith("/"):
        raise ChartError("an absolute path in the archive", path=name)
    path = posixpath.normpath(inner)
    if path.startswith(".."):
        raise ChartError("a path that leaves the chart's folder", path=name)
    if _DRIVE.match(path) or "\0" in path or path == ".":
        raise ChartError("an illegal name in the archive", path=name)
    if parts[0] == "Chart.yaml":
        raise ChartError("Chart.yaml is not in the chart's folder", path=name)
    return path
