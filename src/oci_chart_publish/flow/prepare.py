"""One chart from its tree to a plan: its version, what it lacks, the artifact, and what the registries hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from oci_chart_publish.build.build import Needs, build, check_dependencies
from oci_chart_publish.build.dependencies.need import FILE, Surroundings, left_alone, needs, renewed_lock
from oci_chart_publish.build.dependencies.resolve import archives
from oci_chart_publish.chart import package
from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.chart import Chart, load_chart
from oci_chart_publish.chart.overlay import OverlayTree
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ChartError, PublishError, SkippedError
from oci_chart_publish.flow.run import (
    Outcome,
    Run,
    Surveyed,
    VersionPolicy,
    failure,
)
from oci_chart_publish.handover import ChartArtifact, Failure, Need, VersionDecision
from oci_chart_publish.oci.reference import Repository, check_tag
from oci_chart_publish.push.previous import published_versions
from oci_chart_publish.push.reconcile import Action, Plan, Site, State, decide, look_up
from oci_chart_publish.push.same import chart_layer
from oci_chart_publish.workers import Workers


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """What has been built in this run, for the charts that embed it."""

    surveyed: tuple[Surveyed, ...]
    run: Run
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def put(self, folder: str, outcome: Outcome) -> None:
        """Remember what became of the chart in a folder."""
        self.outcomes[folder] = outcome

    def archive(self, need: Need) -> tuple[str, bytes]:
        """Return version and archive of a chart of this repository that another one needs.

        As it was built in this run; but where it is declared by URL and that URL has other content, what is there.
        """
        folder = need.folder or ""
        outcome = self.outcomes.get(folder)
        if isinstance(outcome, Failure):
            raise SkippedError(f"not built, because its dependency {outcome.name or folder} was not")
        if outcome is not None:
            return outcome.artifact.version, self._layer(outcome, by_url=not need.repository.startswith(FILE))
        tree = self.run.dependencies.tree(folder) if self.run.dependencies.tree else None
        if tree is None:
            raise ChartError(f"there is no chart in {folder or '.'}")
        try:
            chart = load_chart(tree)
            check_dependencies(chart)
        except ChartError as error:
            raise error.within(folder or ".") from error
        return chart.version, package.gzip(package.tar(package.entries(chart)))

    def _layer(self, plan: Plan, *, by_url: bool) -> bytes:
        artifact = plan.artifact
        # One that was found to be published is never resolved here: what is published is what others embed.
        if artifact.unresolved or (by_url and _published_otherwise(plan)):
            for finding in plan.findings:
                layer = chart_layer(finding.manifest) if finding.manifest else None
                if layer is not None:
                    return finding.site.store.blob(layer)
        if artifact.unresolved:
            raise ChartError(f"{artifact.name} {artifact.version} could not be resolved")
        return self.run.layout.blob(artifact.layer)


def _published_otherwise(plan: Plan) -> bool:
    """Tell whether a chart's version is published with other content and stays so, wherever it is published."""
    if plan.action in {Action.CONFLICT, Action.HOLD}:
        return not any(finding.state is State.SAME for finding in plan.findings)
    return any(finding.ignored for finding in plan.findings)


def prepare(one: Surveyed, decisions: Decisions, shelf: Shelf, run: Run, workers: Workers) -> Outcome:
    """Build a chart, look at all its sites, and decide; what is published is compared before anything is fetched."""
    try:
        decision = decisions.of(one.metadata.name)
        moved = decisions.moved(one)
        lacks = _lacks(one, moved, shelf.surveyed, run)
        artifact, sites = _build(one, decisions.version(one), moved, run, workers, lacks=lacks)
        warnings = (
            (*artifact.warnings, decision.warning) if decision and decision.warning else artifact.warnings
        )
        artifact = replace(artifact, dependencies=one.dependencies, decision=decision, warnings=warnings)
        if run.dependencies.update:
            artifact = replace(artifact, warnings=(*artifact.warnings, *left_alone(artifact)))
        plan = _look(artifact, sites, run, workers)
        if artifact.unresolved and (run.dependencies.always or _would_publish_ours(plan)):
            artifact = replace(artifact, unresolved=_as_published(artifact.unresolved, plan))
            artifact = _resolved(one, artifact, decisions, shelf, run, workers)
            plan = _look(artifact, sites, run, workers)
    except PublishError as error:
        return failure(one, error)
    run.progress.step(artifact.name, "built")
    return plan


def _new_lock(one: Surveyed, files: Mapping[str, bytes], run: Run) -> dict[str, bytes]:
    """Return the lock for what was resolved, and write it to the tree where that is asked for and it changed."""
    chart = load_chart(OverlayTree(one.source.tree, files))
    path, data = renewed_lock(chart, run.dependencies.aliases)
    if chart.file(path) == data:
        return {}
    if run.dependencies.save is not None:
        run.dependencies.save(f"{one.source.path}/{path}" if one.source.path else path, data)
    return {path: data}


