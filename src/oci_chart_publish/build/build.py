"""Build one chart: load it from its tree, pack it, and store config, layer and manifest in the layout."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from oci_chart_publish import __version__
from oci_chart_publish.build.dependencies import key_of
from oci_chart_publish.chart import go_json as gojson
from oci_chart_publish.chart import layer as package
from oci_chart_publish.chart.chart import Chart, check_contents, load_chart
from oci_chart_publish.chart.layer import CHART_LAYER, HELM_CONFIG, LEGACY_LAYER
from oci_chart_publish.chart.members import gunzip
from oci_chart_publish.chart.metadata import CHART_FILE, ChartMetadata, encode_config
from oci_chart_publish.chart.oci_annotations import manifest_annotations
from oci_chart_publish.chart.readback import check_loadable
from oci_chart_publish.chart.walk import CHARTS, IGNORE_FILE
from oci_chart_publish.errors import ChartError, VerificationError
from oci_chart_publish.lint.limits import packed_size
from oci_chart_publish.lint.lint import lint, refuse
from oci_chart_publish.model import ChartArtifact, Need
from oci_chart_publish.oci import descriptor as mediatype
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.store import Source, Target
from oci_chart_publish.paths.credentials import credential
from oci_chart_publish.tree.tree import Tree


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest with the bytes of its blobs."""

    manifest: Manifest
    blobs: Mapping[Digest, bytes]


def assemble(chart: Chart, *, annotations: Mapping[str, str] | None = None, legacy: bool = False) -> Artifact:
    """Build the artifact of ``chart``; ``legacy`` is the form of Helm 3.0 to 3.6: old layer type, no annotations."""
    check_loadable(chart)
    layer = package.gzip(package.tar(package.entries(chart)))
    config = encode_config(chart.metadata)
    layer_descriptor = Descriptor.of(LEGACY_LAYER if legacy else CHART_LAYER, layer)
    config_descriptor = Descriptor.of(HELM_CONFIG, config)
    manifest = manifest_of(config_descriptor, [layer_descriptor], {} if legacy else annotations or {})
    return Artifact(
        manifest=manifest, blobs={config_descriptor.digest: config, layer_descriptor.digest: layer}
    )


def manifest_of(config: Descriptor, layers: Sequence[Descriptor], annotations: Mapping[str, str]) -> Manifest:
    """Return the manifest of a config and layers, byte for byte as Helm would write it."""
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "config": config.document(),
        "layers": [layer.document() for layer in sorted(layers, key=lambda layer: str(layer.digest))],
    }
    if annotations:
        document["annotations"] = dict(sorted(annotations.items()))
    return Manifest.parse(gojson.dumps(document), mediatype.OCI_MANIFEST)


Needs = Callable[[Chart], tuple[Need, ...]]


class Memo(Protocol):
    """Remembers which layer a tar became, so that an unchanged chart is not compressed again."""

    def get(self, kind: str, key: str) -> object | None:
        """Return what was put under the key, or None."""

    def put(self, kind: str, key: str, value: object) -> None:
        """Remember a JSON value under the key."""


class ArtifactOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What of the artifact does not come from the chart's files.

    ``source`` is the repository's URL; ``created`` (RFC 3339) and ``revision`` (commit) are empty unless asked for;
    ``chart_source`` keeps Helm's choice of ``sources[0]``; with ``strict`` a chart with warnings is not built.
    """

    source: str = ""
    created: str = ""
    revision: str = ""
    chart_source: bool = False
    include_untracked: tuple[str, ...] = ()
    strict: bool = False


def build(
    tree: Tree,
    path: str,
    layout: Target,
    memo: Memo,
    recipe: ArtifactOptions,
    *,
    needs: Needs | None = None,
    metadata: ChartMetadata | None = None,
) -> ChartArtifact:
    """Build the chart in ``tree``, which is the folder ``path`` of the repository; ChartError says what is wrong.

    ``needs`` says what is missing in ``charts/``, which the artifact then lacks; without it that is an error.
    ``metadata``, of the Chart.yaml in ``tree``, allows to remember the artifact of files that git vouches for: it is
    then ``recalled``, and no file was read.
    """
    key = _artifact_key(tree, recipe, metadata)
    if key and metadata is not None:
        recalled = _recalled(memo.get("artifact", key), path, metadata, layout)
        if recalled is not None:
            return recalled
    artifact = _built(tree, path, layout, memo, recipe, needs)
    if key:
        memo.put("artifact", key, _to_remember(artifact))
    return artifact


def _artifact_key(tree: Tree, recipe: ArtifactOptions, metadata: ChartMetadata | None) -> str:
    """Return what an artifact is remembered by: all that shapes it; "" where that is not known without reading.

    What a chart with dependencies becomes depends on other charts, too.
    """
    if metadata is None or metadata.dependencies:
        return ""
    files = tree.fingerprint()
    if files is None:
        return ""
    options = hashlib.sha256(msgspec.json.encode(recipe)).hexdigest()
    return f"{__version__}-{package.COMPRESSOR}-{options}-{files}"


def _to_remember(artifact: ChartArtifact) -> Mapping[str, object]:
    return {
        "manifest": str(artifact.digest),
        "warnings": list(artifact.warnings),
        "lines": dict(artifact.warning_lines),
        "files": dict(artifact.warning_files),
    }


def _recalled(value: object, path: str, metadata: ChartMetadata, layout: Target) -> ChartArtifact | None:
    match value:
        case {
            "manifest": str(digest),
            "warnings": list(warnings),
            "lines": dict(lines),
            "files": dict(files),
        }:
            manifest = layout.manifest(Digest.parse(digest))
        case _:
            return None
    if manifest is None or manifest.config is None or not all(map(layout.has, manifest.blobs)):
        return None  # gc was here
    return ChartArtifact(
        path=path,
        metadata=metadata,
        manifest=manifest,
        config=manifest.config,
        layer=manifest.layers[0],
        warnings=tuple(map(str, warnings)),
        warning_lines={str(warning): int(line) for warning, line in lines.items()},
        warning_files={str(warning): str(file) for warning, file in files.items()},
        recalled=True,
    )


def _built(
    tree: Tree, path: str, layout: Target, memo: Memo, recipe: ArtifactOptions, needs: Needs | None
) -> ChartArtifact:
    chart = load_chart(tree, include_untracked=recipe.include_untracked, check=False)
    unresolved = needs(chart) if needs is not None else ()
    if needs is None:
        check_dependencies(chart)
    check_loadable(chart)
    tar = package.tar(package.entries(chart))
    key = f"{package.COMPRESSOR}-{Digest.of(tar).hex}"
    layer = _remembered_layer(memo.get("layer", key), layout)
    remembered = key.rpartition("-")[2] if layer else ""
    if layer is None:
        check_contents(chart)  # what has become a layer before has been checked before
    metadata, warnings, untracked = chart.metadata, lint(chart), left_out(chart)
    if recipe.strict:
        refuse(warnings)
    del chart  # its files are in the tar now; a large chart is held once
    if layer is None:
        layer = _store_layer(tar, layout)  # which empties the tar
        memo.put("layer", key, {"digest": str(layer.digest), "size": layer.size})
    too_large = tuple(packed_size(layer.size))
    if recipe.strict:
        refuse(too_large)
    warnings += too_large
    config_bytes = encode_config(metadata)
    config = Descriptor.of(HELM_CONFIG, config_bytes)
    layout.put_blob(config, config_bytes)
    annotations = manifest_annotations(
        metadata,
        source=recipe.source,
        created=recipe.created,
        revision=recipe.revision,
        chart_source=recipe.chart_source,
    )
    manifest = manifest_of(config, [layer], annotations)
    layout.put_manifest(manifest)
    return ChartArtifact(
        path=path,
        metadata=metadata,
        manifest=manifest,
        config=config,
        layer=layer,
        warnings=(*(warning.message for warning in warnings), *untracked),
        warning_lines={warning.message: warning.line for warning in warnings if warning.line is not None},
        warning_files={warning.message: warning.path for warning in warnings if warning.path != CHART_FILE},
        remembered=remembered,
        unresolved=unresolved,
    )


def _store_layer(tar: bytearray, layout: Target) -> Descriptor:
    compressed = package.compress(tar)
    tar.clear()  # a large chart is held no more often than it must be
    data = bytes(compressed)
    layer = Descriptor.of(CHART_LAYER, data)
    layout.put_blob(layer, data)
    return layer


def check_remembered(artifact: ChartArtifact, layout: Source) -> None:
    """Raise VerificationError unless a remembered layer holds the tar that this tree packs.

    Done before anything is published, and only then: a cache that somebody tampered with must not get a chart out.
    """
    if artifact.remembered and Digest.of(gunzip(layout.blob(artifact.layer))).hex != artifact.remembered:
        raise VerificationError(
            f"the cache holds another layer for {artifact.name} {artifact.version} than this tree packs",
            hint="delete the cache, or name another with --layout, and run again",
        )


def _remembered_layer(value: object, layout: Target) -> Descriptor | None:
    match value:
        case {"digest": str(digest), "size": int(size)}:
            layer = Descriptor(media_type=CHART_LAYER, digest=Digest.parse(digest), size=size)
            return layer if layout.has(layer) else None
        case _:
            return None


def check_dependencies(chart: Chart) -> None:
    """Raise ChartError unless every declared dependency is in ``charts/`` (Helm ``pkg/action/package.go``)."""
    present = {subchart.name for subchart in chart.subcharts}
    missing = {
        dependency.name: number
        for number, dependency in reversed(list(enumerate(chart.metadata.dependencies)))
        if dependency.name not in present
    }
    if not missing:
        return
    message = f"declared, but missing in charts/: {', '.join(reversed(missing))}"
    for entry in chart.hidden:
        if entry.path == "charts" or any(_is_of(entry.path, name) for name in missing):
            raise ChartError(
                f"the line {entry.pattern!r} hides {entry.path}, and the chart needs it: {message}",
                path=IGNORE_FILE,
                line=entry.line,
                hint="take the line out",
            )
    raise ChartError(
        message,
        path=CHART_FILE,
        key=key_of(min(missing.values())),
        hint="run `helm dependency build`, or commit the subcharts",
    )


def _is_of(path: str, name: str) -> bool:
    """Tell whether a path in ``charts/`` looks like the folder or an archive of the chart with this name."""
    place = path.removeprefix(CHARTS)
    return place == name or (place.startswith(f"{name}-") and place.endswith(".tgz"))


def left_out(chart: Chart) -> tuple[str, ...]:
    """Warn of what Helm would have packed and git does not track, or nobody should publish."""
    return tuple(
        f"{path} looks like credentials that a log-in has left and was left out; name it in include-untracked if it "
        "belongs to the chart"
        if credential(path)
        else f"{path} is not tracked by git and was left out; commit it, or name it in include-untracked"
        for path in chart.left_out
    )
