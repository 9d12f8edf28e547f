"""A chart as Helm loads it: its files, metadata, lock and subcharts (Helm ``pkg/chart/v2/loader``).

A folder is walked in Helm's order under the rules of ``.helmignore``; archives come in as files. Every file keeps its
own bytes. What Helm refuses is refused, with file and line.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from oci_chart_publish.chart.ignore import IgnoreRules
from oci_chart_publish.chart.lock import Lock, decode_lock
from oci_chart_publish.chart.members import SIZE_LIMIT, ChartFile, read_members
from oci_chart_publish.chart.metadata import ChartMetadata, decode_metadata
from oci_chart_publish.chart.tree import Tree
from oci_chart_publish.chart.yamldoc import check_document
from oci_chart_publish.errors import ChartError

DEPTH_LIMIT = 32
"""Levels of subcharts in subcharts, and of folders in folders, that are followed."""

_IGNORE_FILE = ".helmignore"
_CHARTS = "charts/"
_BOM = b"\xef\xbb\xbf"
_API_VERSIONS = frozenset({"v1", "v2"})
_LOCKS = ("Chart.lock", "requirements.lock")


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A chart.

    ``files`` are its own, in the order of the walk, without those of subcharts; ``subcharts`` are sorted by name.
    ``left_out`` names what Helm would have packed and git does not track ("folder/" for all of a folder).
    """

    metadata: ChartMetadata
    files: tuple[ChartFile, ...]
    subcharts: tuple[Chart, ...] = ()
    lock: Lock | None = None
    left_out: tuple[str, ...] = ()
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
    root = {entry.name: entry for entry in tree.entries("")}
    if "Chart.yaml" not in root or root["Chart.yaml"].is_dir:
        raise ChartError(
            "there is no such file", path="Chart.yaml", hint="a chart is a folder with a Chart.yaml"
        )
    walk = _Walk(tree, _rules(tree, root), tuple(include_untracked), _locked_archives(tree, root))
    files = list(walk.files("", 0))
    chart = from_files(files)
    if check:
        check_contents(chart)
    return replace(chart, left_out=tuple(walk.left_out))


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
            raise error.within(f"{_CHARTS}{place}") from error


def _rules(tree: Tree, root: Mapping[str, object]) -> IgnoreRules:
    text = tree.read(_IGNORE_FILE).decode("utf-8", "replace") if _IGNORE_FILE in root else ""
    return IgnoreRules.parse(text)


def _locked_archives(tree: Tree, root: Mapping[str, object]) -> frozenset[str]:
    """Return the paths of the archives that the lock names: they belong to the chart, tracked or not."""
    locks = [decode_lock(tree.read(name), path=name) for name in _LOCKS if name in root]
    return frozenset(f"{_CHARTS}{d.name}-{d.version}.tgz" for lock in locks for d in lock.dependencies)


