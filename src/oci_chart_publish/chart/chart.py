"""A chart as Helm loads it: its files, metadata, lock and subcharts (Helm ``pkg/chart/v2/loader``).

A folder is walked in Helm's order under the rules of ``.helmignore``; archives come in as files. Every file keeps its
own bytes. What Helm refuses is refused, with file and line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from oci_chart_publish.chart.lock import Lock, decode_lock
from oci_chart_publish.chart.members import SIZE_LIMIT, ChartFile, read_members
from oci_chart_publish.chart.metadata import ChartMetadata, decode_metadata
from oci_chart_publish.chart.walk import CHARTS, LOCKS, Hidden, packed_files
from oci_chart_publish.errors import ChartError
from oci_chart_publish.tree.tree import Tree
from oci_chart_publish.yamldoc.reader import check_document

DEPTH_LIMIT = 32
"""Levels of subcharts in subcharts that are followed."""

_BOM = b"\xef\xbb\xbf"
_API_VERSIONS = frozenset({"v1", "v2"})


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A chart.

    ``files`` are its own, in the order of the walk, without those of subcharts; ``subcharts`` are sorted by name.
    ``left_out`` names what Helm would have packed and git does not track ("folder/" for all of a folder), ``hidden``
    what lies at its top or in ``charts/`` and is hidden by ``.helmignore``.
    """

    metadata: ChartMetadata
    files: tuple[ChartFile, ...]
    subcharts: tuple[Chart, ...] = ()
    lock: Lock | None = None
    left_out: tuple[str, ...] = ()
    hidden: tuple[Hidden, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The chart's name."""
        return self.metadata.name

    @property
    def version(self) -> str:
        """The chart's version, as written."""
        return self.metadata.version

    def file(self, path: str) -> bytes | None:
        """Return the bytes of one of the chart's own files, None where there is none."""
        return next((file.data for file in self.files if file.path == path), None)


def load_chart(tree: Tree, *, include_untracked: Sequence[str] = (), check: bool = True) -> Chart:
    """Load the chart in a tree; ChartError with file, key and line of what is wrong.

    Without ``check`` the contents of values and schemas are left to ``check_contents``.
    """
    packed = packed_files(tree, include_untracked)
    chart = from_files(packed.files)
    if check:
        check_contents(chart)
    return replace(chart, left_out=packed.left_out, hidden=packed.hidden)


def check_contents(chart: Chart) -> None:
    """Raise ChartError unless the values and schemas of a chart and its subcharts can be read, as Helm demands."""
    values, schema = chart.file("values.yaml"), chart.file("values.schema.json")
    if values is not None:
        check_document(values, path="values.yaml")
    if schema is not None:
        _check_schema(schema)
    for place, subchart in placed(chart.subcharts):
        try:
            check_contents(subchart)
        except ChartError as error:
            raise error.within(f"{CHARTS}{place}") from error


class _Budget:
    """How many bytes the subcharts that are still packed may unpack to, all of them together."""

    def __init__(self, files: Iterable[ChartFile]) -> None:
        self.left = SIZE_LIMIT - sum(len(file.data) for file in files if not _is_packed(file.path))

    def unpack(self, data: bytes) -> list[ChartFile]:
        members = read_members(data, limit=self.left)
        self.left -= sum(len(member.data) for member in members)
        return members


def _is_packed(path: str) -> bool:
    return path.startswith(CHARTS) and path.endswith(".tgz")


def from_files(files: Iterable[ChartFile], *, depth: int = 0, budget: _Budget | None = None) -> Chart:
    """Put a chart together from its files, those of subcharts included; of duplicates the last one wins."""
    if depth > DEPTH_LIMIT:
        raise ChartError(f"more than {DEPTH_LIMIT} levels of subcharts", path=CHARTS)
    by_path = {file.path: file for file in files}
    budget = budget or _Budget(by_path.values())
    top_files = tuple(file for file in by_path.values() if _is_own(file.path))
    metadata, warnings = _metadata(by_path, check_api_version=depth == 0)
    subcharts = list(_subcharts(by_path.values(), depth, budget))
    kept, twins = _without_twins(subcharts)
    inner = [f"{CHARTS}{chart.name}: {warning}" for chart in kept for warning in chart.warnings]
    return Chart(
        metadata=metadata,
        files=top_files,
        subcharts=tuple(kept),
        lock=_lock(by_path),
        warnings=(*warnings, *twins, *inner),
    )


def _is_own(path: str) -> bool:
    return not path.startswith(CHARTS) or path.endswith(".prov")


def _metadata(files: Mapping[str, ChartFile], *, check_api_version: bool) -> tuple[ChartMetadata, list[str]]:
    if "Chart.yaml" not in files:
        raise ChartError("there is no such file", path="Chart.yaml")
    requirements = files.get("requirements.yaml")
    metadata = decode_metadata(
        files["Chart.yaml"].data, requirements=requirements.data if requirements else None
    )
    # Helm looks at it in the chart it is given, not in subcharts (pkg/chart/loader/load.go).
    if check_api_version and metadata.api_version not in _API_VERSIONS:
        raise ChartError(
            f"{metadata.api_version!r} is not supported",
            path="Chart.yaml",
            key="apiVersion",
            hint="expected v1 or v2",
        )
    old = [name for name in ("requirements.yaml", "requirements.lock") if name in files]
    if metadata.api_version == "v2" and old:
        return metadata, [
            f"{' and '.join(old)}: with apiVersion v2 dependencies belong in Chart.yaml and Chart.lock"
        ]
    return metadata, []


def _check_schema(data: bytes) -> None:
    text = data.removeprefix(_BOM).decode("utf-8", "surrogateescape")  # Go does not look into strings
    try:
        json.loads(text, parse_constant=_no_constant, parse_int=str)  # str: an integer may have any length
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise ChartError(f"not JSON: {error}", path="values.schema.json", line=line) from error


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON value")


def _lock(files: Mapping[str, ChartFile]) -> Lock | None:
    locks = [decode_lock(files[name].data, path=name) for name in LOCKS if name in files]
    return locks[-1] if locks else None


def _subcharts(files: Iterable[ChartFile], depth: int, budget: _Budget) -> Iterator[Chart]:
    groups: dict[str, list[ChartFile]] = {}
    for file in files:
        if not _is_own(file.path):
            name, _, rest = file.path.removeprefix(CHARTS).partition("/")
            groups.setdefault(name, []).append(ChartFile(rest, file.data))
    # Folders first: of a subchart that is there twice the unpacked one counts.
    for name, members in sorted(groups.items(), key=lambda group: group[0].endswith(".tgz")):
        if not name.startswith(("_", ".")):
            try:
                yield _subchart(name, members, depth, budget)
            except ChartError as error:
                raise error.within(f"{CHARTS}{name}") from error


def _subchart(name: str, members: list[ChartFile], depth: int, budget: _Budget) -> Chart:
    if name.endswith(".tgz"):
        if members[0].path:
            raise ChartError("a folder that is called like an archive", hint="rename it, or pack it")
        return from_files(budget.unpack(members[0].data), depth=depth + 1, budget=budget)
    if not members[0].path:
        raise ChartError(
            "a plain file in charts/, where only subcharts belong", hint="move it, or name it in .helmignore"
        )
    return from_files(members, depth=depth + 1, budget=budget)


def _without_twins(charts: list[Chart]) -> tuple[list[Chart], list[str]]:
    """Drop what is there twice (a folder and its archive, say) and name what is there in several versions."""
    kept: dict[tuple[str, str], Chart] = {}
    twins = [chart for chart in charts if kept.setdefault((chart.name, chart.version), chart) is not chart]
    warnings = [
        f"charts/ holds {chart.name} {chart.version} twice; the unpacked one is packed, once"
        for chart in twins
    ]
    names = [name for name, _ in kept]
    several = sorted({name for name in names if names.count(name) > 1})
    warnings += [
        f"charts/ holds several versions of {name}; real Helm would mix their files" for name in several
    ]
    return [kept[key] for key in sorted(kept)], warnings


def placed(charts: Sequence[Chart]) -> Iterator[tuple[str, Chart]]:
    """Yield for each subchart the name of its folder: its own, or with its version where that is taken."""
    names = {chart.name for chart in charts}
    taken: set[str] = set()
    for chart in charts:
        place = chart.name
        while place in taken or (place != chart.name and place in names):
            place = f"{place}-{chart.version}"
        yield place, chart
        taken.add(place)
