"""Chart.yaml as Helm reads it: decoded, sanitised and validated (Helm ``pkg/chart/v2/metadata.go``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from oci_chart_publish.chart import gojson
from oci_chart_publish.chart.gostruct import Reader
from oci_chart_publish.chart.sanitise import sanitise
from oci_chart_publish.chart.version import is_lenient, is_strict
from oci_chart_publish.chart.yamldoc import line_of, load_document
from oci_chart_publish.chart.yamlscalar import go_text
from oci_chart_publish.errors import ChartError

_ALIAS = re.compile(r"[a-zA-Z0-9_-]+")
TYPES = ("", "application", "library")
CHART_FILE = "Chart.yaml"
REQUIREMENTS = "requirements.yaml"
_FIELDS = (
    *("name", "home", "sources", "version", "description", "keywords", "maintainers", "icon", "apiVersion"),
    *("condition", "tags", "appVersion", "deprecated", "annotations", "kubeVersion", "dependencies", "type"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Maintainer:
    """Who looks after a chart."""

    name: str = ""
    email: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependency:
    """A chart that a chart needs; ``version`` is a constraint (in a lock: a version).

    ``import_values`` are JSON values, numbers among them float, as Go has them.
    """

    name: str = ""
    version: str = ""
    repository: str = ""
    condition: str = ""
    tags: tuple[str, ...] = ()
    enabled: bool = False
    import_values: tuple[Any, ...] = ()
    alias: str = ""

    def document(self) -> dict[str, Any]:
        """Return the JSON object that Helm writes: name and repository always, the rest unless empty."""
        document: dict[str, Any] = {"name": self.name}
        document |= _present(version=self.version)
        document["repository"] = self.repository
        return document | _present(
            condition=self.condition,
            tags=list(self.tags),
            enabled=self.enabled,
            **{"import-values": list(self.import_values)},
            alias=self.alias,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartMetadata:
    """The decoded Chart.yaml, in the order in which Helm writes it."""

    name: str = ""
    home: str = ""
    sources: tuple[str, ...] = ()
    version: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    maintainers: tuple[Maintainer, ...] = ()
    icon: str = ""
    api_version: str = "v1"
    condition: str = ""
    tags: str = ""
    app_version: str = ""
    deprecated: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)
    kube_version: str = ""
    dependencies: tuple[Dependency, ...] = ()
    type: str = ""


def chart_file(folder: str) -> str:
    """Return the path of the Chart.yaml in a folder, "" for the top."""
    return f"{folder}/{CHART_FILE}" if folder else CHART_FILE


def decode_metadata(
    data: bytes, *, path: str = "Chart.yaml", requirements: bytes | None = None
) -> ChartMetadata:
    """Read a Chart.yaml and the requirements.yaml beside it; ChartError with file, key and line.

    Helm decodes requirements.yaml into the same metadata, whatever it holds, so it is laid over the Chart.yaml.
    """
    documents = [(data, path)]
    if requirements is not None:
        documents.append((requirements, path.removesuffix("Chart.yaml") + REQUIREMENTS))
    reader = Reader.of(*documents)
    maintainers = reader.structs("maintainers", _maintainer)
    dependencies = reader.structs("dependencies", _dependency)
    metadata = ChartMetadata(
        name=sanitise(reader.text("name")),
        home=sanitise(reader.text("home")),
        sources=tuple(map(sanitise, reader.texts("sources"))),
        version=reader.text("version"),
        description=sanitise(reader.text("description")),
        keywords=tuple(map(sanitise, reader.texts("keywords"))),
        maintainers=tuple(one for one in maintainers if one is not None),
        icon=sanitise(reader.text("icon")),
        api_version=reader.text("apiVersion") or "v1",
        condition=sanitise(reader.text("condition")),
        tags=sanitise(reader.text("tags")),
        app_version=sanitise(reader.text("appVersion")),
        deprecated=reader.flag("deprecated"),
        annotations=reader.text_map("annotations"),
        kube_version=sanitise(reader.text("kubeVersion")),
        dependencies=tuple(one for one in dependencies if one is not None),
        type=reader.text("type"),
    )
    _check_names(metadata, reader)
    _check_filled(maintainers, "maintainers", reader)
    _check_dependencies(dependencies, reader)
    return metadata


def _maintainer(reader: Reader) -> Maintainer:
    return Maintainer(
        name=sanitise(reader.text("name")),
        email=sanitise(reader.text("email")),
        url=sanitise(reader.text("url")),
    )


def _dependency(reader: Reader) -> Dependency:
    return Dependency(
        name=sanitise(reader.text("name")),
        version=sanitise(reader.text("version")),
        repository=sanitise(reader.text("repository")),
        condition=sanitise(reader.text("condition")),
        tags=tuple(map(sanitise, reader.texts("tags"))),
        enabled=reader.flag("enabled"),
        import_values=tuple(map(go_value, reader.items("import-values"))),
        alias=reader.text("alias"),
    )


def go_value(value: Any) -> Any:  # noqa: ANN401  (JSON values)
    """Return a JSON value as Go has it in an ``any``: numbers are float, the keys of mappings are sorted."""
    if isinstance(value, dict):
        return {key: go_value(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [go_value(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check_names(metadata: ChartMetadata, reader: Reader) -> None:
    """Check name, version and type, in Helm's order."""
    if not metadata.name:
        raise reader.place("name").error("is required")
    if metadata.name in {".", ".."} or "/" in metadata.name:
        raise reader.place("name").error(
            f"{metadata.name!r} is not a chart name",
            hint="a name is one part of a path: no / and not . or ..",
        )
    if not metadata.version:
        raise reader.place("version").error("is required", hint="for example version: 0.1.0")
    if not is_lenient(metadata.version):
        raise reader.place("version").error(
            f"expected a semantic version, got {metadata.version!r}", hint="write it as 1.2.3"
        )
    if metadata.type not in TYPES:
        raise reader.place("type").error(f"expected application or library, got {metadata.type!r}")