def _look(artifact: ChartArtifact, sites: Sequence[Site], run: Run, workers: Workers) -> Plan:
    # Names in the layout move freely: a cache never conflicts.
    overwrite = run.overwrite or not run.places(artifact.name)
    ignored = None if overwrite else run.ignored(artifact.name)
    look = partial(look_up, artifact, here=run.layout, verdicts=run.memo, ignored=ignored)
    findings = workers.gather([partial(look, site=site) for site in sites])
    return decide(artifact, tuple(findings), overwrite=overwrite)


def _as_published(needs: Sequence[Need], plan: Plan) -> tuple[Need, ...]:
    """Return the needs with the versions that are published where no lock names one: newer ones came later."""
    for finding in plan.findings:
        layer = chart_layer(finding.manifest) if finding.manifest and finding.state is State.SAME else None
        if layer is not None:
            published = load_archive(finding.site.store.blob(layer), title=finding.site.reference)
            return tuple(_at_version(need, published.subcharts) for need in needs)
    return tuple(needs)


def _at_version(need: Need, charts: Sequence[Chart]) -> Need:
    versions = [chart.version for chart in charts if chart.name == need.name and need.allows(chart.version)]
    if need.locked or need.folder is not None or not versions:
        return need
    return replace(need, version=max(versions, key=ChartVersion.parse), locked=True)


def _would_publish_ours(plan: Plan) -> bool:
    return plan.action is Action.PUBLISH and plan.manifest is plan.artifact.manifest


def _resolved(
    one: Surveyed, artifact: ChartArtifact, decisions: Decisions, shelf: Shelf, run: Run, workers: Workers
) -> ChartArtifact:
    """Build a chart again, with what it lacks in its ``charts/``."""
    fetcher = run.dependencies.fetcher
    files, warnings = archives(
        artifact.unresolved, shelf.archive, fetcher() if fetcher else None, workers.gather
    )
    if run.dependencies.update:
        files |= _new_lock(one, files, run)
        warnings = []  # they are of what no lock holds
    whole, _ = _build(one, artifact.version, decisions.moved(one), run, workers, files=files)
    return replace(
        whole,
        dependencies=artifact.dependencies,
        decision=artifact.decision,
        warnings=tuple(dict.fromkeys((*artifact.warnings, *whole.warnings, *warnings))),
    )


def _build(
    one: Surveyed,
    version: str,
    moved: Mapping[str, str],
    run: Run,
    workers: Workers,
    *,
    lacks: Needs | None = None,
    files: Mapping[str, bytes] | None = None,
) -> tuple[ChartArtifact, list[Site]]:
    """Build a chart at a version; stamped scalars and added ``files`` go into the artifact, never into the tree."""
    sites = _sites(one.metadata.name, version, run)
    tree = one.source.tree
    if version != one.metadata.version or moved:
        from oci_chart_publish.bump.stamp import stamped_files  # noqa: PLC0415  (start-up: only where versions move)

        tree = OverlayTree(tree, stamped_files(tree, version, moved))
    if run.dependencies.rewrite and one.metadata.dependencies:
        from oci_chart_publish.bump.stamp import redirected_files  # noqa: PLC0415  (as above)

        tree = OverlayTree(tree, redirected_files(tree, one.dependencies, run.dependencies.rewrite))
    if files:
        tree = OverlayTree(tree, files)
    with workers.building:
        recipe = run.recipe(one.source.path)
        return build(tree, one.source.path, run.layout, run.memo, recipe, needs=lacks), sites


@dataclass(frozen=True, kw_only=True, slots=True)
class Decisions:
    """The version of each chart by name, or why it could not be decided; empty where Chart.yaml is the truth.

    ``follow`` tells whether a chart moves with its dependencies in this repository.
    """

    by_name: Mapping[str, VersionDecision | PublishError] = field(default_factory=dict)
    follow: bool = True

    def of(self, name: str) -> VersionDecision | None:
        """Return the decision for a chart, None where there is none to make; raises what prevented it."""
        found = self.by_name.get(name)
        if isinstance(found, PublishError):
            raise found
        return found

    def version(self, one: Surveyed) -> str:
        """Return the version that a chart has in this run."""
        found = self.by_name.get(one.metadata.name)
        return found.version if isinstance(found, VersionDecision) else one.metadata.version

    def moved(self, one: Surveyed) -> dict[str, str]:
        """Return the new versions of a chart's dependencies in this repository whose version moves.

        Not of those that lie in its ``charts/``: what it embeds is that copy, whatever the original does. A chart that
        does not follow and does not move itself stays as it is.
        """
        own = self.by_name.get(one.metadata.name)
        if not self.follow and not (isinstance(own, VersionDecision) and own.stamped):
            return {}
        vendored = _vendored(one)
        found = {name: self.by_name.get(name) for name in one.dependencies if name not in vendored}
        return {name: d.version for name, d in found.items() if isinstance(d, VersionDecision) and d.stamped}


