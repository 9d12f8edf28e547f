"""The versions of a run, dependencies first: what a chart embeds from this repository may move it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from oci_chart_publish.build.build import Needs
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import AuthError, PublishError
from oci_chart_publish.model import VersionDecision
from oci_chart_publish.push.previous import published_versions
from oci_chart_publish.push.reconcile import State, look_up
from oci_chart_publish.run.assemble import build_at, destinations_of, lacks_of
from oci_chart_publish.run.policy import ChartNode, Run
from oci_chart_publish.workers import Workers


class Decisions(msgspec.Struct, frozen=True, kw_only=True):
    """The version of each chart by name, or why it could not be decided; empty where Chart.yaml is the truth.

    ``follow`` tells whether a chart moves with its dependencies in this repository.
    """

    by_name: Mapping[str, VersionDecision | PublishError] = msgspec.field(default_factory=dict)
    follow: bool = True

    def of(self, name: str) -> VersionDecision | None:
        """Return the decision for a chart, None where there is none to make; raises what prevented it."""
        found = self.by_name.get(name)
        if isinstance(found, PublishError):
            raise found
        return found

    def version(self, one: ChartNode) -> str:
        """Return the version that a chart has in this run."""
        found = self.by_name.get(one.metadata.name)
        return found.version if isinstance(found, VersionDecision) else one.metadata.version

    def moved(self, one: ChartNode) -> dict[str, str]:
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


def _vendored(one: ChartNode) -> frozenset[str]:
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


def decide_versions(surveyed: Sequence[ChartNode], run: Run, workers: Workers) -> Decisions:
    """Decide the version of every chart, dependencies first: a chart may have to follow them.

    Once the run is to stop, no other version is decided.
    """
    run.policy.check_names([one.metadata.name for one in surveyed])
    versions = run.policy.versions
    if versions is None:
        return Decisions()
    by_name = {one.metadata.name: one for one in surveyed}
    decided: dict[str, VersionDecision | PublishError] = {}

    def decide_one(name: str) -> None:
        if run.stopping:
            return
        moved = Decisions(by_name=decided, follow=versions.follow_dependencies).moved(by_name[name])
        candidate = _Candidate(
            one=by_name[name],
            moved=moved,
            lacks=lacks_of(by_name[name], moved, surveyed, run),
            run=run,
            workers=workers,
        )
        try:
            decision = versions.decide(
                by_name[name].metadata,
                by_name[name].source.path,
                candidate.published,
                candidate.is_same,
                bumped=next(iter(moved), ""),
                related=_related(name, by_name),
            )
            decided[name] = candidate.told(decision)
        except PublishError as error:
            decided[name] = error

    workers.in_order({name: one.dependencies for name, one in by_name.items()}, decide_one)
    return Decisions(by_name=decided, follow=versions.follow_dependencies)


def _related(name: str, by_name: Mapping[str, ChartNode]) -> dict[str, str]:
    """Return the folders by name of everything in this run that a chart depends on, directly or not."""
    found: dict[str, str] = {}
    waiting = list(by_name[name].dependencies)
    while waiting:
        dependency = waiting.pop()
        if dependency in by_name and dependency not in found:
            found[dependency] = by_name[dependency].source.path
            waiting += by_name[dependency].dependencies
    return found


class _Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A chart whose version is to be decided: ``moved`` are the new versions of what it embeds from here.

    ``unread`` collects why registries could not be asked for versions.
    """

    one: ChartNode
    moved: Mapping[str, str]
    lacks: Needs
    run: Run
    workers: Workers
    unread: list[AuthError] = msgspec.field(default_factory=list)

    def published(self) -> list[ChartVersion]:
        """Return the versions that the registries have, as far as they may be read."""
        found: list[ChartVersion] = []
        for site in destinations_of(self.one.metadata.name, self.one.metadata.version, self.run):
            try:
                found += published_versions(site.store) if site.registry else ()
            except AuthError as error:
                if not self.run.options.tags_suffice:
                    raise
                self.unread.append(error)  # as for a look-up: it is unknown, and nothing is pushed then
        return found

    def told(self, decision: VersionDecision) -> VersionDecision:
        """Return the decision with a warning where a registry may not be read."""
        if not self.unread:
            return decision
        said = f"git tags alone decided, what is published is not known: {self.unread[0].message}"
        return replace(decision, warning="; ".join(filter(None, (decision.warning, said))))

    def is_same(self, version: ChartVersion) -> bool:
        """Tell whether this very chart is published as a version, as far as it is published."""
        run, name = self.run, self.one.metadata.name
        if not run.policy.destinations(name):
            return False
        artifact, sites = build_at(self.one, str(version), self.moved, run, self.workers, lacks=self.lacks)
        ignored = run.ignored_changes(name)
        findings = [
            look_up(artifact, site, run.policy.layout, run.policy.memo, ignored=ignored) for site in sites
        ]
        for finding in findings:
            if finding.state is State.FAILED and finding.error is not None:
                raise finding.error  # an outage is no reason to take another number
        states = {finding.state for finding in findings}
        return State.SAME in states and State.DIFFERENT not in states
