"""Chart.yaml as Helm reads it: decoded with Go's coercions, sanitised, validated (``pkg/chart/v2/metadata.go``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from oci_chart_publish.chart import gojson
from oci_chart_publish.chart.version import is_lenient, is_strict
from oci_chart_publish.chart.yamldoc import line_of, load_document
from oci_chart_publish.chart.yamlscalar import go_text
from oci_chart_publish.errors import ChartError

T = TypeVar("T")
_ALIAS = re.compile(r"[a-zA-Z0-9_-]+")
TYPES = ("", "application", "library")


@dataclass(frozen=True, kw_only=True, slots=True)
class Maintainer:
    """Who looks after a chart."""

    name: str = ""
    email: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependency:
    """A chart that a chart needs; ``version`` is a constraint (in a lock: a version)."""

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
            **{"import-values": _sorted_maps(list(self.import_values))},
            alias=self.alias,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartMetadata:
    """The decoded Chart.yaml, in the order in which Helm writes it."""

    name: str
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


def decode_metadata(
    data: bytes, *, path: str = "Chart.yaml", requirements: bytes | None = None
) -> ChartMetadata:
    """Read a Chart.yaml (and the dependencies of a requirements.yaml); ChartError with file, key and line."""
    document = Reader(load_document(data, path=path), data, path)
    dependencies = document
    if requirements is not None:
        listed = Reader(
            load_document(requirements, path="requirements.yaml"), requirements, "requirements.yaml"
        )
        dependencies = listed if listed.has("dependencies") else document
    metadata = ChartMetadata(
        name=_clean(document.text("name")),
        home=_clean(document.text("home")),
        sources=tuple(map(_clean, document.texts("sources"))),
        version=document.text("version"),
        description=_clean(document.text("description")),
        keywords=tuple(map(_clean, document.texts("keywords"))),
        maintainers=tuple(document.each("maintainers", _maintainer)),
        icon=_clean(document.text("icon")),
        api_version=document.text("apiVersion") or "v1",
        condition=_clean(document.text("condition")),
        tags=_clean(document.text("tags")),
        app_version=_clean(document.text("appVersion")),
        deprecated=document.flag("deprecated"),
        annotations=document.text_map("annotations"),
        kube_version=_clean(document.text("kubeVersion")),
        dependencies=tuple(dependencies.each("dependencies", decode_dependency)),
        type=document.text("type"),
    )
    _validate(metadata, document, dependencies)
    return metadata


def _maintainer(reader: Reader) -> Maintainer:
    return Maintainer(
        name=_clean(reader.text("name")), email=_clean(reader.text("email")), url=_clean(reader.text("url"))
    )


def decode_dependency(reader: Reader) -> Dependency:
    """Read one entry of ``dependencies``, sanitised."""
    return Dependency(
        name=_clean(reader.text("name")),
        version=_clean(reader.text("version")),
        repository=_clean(reader.text("repository")),
        condition=_clean(reader.text("condition")),
        tags=tuple(map(_clean, reader.texts("tags"))),
        enabled=reader.flag("enabled"),
        import_values=tuple(reader.items("import-values")),
        alias=reader.text("alias"),
    )


def _clean(text: str) -> str:
    """Turn every white space into a blank and drop what cannot be printed (Helm ``sanitizeString``)."""
    if text.isprintable():
        return text
    spaced = "".join(" " if char.isspace() and not "\x1c" <= char <= "\x1f" else char for char in text)
    return "".join(char for char in spaced if char.isprintable())


def _validate(metadata: ChartMetadata, document: Reader, dependencies: Reader) -> None:
    if not metadata.name:
        raise document.error("name", "is required")
    if metadata.name in {".", ".."} or "/" in metadata.name:
        raise document.error("name", f"{metadata.name!r} is not a chart name: it would be a path")
    if not metadata.version:
        raise document.error("version", "is required")
    if not is_lenient(metadata.version):
        raise document.error(
            "version", f"expected a semantic version, got {metadata.version!r}", hint="write it as 1.2.3"
        )
    if metadata.type not in TYPES:
        raise document.error("type", f"expected application or library, got {metadata.type!r}")
    seen: set[str] = set()
    for number, dependency in enumerate(metadata.dependencies):
        key = dependency.alias or dependency.name
        if dependency.alias and not _ALIAS.fullmatch(dependency.alias):
            raise dependencies.error(
                f"dependencies.{number}.alias",
                f"{dependency.alias!r} has other characters than letters, digits, - and _",
            )
        if key in seen:
            raise dependencies.error(
                f"dependencies.{number}", f"more than one dependency with name or alias {key!r}"
            )
        seen.add(key)


def encode_config(metadata: ChartMetadata) -> bytes:
    """Return the config blob, byte for byte as Helm writes it."""
    document: dict[str, Any] = _present(
        name=metadata.name,
        home=metadata.home,
        sources=list(metadata.sources),
        version=metadata.version,
        description=metadata.description,
        keywords=list(metadata.keywords),
        maintainers=[_present(name=m.name, email=m.email, url=m.url) for m in metadata.maintainers],
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
    return gojson.dumps(document)


def traps(metadata: ChartMetadata) -> tuple[str, ...]:
    """Return what Helm accepts and users then stumble over."""
    if is_strict(metadata.version):
        return ()
    return (
        f"version {metadata.version} is no full semantic version: Helm finds it only by --version "
        f"{metadata.version}, never by a range; write it as three numbers",
    )


def _present(**values: Any) -> dict[str, Any]:  # noqa: ANN401
    return {key: value for key, value in values.items() if value}


def _sorted_maps(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _sorted_maps(value[key]) for key in sorted(value)}
    return [_sorted_maps(inner) for inner in value] if isinstance(value, list) else value


class Reader:
    """Reads the fields of a mapping as Go's ``json.Unmarshal`` into a struct: names in any case, nulls as empty."""

    def __init__(self, value: object, data: bytes, path: str, prefix: str = "") -> None:
        self._data = data
        self._path = path
        self._prefix = prefix
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.error("", f"expected a mapping, got {_kind(value)}")
        self._exact = value
        self._folded = {key.casefold(): inner for key, inner in value.items()}

    def error(self, key: str, message: str, hint: str = "") -> ChartError:
        """Return an error at a key below this mapping."""
        full = ".".join(part for part in (self._prefix, key) if part)
        line = line_of(self._data, full) if full else 1
        return ChartError(message, path=self._path, key=full, line=line, hint=hint)

    def has(self, key: str) -> bool:
        """Tell whether there is such a field."""
        return self._get(key) is not None

    def _get(self, key: str) -> Any:  # noqa: ANN401
        return self._exact[key] if key in self._exact else self._folded.get(key.casefold())

    def text(self, key: str) -> str:
        """Return a text field; other scalars become text as Go prints them."""
        value = self._get(key)
        if isinstance(value, dict | list):
            raise self.error(key, f"expected text, got {_kind(value)}")
        return value if isinstance(value, str) else go_text(value)

    def texts(self, key: str) -> list[str]:
        """Return a list of texts."""
        found = []
        for number, value in enumerate(self.items(key)):
            if isinstance(value, dict | list):
                raise self.error(f"{key}.{number}", f"expected text, got {_kind(value)}")
            found.append(value if isinstance(value, str) else go_text(value))
        return found

    def items(self, key: str) -> list[Any]:
        """Return a list field."""
        value = self._get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(key, f"expected a list, got {_kind(value)}")
        return value

    def flag(self, key: str) -> bool:
        """Return a boolean field."""
        value = self._get(key)
        if value is not None and not isinstance(value, bool):
            raise self.error(key, f"expected true or false, got {_kind(value)}")
        return bool(value)

    def text_map(self, key: str) -> dict[str, str]:
        """Return a mapping of texts."""
        value = self._get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.error(key, f"expected a mapping, got {_kind(value)}")
        for name, inner in value.items():
            if isinstance(inner, dict | list):
                raise self.error(f"{key}.{name}", f"expected text, got {_kind(inner)}")
        return {name: inner if isinstance(inner, str) else go_text(inner) for name, inner in value.items()}

    def each(self, key: str, decode: Callable[[Reader], T]) -> list[T]:
        """Decode a list of mappings; an empty entry is refused."""
        found = []
        for number, value in enumerate(self.items(key)):
            place = ".".join(part for part in (self._prefix, key, str(number)) if part)
            if value is None:
                raise self.error(f"{key}.{number}", "is empty")
            found.append(decode(Reader(value, self._data, self._path, place)))
        return found


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "text" if isinstance(value, str) else f"{go_text(value) or 'null'}"
