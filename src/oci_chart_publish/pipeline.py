"""The whole run, as it reads in the README.

1. discover: which charts there are, and which of them this run is about
2. bump: the version of each
3. build: each chart becomes an artifact in the layout
4. push: what the registries lack is copied to them
5. report: one document for people and programs

``plan`` is the same run without a single write outside the cache.
"""

from __future__ import annotations

import posixpath
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from graphlib import CycleError, TopologicalSorter
from typing import Protocol

from oci_chart_publish.build.build import Needs, Recipe, build, check_dependencies, check_remembered
from oci_chart_publish.build.dependencies.need import FILE, Surroundings, left_alone, needs, renewed_lock
from oci_chart_publish.build.dependencies.resolve import Fetcher, archives
from oci_chart_publish.chart import package
from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.chart import Chart, load_chart
from oci_chart_publish.chart.metadata import ChartMetadata, decode_metadata
from oci_chart_publish.chart.overlay import OverlayTree
from oci_chart_publish.chart.tree import Tree
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ChartError, ConfigError, PublishError, SkippedError
from oci_chart_publish.handover import ChartArtifact, Failure, Need, VersionDecision
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.reference import Repository, check_tag
from oci_chart_publish.oci.store import Target
from oci_chart_publish.progress import Progress, Silent
from oci_chart_publish.push import publish as protocol
from oci_chart_publish.push.previous import published_versions
from oci_chart_publish.push.reconcile import Action, Plan, Site, State, decide, look_up
from oci_chart_publish.push.same import chart_layer
from oci_chart_publish.report import compose, document
from oci_chart_publish.workers import Workers


class ChartSource(Protocol):
    """A chart that was discovered: its folder below the repository root, and the tree its files come from."""

    @property
    def path(self) -> str:
        """POSIX path of the folder, "" for the root."""

    @property
    def tree(self) -> Tree:
        """The chart's files."""


class NamedTarget(Target, Protocol):
    """The layout: a store with names."""

    def name_all(self, names: Mapping[str, Descriptor]) -> None:
        """Name several manifests at once."""


class VersionPolicy(Protocol):
    """The bump stage: it decides the version of one chart at a time."""

    @property
    def follow_dependencies(self) -> bool:
        """Whether a chart is bumped because a dependency in this repository was."""

    def decide(
        self,
        metadata: ChartMetadata,
        folder: str,
        published: Callable[[], Iterable[ChartVersion]],
        is_same: Callable[[ChartVersion], bool],
        bumped: str = "",
        related: Sequence[str] = (),
    ) -> VersionDecision:
        """Return the version of the chart in ``folder``; ``related`` are the folders of what it depends on here."""


