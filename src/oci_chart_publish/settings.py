"""Every setting of the tool, once: its name, type, default and what it means.

The command line, the action's inputs, the environment and the settings file are four layers over the same struct.
A value comes from the option or input, else ``OCI_CHART_PUBLISH_*``, else ``.oci-chart-publish.yaml``, else the
default. Names are kebab-case everywhere but in the environment.
"""

from __future__ import annotations

import difflib
import posixpath
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from oci_chart_publish.errors import ConfigError

ENVIRONMENT_PREFIX = "OCI_CHART_PUBLISH_"
FILES = (".oci-chart-publish.yaml", ".github/oci-chart-publish.yaml")

Lines = tuple[str, ...]
Level = Literal["major", "minor", "patch", "none"]


class ChartSettings(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Settings for the charts whose name matches a name or glob under ``chart-settings``."""

    tag_template: str | None = None
    registries: Lines | None = None
    extra_paths: Lines = ()
    ignore_changes: Lines = ()


def _about(description: str) -> Meta:
    return Meta(description=description)


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """All settings, with their defaults."""

    charts: Annotated[
        Lines,
        _about("Folders or globs of charts, one a line; !GLOB leaves out. Default: charts/, else the root."),
    ] = ()
    registries: Annotated[
        Lines,
        _about("Where to publish, one HOST/PATH a line; the chart's name is added. None: the cache only."),
    ] = ()
    chart_settings: Annotated[
        dict[str, ChartSettings], _about("Settings by chart name or glob (settings file only).")
    ] = {}

    registry_auth: Annotated[str, _about("Credentials, as a Docker config.json document.")] = ""
    username: Annotated[str, _about("User for the one registry that has no other credential.")] = ""
    password: Annotated[str, _about("Password or token for the same.")] = ""
    github_token: Annotated[
        str, _about("Token for ghcr.io, comments, labels, releases and missing history.")
    ] = ""
    plain_http: Annotated[
        Lines, _about("Registries (HOST[:PORT]) spoken to without TLS, or * for all. Loopback needs none.")
    ] = ()
    ca_file: Annotated[
        str, _about("PEM file with certificate authorities to trust besides the usual ones.")
    ] = ""
    insecure: Annotated[Lines, _about("Registries whose certificate is not checked.")] = ()

    layout: Annotated[str, _about("Folder of the OCI image layout that is the cache.")] = ""
    annotations: Annotated[
        Literal["content", "helm", "git"],
        _about("Manifest annotations: content (reproducible), helm (as helm push), git (revision and time)."),
    ] = "content"
    source: Annotated[str, _about("URL for org.opencontainers.image.source. Default: this repository's.")] = (
        ""
    )
    include_untracked: Annotated[
        Lines, _about("Globs of files that git does not track but that belong to a chart.")
    ] = ()

    bump: Annotated[
        Literal["chart", "auto", "major", "minor", "patch"],
        _about("Where versions come from: Chart.yaml, the history, or one step up."),
    ] = "chart"
    bump_dependents: Annotated[
        bool | None, _about("Bump charts whose in-repository dependency changes. Default: with bump auto.")
    ] = None
    tag_template: Annotated[str, _about("Git tag of a release.")] = "{name}-{version}"
    commit_types: Annotated[
        dict[str, Level], _about("Patterns of commit subjects and the level each one asks for.")
    ] = {}
    untyped: Annotated[
        Literal["major", "minor", "patch", "none", "app-version"],
        _about(
            "The level of a commit without a known type; app-version: patch, or minor where appVersion or the version"
            " of a dependency moved by more than a patch."
        ),
    ] = "patch"
    squash: Annotated[bool, _about("Read the commits listed in the body of a squash merge.")] = False
    channel: Annotated[
        str,
        Meta(pattern=r"^([A-Za-z][A-Za-z-]*)?$", description="Make prereleases of this name, such as rc."),
    ] = ""
    initial_development: Annotated[
        bool,
        _about(
            "Below 1.0.0 a breaking change raises the minor version, as a feature does; false: it makes 1.0.0."
        ),
    ] = True
    ignore_changes: Annotated[
        Lines, _about("Globs below a chart whose change needs no new version, such as README.md.")
    ] = ()
    conflicts: Annotated[
        Literal["touched", "all", "warn"],
        _about(
            "Which content changes under a published version fail a push: touched (those of the push), all,"
            " or warn (none)."
        ),
    ] = "touched"
    changed_since: Annotated[str, _about("Only charts changed since this git revision.")] = ""

    dependency: Annotated[
        Literal["build", "update", "skip"],
        _about("Dependencies: build (what the lock says), update (resolve anew, write the lock), skip."),
    ] = "build"
    offline: Annotated[bool, _about("Use only dependencies that are vendored or cached.")] = False
    own_repositories: Annotated[Lines, _about("Chart repository URLs that mean this repository.")] = ()
    repositories: Annotated[
        dict[str, str], _about("Names for @NAME and alias:NAME in dependencies, and the URL of each.")
    ] = {}
    rewrite_dependencies: Annotated[str, _about("Rewrite in-repository dependencies to this oci:// URL.")] = (
        ""
    )

    from_plan: Annotated[
        str,
        _about("Layout (or report) of a plan: publish what it shows, digest for digest, from its commit."),
    ] = ""
    overwrite: Annotated[bool, _about("Overwrite versions that hold something else. Dangerous.")] = False
    dry_run: Annotated[bool, _about("Read and build everything, write nothing.")] = False
    jobs: Annotated[int, Meta(ge=1, le=128, description="Requests in flight to one registry.")] = 32

    publish_refs: Annotated[Lines, _about("Globs of refs that publish, besides the default branch.")] = ()
    comment: Annotated[
        Literal["always", "changes", "failures", "off"], _about("When to comment on the pull request.")
    ] = "always"
    comment_key: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9][a-z0-9-]{0,63}$",
            description="Name of the comment; runs of different names on a pull request have one each.",
        ),
    ] = "charts"
    release: Annotated[
        Literal["release", "tag", "off"],
        _about("After publishing: a GitHub release, only its tag, or nothing."),
    ] = "release"
    latest: Annotated[
        bool, _about("Let releases become the repository's latest; prereleases and old lines do not.")
    ] = False
    backfill: Annotated[bool, _about("Repair releases of versions published earlier too.")] = False
    preview: Annotated[str, _about("Repository for previews of pull requests; empty: none.")] = ""
    preview_template: Annotated[
        str, _about("Version of a preview; {number}, {sha7}, {sha} of the head, {version} of Chart.yaml.")
    ] = "0.0.0-pr.{number}.g{sha7}"
    size_budget: Annotated[
        int, Meta(ge=0, description="Bytes of a release secret from which a warning is given.")
    ] = 1024 * 1024 * 9 // 10
    report: Annotated[str, _about("File for the JSON report.")] = ""
    markdown: Annotated[str, _about("File for the Markdown report.")] = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """Values of one origin: ``title`` says where they come from, as messages name it ("input", "option --{}")."""

    title: str
    values: Mapping[str, Any]


@cache
def fields() -> dict[str, msgspec.structs.FieldInfo]:
    """Return the fields of Settings by their kebab-case name."""
    return {field.encode_name: field for field in msgspec.structs.fields(Settings)}


def resolve(layers: Iterable[Layer]) -> Settings:
    """Merge layers, the first one winning, and convert every value; ConfigError names origin and key."""
    known = fields()
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.values.items():
            if key not in known:
                raise ConfigError(f"{layer.title}: unknown key {key!r}", hint=suggestion(key, known))
            if known[key].name not in merged and value not in (None, ""):
                merged[known[key].name] = _convert(value, known[key].type, f"{layer.title}: {key!r}")
    return Settings(**merged)


def suggestion(key: str, known: Iterable[str]) -> str:
    """Return "did you mean ...?" or the list of known names."""
    names = sorted(known)
    close = difflib.get_close_matches(key, names, n=1)
    return f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(names)


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return ENVIRONMENT_PREFIX + name.upper().replace("-", "_")


def from_environment(environment: Mapping[str, str]) -> Layer:
    """Return the ``OCI_CHART_PUBLISH_*`` variables as a layer."""
    names = {variable(name): name for name in fields()}
    return Layer(
        "environment", {names[key]: value for key, value in environment.items() if key in names and value}
    )


def from_file(root: Path, explicit: str = "") -> Layer:
    """Read the settings file: ``explicit``, or the first of FILES below ``root`` that exists."""
    candidates = [Path(explicit)] if explicit else [root / name for name in FILES]
    for path in candidates:
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ConfigError(f"cannot read the settings file {path}: {error.strerror}") from error
        return Layer(str(path), _document(text, path))
    if explicit:
        raise ConfigError(f"there is no settings file {explicit}")
    return Layer("settings file", {})


def _document(text: bytes, path: Path) -> Mapping[str, Any]:
    import yaml  # noqa: PLC0415  (only where a settings file exists)

    class Loader(yaml.SafeLoader):
        """Refuses what would be lost: the last of two equal keys wins in YAML."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            twice = next((key for number, key in enumerate(keys) if key in keys[:number]), None)
            if twice is not None:
                raise ConfigError(f"{path}: the key {twice!r} stands twice", hint="keep one of them")
            return super().construct_mapping(node, deep)

    try:
        document = yaml.load(text, Loader)  # noqa: S506  (a safe loader)
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
        found = _by_chart(document.pop(key), f"{path}: {key}")
        twice = next((name for name in found if name in by_chart), None)
        if twice is not None:
            raise ConfigError(
                f"{path}: {twice!r} stands under {' and '.join(named)}", hint="keep one of them"
            )
        by_chart |= found
    return {**document, "chart-settings": by_chart} if named else document


def _by_chart(given: Mapping[Any, Any], origin: str) -> dict[str, ChartSettings]:
    """Convert the settings of each chart; ConfigError names the chart and the key."""
    known = {field.encode_name: field for field in msgspec.structs.fields(ChartSettings)}
    found = {}
    for name, settings in given.items():
        if not isinstance(settings, dict):
            raise ConfigError(f"{origin}: {name!r}: expected a mapping of settings")
        unknown = next((key for key in settings if key not in known), None)
        if unknown is not None:
            raise ConfigError(
                f"{origin}: {name!r}: unknown key {unknown!r}", hint=suggestion(str(unknown), known)
            )
        found[str(name)] = ChartSettings(
            **{
                known[key].name: _convert(value, known[key].type, f"{origin}: {name!r}: {key!r}")
                for key, value in settings.items()
                if value is not None
            }
        )
        outside = (path for path in found[str(name)].extra_paths if _leads_out(path))
        if path := next(outside, None):
            raise ConfigError(
                f"{origin}: {name!r}: 'extra-paths': {path!r} leads out of the repository",
                hint="paths are from the top of the repository",
            )
        if found[str(name)].registries == ():
            raise ConfigError(
                f"{origin}: {name!r}: 'registries' is empty",
                hint="name one, or leave the chart out with !GLOB under charts of the command or the action",
            )
    return found


def _leads_out(path: str) -> bool:
    return posixpath.normpath(path.strip().lstrip("/")).split("/", maxsplit=1)[0] == ".."


def _convert(value: Any, wanted: Any, origin: str) -> Any:  # noqa: ANN401  (raw values of four origins)
    if isinstance(value, str):
        if _is(wanted, tuple):
            value = [line.strip() for line in value.splitlines() if line.strip()]
        elif _is(wanted, dict):
            value = _document(value.encode(), Path(origin))
    elif _is(wanted, tuple) and not isinstance(value, list | tuple):
        value = [value]
    elif isinstance(value, bool) and "off" in _values(wanted):
        value = "on" if value else "off"  # which YAML takes for truth values
    if _is(wanted, dict) and isinstance(value, Mapping):
        inner = get_args(_bare(wanted))[1]
        return {str(key): _convert(one, inner, f"{origin}: {str(key)!r}") for key, one in value.items()}
    try:
        return msgspec.convert(value, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{origin}: {_said(error)}", hint=_choices(wanted) or _meant(wanted)) from error


_KINDS = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "object": "a mapping",
    "str": "text",
}


def _said(error: msgspec.ValidationError) -> str:
    """Return what is wrong with a value, in the words of YAML: "expected a whole number, got text"."""

    def named(match: re.Match[str]) -> str:
        kinds = [kind for kind in match[1].split(" | ") if kind != "null"] or ["null"]
        return " or ".join(_KINDS.get(kind, kind) for kind in kinds)

    text = re.sub(r" - at `\$\[\d+\]`$", " in the list", str(error)).replace("Invalid enum", "unknown")
    text = re.sub(r"`([\w |]+)`", named, text)
    return text[0].lower() + text[1:]


def _meant(wanted: Any) -> str:  # noqa: ANN401
    """Return what a setting means."""
    metas = (
        (one for one in get_args(wanted) if isinstance(one, Meta)) if get_origin(wanted) is Annotated else ()
    )
    return next((one.description for one in metas if one.description), "")


def _bare(wanted: Any) -> Any:  # noqa: ANN401
    return get_args(wanted)[0] if get_origin(wanted) is Annotated else wanted


def _is(wanted: Any, kind: type) -> bool:  # noqa: ANN401
    bare = _bare(wanted)
    if isinstance(bare, types.UnionType):
        return any(_is(part, kind) for part in get_args(bare))
    return (get_origin(bare) or bare) is kind


def _choices(wanted: Any) -> str:  # noqa: ANN401
    values = _values(wanted)
    return "expected one of: " + ", ".join(values) if values else ""


def _values(wanted: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Return the values that a setting may have, where they are listed."""
    bare = _bare(wanted)
    return get_args(bare) if get_origin(bare) is Literal else ()