def _vendored(one: Surveyed) -> frozenset[str]:
    """Return which of its dependencies a chart has in ``charts/``, as a folder or an archive.

    What git does not track (``helm dependency build`` leaves archives there) is a copy of something else.
    """
    tree = one.source.tree
    if not one.dependencies or not any(it.name == "charts" and it.is_dir for it in tree.entries("")):
        return frozenset()
    held = [(entry.name, entry.is_dir) for entry in tree.entries("charts") if entry.tracked]
    archive = re.compile(r"(.+?)-v?[0-9]+(?:\..*)?\.tgz")
    archived = {match[1] for name, is_dir in held if not is_dir and (match := archive.fullmatch(name))}
    return frozenset(archived | {name for name, is_dir in held if is_dir})


def decide_versions(surveyed: Sequence[Surveyed], run: Run, workers: Workers) -> Decisions:
    """Decide the version of every chart, dependencies first: a chart may have to follow them."""
    run.refuse([one.metadata.name for one in surveyed])
    versions = run.versions
    if versions is None:
        return Decisions()
    by_name = {one.metadata.name: one for one in surveyed}
    decided: dict[str, VersionDecision | PublishError] = {}

    def decide_one(name: str) -> None:
        moved = Decisions(by_name=decided, follow=versions.follow_dependencies).moved(by_name[name])
        bumped = next(iter(moved), "")
        try:
            decided[name] = _decide(
                by_name[name],
                versions,
                bumped,
                run,
                workers,
                moved=moved,
                related=_related(name, by_name),
                lacks=_lacks(by_name[name], moved, surveyed, run),
            )
        except PublishError as error:
            decided[name] = error

    workers.in_order({name: one.dependencies for name, one in by_name.items()}, decide_one)
    return Decisions(by_name=decided, follow=versions.follow_dependencies)


def _lacks(one: Surveyed, moved: Mapping[str, str], surveyed: Sequence[Surveyed], run: Run) -> Needs:
    """Return how to tell what a chart lacks, where what it embeds has to be at the versions of this run."""
    folders = {
        other.source.path: (other.metadata.name, moved.get(other.metadata.name, other.metadata.version))
        for other in surveyed
    }
    policy = run.dependencies
    around = Surroundings(folders=folders, is_own=policy.is_own, aliases=policy.aliases)

    def lacks(chart: Chart) -> tuple[Need, ...]:
        found = needs(chart, one.source.path, around, locked=not policy.update)
        return tuple(
            replace(need, version=moved[need.name], locked=True) if need.name in moved else need
            for need in found
        )

    return lacks


def _related(name: str, by_name: Mapping[str, Surveyed]) -> dict[str, str]:
    """Return the folders by name of everything in this run that a chart depends on, directly or not."""
    found: dict[str, str] = {}
    waiting = list(by_name[name].dependencies)
    while waiting:
        dependency = waiting.pop()
        if dependency in by_name and dependency not in found:
            found[dependency] = by_name[dependency].source.path
            waiting += by_name[dependency].dependencies
    return found


def _decide(
    one: Surveyed,
    versions: VersionPolicy,
    bumped: str,
    run: Run,
    workers: Workers,
    *,
    moved: Mapping[str, str],
    related: Mapping[str, str],
    lacks: Needs,
) -> VersionDecision:
    def published() -> list[ChartVersion]:
        stores = [
            site.store for site in _sites(one.metadata.name, one.metadata.version, run) if site.registry
        ]
        return [version for store in stores for version in published_versions(store)]

    def is_same(version: ChartVersion) -> bool:
        if not run.places(one.metadata.name):
            return False
        artifact, sites = _build(one, str(version), moved, run, workers, lacks=lacks)
        ignored = run.ignored(one.metadata.name)
        findings = [look_up(artifact, site, run.layout, run.memo, ignored=ignored) for site in sites]
        for finding in findings:
            if finding.state is State.FAILED and finding.error is not None:
                raise finding.error  # an outage is no reason to take another number
        states = {finding.state for finding in findings}
        return State.SAME in states and State.DIFFERENT not in states

    return versions.decide(one.metadata, one.source.path, published, is_same, bumped, related)


def _sites(chart: str, version: str, run: Run) -> list[Site]:
    registries = run.places(chart)
    if not registries:
        name = f"{chart}:{version}"
        return [Site(registry="", reference=name, name=name, store=run.layout)]
    tag = version.replace("+", "_")
    sites = []
    for registry in registries:
        repository = Repository.parse(registry).child(chart)
        reference = f"{repository}:{check_tag(tag, f'{repository}:{tag}')}"
        sites.append(Site(registry=registry, reference=reference, name=tag, store=run.connect(repository)))
    return sites