class _Walk:
    """One walk over a tree, with what it left out on the way."""

    def __init__(
        self, tree: Tree, rules: IgnoreRules, include: tuple[str, ...], archives: frozenset[str]
    ) -> None:
        self._tree = tree
        self._rules = rules
        self._include = include
        self._archives = archives
        self._size = 0
        self.left_out: list[str] = []

    def files(self, folder: str, depth: int) -> Iterator[ChartFile]:
        """Yield the files below a folder, in Helm's order."""
        if depth > DEPTH_LIMIT:
            raise ChartError(f"more than {DEPTH_LIMIT} folders deep", path=folder)
        for entry in self._tree.entries(folder):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if self._rules.ignores(path, is_dir=entry.is_dir):
                continue
            if entry.is_dir:
                if entry.tracked or self._include or path == "charts":
                    yield from self.files(path, depth + 1)
                elif self._tree.entries(path):
                    self.left_out.append(f"{path}/")
            elif entry.tracked or path in self._archives or self._included(path):
                yield self._file(path)
            else:
                self.left_out.append(path)

    def _included(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return any(
            fnmatch.fnmatchcase(path, glob) or fnmatch.fnmatchcase(name, glob) for glob in self._include
        )

    def _file(self, path: str) -> ChartFile:
        self._size += self._tree.size(path)
        if self._size > SIZE_LIMIT:
            raise ChartError(
                f"the chart is larger than {SIZE_LIMIT} bytes, which is the most that Helm loads",
                path=path,
                hint="name what does not belong to the chart in .helmignore",
            )
        return ChartFile(path, self._tree.read(path))


def from_files(files: Iterable[ChartFile], *, depth: int = 0) -> Chart:
    """Put a chart together from its files, those of subcharts included; of duplicates the last one wins."""
    if depth > DEPTH_LIMIT:
        raise ChartError(f"more than {DEPTH_LIMIT} levels of subcharts", path=_CHARTS)
    by_path = {file.path: file for file in files}
    own = tuple(file for file in by_path.values() if _is_own(file.path))
    metadata, warnings = _metadata(by_path)
    subcharts = list(_subcharts(by_path.values(), depth))
    kept, twins = _without_twins(subcharts)
    inner = [f"{_CHARTS}{chart.name}: {warning}" for chart in kept for warning in chart.warnings]
    return Chart(
        metadata=metadata,
        files=own,
        subcharts=tuple(kept),
        lock=_lock(by_path),
        warnings=(*warnings, *twins, *inner),
    )


def _is_own(path: str) -> bool:
    return not path.startswith(_CHARTS) or path.endswith(".prov")


def _metadata(files: Mapping[str, ChartFile]) -> tuple[ChartMetadata, list[str]]:
    if "Chart.yaml" not in files:
        raise ChartError("there is no such file", path="Chart.yaml")
    requirements = files.get("requirements.yaml")
    metadata = decode_metadata(
        files["Chart.yaml"].data, requirements=requirements.data if requirements else None
    )
    if metadata.api_version not in _API_VERSIONS:
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
    try:
        json.loads(data.removeprefix(_BOM))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise ChartError(f"not JSON: {error}", path="values.schema.json", line=line) from error


def _lock(files: Mapping[str, ChartFile]) -> Lock | None:
    found = [decode_lock(files[name].data, path=name) for name in _LOCKS if name in files]
    return found[-1] if found else None


def _subcharts(files: Iterable[ChartFile], depth: int) -> Iterator[Chart]:
    groups: dict[str, list[ChartFile]] = {}
    for file in files:
        if not _is_own(file.path):
            name, _, rest = file.path.removeprefix(_CHARTS).partition("/")
            groups.setdefault(name, []).append(ChartFile(rest, file.data))
    # Folders first: of a subchart that is there twice the unpacked one counts.
    for name, members in sorted(groups.items(), key=lambda group: group[0].endswith(".tgz")):
        if not name.startswith(("_", ".")):
            try:
                yield _subchart(name, members, depth)
            except ChartError as error:
                raise error.within(f"{_CHARTS}{name}") from error


def _subchart(name: str, members: list[ChartFile], depth: int) -> Chart:
    if name.endswith(".tgz"):
        if members[0].path:
            raise ChartError("a folder that is called like an archive", hint="rename it, or pack it")
        return from_files(read_members(members[0].data), depth=depth + 1)
    if not members[0].path:
        raise ChartError(
            "a plain file in charts/, where only subcharts belong", hint="move it, or name it in .helmignore"
        )
    return from_files(members, depth=depth + 1)


def _without_twins(charts: list[Chart]) -> tuple[list[Chart], list[str]]:
    """Drop what is there twice (a folder and its archive, say) and name what is there in several versions."""
    kept: dict[tuple[str, str], Chart] = {}
    for chart in charts:
        kept.setdefault((chart.name, chart.version), chart)
    names = [name for name, _ in kept]
    several = sorted({name for name in names if names.count(name) > 1})
    warnings = [
        f"charts/ holds several versions of {name}; real Helm would mix their files" for name in several
    ]
    return [kept[key] for key in sorted(kept)], warnings


def placed(charts: Sequence[Chart]) -> Iterator[tuple[str, Chart]]:
    """Yield for each subchart the name of its folder: its own, or with its version where that is taken."""
    taken: set[str] = set()
    for chart in charts:
        yield (f"{chart.name}-{chart.version}" if chart.name in taken else chart.name), chart
        taken.add(chart.name)
