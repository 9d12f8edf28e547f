"""The report: one JSON document that feeds outputs, comment, summary, release notes and ``--json``.

Its JSON Schema, ``schema/report-v1.json``, is generated from these types. Sizes are bytes, digests are
``sha256:...``, times are RFC 3339 in UTC. A consumer must ignore keys it does not know; a key is never renamed
or given another meaning within schema 1.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.oci.digest import DIGEST_PATTERN
from oci_chart_publish.oci.reference import REFERENCE_PATTERN, REPOSITORY_PATTERN
from oci_chart_publish.outcomes import MOVED, Status

Conclusion = Literal["success", "nothing", "conflict", "failure", "interrupted"]

Bytes = Annotated[int, Meta(ge=0, le=2**53 - 1)]
"""A size. The upper bound is that of the whole numbers which every reader of JSON has."""
Number = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""A count, or the line of a file."""


# A saved report may be a stranger's. What becomes an argument, a path or an address somewhere has a type that refuses
# what could be taken for something else. A trailing line feed, which ``$`` lets pass, is refused by itself.
def _matching(pattern: str, most: int) -> Meta:
    return Meta(pattern=rf"^(?:{pattern})$(?!\n)", max_length=most)


_REVISION = "[0-9a-f]{40}|[0-9a-f]{64}"
_REPOSITORY = r"(?!\.+/)[A-Za-z0-9_.-]+/(?!\.+$)[A-Za-z0-9_.-]+"
Revision = Annotated[str, _matching(_REVISION, 64)]
"""The id of a commit."""
Ref = Annotated[str, _matching(r"[^\x00-\x20\x7f-][^\x00-\x20\x7f]*", 1024)]
"""A ref or a git tag: no blanks, and no dash where an option would have one."""
RepositoryName = Annotated[str, _matching(_REPOSITORY, 255)]
"""A repository of the code host, ``OWNER/NAME``."""
Folder = Annotated[str, _matching(r"(?!/)(?!(?:[^\x00-\x1f]*/)?\.\.(?:/|$))[^\x00-\x1f\x7f]*", 4096)]
"""A path below the top of the repository, with slashes; "" is the top itself."""
ChartName = Annotated[str, _matching(r"[^\x00-\x1f\x7f]*", 255)]
"""A chart's name, or the last part of its folder where no name could be read."""
Version = Annotated[str, _matching("(?:[0-9A-Za-z][0-9A-Za-z.+-]*)?", 255)]
"""A version as it is written; "" where none could be read."""
DigestText = Annotated[str, _matching(DIGEST_PATTERN, 135)]
Place = Annotated[str, _matching(REPOSITORY_PATTERN, 512)]
"""A registry, or a repository in it: ``HOST[:PORT]/PATH``."""
ReferenceText = Annotated[str, _matching(REFERENCE_PATTERN, 1024)]
Url = Annotated[
    str, _matching(r"(?:https://|http://(?:localhost|127\.0\.0\.1)[:/])[!#-;=?-Z_a-z~\[\]]*", 2048)
]
"""An address of the code host: TLS, or this machine."""
Command = Annotated[str, _matching("[a-z][a-z-]*", 32)]
MediaType = Annotated[str, _matching(r"[!-~]*", 255)]


class Descriptor(Struct, frozen=True, kw_only=True):
    """A blob of the artifact."""

    media_type: MediaType
    digest: DigestText
    size: Bytes


class Bump(Struct, frozen=True, kw_only=True):
    """How the version was chosen."""

    level: Literal["none", "major", "minor", "patch", "explicit"]
    reason: str


class Problem(Struct, frozen=True, kw_only=True):
    """Why something failed: a stable kind, what happened, what to do."""

    kind: str
    message: str
    hint: str = ""
    path: Folder = ""
    line: Number | None = None


