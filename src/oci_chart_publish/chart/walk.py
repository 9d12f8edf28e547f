"""Which files of a tree Helm packs, in the order it walks them (Helm ``pkg/chart/v2/loader/directory.go``).

What git does not track is left out and named, unless a setting brings it in or the lock names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from oci_chart_publish.chart.ignore import IgnoreRules
from oci_chart_publish.chart.lock import decode_lock
from oci_chart_publish.chart.members import SIZE_LIMIT, ChartFile
from oci_chart_publish.errors import ChartError
from oci_chart_publish.paths.credentials import credential, names
from oci_chart_publish.paths.globs import covers
from oci_chart_publish.tree.tree import Entry, Tree

CHARTS = "charts/"
LOCKS = ("Chart.lock", "requirements.lock")
"""Both count; of two the last one wins."""
FOLDER_LIMIT = 32
"""Levels of folders in folders that are followed."""
IGNORE_FILE = ".helmignore"


class Hidden(msgspec.Struct, frozen=True):
    """A path of a chart, one of its own or below ``charts/``, that a line of ``.helmignore`` hides."""

    path: str
    line: int
    pattern: str


class Packed(msgspec.Struct, frozen=True):
    """What a walk found: the files of a chart and its subcharts, what was left out, and what is hidden."""

    files: list[ChartFile]
    left_out: tuple[str, ...] = ()
    hidden: tuple[Hidden, ...] = ()


def packed_files(tree: Tree, include_untracked: Sequence[str]) -> Packed:
    """Walk over a chart; ChartError with the file for what Helm refuses."""
    root = {entry.name: entry for entry in tree.entries("")}
    if "Chart.yaml" not in root or root["Chart.yaml"].is_dir:
        raise ChartError(
            "there is no such file", path="Chart.yaml", hint="a chart is a folder with a Chart.yaml"
        )
    include = tuple(include_untracked)
    walk = _Walk(tree, _rules(tree, root, include), include, _locked_archives(tree, root))
    files = list(walk.files("", 0))
    for entry in walk.hidden:
        if entry.path == "Chart.yaml":
            raise ChartError(
                f"the line {entry.pattern!r} hides Chart.yaml, without which there is no chart",
                path=IGNORE_FILE,
                line=entry.line,
                hint="take the line out; a line that begins with ! hides all that it does not match",
            )
    return Packed(files, tuple(walk.left_out), tuple(walk.hidden))


Packing = Callable[[str, bool], bool]
"""Predicate over a path below a chart, and whether that is a folder: whether the chart packs it."""


def packing(tree: Tree) -> Packing:
    """Return what tells whether a chart packs a path below it, which may be a folder; ChartError for a broken rule.

    The rules themselves count as packed, also where they leave themselves out: they decide on the others.
    """
    rules = _rules(tree, {entry.name: entry for entry in tree.entries("")}, ())

    def packs(path: str, is_dir: bool) -> bool:  # noqa: FBT001
        names = path.split("/")
        levels = [
            ("/".join(names[:number]), is_dir or number < len(names)) for number in range(1, len(names) + 1)
        ]
        left_out = path != IGNORE_FILE and any(
            rules.ignores(level, is_dir=folder) for level, folder in levels
        )
        return not left_out and not _is_dropped(f"{path}/" if is_dir else path)

    return packs


def _rules(tree: Tree, root: Mapping[str, Entry], include: Sequence[str]) -> IgnoreRules:
    entry = root.get(IGNORE_FILE)
    counts = entry is not None and (entry.tracked or _included(IGNORE_FILE, include))
    return IgnoreRules.parse(tree.read(IGNORE_FILE).decode("utf-8", "surrogateescape") if counts else "")


def _locked_archives(tree: Tree, root: Mapping[str, Entry]) -> frozenset[str]:
    """Return the paths of the archives that the lock names: they belong to the chart, tracked or not."""
    locks = [decode_lock(tree.read(name), path=name) for name in LOCKS if name in root]
    return frozenset(f"{CHARTS}{d.name}-{d.version}.tgz" for lock in locks if lock for d in lock.dependencies)


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
        self.hidden: list[Hidden] = []

    def files(self, folder: str, depth: int) -> Iterator[ChartFile]:
        """Yield the files below a folder, in Helm's order."""
        if depth > FOLDER_LIMIT:
            raise ChartError(f"more than {FOLDER_LIMIT} folders deep", path=folder)
        for entry in self._tree.entries(folder):
            path = f"{folder}/{entry.name}" if folder else entry.name
            rule = self._rules.deciding(path, is_dir=entry.is_dir)
            if rule is not None:
                if not folder or folder == "charts":
                    self.hidden.append(Hidden(path, rule.line, rule.text))
                continue
            if entry.error and self._rules.ignores(path, is_dir=True):
                continue  # a link that is not followed may be one to a folder
            if entry.is_dir:
                yield from self._folder(entry, path, depth)
            elif not _is_dropped(path):
                yield from self._file_or_left_out(entry, path)

    def _folder(self, entry: Entry, path: str, depth: int) -> Iterator[ChartFile]:
        if entry.tracked or path == "charts":
            yield from self.files(path, depth + 1)
            return
        if _is_dropped(f"{path}/") or not self._tree.entries(path):
            return
        before = len(self.left_out)
        inside = list(self.files(path, depth + 1)) if self._include else []
        if not inside:
            self.left_out[before:] = [f"{path}/"]
        yield from inside

    def _file_or_left_out(self, entry: Entry, path: str) -> Iterator[ChartFile]:
        if not (entry.tracked or path in self._archives or _included(path, self._include)):
            self.left_out.append(path)
            return
        if entry.error:
            raise entry.error
        yield self._file(path)

    def _file(self, path: str) -> ChartFile:
        self._size += self._tree.size(path)
        if self._size > SIZE_LIMIT:
            raise ChartError(
                f"the chart is larger than {SIZE_LIMIT} bytes, which is the most that Helm loads",
                path=path,
                hint="name what does not belong to the chart in .helmignore",
            )
        return ChartFile(path, self._tree.read(path))


def _included(path: str, include: Sequence[str]) -> bool:
    return names(include, path) if credential(path) else covers(include, path)


def _is_dropped(path: str) -> bool:
    """Tell whether Helm drops a file of ``charts/``: what begins with ``_`` or ``.`` there, in subcharts too."""
    while path.startswith(CHARTS) and not path.endswith(".prov"):
        path = path.removeprefix(CHARTS)
        if path.startswith(("_", ".")):
            return True
        path = path.partition("/")[2]
    return False
