"""Chart.yaml as Helm reads it: decoded, sanitised and validated (Helm ``pkg/chart/v2/metadata.go``)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from functools import cache
from itertools import accumulate
from typing import Any

import msgspec

from oci_chart_publish.chart import go_json as gojson
from oci_chart_publish.chart.go_decoder import Reader
from oci_chart_publish.chart.version import is_lenient

# unicode.IsSpace
_SPACE = dict.fromkeys(
    (
        *range(0x09, 0x0E),
        0x20,
        0x85,
        0xA0,
        0x1680,
        *range(0x2000, 0x200B),
        0x2028,
        0x2029,
        0x202F,
        0x205F,
        0x3000,
    ),
    " ",
)
# The code points from 0x80 on where printable begins and ends, in turns, as differences in base 36.
_EDGES = """
4h c 1 ju 2 6 4 7 1 1 1 k 1 b1 1 12 2 1e 2 3 1 1j 8 r 4 6 h m 1 5c 1 1c 2 1n 2 2t e 1n 2 1d 2 f 1 s 2 1
1 b 5 v 9 22 1 4h 1 8 2 2 2 m 1 7 1 1 3 4 2 9 2 2 2 4 8 1 4 2 1 5 2 p 2 3 1 6 4 2 2 m 1 7 1 2 1 2 1 2 2
1 1 5 4 2 2 3 3 1 7 4 1 1 7 h a 3 1 9 1 3 1 m 1 7 1 2 1 5 2 a 1 3 1 3 2 1 f 4 2 c 7 7 1 3 1 8 2 2 2 m 1
7 1 2 1 5 2 9 2 2 2 3 7 3 4 2 1 5 2 i a 2 1 6 3 3 1 4 3 2 1 1 1 2 3 2 3 3 3 c 4 5 3 3 1 4 2 1 6 1 e l 5
d 1 3 1 n 1 g 2 9 1 3 1 4 7 2 1 3 2 1 2 4 2 a 7 m 1 3 1 n 1 a 1 5 2 9 1 3 1 4 7 2 6 2 1 4 2 a 1 3 c d 1
3 1 1f 1 3 1 6 4 g 2 q 1 3 1 i 3 o 1 9 1 1 2 7 3 1 4 6 1 1 1 8 6 a 2 3 c 1m 4 t 11 2 1 1 1 5 1 o 1 1 1 n
2 5 1 1 1 7 1 a 2 4 w 20 1 10 4 13 1 10 1 f 1 d 11 5i 1 1 5 1 2 ah 1 4 2 7 1 1 1 4 2 15 1 4 2 x 1 4 2 7
1 1 1 4 2 f 1 1l 1 4 2 1v 2 w 3 q 6 2e 2 6 2 hs 1 s 3 2h 7 m 9 o 9 k c d 1 3 1 2 c 2m 2 a 6 a 6 e 1 b 6
2h 7 17 5 1y a v 1 c 4 c 4 1 3 16 2 5 b 18 4 q 6 b 3 1q 2 1t 1 t 2 b 6 a 6 e 2 v 1d 25 3 1b 1 38 8 1o 3
f 3 1o 7 17 2 b 8 17 5 eu 2 6 2 12 2 6 2 8 1 1 1 1 1 1 1 v 2 1h 1 f 1 e 2 6 1 j 2 3 1 9 h o 8 1b h 2 2 r
1 d 3 x f x f 3w 4 if p b l 1ec 2 w 1 9p 5 19 1 1 5 1 2 1k 7 2 e o 9 7 1 7 1 7 1 7 1 7 1 7 1 7 1 7 1 3i
y q 1 2h c 5y q c 5 1r 1 2e 2 2v 5 17 1 2m 1 2c c 1b 1 mlp 3 1j 9 9o k 54 8 5n 5 2 1 1 1 5 o 1n 3 a 6 1k
8 1y 8 c 6 38 b u 3 26 1 b 4 x 1 1j 9 e 2 a 2 2v o s a 6 2 6 2 6 9 7 1 7 1 1o 4 3i 2 a 6 8mc c n 4 1d
6is a6 2 2y 12 7 c 5 5 q 1 5 1 1 1 2 1 2 1 3h g cd 2 1i 7 1 w 16 6 1f 1 j 1 4 4 5 1 3r 4 5a 3 6 2 6 2 6
2 3 3 7 1 7 d 2 2 c 1 q 1 j 1 2 1 f 2 e y 3f 5 3 4 19 3 2g 1 d 3 1 1b 1a 3m t 3 1d f s 4 10 9 u 5 17 5 u
1 11 4 e 16 4e 2 a 6 10 4 10 4 14 8 1g b c 1 f 1 7 1 2 1 b 1 f 1 7 1 2 1v 8n 9 m a 8 o 6 1 16 1 9 1x 6 2
1 1 18 1 2 3 1 2 n 1 20 8 9 1c j 1 2 5 x 3 r 5 1 1s 1k 4 k 2 1e 1 2 5 8 1 3 1 t 2 3 4 a 7 9 7 1s w 13 4
c 9 1i 3 t 2 r 5 q 7 4 c 7 28 21 1j 1f d 1f 7 1a 8 a 86 v 1 16 1 3 2 2 23 17 8 16 m q 12 s k n 9 26 4 10
9 1q 1 5 d p 7 a 6 1h 1 i 8 13 9 2o 1 k b i 1 1b 1q 7 1 1 1 4 1 f 1 b 6 1n 5 a 6 4 1 8 2 2 2 m 1 7 1 2 1
5 1 a 2 2 2 3 2 1 6 1 5 7 2 7 3 5 3v 2k 1 5 u 20 8 a 4m 1i 2 12 y 1x b a 6 d j 1m 6 a 1i r 2 f 4 n 55 1o
2s 2b c 8 2 1 2 8 1 2 1 u 1 2 2 c 9 a 1y 8 2 1a 2 b r 20 8 2b d 21 7 a 6u 9 1 19 1 e a t 3 w 2 m 1 e 21
7 1 2 1 18 3 1 1 2 1 9 8 a 6 6 1 2 1 11 1 2 1 6 7 a 8m p 7 h 1 15 3 s 2e 1 f 1e d pn 2u 33 1 5 b 5g 218
2r d ts g m 33e g7 6nt ft 7 v 1 a 4 29 1 a 6 u 2 6 a 1y a a 1 7 1 l 5 j j4 2j 2t 23 4 1l 7 h 1s 5 b 2 e
4qg 8 ye 16 9 6w7 4 1 7 1 2 1 83 f 1 t 3 2 1 e 4 8 b0 1s4 2z 5 d 3 9 7 a 2 4 3mo 1a 2 n 9 38 1o 6u a 13
2 22 8 34 l 1y 3e k c k c 2f 9 p 3r 2d 1 1z 1 2 2 1 2 2 2 4 1 c 1 1 1 7 1 1t 1 4 2 8 1 7 1 s 1 4 1 5 1 1
3 7 1 9g 2 84 2 ji f 5 1 f uo v 6 6 5x 7 1 h 2 7 1 2 1 5 5 1q x 1 34 19 3 e 2 a 4 2 8w v h 1m 5 1 cw 16
km 7 1 4 1 2 1 f 1 5h 2 g 15 24 4 a 4 2 lt 1w 24 1p 5e 4 1 r 1 2 1 1 2 1 1 a 1 4 1 1 1 1 6 1 4 1 1 1 1 1
1 3 1 2 1 1 2 1 1 1 1 1 1 1 1 1 1 2 1 1 2 4 1 7 1 4 1 4 1 1 1 a 1 h 5 3 1 5 1 h 1g 2 7i 18 4 2s c f 2 f
1 f 1 11 a 4u 1k t d 18 4 9 7 2 e 6 4a rc 4 h 3 d 3 3b 4 2n 6 c 4 1 f c 4 1k 8 a 6 14 8 u 2 2 26 9g c e
2 d 3 9 7 1a 1 7 8 e 4 9 7 9 7 43 1 1j 11 a sm wyo w 37e 6 66 2 4g2 e 5rl 2e7 f2 15u 3t7 5 38g f9e8 6o
"""


def sanitise(text: str) -> str:
    """Turn every white space into a blank and leave out what cannot be printed."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char for char in text.translate(_SPACE) if is_printable(char))


