"""The members of a packed chart, by Helm's rules and limits (Helm ``pkg/chart/loader/archive/archive.go``).

An archive comes from anywhere: nothing is allocated beyond the limit, and no path leaves the folder.
"""

from __future__ import annotations

import posixpath
import re
import stat
import tarfile
import zlib
from collections.abc import Iterator

import msgspec

from oci_chart_publish.errors import ChartError

SIZE_LIMIT = 100 * 1024 * 1024
"""Bytes of all files of a chart together; there is no limit for a single one (Helm 4.3)."""
MEMBER_LIMIT = 100_000
"""Entries in one archive."""
_DRIVE = re.compile(r"[a-zA-Z]:/")
_GLOBAL, _SPARSE = tarfile.XGLTYPE, tarfile.GNUTYPE_SPARSE
_LONG = frozenset({tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK})
# Their size field means nothing: no bytes follow (Go archive/tar, isHeaderOnly).
_HEADER_ONLY = frozenset(
    {tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE}
)
_BLOCK = 512
_GZIP = b"\x1f\x8b\x08"
_TAR_END = bytes(2 * _BLOCK)
_DIGITS = 18  # of a number that fits into 64 bits
_LONG_LIMIT = 1024 * 1024  # bytes of a PAX header or a GNU long name, as Go has it
_STREAM_LIMIT = 1000  # gzip streams in a row; every one is a copy of what follows
_SLACK = 64 * 1024 * 1024  # headers and padding, beside the limit for the files themselves


class ChartFile(msgspec.Struct, frozen=True):
    """A file of a chart: POSIX path below the chart's root, and its bytes."""

    path: str
    data: bytes


def read_members(data: bytes, *, limit: int = SIZE_LIMIT) -> list[ChartFile]:
    """Return the files of an archive, without the folder that holds them all; ``limit`` is in bytes of all files."""
    files = list(_regular_files(gunzip(data), limit))
    if not files:
        raise ChartError("no files in the archive")
    return files


def check_plain(data: bytes) -> None:
    """Raise ChartError unless an archive holds folders and files below one folder, as ``helm package`` writes it.

    Helm loads others too, links and devices as empty files; from a stranger they are a reason to look closer.
    """
    for name, kind, _ in _members(gunzip(data)):
        if name.startswith(("/", "\\")):
            raise ChartError("an absolute path in the archive", path=name)
        if kind in _HEADER_ONLY and kind != tarfile.DIRTYPE:
            raise ChartError(
                "a link or a device in the archive", path=name, hint="have it packed by `helm package`"
            )


def gunzip(data: bytes) -> bytes:
    """Return what a gzip archive holds; ChartError where it is none, cut off, or larger than a chart may be.

    What somebody padded the file with is not looked at: Helm stops reading where the tar ends.
    """
    if not data.startswith(_GZIP):
        raise ChartError("not a gzip archive", hint="expected a chart packed as .tgz")
    streams: list[bytes] = []
    remaining, rest = SIZE_LIMIT + _SLACK, data
    while rest:
        if len(streams) == _STREAM_LIMIT:
            raise ChartError(f"more than {_STREAM_LIMIT} gzip streams in a row")
        try:
            stream, rest = _first_stream(rest, remaining)
        except ChartError:
            if streams and streams[-1].endswith(_TAR_END):
                break
            raise
        streams.append(stream)
        remaining -= len(stream)
    return streams[0] if len(streams) == 1 else b"".join(streams)


def _first_stream(data: bytes, limit: int) -> tuple[bytes, bytes]:
    """Return what the first gzip stream holds, at most ``limit`` bytes, and what follows it."""
    stream = zlib.decompressobj(wbits=31)
    try:
        content = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise ChartError(f"not a whole gzip archive: {error}") from error
    if len(content) > limit:
        raise _too_large(SIZE_LIMIT)
    if not stream.eof:
        raise ChartError("the archive is cut off")
    return content, stream.unused_data