class Memo(Protocol):
    """Remembers layers and verdicts between runs."""

    def get(self, kind: str, key: str) -> object | None:
        """Return what was put under the key, or None."""

    def put(self, kind: str, key: str, value: object) -> None:
        """Remember a JSON value under the key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DependencyPolicy:
    """Where missing dependencies come from.

    ``is_own`` tells which repository URLs mean this repository, ``aliases`` are names for others, ``fetcher`` makes
    what gets the rest (None: nothing is fetched). ``tree`` gives the files of a folder that is no chart of the
    run, None where there is no chart. ``always`` resolves even what could be compared without, ``update`` resolves
    anew without regard to locks, and ``save`` then writes the new lock to the tree. ``rewrite`` is the URL at which the
    artifact says its dependencies of this repository are; empty: as written.
    """

    is_own: Callable[[str], bool] = lambda _: False
    aliases: Mapping[str, str] = field(default_factory=dict)
    fetcher: Callable[[], Fetcher] | None = None
    tree: Callable[[str], Tree | None] | None = None
    always: bool = False
    update: bool = False
    save: Callable[[str, bytes], None] | None = None
    rewrite: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """All that a run needs: where to, with what, and how."""

    layout: NamedTarget
    memo: Memo
    connect: Callable[[Repository], Target]
    recipe: Callable[[str], Recipe]
    registries: tuple[str, ...] = ()
    own_registries: Callable[[str], tuple[str, ...] | None] = lambda _: None
    jobs: int = 32
    overwrite: bool = False
    check: Callable[[Plan], None] = lambda _: None
    versions: VersionPolicy | None = None
    details: bool = True
    size_budget: int = 0
    dependencies: DependencyPolicy = field(default_factory=DependencyPolicy)
    progress: Progress = field(default_factory=Silent)
    stopping: threading.Event = field(default_factory=threading.Event)

    def places(self, chart: str) -> tuple[str, ...]:
        """Return where a chart goes: to registries of its own where the settings name some."""
        own = self.own_registries(chart)
        return self.registries if own is None else own


@dataclass(frozen=True, kw_only=True, slots=True)
class Surveyed:
    """A source whose Chart.yaml has been read."""

    source: ChartSource
    metadata: ChartMetadata
    dependencies: tuple[str, ...] = ()


Outcome = Plan | Failure


def plan(sources: Iterable[ChartSource], run: Run) -> tuple[document.Chart, ...]:
    """Build everything, compare it with the registries, and say what would be published."""
    surveyed, broken = survey(sources, run.dependencies)
    run.progress.start(len(surveyed))
    with Workers(run.jobs) as workers:
        outcomes = _each_in_order(_prepare, surveyed, run, workers)
        entries = _entries([*broken, *outcomes], run, workers, wrote=False)
    run.progress.stop()
    return entries


def publish(sources: Iterable[ChartSource], run: Run) -> tuple[document.Chart, ...]:
    """Publish what the registries lack; the order is that of the publish protocol."""
    surveyed, broken = survey(sources, run.dependencies)
    run.progress.start(len(surveyed))
    with Workers(run.jobs) as workers:
        outcomes = _each_in_order(_prepare_and_upload, surveyed, run, workers)
        plans = [outcome for outcome in outcomes if isinstance(outcome, Plan)]
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        plans = workers.each(partial(protocol.put_manifest, gather=workers.gather), plans)
        finished = _tag_in_order(plans, [*broken, *failures], run, workers)
        _name_in_layout(finished, run)
        entries = _entries([*broken, *failures, *finished], run, workers, wrote=True)
    run.progress.stop()
    return entries


def verify(sources: Iterable[ChartSource], run: Run) -> tuple[document.Chart, ...]:
    """Rebuild everything and demand that every registry holds just that, whole."""
    run = replace(run, details=False, dependencies=replace(run.dependencies, always=True))
    surveyed, broken = survey(sources, run.dependencies)
    run.progress.start(len(surveyed))
    with Workers(run.jobs) as workers:
        outcomes = _each_in_order(_prepare, surveyed, run, workers)
        checked = workers.each(partial(_check, workers=workers), outcomes)
        entries = _entries([*broken, *checked], run, workers, wrote=True)
    run.progress.stop()
    return entries


def _check(outcome: Outcome, workers: Workers) -> Outcome:
    if isinstance(outcome, Failure):
        return outcome
    found = [finding for finding in outcome.findings if finding.state not in {State.FAILED, State.UNKNOWN}]
    errors = workers.gather([partial(protocol.verify_site, outcome.artifact, finding) for finding in found])
    for finding, error in zip(found, errors, strict=True):
        outcome = outcome if error is None else outcome.failed(finding.site, error)
    return outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Bumped:
    """The decision for one chart, and the files that change with it: new bytes by path below the chart's folder."""

    name: str
    path: str
    version: str
    decision: VersionDecision
    files: Mapping[str, bytes] = field(default_factory=dict)


def bump(sources: Iterable[ChartSource], run: Run) -> tuple[list[Bumped], list[PublishError]]:
    """Decide every version, dependencies first, and say what would change in the tree; nothing is written."""
    surveyed, broken = survey(sources, run.dependencies)
    errors = [failure.error for failure in broken]
    found: list[Bumped] = []
    with Workers(run.jobs) as workers:
        decisions = decide_versions(surveyed, run, workers)
    for one in surveyed:
        try:
            decision = decisions.of(one.metadata.name)
            if decision is not None:
                found.append(_bumped(one, decision, decisions.moved(one)))
        except PublishError as error:
            errors.append(error)
    return found, errors


def _bumped(one: Surveyed, decision: VersionDecision, moved: Mapping[str, str]) -> Bumped:
    from oci_chart_publish.bump.stamp import stamped_files  # noqa: PLC0415

    changes = decision.stamped or bool(moved)
    return Bumped(
        name=one.metadata.name,
        path=one.source.path,
        version=one.metadata.version,
        decision=decision,
        files=stamped_files(one.source.tree, decision.version, moved) if changes else {},
    )


