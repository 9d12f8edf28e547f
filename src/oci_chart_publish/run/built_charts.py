"""The charts of a run as artifacts: what each embeds from this repository is built from the tree, before it.

::

    draft     the tree at this commit with what it embeds from this repository; what lies elsewhere is still missing
    compared  a draft, beside what the registries hold of its version
    complete  a draft with what lies elsewhere, too: only where it is to be published, or embedded in what is
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import msgspec
from msgspec.structs import replace

from oci_chart_publish.build.build import Needs, check_remembered
from oci_chart_publish.build.dependencies import (
    FILE,
    archive_path,
    archives,
    check_version,
    key_of,
    left_alone,
    naming,
    renewed_lock,
)
from oci_chart_publish.chart import layer as package
from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.chart import Chart, load_chart
from oci_chart_publish.chart.layer import chart_layer
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ChartError, NotFoundError, PublishError, SkippedError
from oci_chart_publish.model import ChartArtifact, Need
from oci_chart_publish.push.reconcile import Observation, Plan, State, decide, look_up
from oci_chart_publish.run.assemble import build_at, destinations_of, lacks_of, tree_at
from oci_chart_publish.run.decisions import Decisions
from oci_chart_publish.run.graph import ChartGraph, survey
from oci_chart_publish.run.policy import ChartNode, ChartSource, Run
from oci_chart_publish.singleflight import SingleFlight, locked_cached_property
from oci_chart_publish.tree.tree import OverlayTree
from oci_chart_publish.workers import Workers


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """What a chart embeds from this repository: archives by their path in it, and what those lack in turn."""

    files: Mapping[str, bytes] = msgspec.field(default_factory=dict)
    lacking: tuple[Need, ...] = ()
    names: frozenset[str] = frozenset()


class BuiltCharts(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Builds each chart of a graph once, whoever asks for it; safe for threads.

    What is asked for must be decided: charts are decided in the order of the graph.
    """

    graph: ChartGraph
    decisions: Decisions
    run: Run
    workers: Workers

    @locked_cached_property
    def _artifacts(self) -> SingleFlight[ChartArtifact]:
        return SingleFlight()

    @locked_cached_property
    def _plans(self) -> SingleFlight[Plan]:
        return SingleFlight()

    def draft(self, folder: str) -> ChartArtifact:
        """Return the chart in a folder at the version of this run, without what lies elsewhere.

        It may be remembered where git vouches for its files: that is good for looking, and for nothing that goes out.
        """
        node, exact = self.graph.nodes[folder], self.run.options.exact
        return self._artifacts.get(f"draft {folder}", lambda: self._draft(node, recall=not exact))

    def certain(self, folder: str) -> ChartArtifact:
        """Return the draft of a chart as it is built from its files."""
        draft = self.draft(folder)
        if not draft.recalled:
            return draft
        return self._artifacts.get(f"certain {folder}", lambda: self._draft(self.graph.nodes[folder]))

    def complete(self, folder: str) -> ChartArtifact:
        """Return the chart in a folder at the version of this run, with all that it needs."""
        return self._artifacts.get(f"complete {folder}", lambda: self._complete(self.graph.nodes[folder]))

    def compared(self, folder: str) -> Plan:
        """Return the draft of a chart beside what the registries hold of its version."""
        return self._plans.get(folder, lambda: self.look(self.draft(folder)))

    def look(self, artifact: ChartArtifact) -> Plan:
        """Look an artifact up at all its sites, and decide."""
        run = self.run
        withheld = artifact.decision is not None and artifact.decision.withheld
        # Names in the layout move freely: a cache never conflicts.
        in_cache = not run.policy.destinations(artifact.name)
        overwrite = run.options.overwrite or (in_cache and not withheld)
        ignored = None if overwrite else run.ignored_changes(artifact.name)
        look = partial(look_up, artifact, here=run.policy.layout, verdicts=run.policy.memo, ignored=ignored)
        sites = destinations_of(artifact.name, artifact.version, run)
        findings = self.workers.gather([partial(look, site=site) for site in sites])
        return decide(artifact, tuple(findings), overwrite=overwrite)

    def at(
        self, node: ChartNode, version: str, moved: Mapping[str, str], *, recall: bool = False
    ) -> ChartArtifact:
        """Build a chart at any version, without what lies elsewhere."""
        if not node.links or self.decisions.stays(node):
            lacks = self._lacks(node, moved)
            return build_at(node, version, moved, self.run, self.workers, lacks=lacks, recall=recall)
        embedded, elsewhere = self._embedded(node, version, moved, complete=False)
        artifact = build_at(
            node, version, moved, self.run, self.workers, lacks=lambda _: elsewhere, files=embedded.files
        )
        return replace(artifact, unresolved=(*artifact.unresolved, *embedded.lacking))

    def check(self, node: ChartNode) -> None:
        """Raise ChartError where what a chart embeds from this repository is not at a version that it takes."""
        moved = self.decisions.moved(node)
        if node.links and not self.decisions.stays(node):
            for need in self._needs(node, self.decisions.version(node), moved):
                other = self.graph.nodes.get(need.folder or "") if need.folder is not None else None
                if other is not None:
                    with naming(need.number):
                        check_version(need, self.decisions.version(other))

    def _needs(self, node: ChartNode, version: str, moved: Mapping[str, str]) -> tuple[Need, ...]:
        options = self.run.policy.artifact_options(node.source.path)
        tree = tree_at(node, version, moved, self.run)
        chart = load_chart(tree, include_untracked=options.include_untracked, check=False)
        return self._lacks(node, moved)(chart)

    def _lacks(self, node: ChartNode, moved: Mapping[str, str]) -> Needs:
        charts = {
            folder: (other.metadata.name, self.decisions.version(other))
            for folder in node.embeds
            if (other := self.graph.nodes.get(folder))
        }
        return lacks_of(node, moved, charts, self.run)

    def _draft(self, node: ChartNode, *, recall: bool = False) -> ChartArtifact:
        decision = self.decisions.of(node)
        version, moved = self.decisions.version(node), self.decisions.moved(node)
        artifact = self.at(node, version, moved, recall=recall)
        warnings = list(artifact.warnings)
        if decision and decision.warning:
            warnings.append(decision.warning)
        if self.run.options.update_dependencies:
            names = {node.metadata.dependencies[number].name for number in node.links}
            warnings += left_alone(artifact, names)
        return replace(artifact, dependencies=node.dependencies, decision=decision, warnings=tuple(warnings))

    def _complete(self, node: ChartNode) -> ChartArtifact:
        draft = self.certain(node.source.path)
        update = self.run.options.update_dependencies
        if not draft.unresolved and not (update and node.links):
            return draft
        version, moved = draft.version, self.decisions.moved(node)
        embedded, elsewhere = self._embedded(node, version, moved, complete=True)
        files, warnings = self._from_elsewhere(node, elsewhere)
        files |= embedded.files
        if update:
            files |= self._new_lock(node, files)
            warnings = []  # they are of what no lock holds
        whole = build_at(node, version, moved, self.run, self.workers, files=files)
        return replace(
            whole,
            dependencies=draft.dependencies,
            decision=draft.decision,
            warnings=tuple(dict.fromkeys((*draft.warnings, *whole.warnings, *warnings))),
        )

    def _embedded(
        self, node: ChartNode, version: str, moved: Mapping[str, str], *, complete: bool
    ) -> tuple[Embedded, tuple[Need, ...]]:
        """Return what a chart embeds from this repository, and what it needs from elsewhere."""
        needs = self._needs(node, version, moved)
        files: dict[str, bytes] = {}
        lacking: list[Need] = []
        for need in needs:
            if need.folder is None:
                continue
            with naming(need.number):
                embedded, data = self._archive(need, complete=complete)
                check_version(need, embedded.version)
            files[archive_path(need.name, embedded.version)] = data
            step = (embedded.name, embedded.version)
            lacking += (replace(other, within=(step, *other.within)) for other in embedded.unresolved)
        names = frozenset(need.name for need in needs if need.folder is not None)
        return (
            Embedded(files=files, lacking=tuple(lacking), names=names),
            tuple(need for need in needs if need.folder is None),
        )

    def _archive(self, need: Need, *, complete: bool) -> tuple[ChartArtifact, bytes]:
        """Return a chart of this repository that another one needs, and its archive.

        As the tree has it; but where it is declared by URL, and its version stands for what is published although
        the tree goes on (files that need no new version, or a change that is not to be released), as it is published.
        """
        folder = need.folder or ""
        if folder in self.graph.broken:
            raise self._failed(folder, self.graph.broken[folder].error)
        if folder not in self.graph.nodes:
            raise ChartError(f"there is no chart in {folder or '.'}")
        try:
            published = None if need.repository.startswith(FILE) else _standing(self.compared(folder))
            if published is not None and (manifest := published.manifest) is not None:
                layer = chart_layer(manifest)
                if layer is not None:
                    return replace(self.draft(folder), unresolved=()), published.site.store.blob(layer)
            artifact = self.complete(folder) if complete else self.certain(folder)
            check_remembered(
                artifact, self.run.policy.layout
            )  # a cache that was tampered with gets no chart out
            return artifact, self.run.policy.layout.blob(artifact.layer)
        except PublishError as error:
            raise self._failed(folder, error) from error

    def _failed(self, folder: str, error: PublishError) -> PublishError:
        """Return the error of a chart that embeds one that failed: that one tells why, if the run is about it."""
        failure = self.graph.broken.get(folder)
        node = self.graph.nodes.get(folder)
        if node.inside if node else failure is not None and failure.inside:
            name = node.metadata.name if node else failure.name if failure else ""
            return SkippedError(f"not built, because its dependency {name or folder} was not")
        if isinstance(error, ChartError) and error.path and failure is None and folder:
            return error.within(folder)
        return error

    def _from_elsewhere(self, node: ChartNode, needs: Sequence[Need]) -> tuple[dict[str, bytes], list[str]]:
        """Return the archives of what lies elsewhere, and warnings.

        Where the chart is published with this content, they are those that are published in it: newer ones came later.
        """
        if not needs:
            return {}, []
        plan = self.compared(node.source.path)
        published = _published(plan)
        files: dict[str, bytes] = {}
        if published is not None and not self.run.options.exact and not self.run.options.update_dependencies:
            files = _packed(needs, published.subcharts)
        if published is not None:
            needs = [_at_version(need, published.subcharts) for need in needs]
        expected = [need for need in needs if not files]
        try:
            fetched, warnings = archives(
                expected, self.run.policy.dependencies.fetcher(), self.workers.gather
            )
        except PublishError as error:
            raise self._unfit(node, expected, error) from error
        return {**files, **fetched}, warnings

    def _unfit(self, node: ChartNode, needs: Iterable[Need], error: PublishError) -> PublishError:
        """Return an error about a dependency that this repository holds in another version, and says so."""
        need = next((need for need in needs if key_of(need.number) == error.key), None)
        other = (
            self.graph.nodes.get(node.links.get(need.number, ""))
            if need and need.number in node.links
            else None
        )
        if need is None or other is None or not isinstance(error, ChartError | NotFoundError):
            return error
        version, place = self.decisions.version(other), other.source.path
        problem = (
            f"{need.name} is {version} in this repository ({place}), which does not satisfy {need.version}"
        )
        hint = f"change the dependency's version, or that of {place}/Chart.yaml"
        return ChartError(f"{problem}; {error.message}", path=error.path, key=error.key, hint=hint)

    def _new_lock(self, node: ChartNode, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return the lock for what was resolved, and write it to the tree where that is asked for and it changed."""
        dependencies = self.run.policy.dependencies
        chart = load_chart(OverlayTree(node.source.tree, files))
        path, data = renewed_lock(chart, dependencies.aliases)
        if chart.file(path) == data:
            return {}
        if node.inside:
            dependencies.save_lock(f"{node.source.path}/{path}" if node.source.path else path, data)
        return {path: data}


def chart_as_packed(source: ChartSource, run: Run) -> Chart:
    """Return a chart with what it embeds from its repository, as the tree has it; what lies elsewhere is missing."""
    graph = survey([source], run.policy.dependencies)
    for failure in graph.failures:
        raise failure.error
    with Workers(run.options.jobs) as workers:
        built = BuiltCharts(graph=graph, decisions=Decisions(), run=run, workers=workers)
        artifact = built.certain(source.path)
    return load_archive(run.policy.layout.blob(artifact.layer), title=source.tree.title)


def _standing(plan: Plan) -> Observation | None:
    """Return where a version is published that stands although the tree has other content, None where none does."""
    same = [finding for finding in plan.findings if finding.state is State.SAME]
    if plan.status == "drift" and not same:
        return next((finding for finding in plan.findings if finding.state is State.DIFFERENT), None)
    return next((finding for finding in same if finding.ignored), None)


def _published(plan: Plan) -> Chart | None:
    """Return the chart as it is published with the content of this tree, None where it is not."""
    for finding in plan.findings:
        layer = chart_layer(finding.manifest) if finding.manifest and finding.state is State.SAME else None
        if layer is not None:
            return load_archive(finding.site.store.blob(layer), title=finding.site.reference)
    return None


def _packed(needs: Iterable[Need], subcharts: Sequence[Chart]) -> dict[str, bytes]:
    """Return the archives of the subcharts that meet some needs, by their path; none unless each need is met."""
    files = {}
    for need in needs:
        fitting = [chart for chart in subcharts if chart.name == need.name and need.allows(chart.version)]
        if not fitting:
            return {}
        chart = max(fitting, key=lambda chart: ChartVersion.parse(chart.version))
        files[archive_path(chart.name, chart.version)] = package.gzip(package.tar(package.entries(chart)))
    return files


def _at_version(need: Need, subcharts: Sequence[Chart]) -> Need:
    """Return a need with the version that is published where no lock names one."""
    versions = [
        chart.version for chart in subcharts if chart.name == need.name and need.allows(chart.version)
    ]
    if need.locked or not versions:
        return need
    return replace(need, version=max(versions, key=ChartVersion.parse), locked=True)