def _too_large(limit: int, path: str = "") -> ChartError:
    """Return the error for files that are larger, together, than ``limit`` bytes."""
    what = f"{limit} bytes" if limit == SIZE_LIMIT else f"the {limit} bytes that the other files leave"
    return ChartError(
        f"larger than {what} once decompressed",
        path=path,
        hint=f"Helm loads charts of at most {SIZE_LIMIT} bytes",
    )


def _regular_files(tar: bytes, limit: int) -> Iterator[ChartFile]:
    remaining = limit
    for number, (name, kind, data) in enumerate(_members(tar)):
        if number >= MEMBER_LIMIT:
            raise ChartError(f"more than {MEMBER_LIMIT} members in the archive")
        if kind in (tarfile.DIRTYPE, _GLOBAL):
            continue
        path = _inner_path(name)
        remaining -= len(data)
        if remaining < 0:
            raise _too_large(limit, path)
        yield ChartFile(path, bytes(data))


def _members(tar: bytes) -> Iterator[tuple[str, bytes, memoryview]]:
    """Yield name, type and bytes of each member; PAX and GNU long names are put in place."""
    view = memoryview(tar)
    at, long_name, long_size = 0, "", None
    while at + _BLOCK <= len(tar) and any(view[at : at + _BLOCK]):
        info = _header(tar[at : at + _BLOCK])
        at += _BLOCK
        size = info.size if long_size is None or info.type in _LONG else long_size
        size = 0 if info.type in _HEADER_ONLY else size
        if size < 0 or at + size > len(tar):
            raise ChartError("the archive is cut off")
        data = view[at : at + size]
        at += -(-size // _BLOCK) * _BLOCK
        if info.type in _LONG:
            name, long_size = _long(info.type, data, long_size)
            long_name = name or long_name
        else:
            # Go takes the mode's word for a folder, whatever the type says (archive/tar, headerFileInfo.Mode).
            kind = tarfile.DIRTYPE if info.mode & ~0o7777 == stat.S_IFDIR else info.type
            yield long_name or info.name, kind, data
            long_name, long_size = "", None


def _header(block: bytes) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError) as error:
        raise ChartError(f"not a tar archive: {error}") from error
    if info.type == _SPARSE:
        raise ChartError(
            "a sparse file in the archive", path=info.name, hint="pack the chart without --sparse"
        )
    return info


def _long(kind: bytes, data: memoryview, size: int | None) -> tuple[str, int | None]:
    """Return the name and the size that a PAX header or a GNU long name gives to the member that follows."""
    if len(data) > _LONG_LIMIT:
        raise ChartError("a header longer than 1 MiB in the archive")
    if kind == tarfile.GNUTYPE_LONGLINK:
        return "", size
    if kind == tarfile.GNUTYPE_LONGNAME:
        return bytes(data).partition(b"\0")[0].decode("utf-8", "surrogateescape"), size
    records = dict(_pax_records(bytes(data)))
    if any(key.startswith(b"GNU.sparse.") for key in records):
        raise ChartError("a sparse file in the archive", hint="pack the chart without --sparse")
    if (written := records.get(b"size")) is not None:
        if not written.isdigit() or len(written) > _DIGITS:
            raise ChartError("a PAX record that cannot be read")
        size = int(written)
    return records.get(b"path", b"").decode("utf-8", "surrogateescape"), size


def _pax_records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + _DIGITS)
        length = data[at:space] if space > at else b""
        end = at + int(length) if length.isdigit() else 0
        if not space < end <= len(data) or data[end - 1 : end] != b"\n":
            raise ChartError("a PAX record that cannot be read")
        key, _, value = data[space + 1 : end - 1].partition(b"=")
        yield key, value
        at = end


def is_drive(path: str) -> bool:
    """Tell whether Helm takes the beginning of a path for a Windows drive: ``C:/``, not ``C:`` alone."""
    return _DRIVE.match(path) is not None


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
    if is_drive(path) or "\0" in path or path == ".":
        raise ChartError("an illegal name in the archive", path=name)
    if parts[0] == "Chart.yaml":
        raise ChartError("Chart.yaml is not in the chart's folder", path=name)
    return path