class Changes(Struct, frozen=True, kw_only=True):
    """Files of the chart that differ from the version published before, by path inside the chart."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class ValueChange(Struct, frozen=True, kw_only=True):
    """A value of ``values.yaml`` or ``Chart.yaml`` that differs, by dotted key; None where there is none."""

    file: str
    key: str
    old: str | None = None
    new: str | None = None


class Size(Struct, frozen=True, kw_only=True):
    """What a version of the chart weighs: bytes of its layer."""

    version: Version
    size: Bytes


class Target(Struct, frozen=True, kw_only=True):
    """One chart at one registry."""

    registry: Place
    reference: ReferenceText
    status: Status
    digest: DigestText | None = None
    error: Problem | None = None


class Chart(Struct, frozen=True, kw_only=True):
    """One chart of the run.

    ``digest`` is of the manifest that the registries hold, or would hold; null where they disagree or where nothing
    could be built. ``size`` is of its layer, the ``.tgz`` that users download; ``config``, ``layer`` and
    ``provenance``, where somebody has signed it, are its blobs. ``built_digest`` and ``built_size`` are of what
    this tree builds, and ``changes`` lead there from the version before, or from what is published under this
    version where that is a conflict. ``recent_sizes`` are those of the releases before this version, oldest first,
    and of this version, last; empty where they were not asked for, or a registry did not say. ``ignored`` are files
    of an unchanged chart that differ from what is published and whose change needs no new version. ``later_version``
    is the highest release in the registries where a chart moves to a version below it, as an old line does. ``touched``
    tells of a chart in drift whether this push or pull request changed it. ``released`` tells that this run made or
    repaired the chart's tag or release, which it does as well for what an earlier attempt published.
    ``warning_lines`` are lines by the warning that is about them, of Chart.yaml or of the file inside the chart that
    ``warning_files`` has for it; others are about the chart's version.
    """

    name: ChartName
    path: Folder
    version: Version
    status: Status
    previous_version: Version | None = None
    app_version: str = ""
    bump: Bump | None = None
    digest: DigestText | None = None
    built_digest: DigestText | None = None
    built_size: Bytes | None = None
    size: Bytes | None = None
    previous_size: Bytes | None = None
    previous_digest: DigestText | None = None
    recent_sizes: tuple[Size, ...] = ()
    release_size: Bytes | None = None
    config: Descriptor | None = None
    layer: Descriptor | None = None
    provenance: Descriptor | None = None
    changes: Changes | None = None
    ignored: tuple[str, ...] = ()
    value_changes: tuple[ValueChange, ...] = ()
    touched: bool | None = None
    next_version: Version | None = None
    later_version: Version | None = None
    version_line: Number | None = None
    git_tag: Ref | None = None
    release_url: Url | None = None
    released: bool = False
    preview: ReferenceText | None = None
    dependencies: tuple[ChartName, ...] = ()
    targets: tuple[Target, ...] = ()
    warnings: tuple[str, ...] = ()
    warning_lines: dict[str, Number] = {}
    warning_files: dict[str, str] = {}
    error: Problem | None = None


class Totals(Struct, frozen=True, kw_only=True):
    """How many charts have each status, and the bytes of what was (or would be) published or saved."""

    charts: Number = 0
    published: Number = 0
    saved: Number = 0
    unchanged: Number = 0
    would_publish: Number = 0
    conflict: Number = 0
    drift: Number = 0
    failed: Number = 0
    skipped: Number = 0
    unknown: Number = 0
    size: Bytes = 0


class PullRequest(Struct, frozen=True, kw_only=True):
    """The pull request that the run belongs to."""

    number: Number
    head: Annotated[str, _matching(f"(?:{_REVISION})?", 64)] = ""
    head_repository: Annotated[str, _matching(f"(?:{_REPOSITORY})?", 255)] = ""


class Report(Struct, frozen=True, kw_only=True):
    """The whole run; ``failures`` are those of ``notes`` that say what failed after the registries had succeeded."""

    schema: Literal[1] = 1
    tool: str = "oci-chart-publish"
    tool_version: str = ""
    command: Command
    dry_run: bool
    repository: RepositoryName | None = None
    revision: Revision | None = None
    ref: Ref | None = None
    pull_request: PullRequest | None = None
    conclusion: Conclusion
    exit_code: Annotated[int, Meta(ge=0, le=255)]
    layout: str | None = None
    charts: tuple[Chart, ...] = ()
    totals: Totals = Totals()
    notes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


def encode(report: Report) -> bytes:
    """Return the document as indented JSON with a final newline."""
    try:
        data = msgspec.json.encode(report)
    except UnicodeEncodeError:  # the name of a file that is not UTF-8
        data = msgspec.json.encode(builtins(report))
    # Whoever prints it in a job prints no `##[command]` of the runner; JSON has the same text in another spelling.
    return msgspec.json.format(data, indent=2).replace(b"##[", rb"##\u005b") + b"\n"


def builtins(value: Struct) -> Any:  # noqa: ANN401  (JSON)
    """Return a part of the document as JSON values that every reader of JSON takes."""

    def plain(one: object) -> object:
        if isinstance(one, str):
            return spelled(one)
        if isinstance(one, dict):
            return {key: plain(inner) for key, inner in one.items()}
        return [plain(inner) for inner in one] if isinstance(one, list | tuple) else one

    return plain(msgspec.to_builtins(value))


def spelled(text: str) -> str:
    """Return text with the bytes of a file's name that are not UTF-8 spelled out, as Python spells them."""
    return text.encode(errors="backslashreplace").decode()


def decode(data: bytes) -> Report:
    """Read a report; msgspec.ValidationError names the path of what is wrong."""
    return msgspec.json.decode(data, type=Report)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    schema = msgspec.json.schema(Report)
    for definition in schema["$defs"].values():  # since Python 3.13 docstrings come without their indentation
        definition["description"] = inspect.cleandoc(definition["description"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "oci-chart-publish report, schema 1",
        **schema,
    }


def count(charts: tuple[Chart, ...]) -> Totals:
    """Count charts by status."""
    numbers = dict.fromkeys(Totals.__struct_fields__, 0)
    for chart in charts:
        numbers[chart.status.replace("-", "_")] += 1
        if chart.status in MOVED:
            numbers["size"] += chart.size or 0
    return Totals(**{**numbers, "charts": len(charts)})


REPORT = "report.json"
"""The name of a plan's report in its layout."""
REPORT_LIMIT = 16 * 1024 * 1024
"""Bytes of the largest report that is read."""


def read_report(path: Path) -> Report:
    """Read a saved report; ConfigError for anything that is none."""
    try:
        with path.open("rb") as file:
            data = file.read(REPORT_LIMIT + 1)
    except OSError as error:
        raise ConfigError(f"cannot read the report {path}: {error.strerror}") from error
    if len(data) > REPORT_LIMIT:
        raise ConfigError(f"{path}: more than {REPORT_LIMIT} bytes, which is no report of ours")
    try:
        return decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            f"{path} is no report of schema 1: {error}", hint="save one with --report FILE"
        ) from error
