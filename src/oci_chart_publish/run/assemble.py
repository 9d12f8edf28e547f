"""One chart as an artifact at a version: stamped, with what it lacks, and the places where it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from oci_chart_publish.build.build import Needs, build
from oci_chart_publish.build.dependencies import Surroundings, needs
from oci_chart_publish.chart.chart import Chart
from oci_chart_publish.model import ChartArtifact, Need
from oci_chart_publish.oci.reference import Repository, check_tag
from oci_chart_publish.push.reconcile import Destination
from oci_chart_publish.run.policy import ChartNode, Run
from oci_chart_publish.tree.tree import OverlayTree
from oci_chart_publish.workers import Workers


def build_at(
    one: ChartNode,
    version: str,
    moved: Mapping[str, str],
    run: Run,
    workers: Workers,
    *,
    lacks: Needs | None = None,
    files: Mapping[str, bytes] | None = None,
    recall: bool = False,
) -> tuple[ChartArtifact, list[Destination]]:
    """Build a chart at a version; stamped scalars and added ``files`` go into the artifact, never into the tree.

    With ``recall`` an artifact of files that git vouches for may be remembered instead.
    """
    sites = destinations_of(one.metadata.name, version, run)
    tree = one.source.tree
    if version != one.metadata.version or moved:
        from oci_chart_publish.bump.stamp import stamped_files  # noqa: PLC0415  (start-up: only where versions move)

        tree = OverlayTree(tree, stamped_files(tree, version, moved))
    if run.options.rewrite_dependencies and one.metadata.dependencies:
        from oci_chart_publish.bump.stamp import redirected_files  # noqa: PLC0415  (as above)

        tree = OverlayTree(tree, redirected_files(tree, one.dependencies, run.options.rewrite_dependencies))
    if files:
        tree = OverlayTree(tree, files)
    with workers.building:
        recipe = run.policy.artifact_options(one.source.path)
        metadata = one.metadata if recall and tree is one.source.tree else None
        store, memo = run.policy.layout, run.policy.memo
        return build(tree, one.source.path, store, memo, recipe, needs=lacks, metadata=metadata), sites


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


def lacks_of(one: ChartNode, moved: Mapping[str, str], surveyed: Sequence[ChartNode], run: Run) -> Needs:
    """Return how to tell what a chart lacks, where what it embeds has to be at the versions of this run."""
    folders = {
        other.source.path: (other.metadata.name, moved.get(other.metadata.name, other.metadata.version))
        for other in surveyed
    }
    policy = run.policy.dependencies
    around = Surroundings(folders=folders, is_own=policy.is_own, aliases=policy.aliases)

    def lacks(chart: Chart) -> tuple[Need, ...]:
        found = needs(chart, one.source.path, around, locked=not run.options.update_dependencies)
        return tuple(
            replace(need, version=moved[need.name], locked=True) if need.name in moved else need
            for need in found
        )

    return lacks
