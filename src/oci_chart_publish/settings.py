"""Every setting of the tool, once: its name, type, default and what it means.

Names are kebab-case everywhere but in the environment. ``run/setting_sources.py`` tells where values come from.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

ENVIRONMENT_PREFIX = "OCI_CHART_PUBLISH_"

FOR_US_ALONE = (ENVIRONMENT_PREFIX, "INPUT_", "ACTIONS_")
"""What begins the names of variables that no program which we start needs: settings, inputs, tokens of the runner."""

Lines = tuple[str, ...]
Level = Literal["major", "minor", "patch", "none"]


class ChartSettings(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Settings for the charts whose name matches a name or glob under ``chart-settings``."""

    tag_template: str | None = None
    registries: Lines | None = None
    extra_paths: Lines = ()
    ignore_changes: Lines = ()


class HostSettings(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """TLS of the host whose ``HOST[:PORT]`` is the key under ``host-settings``."""

    ca_file: str = ""
    client_cert: str = ""
    client_key: str = ""


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
        Lines,
        _about(
            "Registries (HOST[:PORT]) spoken to without TLS, or * (or true) for all. Loopback needs none."
        ),
    ] = ()
    ca_file: Annotated[
        str, _about("PEM file with certificate authorities to trust besides the usual ones.")
    ] = ""
    insecure: Annotated[Lines, _about("Registries whose certificate is not checked.")] = ()
    client_cert: Annotated[str, _about("PEM file with the client certificate for the registries.")] = ""
    client_key: Annotated[
        str, _about("PEM file with its private key, where that is not in the same file.")
    ] = ""
    host_settings: Annotated[
        dict[str, HostSettings],
        _about("TLS of single hosts, by HOST[:PORT]: ca-file, client-cert, client-key (settings file only)."),
    ] = {}
    trusted_realms: Annotated[
        Lines,
        _about(
            "Token services (HOST[:PORT]) that may be private addresses of a public registry; with http:// before"
            " them, plain HTTP too."
        ),
    ] = ()
    timeout: Annotated[
        int, Meta(ge=1, description="Seconds a run may take with registries and chart repositories.")
    ] = 3600

    layout: Annotated[str, _about("Folder of the OCI image layout that is the cache.")] = ""
    annotations: Annotated[
        Literal["content", "helm", "git"],
        _about("Manifest annotations: content (reproducible), helm (as helm push), git (revision and time)."),
    ] = "content"
    source: Annotated[str, _about("URL for org.opencontainers.image.source. Default: this repository's.")] = (
        ""
    )
    include_untracked: Annotated[
        Lines, _about("Globs, below a chart, of files that git does not track but that belong to it.")
    ] = ()

    bump: Annotated[
        Literal["chart", "auto", "major", "minor", "patch"],
        _about("Where versions come from: Chart.yaml, the history, or one step up."),
    ] = "chart"
    bump_dependents: Annotated[
        bool | None, _about("Bump charts whose in-repository dependency changes. Default: with bump auto.")
    ] = None
    tag_template: Annotated[str, _about("Git tag of a release.")] = "{name}-{version}"
    app_version: Annotated[
        str,
        _about(
            "appVersion of what is released: {tag} and {version} of the chart. Default: Chart.yaml has it."
        ),
    ] = ""
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
    strict: Annotated[
        bool, _about("Warnings about what a chart does under Helm are errors, and it is not published.")
    ] = False
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

    sign: Annotated[
        tuple[Literal["cosign", "notation"], ...],
        _about("Signatures to attach before any tag is written: cosign, notation, or both, one a line."),
    ] = ()
    cosign_key: Annotated[
        str, _about("Private key for cosign: PEM text, a file, or env://NAME; plain or encrypted by cosign.")
    ] = ""
    cosign_password: Annotated[str, _about("Password of a key that cosign encrypted.")] = ""
    notation_key: Annotated[str, _about("Private key for notation: PEM text, a file, or env://NAME.")] = ""
    notation_certificate: Annotated[
        str, _about("Its certificate, then those that signed it: PEM text, a file, or env://NAME.")
    ] = ""

    publish_refs: Annotated[
        Lines, _about("Globs of whole refs that publish, besides the default branch.")
    ] = ()
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


@cache
def fields() -> dict[str, msgspec.structs.FieldInfo]:
    """Return the fields of Settings by their kebab-case name."""
    return {field.encode_name: field for field in msgspec.structs.fields(Settings)}


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return ENVIRONMENT_PREFIX + name.upper().replace("-", "_")