def survey(
    sources: Iterable[ChartSource], policy: DependencyPolicy | None = None
) -> tuple[list[Surveyed], list[Failure]]:
    """Read each Chart.yaml: names, versions, and who depends on whom. Two charts of one name are refused."""
    policy = policy or DependencyPolicy()
    found: list[Surveyed] = []
    broken: list[Failure] = []
    for source in sources:
        try:
            found.append(Surveyed(source=source, metadata=_metadata(source.tree)))
        except ChartError as error:
            broken.append(
                Failure(path=source.path, error=error.within(source.path) if source.path else error)
            )
    _refuse_twins(found)
    names = {one.source.path: one.metadata.name for one in found}
    ordered = [replace(one, dependencies=_inside(one, names, policy)) for one in found]
    circle = _circle(ordered)
    broken += [_in_circle(one, circle) for one in ordered if one.metadata.name in circle]
    return [one for one in ordered if one.metadata.name not in circle], broken


def _circle(found: Sequence[Surveyed]) -> tuple[str, ...]:
    try:
        TopologicalSorter({one.metadata.name: one.dependencies for one in found}).prepare()
    except CycleError as error:
        return tuple(error.args[1])
    return ()


def _in_circle(one: Surveyed, circle: tuple[str, ...]) -> Failure:
    error = ChartError(
        f"charts that depend on each other: {' -> '.join(reversed(circle))}",
        path="Chart.yaml",
        key="dependencies",
        hint="take one of these dependencies out",
    )
    return _failure(one, error)


def _metadata(tree: Tree) -> ChartMetadata:
    present = {entry.name for entry in tree.entries("") if not entry.is_dir}
    if "Chart.yaml" not in present:
        raise ChartError("there is no such file", path="Chart.yaml")
    requirements = tree.read("requirements.yaml") if "requirements.yaml" in present else None
    return decode_metadata(tree.read("Chart.yaml"), requirements=requirements)


def _refuse_twins(found: Sequence[Surveyed]) -> None:
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


def _inside(one: Surveyed, names: Mapping[str, str], policy: DependencyPolicy) -> tuple[str, ...]:
    """Return the charts of this run that a chart depends on: by ``file://``, or by a URL that means this repository."""
    found: list[str] = []
    known = set(names.values())
    for dependency in one.metadata.dependencies:
        repository = policy.aliases.get(
            dependency.repository.lstrip("@").removeprefix("alias:"), dependency.repository
        )
        if repository.startswith(FILE):
            folder = posixpath.normpath(posixpath.join(one.source.path, repository.removeprefix(FILE)))
            found += [names[folder]] if folder in names else []
        elif dependency.name in known and policy.is_own(repository):
            found.append(dependency.name)
    return tuple(dict.fromkeys(name for name in found if name != one.metadata.name))


Prepare = Callable[[Surveyed, "Decisions", "Shelf", Run, Workers], Outcome]