def is_printable(char: str) -> bool:
    """Tell whether Go 1.26 prints the character: letters, marks, numbers, punctuation, symbols and the blank."""
    if char.isascii():
        return " " <= char <= "~"
    return bisect_right(_edges(), ord(char)) % 2 == 1


@cache
def _edges() -> tuple[int, ...]:
    return tuple(accumulate(int(step, 36) for step in _EDGES.split()))


_ALIAS = re.compile(r"[a-zA-Z0-9_-]+")
TYPES = ("", "application", "library")
CHART_FILE = "Chart.yaml"
REQUIREMENTS = "requirements.yaml"
CHART_KEYS = (
    *("name", "home", "sources", "version", "description", "keywords", "maintainers", "icon", "apiVersion"),
    *("condition", "tags", "appVersion", "deprecated", "annotations", "kubeVersion", "dependencies", "type"),
)
"""The fields of Chart.yaml that Helm knows."""
MAINTAINER_KEYS = ("name", "email", "url")
DEPENDENCY_KEYS = (
    *("name", "version", "repository", "condition", "tags", "enabled", "import-values", "alias"),
)
TEXT_FIELDS = frozenset(
    {
        *(
            (key.casefold(),)
            for key in CHART_KEYS
            if key not in {"deprecated", "dependencies", "maintainers"}
        ),
        *((key, "*") for key in ("sources", "keywords", "annotations")),
        *(("maintainers", "*", key) for key in MAINTAINER_KEYS),
        *(("dependencies", "*", key) for key in DEPENDENCY_KEYS if key != "enabled"),
        ("dependencies", "*", "tags", "*"),
    }
)
"""Where Helm reads text, whatever is written there, in lower case; ``*`` is any entry of a list or mapping."""


class Maintainer(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks after a chart."""

    name: str = ""
    email: str = ""
    url: str = ""


class Dependency(msgspec.Struct, frozen=True, kw_only=True):
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


class ChartMetadata(msgspec.Struct, frozen=True, kw_only=True):
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
    annotations: Mapping[str, str] = msgspec.field(default_factory=dict)
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
        maintainers=tuple(entry for entry in maintainers if entry is not None),
        icon=sanitise(reader.text("icon")),
        api_version=reader.text("apiVersion") or "v1",
        condition=sanitise(reader.text("condition")),
        tags=sanitise(reader.text("tags")),
        app_version=sanitise(reader.text("appVersion")),
        deprecated=reader.flag("deprecated"),
        annotations=reader.text_map("annotations"),
        kube_version=sanitise(reader.text("kubeVersion")),
        dependencies=tuple(entry for entry in dependencies if entry is not None),
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
    for index, dependency in enumerate(entry for entry in dependencies if entry is not None):
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
                _present(name=maintainer.name, email=maintainer.email, url=maintainer.url)
                for maintainer in metadata.maintainers
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
