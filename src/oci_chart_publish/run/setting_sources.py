"""Where the values of settings come from, and what they have to be.

The command line, the action's inputs, the environment and the settings file are four origins of the same struct. A
value comes from the option or input, else ``OCI_CHART_PUBLISH_*``, else ``.oci-chart-publish.yaml``, else the default.
"""

from __future__ import annotations

import difflib
import glob
import os
import posixpath
import re
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.lazy import lazy
from oci_chart_publish.paths.globs import MAGIC, Globs, Patterns
from oci_chart_publish.settings import ENVIRONMENT_PREFIX, ChartSettings, Settings, fields, variable

if TYPE_CHECKING:
    import yaml

    from oci_chart_publish.bump import conventional, preview_template, tag_template
else:
    yaml = lazy("yaml")
    conventional = lazy("oci_chart_publish.bump.conventional")
    preview_template = lazy("oci_chart_publish.bump.preview_template")
    tag_template = lazy("oci_chart_publish.bump.tag_template")

FILES = (".oci-chart-publish.yaml", ".github/oci-chart-publish.yaml")


class Origin(msgspec.Struct, frozen=True):
    """Values from one place: ``title`` says where they come from, as messages name it ("input", "option --{}")."""

    title: str
    values: Mapping[str, Any]


def resolve(origins: Iterable[Origin]) -> Settings:
    """Merge and convert values, those of the first origin winning; ConfigError names origin and key."""
    known = fields()
    merged: dict[str, Any] = {}
    for origin in origins:
        for key, value in origin.values.items():
            if key not in known:
                raise ConfigError(f"{origin.title}: unknown key {key!r}", hint=suggestion(key, known))
            if known[key].name not in merged and value not in (None, ""):
                merged[known[key].name] = _convert(value, known[key].type, f"{origin.title}: {key!r}")
    settings = _in_lower_case(Settings(**merged))
    _refuse_bad_globs(settings)
    _refuse_bad_patterns(settings)
    return settings


def _in_lower_case(settings: Settings) -> Settings:
    """Return the settings with registries as every registry has them.

    No registry takes capitals in a repository, and ``${{ github.repository_owner }}`` may have some.
    """
    by_chart = {
        key: replace(one, registries=_lower(one.registries)) if one.registries else one
        for key, one in settings.chart_settings.items()
    }
    return replace(
        settings,
        registries=_lower(settings.registries),
        preview=settings.preview.lower(),
        chart_settings=by_chart,
    )


