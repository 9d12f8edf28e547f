"""The charts of a run, those of the repository that they embed, and which of them embeds which.

::

    run: app -> file://../../libs/mid    outside the run: libs/mid -> file://../base, libs/base

A chart outside the run that one inside embeds, directly or not, is a node as any other: it is read, decided and built
alike. It is only not pushed and not reported, and what is wrong with it is an error of the chart that embeds it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import msgspec
from msgspec.structs import replace

from oci_chart_publish.build.dependencies import FILE, key_of
from oci_chart_publish.chart.metadata import CHART_FILE, ChartMetadata, Dependency, decode_metadata
from oci_chart_publish.chartrepo.aliases import unaliased
from oci_chart_publish.errors import ChartError, ConfigError, PublishError
from oci_chart_publish.model import Failure
from oci_chart_publish.run.policy import ChartNode, ChartSource, DependencyPolicy, failure
from oci_chart_publish.singleflight import locked_cached_property
from oci_chart_publish.tree.tree import Tree

_ARCHIVE = re.compile(r"(.+?)-v?[0-9]+(?:\..*)?\.tgz")


class ChartGraph(msgspec.Struct, frozen=True, kw_only=True):
    """The charts of a run and what they embed, by folder from the top of the repository."""

    nodes: Mapping[str, ChartNode]
    """Charts that can be built, those of the run and those outside that one of the run embeds."""
    broken: Mapping[str, Failure]
    """Charts that cannot be read or that embed each other in a circle, inside the run and outside."""

    @property
    def charts(self) -> tuple[ChartNode, ...]:
        """The charts of the run."""
        return tuple(node for node in self.nodes.values() if node.inside)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What is wrong with charts of the run."""
        return tuple(result for result in self.broken.values() if result.inside)

    @property
    def order(self) -> Mapping[str, tuple[str, ...]]:
        """The folders that have to be done before each one: what is embedded from there."""
        return {folder: node.embeds for folder, node in self.nodes.items()}

    def related(self, folder: str) -> dict[str, str]:
        """Return the names, by folder, of all charts that the one in a folder embeds, directly or not."""
        related: dict[str, str] = {}
        waiting = list(self.nodes[folder].embeds)
        while waiting:
            other = waiting.pop()
            if other in self.nodes and other not in related:
                related[other] = self.nodes[other].metadata.name
                waiting += self.nodes[other].embeds
        return related


