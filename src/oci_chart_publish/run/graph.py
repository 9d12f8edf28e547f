"""Which charts a run is about, and which of them embeds which."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from msgspec.structs import replace

from oci_chart_publish.build.dependencies import FILE, key_of
from oci_chart_publish.chart.metadata import CHART_FILE, ChartMetadata, Dependency, decode_metadata
from oci_chart_publish.errors import ChartError, ConfigError
from oci_chart_publish.model import Failure
from oci_chart_publish.run.policy import ChartNode, ChartSource, DependencyPolicy, failure
from oci_chart_publish.tree.tree import Tree


def survey(sources: Iterable[ChartSource], policy: DependencyPolicy) -> tuple[list[ChartNode], list[Failure]]:
    """Read each Chart.yaml: names, versions, and who depends on whom. Two charts of one name are refused."""
    found: list[ChartNode] = []
    broken: list[Failure] = []
    for source in sources:
        try:
            found.append(ChartNode(source=source, metadata=read_metadata(source.tree)))
        except ChartError as error:
            broken.append(
                Failure(path=source.path, error=error.within(source.path) if source.path else error)
            )
    _refuse_twins(found)
    names = {one.source.path: one.metadata.name for one in found}
    ordered = [replace(one, dependencies=_inside(one, names, policy)) for one in found]
    circle = _circle(ordered)
    broken += [
        _in_circle(one, circle, _links(one, names, policy)) for one in ordered if one.metadata.name in circle
    ]
    return [one for one in ordered if one.metadata.name not in circle], broken


def _circle(found: Sequence[ChartNode]) -> tuple[str, ...]:
    try:
        TopologicalSorter({one.metadata.name: one.dependencies for one in found}).prepare()
    except CycleError as error:
        return tuple(error.args[1])
    return ()


def _in_circle(one: ChartNode, circle: tuple[str, ...], links: Iterable[tuple[int, str]]) -> Failure:
    before = circle[circle.index(one.metadata.name, 1) - 1]
    error = ChartError(
        f"charts that depend on each other: {' -> '.join(reversed(circle))}",
        path=CHART_FILE,
        key=next(key_of(number) for number, name in links if name == before),
        hint="take one of these dependencies out",
    )
    return failure(one, error)


def read_metadata(tree: Tree) -> ChartMetadata:
    """Read the Chart.yaml of a chart, and the requirements.yaml that older ones have beside it."""
    present = {entry.name for entry in tree.entries("") if not entry.is_dir}
    if "Chart.yaml" not in present:
        raise ChartError("there is no such file", path="Chart.yaml")
    requirements = tree.read("requirements.yaml") if "requirements.yaml" in present else None
    return decode_metadata(tree.read("Chart.yaml"), requirements=requirements)


def _refuse_twins(found: Sequence[ChartNode]) -> None:
    by_name: dict[str, list[str]] = {}
    for one in found:
        by_name.setdefault(one.metadata.name, []).append(one.source.path or ".")
    twins = {name: paths for name, paths in by_name.items() if len(paths) > 1}
    if twins:
        listed = "; ".join(f"{name!r} in {' and '.join(paths)}" for name, paths in sorted(twins.items()))
        raise ConfigError(
            f"two charts of one name would be published to one place: {listed}",
            hint="rename one, or leave it out with charts: and !GLOB",
        )


def _inside(one: ChartNode, names: Mapping[str, str], policy: DependencyPolicy) -> tuple[str, ...]:
    """Return the charts of this run that a chart depends on, each once."""
    return tuple(dict.fromkeys(name for _, name in _links(one, names, policy)))


def _links(one: ChartNode, names: Mapping[str, str], policy: DependencyPolicy) -> Iterator[tuple[int, str]]:
    """Give the number of each dependency on a chart of this run, and the name of that chart.

    A dependency is one by ``file://``, or by a URL that means this repository; none on the chart itself.
    """
    for number, dependency in enumerate(one.metadata.dependencies):
        for folder in places(dependency, one.source.path, names, policy):
            name = names.get(folder, "")
            if name not in {"", one.metadata.name}:
                yield number, name


def places(
    dependency: Dependency, folder: str, names: Mapping[str, str], policy: DependencyPolicy
) -> tuple[str, ...]:
    """Return the folders of this repository that a dependency of the chart in ``folder`` comes from.

    The one that ``file://`` names, whether or not there is a chart; those of the charts of its name (``names``, by
    folder) for a URL that means this repository; none for another one.
    """
    repository = policy.aliases.get(
        dependency.repository.lstrip("@").removeprefix("alias:"), dependency.repository
    )
    if repository.startswith(FILE):
        return (posixpath.normpath(posixpath.join(folder, repository.removeprefix(FILE))),)
    named = tuple(other for other, name in names.items() if name == dependency.name)
    return named if named and policy.is_own(repository) else ()
