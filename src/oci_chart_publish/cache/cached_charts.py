"""Charts in the cache: by which name they are found, and what there is to say of them.

A name is the whole reference, as ``helm chart`` of Helm 3.0 to 3.6 used it: one without a registry is legal, and one
without a tag stands for the only chart of that repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import PurePath

import msgspec

from oci_chart_publish.chart.layer import HELM_CONFIG, chart_layer
from oci_chart_publish.chart.version import is_lenient
from oci_chart_publish.errors import (
    ChartError,
    ConfigError,
    NotFoundError,
    UnknownNameError,
    VerificationError,
)
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.reference import SCHEME, Repository, check_tag
from oci_chart_publish.report.text import plain, size

_SHOWN = 5


class Name(msgspec.Struct, frozen=True):
    """A repository, with or without a registry, and a tag, which is empty where the text has none."""

    repository: str
    tag: str

    @classmethod
    def split(cls, text: str) -> Name:
        """Take a name as it is written; nothing is checked."""
        plain, at, digest = text.removeprefix(SCHEME).partition("@")
        if at:
            return cls(plain, f"@{digest}")
        head, slash, last = plain.rpartition("/")
        last, _, tag = last.partition(":")
        return cls(f"{head}{slash}{last}", tag)

    @classmethod
    def choose(cls, text: str, *, version: str) -> Name:
        """Read the name under which a chart is to be saved; ConfigError where no registry would take it later.

        Without a tag it is the chart's ``version``; ``+`` becomes ``_``.
        """
        name = cls.split(text)
        if name.tag.startswith("@"):
            raise ConfigError(
                f"{text!r}: a digest cannot be chosen", hint="name a tag, or none for the version"
            )
        tag = check_tag((name.tag or version).replace("+", "_"), text)
        return cls(_checked_repository(name.repository, text), tag)

    def misnames(self, name: str, version: str) -> bool:
        """Tell whether this says another name or version than those of a chart; ``latest`` says no version."""
        tag = self.tag.replace("_", "+")
        return self.repository.rpartition("/")[2] != name or (is_lenient(tag) and tag != version)

    def __str__(self) -> str:
        separator = "" if self.tag.startswith("@") or not self.tag else ":"
        return f"{self.repository}{separator}{self.tag}"


def _checked_repository(repository: str, text: str) -> str:
    host, slash, _ = repository.partition("/")
    if slash and _is_host(host):
        return str(Repository.parse(repository))
    if repository != repository.lower():
        raise ConfigError(
            f"{text!r}: no registry takes a repository in upper case", hint=f"write it {repository.lower()}"
        )
    try:
        Repository("localhost", repository).check()
    except ConfigError as error:
        raise ConfigError(
            f"{text!r}: {repository!r} is not a legal repository name",
            hint=error.hint or "expected HOST/PATH:TAG",
        ) from error
    return repository


def _is_host(text: str) -> bool:
    return "." in text or ":" in text or text.lower() == "localhost"


class CachedChart(msgspec.Struct, frozen=True, kw_only=True):
    """A chart in the cache: its name there, its manifest, and the layer that holds its files."""

    name: Name
    manifest: Manifest
    layer: Descriptor
    row: Row


def find(layout: ImageLayout, reference: str) -> CachedChart:
    """Read the chart that ``reference`` stands for; errors as ``find_name``."""
    name = find_name(layout, reference)
    descriptor = layout.resolve(name)
    if descriptor is None:
        raise NotFoundError(f"Chart not found: {reference}", hint="another process has just removed it")
    return read(layout, name, descriptor)


def find_name(layout: ImageLayout, reference: str) -> str:
    """Return the name in the index that ``reference`` stands for, whatever is behind it.

    UnknownNameError where there is none, ConfigError for several.
    """
    names = list(layout.names())
    name = _among(names, reference)
    if name is None:
        raise UnknownNameError(f"Chart not found: {reference}", hint=_near(reference, names, layout.title))
    return name


def _among(names: list[str], reference: str) -> str | None:
    plain = reference.removeprefix(SCHEME)
    name = Name.split(plain)
    for candidate in (plain, str(Name(name.repository, name.tag.replace("+", "_")))):
        if candidate in names:
            return candidate
    if name.tag:
        return None
    matches = [held for held in names if Name.split(held).repository == name.repository]
    if len(matches) > 1:
        raise ConfigError(
            f"{reference} is ambiguous: the cache holds several of its tags",
            hint=f"name one: {_some(matches)}",
        )
    return matches[0] if matches else None


def _near(reference: str, names: list[str], title: str) -> str:
    repository = Name.split(reference).repository
    same = [name for name in names if Name.split(name).repository == repository]
    return f"{title} holds {_some(same)}" if same else f"`list` shows what {title} holds"


def _some(names: list[str]) -> str:
    return ", ".join(sorted(names)[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def is_chart(manifest: Manifest) -> bool:
    """Tell whether a manifest is of a Helm chart, in today's form or that of Helm 3.0 to 3.6."""
    return manifest.config is not None and manifest.config.media_type == HELM_CONFIG