def _each_in_order(
    prepare: Prepare, surveyed: Sequence[Surveyed], run: Run, workers: Workers
) -> list[Outcome]:
    """Decide every version, then prepare every chart, those that others embed before them."""
    decisions = decide_versions(surveyed, run, workers)
    shelf = Shelf(surveyed=tuple(surveyed), run=run)
    by_name = {one.metadata.name: one for one in surveyed}

    def prepare_one(name: str) -> Outcome:
        outcome = prepare(by_name[name], decisions, shelf, run, workers)
        shelf.put(by_name[name].source.path, outcome)
        return outcome

    graph = {name: one.dependencies for name, one in by_name.items()}
    return list(workers.in_order(graph, prepare_one).values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """What has been built in this run, for the charts that embed it."""

    surveyed: tuple[Surveyed, ...]
    run: Run
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def put(self, folder: str, outcome: Outcome) -> None:
        """Remember what became of the chart in a folder."""
        self.outcomes[folder] = outcome

    def archive(self, folder: str) -> tuple[str, bytes]:
        """Return version and archive of the chart in a folder of this repository."""
        outcome = self.outcomes.get(folder)
        if isinstance(outcome, Failure):
            raise SkippedError(f"not built, because its dependency {outcome.name or folder} was not")
        if outcome is not None:
            return outcome.artifact.version, self._layer(outcome)
        tree = self.run.dependencies.tree(folder) if self.run.dependencies.tree else None
        if tree is None:
            raise ChartError(f"there is no chart in {folder or '.'}", path="Chart.yaml", key="dependencies")
        chart = load_chart(tree)
        check_dependencies(chart)
        return chart.version, package.gzip(package.tar(package.entries(chart)))

    def _layer(self, plan: Plan) -> bytes:
        artifact = plan.artifact
        if not artifact.unresolved:
            return self.run.layout.blob(artifact.layer)
        # It was found to be published and never resolved here: what is published is what others embed.
        for finding in plan.findings:
            layer = chart_layer(finding.manifest) if finding.manifest else None
            if layer is not None:
                return finding.site.store.blob(layer)
        raise ChartError(f"{artifact.name} {artifact.version} could not be resolved")


def _prepare(one: Surveyed, decisions: Decisions, shelf: Shelf, run: Run, workers: Workers) -> Outcome:
    """Build a chart, look at all its sites, and decide; what is published is compared before anything is fetched."""
    try:
        decision = decisions.of(one.metadata.name)
        moved = decisions.moved(one)
        lacks = _lacks(one, moved, shelf.surveyed, run)
        artifact, sites = _build(one, decisions.version(one), moved, run, workers, lacks=lacks)
        artifact = replace(artifact, dependencies=one.dependencies, decision=decision)
        if run.dependencies.update:
            artifact = replace(artifact, warnings=(*artifact.warnings, *left_alone(artifact)))
        plan = _look(artifact, sites, run, workers)
        if artifact.unresolved and (run.dependencies.always or _would_publish_ours(plan)):
            artifact = replace(artifact, unresolved=_as_published(artifact.unresolved, plan))
            artifact = _resolved(one, artifact, decisions, shelf, run, workers)
            plan = _look(artifact, sites, run, workers)
    except PublishError as error:
        return _failure(one, error)
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
    findings = workers.gather([partial(look_up, artifact, site, run.layout, run.memo) for site in sites])
    # Names in the layout move freely: a cache never conflicts.
    return decide(artifact, tuple(findings), overwrite=run.overwrite or not run.places(artifact.name))


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
    """The version of each chart by name, or why it could not be decided; empty where Chart.yaml is the truth."""

    by_name: Mapping[str, VersionDecision | PublishError] = field(default_factory=dict)

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

        Not of those that lie in its ``charts/``: what it embeds is that copy, whatever the original does.
        """
        vendored = _vendored(one)
        found = {name: self.by_name.get(name) for name in one.dependencies if name not in vendored}
        return {name: d.version for name, d in found.items() if isinstance(d, VersionDecision) and d.stamped}


def _vendored(one: Surveyed) -> frozenset[str]:
    """Return which of its dependencies a chart has in ``charts/``, as a folder or an archive."""
    tree = one.source.tree
    if not one.dependencies or not any(it.name == "charts" and it.is_dir for it in tree.entries("")):
        return frozenset()
    held = [(entry.name, entry.is_dir) for entry in tree.entries("charts")]
    archive = re.compile(r"(.+?)-v?[0-9]+(?:\..*)?\.tgz")
    archived = {match[1] for name, is_dir in held if not is_dir and (match := archive.fullmatch(name))}
    return frozenset(archived | {name for name, is_dir in held if is_dir})


def decide_versions(surveyed: Sequence[Surveyed], run: Run, workers: Workers) -> Decisions:
    """Decide the version of every chart, dependencies first: a chart may have to follow them."""
    versions = run.versions
    if versions is None:
        return Decisions()
    by_name = {one.metadata.name: one for one in surveyed}
    decided: dict[str, VersionDecision | PublishError] = {}

    def decide_one(name: str) -> None:
        moved = Decisions(by_name=decided).moved(by_name[name])
        bumped = next(iter(moved), "") if versions.follow_dependencies else ""
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
    return Decisions(by_name=decided)


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


def _related(name: str, by_name: Mapping[str, Surveyed]) -> tuple[str, ...]:
    """Return the folders of everything in this run that a chart depends on, directly or not."""
    found: dict[str, str] = {}
    waiting = list(by_name[name].dependencies)
    while waiting:
        dependency = waiting.pop()
        if dependency in by_name and dependency not in found:
            found[dependency] = by_name[dependency].source.path
            waiting += by_name[dependency].dependencies
    return tuple(found.values())


def _decide(
    one: Surveyed,
    versions: VersionPolicy,
    bumped: str,
    run: Run,
    workers: Workers,
    *,
    moved: Mapping[str, str],
    related: Sequence[str],
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
        findings = [look_up(artifact, site, run.layout, run.memo) for site in sites]
        for finding in findings:
            if finding.state is State.FAILED and finding.error is not None:
                raise finding.error  # an outage is no reason to take another number
        states = {finding.state for finding in findings}
        return State.SAME in states and State.DIFFERENT not in states

    return versions.decide(one.metadata, one.source.path, published, is_same, bumped, related)


def _prepare_and_upload(
    one: Surveyed, decisions: Decisions, shelf: Shelf, run: Run, workers: Workers
) -> Outcome:
    outcome = _prepare(one, decisions, shelf, run, workers)
    if isinstance(outcome, Failure):
        return outcome
    if outcome.going:
        try:
            run.check(outcome)
            check_remembered(outcome.artifact, run.layout)
        except PublishError as error:
            return _failure(one, error)
    return protocol.upload(outcome, run.layout, workers.gather)


def _failure(one: Surveyed, error: PublishError) -> Failure:
    if isinstance(error, ChartError) and one.source.path:
        error = error.within(one.source.path)
    return Failure(
        path=one.source.path,
        error=error,
        name=one.metadata.name,
        version=one.metadata.version,
        dependencies=one.dependencies,
    )


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


def _tag_in_order(
    plans: Sequence[Plan], failures: Sequence[Failure], run: Run, workers: Workers
) -> list[Outcome]:
    """Write tags, dependencies first; a chart whose dependency failed is left alone."""
    by_name = {plan.artifact.name: plan for plan in plans}
    bad = {failure.name for failure in failures}

    def tag(name: str) -> Outcome:
        outcome = _tag(_unless_blocked(by_name[name], bad), run, workers)
        # A dependency in conflict is published, if with other content: that must not hold up what depends on it.
        if _failed(outcome) and by_name[name].action is not Action.CONFLICT:
            bad.add(name)
        return outcome

    graph = {name: plan.artifact.dependencies for name, plan in by_name.items()}
    return list(workers.in_order(graph, tag).values())


def _unless_blocked(plan: Plan, bad: set[str]) -> Outcome:
    blocking = [name for name in plan.artifact.dependencies if name in bad]
    if not blocking or not plan.going:
        return plan
    return Failure(
        path=plan.artifact.path,
        error=SkippedError(f"not published, because its dependency {', '.join(blocking)} was not"),
        name=plan.artifact.name,
        version=plan.artifact.version,
        warnings=plan.artifact.warnings,
        dependencies=plan.artifact.dependencies,
    )


def _tag(outcome: Outcome, run: Run, workers: Workers) -> Outcome:
    if isinstance(outcome, Failure) or not outcome.going:
        return outcome
    if run.stopping.is_set():
        error = SkippedError("not published: the run was interrupted")
        return outcome.failed(outcome.missing[0], error)
    tagged = protocol.put_tags(outcome, workers.gather, overwrite=run.overwrite)
    run.progress.step(outcome.artifact.name, "published" if tagged.done else "failed")
    return tagged


def _failed(outcome: Outcome) -> bool:
    if isinstance(outcome, Failure):
        return True
    return bool(outcome.failures) or outcome.action not in {Action.PUBLISH, Action.NOTHING}


def _name_in_layout(outcomes: Iterable[Outcome], run: Run) -> None:
    """Name in the layout, by its full reference, what a registry now holds."""
    names = {
        finding.site.reference: outcome.manifest.descriptor
        for outcome in outcomes
        if isinstance(outcome, Plan) and not _failed(outcome)
        for finding in outcome.findings
        if finding.site.registry and _stored(outcome, run)
    }
    if names:
        run.layout.name_all(names)


def _stored(plan: Plan, run: Run) -> bool:
    # What somebody else packed and published is only here if it had to be copied; gc may have taken parts of it since.
    manifest = plan.manifest
    return manifest is plan.artifact.manifest or all(
        run.layout.has(part) for part in (manifest.descriptor, *manifest.blobs)
    )


def _entries(
    outcomes: Iterable[Outcome], run: Run, workers: Workers, *, wrote: bool
) -> tuple[document.Chart, ...]:
    return tuple(workers.each(partial(_entry, run=run, wrote=wrote), outcomes))


def _entry(outcome: Outcome, run: Run, *, wrote: bool) -> document.Chart:
    if isinstance(outcome, Failure):
        return compose.failed(outcome)
    entry = compose.pushed(protocol.result(outcome, wrote=wrote))
    if not run.details:
        return entry
    from oci_chart_publish.details import describe  # noqa: PLC0415  (start-up: only where details are read)

    return describe(entry, outcome, run.layout, size_budget=run.size_budget)
