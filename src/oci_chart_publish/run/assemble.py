"""One chart as an artifact at a version: stamped, with what it lacks, and the places where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from oci_chart_publish.build.build import Needs, build
from oci_chart_publish.build.dependencies import Surroundings, needs
from oci_chart_publish.chart.chart import Chart
from oci_chart_publish.lazy import lazy
from oci_chart_publish.model import ChartArtifact, Need
from oci_chart_publish.oci.reference import Repository, check_tag
from oci_chart_publish.push.reconcile import Destination
from oci_chart_publish.run.policy import ChartNode, Run
from oci_chart_publish.tree.tree import OverlayTree, Tree
from oci_chart_publish.workers import Workers

if TYPE_CHECKING:
    from oci_chart_publish.bump import stamp
else:
    stamp = lazy("oci_chart_publish.bump.stamp")


def build_at(
    node: ChartNode,
    version: str,
    moved: Mapping[str, str],
    run: Run,
    workers: Workers,
    *,
    lacks: Needs | None = None,
    files: Mapping[str, bytes] | None = None,
    recall: bool = False,
) -> ChartArtifact:
    """Build a chart at a version; stamped scalars and added ``files`` go into the artifact, never into the tree.

    ``moved`` are the new versions, by name, of what it embeds; ``lacks`` tells what stays missing, None: nothing may.
    With ``recall`` an artifact of files that git vouches for may be remembered instead.
    """
    tree = tree_at(node, version, moved, run)
    if files:
        tree = OverlayTree(tree, files)
    with workers.building:
        options = run.policy.artifact_options(node.source.path)
        metadata = node.metadata if recall and tree is node.source.tree else None
        store, memo = run.policy.layout, run.policy.memo
        return build(tree, node.source.path, store, memo, options, needs=lacks, metadata=metadata)


def tree_at(node: ChartNode, version: str, moved: Mapping[str, str], run: Run) -> Tree:
    """Return the files of a chart at a version, as they are packed."""
    tree, aliases = node.source.tree, run.policy.dependencies.aliases
    app_version = app_version_of(node, version, run)
    if version != node.metadata.version or moved or app_version:
        tree = OverlayTree(tree, stamp.stamped_files(tree, version, moved, aliases, app_version))
    url = run.options.rewrite_dependencies
    if url and node.metadata.dependencies:
        names = {node.metadata.dependencies[number].name for number in node.links}
        tree = OverlayTree(tree, stamp.redirected_files(tree, {*names, *node.dependencies}, url, aliases))
    return tree


def app_version_of(node: ChartNode, version: str, run: Run) -> str:
    """Return the appVersion that a chart gets at a version, empty where it keeps its own; who has none gets none."""
    required = run.policy.app_version(node.metadata.name, version) if node.metadata.app_version else ""
    return "" if required == node.metadata.app_version else required


def destinations_of(chart: str, version: str, run: Run) -> list[Destination]:
    """Return where a chart goes at a version: the registries, or a name in the layout where there are none."""
    registries = run.policy.destinations(chart)
    if not registries:
        name = f"{chart}:{version}"
        return [Destination(registry="", reference=name, name=name, store=run.policy.layout)]
    tag = version.replace("+", "_")
    sites = []
    for registry in registries:
        repository = Repository.parse(registry).child(chart)
        reference = f"{repository}:{check_tag(tag, f'{repository}:{tag}')}"
        sites.append(
            Destination(registry=registry, reference=reference, name=tag, store=run.policy.store(repository))
        )
    return sites


def lacks_of(
    node: ChartNode, moved: Mapping[str, str], charts: Mapping[str, tuple[str, str]], run: Run
) -> Needs:
    """Return how to tell what a chart lacks in its ``charts/``.

    ``charts`` are name and version in this run of the charts of this repository, by folder: those in ``moved`` have to
    be at just that version.
    """
    around = Surroundings(links=node.links, charts=charts, aliases=run.policy.dependencies.aliases)

    def lacks(chart: Chart) -> tuple[Need, ...]:
        result = needs(chart, node.source.path, around, locked=not run.options.update_dependencies)
        return tuple(
            replace(need, version=moved[need.name], locked=True)
            if need.name in moved and need.folder is not None
            else need
            for need in result
        )

    return lacks
