"""Packing a chart: its files in Helm's order, a tar as Go writes it, and gzip by libdeflate.

Helm ``pkg/chart/v2/util/save.go``; Go ``archive/tar``. The result is a pure function of the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import deflate

from oci_chart_publish.chart.chart import Chart, placed
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.manifest import Manifest

HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
PROVENANCE_LAYER = "application/vnd.cncf.helm.chart.provenance.v1.prov"

# The layer type of Helm 3.0 to 3.6 (`helm chart save`); Helm 3.7.1 and later still read it.
LEGACY_LAYER = "application/tar+gzip"
CHART_LAYERS = (CHART_LAYER, LEGACY_LAYER)


def chart_layers(manifest: Manifest) -> list[Descriptor]:
    """Return the layers of a manifest that hold a chart's files, in its order; a chart has one."""
    return [layer for layer in manifest.layers if layer.media_type in CHART_LAYERS]


def chart_layer(manifest: Manifest) -> Descriptor | None:
    """Return the layer with the chart's files, None where a manifest has none.

    With several Helm takes the last (``pkg/registry/client.go``), and so is everything judged here.
    """
    layers = chart_layers(manifest)
    return layers[-1] if layers else None


EPOCH = 315532800
"""1980-01-01, the time of every entry: the oldest that all archive formats can express."""
LEVEL = 6
COMPRESSOR = (
    f"libdeflate-{deflate.__version__}-{LEVEL}" if hasattr(deflate, "__version__") else f"libdeflate-{LEVEL}"
)

_FIRST = ("Chart.yaml", "Chart.lock", "values.yaml", "values.schema.json")
_BLOCK = 512
_NAME, _PREFIX = 100, 155


def entries(chart: Chart) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of every entry, in Helm's order; subcharts by name."""
    yield from _entries_below(chart, chart.name)


def _entries_below(chart: Chart, folder: str) -> Iterator[tuple[str, bytes]]:
    by_path = {file.path: file.data for file in chart.files}
    for path in _FIRST:
        if path in by_path:
            yield f"{folder}/{path}", by_path[path]
    rest = [file for file in chart.files if file.path not in _FIRST]
    for templates in (True, False):
        for file in rest:
            if file.path.startswith("templates/") is templates:
                yield f"{folder}/{file.path}", file.data
    for place, subchart in placed(chart.subcharts):
        yield from _entries_below(subchart, f"{folder}/charts/{place}")


def tar(members: Iterable[tuple[str, bytes]], *, mtime: int = EPOCH) -> bytearray:
    """Return a tar of regular files, byte for byte as Go writes it for these names, bytes and time."""
    parts = [(header(name, len(data), mtime), data) for name, data in members]
    size = sum(len(head) + len(data) + -len(data) % _BLOCK for head, data in parts)
    archive = bytearray(size + 2 * _BLOCK)  # zeros, once: a large chart is not copied while it grows
    at = 0
    with memoryview(archive) as view:  # a slice of the bytearray itself would copy each file first
        for head, data in parts:
            view[at : at + len(head)] = head
            at += len(head)
            view[at : at + len(data)] = data
            at += len(data) + -len(data) % _BLOCK
    return archive


def header(name: str, size: int, mtime: int) -> bytes:
    """Return the header of an entry: one block, or three with a PAX record where USTAR cannot hold the name."""
    raw = name.encode("utf-8", "surrogateescape")
    split = _split(raw) if raw.isascii() else None
    if split is not None:
        return _ustar(split[1], split[0], size, mtime)
    record = _record(b"path", raw)
    folder, slash, base = raw.rpartition(b"/")
    pax_name = _ascii(folder + slash + b"PaxHeaders.0/" + base)[:_NAME].rstrip(b"/")
    # A name cut behind a slash would look like a folder to some readers; Go drops that slash.
    short = _ascii(raw)
    short = short if len(short) <= _NAME else short[:_NAME].removesuffix(b"/")
    return (
        _ustar(pax_name, b"", len(record), 0, kind=b"x", mode=0, device=b"")
        + record
        + bytes(-len(record) % _BLOCK)
        + _ustar(short, b"", size, mtime)
    )


def _ascii(name: bytes) -> bytes:
    return bytes(byte for byte in name if byte < 0x80)


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """Return USTAR prefix and name, None where the name does not fit (Go ``splitUSTARPath``)."""
    if len(name) <= _NAME:
        return b"", name
    at = name[: _PREFIX + 1].rfind(b"/") if len(name) > _PREFIX + 1 else name[:-1].rfind(b"/")
    rest = len(name) - at - 1
    if at <= 0 or rest > _NAME or rest == 0 or at > _PREFIX:
        return None
    return name[:at], name[at + 1 :]


def _record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    size = len(body) + len(str(len(body)))
    if len(str(size)) != len(str(len(body))):
        size += 1
    record = b"%d" % size + body
    return record if len(record) == size else b"%d" % len(record) + body


def _ustar(
    name: bytes,
    prefix: bytes,
    size: int,
    mtime: int,
    *,
    kind: bytes = b"0",
    mode: int = 0o644,
    device: bytes = b"0000000\0",
) -> bytes:
    block = bytearray(_BLOCK)
    block[0 : len(name)] = name
    block[100:108] = b"%07o\0" % mode
    block[108:116] = block[116:124] = b"0000000\0"
    block[124:136] = b"%011o\0" % size
    block[136:148] = b"%011o\0" % mtime
    block[148:156] = b"        "
    block[156:157] = kind
    block[257:265] = b"ustar\00000"
    block[329 : 329 + len(device)] = device
    block[337 : 337 + len(device)] = device
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def gzip(data: bytes | bytearray) -> bytes:
    """Compress as one gzip member without name and time; the bytes depend on nothing but ``data``."""
    return bytes(compress(data))


def compress(data: bytes | bytearray) -> bytearray:
    """Do the same without the last copy: of a large chart every copy counts."""
    return deflate.gzip_compress(data, LEVEL)