def _check_filled(entries: tuple[object | None, ...], key: str, reader: Reader) -> None:
    for index, entry in enumerate(entries):
        if entry is None:
            raise reader.place(key, index).error("is empty", hint="fill the entry or take its - away")


def _check_dependencies(dependencies: tuple[Dependency | None, ...], reader: Reader) -> None:
    """Check aliases and that no two dependencies share a name, in Helm's order (since Helm 3.14)."""
    _check_filled(dependencies, "dependencies", reader)
    seen: set[str] = set()
    for index, dependency in enumerate(one for one in dependencies if one is not None):
        if dependency.alias and not _ALIAS.fullmatch(dependency.alias):
            raise reader.place("dependencies", index, "alias").error(
                f"{dependency.alias!r} cannot be an alias", hint="letters, digits, - and _ are allowed"
            )
        key = dependency.alias or dependency.name
        if key in seen:
            raise reader.place("dependencies", index).error(
                f"more than one dependency with the name or alias {key!r}", hint="give one of them an alias"
            )
        seen.add(key)


def encode_config(metadata: ChartMetadata) -> bytes:
    """Return the config blob, byte for byte as Helm writes it (Go's JSON of the struct)."""
    return gojson.dumps(
        _present(
            name=metadata.name,
            home=metadata.home,
            sources=metadata.sources,
            version=metadata.version,
            description=metadata.description,
            keywords=metadata.keywords,
            maintainers=[
                _present(name=one.name, email=one.email, url=one.url) for one in metadata.maintainers
            ],
            icon=metadata.icon,
            apiVersion=metadata.api_version,
            condition=metadata.condition,
            tags=metadata.tags,
            appVersion=metadata.app_version,
            deprecated=metadata.deprecated,
            annotations=dict(sorted(metadata.annotations.items())),
            kubeVersion=metadata.kube_version,
            dependencies=[dependency.document() for dependency in metadata.dependencies],
            type=metadata.type,
        )
    )


def _present(**values: Any) -> dict[str, Any]:  # noqa: ANN401
    return {key: value for key, value in values.items() if value}


def traps(metadata: ChartMetadata, data: bytes = b"") -> tuple[str, ...]:
    """Return what Helm accepts and users then stumble over; ``data``, the Chart.yaml, shows more of it."""
    return tuple(text for _, text in _traps(metadata, data))


def lines_of_traps(metadata: ChartMetadata, data: bytes) -> dict[str, int]:
    """Return the line of the Chart.yaml that each of its ``traps`` is on."""
    lines = {text: line_of(data, key) for key, text in _traps(metadata, data)}
    return {text: line for text, line in lines.items() if line is not None}


def _traps(metadata: ChartMetadata, data: bytes) -> list[tuple[str, str]]:
    found = []
    if not is_strict(metadata.version):
        said = (
            f"version {metadata.version} is no full semantic version: Helm finds it only by "
            f"--version {metadata.version}, never by a range; write it as three numbers"
        )
        found.append(("version", said))
    try:
        document = load_document(data, path="Chart.yaml")
    except ChartError:
        document = None
    return [*found, *_written_traps(document)] if isinstance(document, dict) else found


def _written_traps(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return, with its key, what the writing of a Chart.yaml hides: versions read as numbers, fields misspelt."""
    numbers = [
        (key, f"{key} is written as a number, which Helm reads as {go_text(value)}; quote it")
        for key, value in document.items()
        if key.casefold() in {"version", "appversion"} and isinstance(value, float | bool)
    ]
    known = {name.casefold(): name for name in _FIELDS}
    near = [
        (key, f"{key} is no field of Chart.yaml and is ignored; {known[matches[0]]} was meant?")
        for key in document
        if key.casefold() not in known
        and (matches := get_close_matches(key.casefold(), known, n=1, cutoff=0.8))
    ]
    return [*numbers, *near]