class ChartReader(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Reads any chart of the repository once, and tells from which folders it embeds others."""

    run: Mapping[str, Tree]
    """The files of the charts that a run is about, by folder."""
    policy: DependencyPolicy

    @locked_cached_property
    def _read(self) -> dict[str, ChartMetadata | PublishError | None]:
        return {}

    def tree(self, folder: str) -> Tree | None:
        """Return the files of the chart in a folder; None where there is no chart."""
        return self.run.get(folder) or self.policy.tree(folder)

    def metadata(self, folder: str) -> ChartMetadata | None:
        """Return what Chart.yaml says in a folder, None where there is no chart; PublishError for a broken one."""
        if folder not in self._read:
            try:
                tree = self.tree(folder)
                self._read[folder] = read_metadata(tree) if tree else None
            except PublishError as error:
                self._read[folder] = error
        result = self._read[folder]
        if isinstance(result, PublishError):
            raise result
        return result

    def readable(self, folder: str) -> ChartMetadata | None:
        """Return what Chart.yaml says, None for one that is broken too: that is told where it is built."""
        try:
            return self.metadata(folder)
        except PublishError:
            return None

    @locked_cached_property
    def _folders(self) -> Mapping[str, list[str]]:
        """The folders of the charts of the run by name."""
        by_name: dict[str, list[str]] = {}
        for folder in self.run:
            metadata = self.readable(folder)
            if metadata is not None:
                by_name.setdefault(metadata.name, []).append(folder)
        return by_name

    def links(self, folder: str) -> Mapping[int, str]:
        """Return the folder that each dependency (by its number) of a chart comes from, where it is in this repository.

        Not of the chart itself, and not of what lies in its ``charts/``: that is a copy, whatever the original does.
        """
        metadata = self.readable(folder)
        linked = {
            number: target
            for number, dependency in enumerate(metadata.dependencies if metadata else ())
            for target in self._targets(dependency, folder)
            # By URL it is an earlier version of the chart itself.
            if target != folder or dependency.repository.startswith(FILE)
        }
        vendored = _vendored(self.tree(folder)) if linked else frozenset()
        dependencies = metadata.dependencies if metadata else ()
        return {
            number: target for number, target in linked.items() if dependencies[number].name not in vendored
        }

    def named(self, folder: str) -> Iterator[tuple[int, str]]:
        """Give the number and folder of each dependency on a chart of the run, those in ``charts/`` among them."""
        metadata = self.readable(folder)
        for number, dependency in enumerate(metadata.dependencies if metadata else ()):
            for target in self._targets(dependency, folder):
                if target in self.run and target != folder:
                    yield number, target

    def related(self, folder: str) -> tuple[str, ...]:
        """Return the folders of all charts that the one in a folder embeds, directly or not; circles are no matter."""
        result: dict[str, None] = {}
        waiting = [folder]
        while waiting:
            for target in self.links(waiting.pop()).values():
                if target not in result and target != folder:
                    result[target] = None
                    waiting.append(target)
        return tuple(result)

    def _targets(self, dependency: Dependency, folder: str) -> tuple[str, ...]:
        """Return the folders of this repository that a dependency of the chart in ``folder`` comes from.

        The one that ``file://`` names, whether or not there is a chart; that of the chart of its name for a URL that
        means this repository, where there is only one; none for another one.
        """
        repository = unaliased(dependency.repository, self.policy.aliases)
        if repository.startswith(FILE):
            target = posixpath.normpath(posixpath.join(folder, repository.removeprefix(FILE)))
            return () if target.startswith(("..", "/")) else ("" if target == "." else target,)
        if not repository or not self.policy.is_own(repository):
            return ()
        inside = self._folders.get(dependency.name, [])
        others = inside or self.policy.folders_of(dependency.name)
        return tuple(others) if len(others) == 1 else ()


def survey(sources: Iterable[ChartSource], policy: DependencyPolicy) -> ChartGraph:
    """Read the charts of a run and what they embed: names, versions, and who depends on whom.

    ConfigError where two charts of the run have one name.
    """
    listed = list(sources)
    reader = ChartReader(run={source.path: source.tree for source in listed}, policy=policy)
    nodes: dict[str, ChartNode] = {}
    broken: dict[str, Failure] = {}
    for source in listed:
        _add(source, reader, nodes, broken, inside=True)
    _refuse_twins(list(nodes.values()))
    waiting = [target for node in nodes.values() for target in node.embeds]
    while waiting:
        folder = waiting.pop()
        tree = reader.tree(folder) if folder not in nodes and folder not in broken else None
        if tree is not None:
            _add(_Outside(path=folder, tree=tree), reader, nodes, broken, inside=False)
            waiting += nodes[folder].embeds if folder in nodes else ()
    nodes = {folder: _with_names(node, reader, nodes) for folder, node in nodes.items()}
    in_circle = (
        {folder: circle for folder in nodes if (circle := _circle(folder, nodes))}
        if _is_circular(nodes)
        else {}
    )
    broken |= {folder: _in_circle(nodes[folder], circle, nodes) for folder, circle in in_circle.items()}
    return ChartGraph(
        nodes={folder: node for folder, node in nodes.items() if folder not in in_circle}, broken=broken
    )


class _Outside(msgspec.Struct, frozen=True, kw_only=True):
    """A chart that the run is not about."""

    path: str
    tree: Tree


def _add(
    source: ChartSource,
    reader: ChartReader,
    nodes: dict[str, ChartNode],
    broken: dict[str, Failure],
    *,
    inside: bool,
) -> None:
    try:
        metadata = reader.metadata(source.path)
        if metadata is None:
            raise ChartError("there is no such file", path=CHART_FILE)
    except PublishError as error:
        within = error.within(source.path) if source.path else error
        broken[source.path] = Failure(path=source.path, error=within, inside=inside)
        return
    nodes[source.path] = ChartNode(
        source=source, metadata=metadata, links=reader.links(source.path), inside=inside
    )


def _with_names(node: ChartNode, reader: ChartReader, nodes: Mapping[str, ChartNode]) -> ChartNode:
    """Return a node that knows the names of the charts of the run that have to be published before it."""
    direct = (target for _, target in reader.named(node.source.path))
    # What lies between two charts of the run may be outside it.
    through: dict[str, None] = {}
    waiting = [target for target in node.embeds if target in nodes and not nodes[target].inside]
    seen = set(waiting)
    while waiting:
        for target in nodes[waiting.pop()].embeds:
            if target in nodes and nodes[target].inside:
                through[target] = None
            elif target in nodes and target not in seen:
                seen.add(target)
                waiting.append(target)
    names = (nodes[target].metadata.name for target in (*direct, *through) if target in nodes)
    own = node.metadata.name
    return replace(node, dependencies=tuple(dict.fromkeys(name for name in names if name != own)))


def _is_circular(nodes: Mapping[str, ChartNode]) -> bool:
    try:
        TopologicalSorter({folder: node.embeds for folder, node in nodes.items()}).prepare()
    except CycleError:
        return True
    return False


def _circle(folder: str, nodes: Mapping[str, ChartNode]) -> tuple[str, ...]:
    """Return the shortest way from a chart through what it embeds back to itself; empty where there is none."""
    ways: list[tuple[str, ...]] = [(folder,)]
    seen: set[str] = set()
    for way in ways:
        for target in nodes[way[-1]].embeds:
            if target == folder:
                return (*way, folder)
            if target in nodes and target not in seen:
                seen.add(target)
                ways.append((*way, target))
    return ()


def _in_circle(node: ChartNode, circle: Sequence[str], nodes: Mapping[str, ChartNode]) -> Failure:
    way = " -> ".join(nodes[folder].metadata.name for folder in circle)
    error = ChartError(
        f"charts that depend on each other: {way}"
        if len(circle) > 2
        else f"{way}: a chart that depends on itself",
        path=CHART_FILE,
        key=next(key_of(number) for number, target in node.links.items() if target == circle[1]),
        hint="take one of these dependencies out",
    )
    return replace(failure(node, error), inside=node.inside)


def read_metadata(tree: Tree) -> ChartMetadata:
    """Read the Chart.yaml of a chart, and the requirements.yaml that older ones have beside it."""
    present = {entry.name for entry in tree.entries("") if not entry.is_dir}
    if "Chart.yaml" not in present:
        raise ChartError("there is no such file", path="Chart.yaml")
    requirements = tree.read("requirements.yaml") if "requirements.yaml" in present else None
    return decode_metadata(tree.read("Chart.yaml"), requirements=requirements)


def _refuse_twins(nodes: Collection[ChartNode]) -> None:
    by_name: dict[str, list[str]] = {}
    for node in nodes:
        by_name.setdefault(node.metadata.name, []).append(node.source.path or ".")
    twins = {name: paths for name, paths in by_name.items() if len(paths) > 1}
    if twins:
        listed = "; ".join(f"{name!r} in {' and '.join(paths)}" for name, paths in sorted(twins.items()))
        raise ConfigError(
            f"two charts of one name would be published to one place: {listed}",
            hint="rename one, or leave it out with charts: and !GLOB",
        )


def _vendored(tree: Tree | None) -> frozenset[str]:
    """Return the names of the charts that a chart has in ``charts/``, as a folder or an archive.

    What git does not track (``helm dependency build`` leaves archives there) is a copy of something else.
    """
    if tree is None or not any(entry.name == "charts" and entry.is_dir for entry in tree.entries("")):
        return frozenset()
    tracked = [entry for entry in tree.entries("charts") if entry.tracked]
    archived = {
        match[1] for entry in tracked if not entry.is_dir and (match := _ARCHIVE.fullmatch(entry.name))
    }
    return frozenset(archived | {entry.name for entry in tracked if entry.is_dir})