def _lower(registries: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(registry.lower() for registry in registries)


def _refuse_bad_patterns(settings: Settings) -> None:
    """Raise ConfigError for patterns and templates that mean nothing, whether or not this command reads them."""
    if settings.commit_types:
        conventional.Rules.of(settings.commit_types)
    if settings.preview_template != Settings().preview_template:
        preview_template.preview_version(settings.preview_template, number=1, head="a" * 40, version="1.0.0")
    templates = {"tag-template": settings.tag_template}
    templates |= {
        f"chart-settings: {key}: tag-template": one.tag_template
        for key, one in settings.chart_settings.items()
        if one.tag_template
    }
    for setting, template in templates.items():
        if template != Settings().tag_template:
            tag_template.TagTemplate.parse(template, several=False, origin=setting)


def _refuse_bad_globs(settings: Settings) -> None:
    """Raise ConfigError for a glob that can fit nothing, before anything is done."""
    Patterns.parse(settings.charts)
    Globs.parse(settings.include_untracked, setting="include-untracked")
    Globs.parse(settings.ignore_changes, setting="ignore-changes")
    Globs.parse(settings.publish_refs, setting="publish-refs")
    for key, of_charts in settings.chart_settings.items():
        Globs.parse([key], setting="chart-settings")
        Globs.parse(of_charts.ignore_changes, setting=f"chart-settings: {key}: ignore-changes")


def suggestion(key: str, known: Iterable[str]) -> str:
    """Return "did you mean ...?" or the list of known names."""
    names = sorted(known)
    close = difflib.get_close_matches(key, names, n=1)
    return f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(names)


def from_environment(environment: Mapping[str, str]) -> Origin:
    """Return the ``OCI_CHART_PUBLISH_*`` variables as an origin; ConfigError for one that is no setting."""
    names = {variable(name): name for name in fields()}
    unknown = (key for key, value in environment.items() if key.startswith(ENVIRONMENT_PREFIX) and value)
    for key in sorted(set(unknown) - set(names)):
        # The prefix is common to all: near is what the rest is near to.
        near = difflib.get_close_matches(key, names, n=1, cutoff=0.85)
        hint = f"did you mean {near[0]!r}?" if near else "docs/options.md lists the settings"
        raise ConfigError(f"environment: unknown variable {key}", hint=hint)
    return Origin(
        "environment", {names[key]: value for key, value in environment.items() if key in names and value}
    )


def from_file(root: Path, explicit: str = "") -> Origin:
    """Read the settings file: ``explicit``, or the first of FILES below ``root`` that exists."""
    candidates = [Path(explicit)] if explicit else [root / name for name in FILES]
    for path in candidates:
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ConfigError(f"cannot read the settings file {path}: {error.strerror}") from error
        return Origin(str(path), _document(text, path))
    if explicit:
        raise ConfigError(f"there is no settings file {explicit}")
    return Origin("settings file", {})


PATHS = ("layout", "report", "markdown", "from-plan", "ca-file")
"""Settings that are paths of files or folders."""


def from_top(origin: Origin, top: Path, folder: Path) -> Origin:
    """Return the settings of a file, whose paths begin at the top of the repository, as seen from another folder."""
    if top == folder:
        return origin
    values = dict(origin.values)
    for key in PATHS:
        if isinstance(path := values.get(key), str) and path:
            values[key] = str(top / path)
    lines = values.get("charts") or ()
    lines = lines.splitlines() if isinstance(lines, str) else lines
    if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
        way = os.path.relpath(top, folder).replace(os.sep, "/")
        values["charts"] = [_seen_from(way, line.strip()) for line in lines]
    return Origin(origin.title, values)


def _seen_from(way: str, line: str) -> str:
    """Return a pattern of ``charts`` behind the way to where it begins; a bare name to leave out fits anywhere."""
    negated = line.startswith("!")
    pattern = line.removeprefix("!").strip()
    if not pattern:
        return line
    if MAGIC.search(pattern) or negated:
        way = glob.escape(way)
    middle = "**/" if negated and "/" not in pattern.rstrip("/") else ""
    return f"{'!' if negated else ''}{way}/{middle}{pattern}" if not pattern.startswith("/") else line


def _document(text: bytes, path: Path) -> Mapping[str, Any]:
    class Loader(yaml.SafeLoader):
        """Refuses what would be lost: the last of two equal keys wins in YAML."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            twice = next((key for number, key in enumerate(keys) if key in keys[:number]), None)
            if twice is not None:
                raise ConfigError(f"{path}: the key {twice!r} stands twice", hint="keep one of them")
            return super().construct_mapping(node, deep)

    try:
        document = yaml.load(text, Loader)
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deep for a settings file") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if document is None:
        return {}
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise ConfigError(f"{path}: expected a mapping of settings")
    # `charts:` lists folders, or, as a mapping, gives settings by chart.
    named = [key for key in ("chart-settings", "charts") if isinstance(document.get(key), dict)]
    by_chart: dict[str, ChartSettings] = {}
    for key in named:
        result = _by_chart(document.pop(key), f"{path}: {key}")
        twice = next((name for name in result if name in by_chart), None)
        if twice is not None:
            raise ConfigError(
                f"{path}: {twice!r} stands under {' and '.join(named)}", hint="keep one of them"
            )
        by_chart |= result
    return {**document, "chart-settings": by_chart} if named else document


def _by_chart(document: Mapping[Any, Any], origin: str) -> dict[str, ChartSettings]:
    """Convert the settings of each chart; ConfigError names the chart and the key."""
    known = {field.encode_name: field for field in msgspec.structs.fields(ChartSettings)}
    by_name = {}
    for name, settings in document.items():
        if not isinstance(settings, dict):
            raise ConfigError(f"{origin}: {name!r}: expected a mapping of settings")
        unknown = next((key for key in settings if key not in known), None)
        if unknown is not None:
            raise ConfigError(
                f"{origin}: {name!r}: unknown key {unknown!r}", hint=suggestion(str(unknown), known)
            )
        by_name[str(name)] = ChartSettings(
            **{
                known[key].name: _convert(value, known[key].type, f"{origin}: {name!r}: {key!r}")
                for key, value in settings.items()
                if value is not None
            }
        )
        outside = (path for path in by_name[str(name)].extra_paths if _leads_out(path))
        if path := next(outside, None):
            raise ConfigError(
                f"{origin}: {name!r}: 'extra-paths': {path!r} leads out of the repository",
                hint="paths are from the top of the repository",
            )
        if by_name[str(name)].registries == ():
            raise ConfigError(
                f"{origin}: {name!r}: 'registries' is empty",
                hint="name one, or leave the chart out with !GLOB under charts of the command or the action",
            )
    return by_name


def _leads_out(path: str) -> bool:
    return posixpath.normpath(path.strip().lstrip("/")).split("/", maxsplit=1)[0] == ".."


def _convert(value: Any, expected: Any, origin: str) -> Any:  # noqa: ANN401  (raw values of four origins)
    if isinstance(value, str):
        if _is(expected, tuple):
            value = [line.strip() for line in value.splitlines() if line.strip()]
        elif _is(expected, dict):
            value = _document(value.encode(), Path(origin))
    elif _is(expected, tuple) and not isinstance(value, list | tuple):
        value = [value]
    elif isinstance(value, bool) and "off" in _values(expected):
        value = "on" if value else "off"  # which YAML takes for truth values
    if _is(expected, dict) and isinstance(value, Mapping):
        inner = get_args(_bare(expected))[1]
        return {str(key): _convert(item, inner, f"{origin}: {str(key)!r}") for key, item in value.items()}
    try:
        return msgspec.convert(value, expected, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"{origin}: {_in_words_of_yaml(error)}", hint=_choices(expected) or _meant(expected)
        ) from error


_KINDS = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "object": "a mapping",
    "str": "text",
}


def _in_words_of_yaml(error: msgspec.ValidationError) -> str:
    """Return what is wrong with a value, in the words of YAML: "expected a whole number, got text"."""

    def named(match: re.Match[str]) -> str:
        kinds = [kind for kind in match[1].split(" | ") if kind != "null"] or ["null"]
        return " or ".join(_KINDS.get(kind, kind) for kind in kinds)

    text = re.sub(r" - at `\$\[\d+\]`$", " in the list", str(error)).replace("Invalid enum", "unknown")
    text = re.sub(r"`([\w |]+)`", named, text)
    return text[0].lower() + text[1:]


def _meant(expected: Any) -> str:  # noqa: ANN401
    """Return what a setting means."""
    metas = (
        (meta for meta in get_args(expected) if isinstance(meta, Meta))
        if get_origin(expected) is Annotated
        else ()
    )
    return next((meta.description for meta in metas if meta.description), "")


def _bare(expected: Any) -> Any:  # noqa: ANN401
    return get_args(expected)[0] if get_origin(expected) is Annotated else expected


def _is(expected: Any, kind: type) -> bool:  # noqa: ANN401
    bare = _bare(expected)
    if isinstance(bare, types.UnionType):
        return any(_is(part, kind) for part in get_args(bare))
    return (get_origin(bare) or bare) is kind


def _choices(expected: Any) -> str:  # noqa: ANN401
    values = _values(expected)
    return "expected one of: " + ", ".join(values) if values else ""


def _values(expected: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Return the values that a setting may have, where they are listed."""
    bare = _bare(expected)
    return get_args(bare) if get_origin(bare) is Literal else ()