def manifest_of(layout: ImageLayout, name: str, descriptor: Descriptor) -> Manifest:
    """Read the manifest that a name of the index stands for."""
    manifest = layout.manifest(descriptor.digest)
    if manifest is None:
        raise NotFoundError(
            f"{name}: its manifest {descriptor.digest} is missing in {layout.title}",
            hint="save or pull it again, or remove the name",
        )
    return manifest


def read(layout: ImageLayout, name: str, descriptor: Descriptor) -> CachedChart:
    """Read the chart that a name of the index stands for; ChartError where it is none."""
    manifest = manifest_of(layout, name, descriptor)
    layer = layer_of(manifest, name)
    config = _config(layout, manifest, name)
    row = Row(
        reference=name,
        digest=manifest.descriptor.digest,
        name=str(config.get("name", "")),
        version=str(config.get("version", "")),
        size=layer.size,
        created=layout.modified(layer),
    )
    return CachedChart(name=Name.split(name), manifest=manifest, layer=layer, row=row)


def layer_of(manifest: Manifest, name: str) -> Descriptor:
    """Return the layer with the chart's files; ChartError where ``name`` stands for something else."""
    layer = chart_layer(manifest)
    if manifest.config is None or not is_chart(manifest):
        what = manifest.config.media_type if manifest.config else manifest.descriptor.media_type
        raise ChartError(f"{name} is not a Helm chart but {what}", hint=f"a chart's config is {HELM_CONFIG}")
    if layer is None:
        types = ", ".join(layer.media_type for layer in manifest.layers) or "none"
        raise ChartError(f"{name}: its manifest has no chart layer; its layers: {types}")
    if layer.size == 0:
        raise ChartError(f"{name}: its chart layer is empty")
    return layer


def _config(layout: ImageLayout, manifest: Manifest, name: str) -> dict[str, object]:
    if manifest.config is None:
        return {}
    try:
        config = json.loads(layout.blob(manifest.config))
    except (ValueError, RecursionError) as error:
        raise VerificationError(f"{name}: its config is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise VerificationError(f"{name}: its config is not a JSON object")
    return config


def folder_name(chart: CachedChart) -> str:
    """Return the name of the folder a chart is exported to; ChartError for one that would lead elsewhere."""
    name = chart.row.name
    if (
        not name
        or name in {".", ".."}
        or PurePath(name).name != name
        or "\\" in name
        or not name.isprintable()
    ):
        raise ChartError(f"{chart.name}: its name {name!r} cannot be that of a folder")
    return name


_HEADER = ("REF", "NAME", "VERSION", "DIGEST", "SIZE", "CREATED")
_WIDEST = 60
_UNKNOWN = "-"

_MINUTE = 60
_HOUR = 60 * _MINUTE


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A name in the cache; ``size`` is the layer's (bytes), ``created`` its time (epoch), None where unknown."""

    reference: str
    digest: Digest
    name: str = ""
    version: str = ""
    size: int | None = None
    created: float | None = None


def block(row: Row) -> Iterator[str]:
    """Yield the five lines that say what a name stands for; the digest is the manifest's, without ``sha256:``."""
    yield f"ref:     {plain(row.reference)}"
    yield f"digest:  {row.digest.hex}"
    yield f"size:    {size(row.size)}"
    yield f"name:    {plain(row.name)}"
    yield f"version: {plain(row.version)}"


def table(rows: Sequence[Row], *, now: float) -> Iterator[str]:
    """Yield the lines of the table, sorted by reference; ``now`` is what ages are counted from."""
    cells = [_HEADER, *(_cells(row, now) for row in sorted(rows, key=lambda row: row.reference))]
    widths = [min(_WIDEST, max(map(len, column))) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "\t".join(_fitted(cell, width) for cell, width in zip(line, widths, strict=True))


def _cells(row: Row, now: float) -> tuple[str, ...]:
    return (
        plain(row.reference),
        plain(row.name) or _UNKNOWN,
        plain(row.version) or _UNKNOWN,
        row.digest.hex[:7],
        size(row.size) or _UNKNOWN,
        _UNKNOWN if row.created is None else age(now - row.created),
    )


def _fitted(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else cell[: width - 3] + "..."


def age(seconds: float) -> str:
    """Return a duration as Docker's ``units.HumanDuration`` does."""
    whole, minutes, hours = int(seconds), int(seconds / _MINUTE), int(seconds / _HOUR + 0.5)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < _MINUTE:
        return f"{whole} seconds"
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    return "About an hour" if hours == 1 else _long(hours, int(seconds / _HOUR))


def _long(rounded: int, whole: int) -> str:
    for below, unit, length in (
        (48, "hours", 1),
        (24 * 14, "days", 24),
        (24 * 60, "weeks", 24 * 7),
        (24 * 730, "months", 24 * 30),
    ):
        if rounded < below:
            return f"{rounded // length} {unit}"
    return f"{whole // 24 // 365} years"
