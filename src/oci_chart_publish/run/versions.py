"""The bump stage bound to settings, git and registries: it decides the version of one chart at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import msgspec
from msgspec.structs import replace

from oci_chart_publish.bump import policy
from oci_chart_publish.bump.conventional import Rules
from oci_chart_publish.bump.history import Releases, subjects_since
from oci_chart_publish.bump.policy import Change, History
from oci_chart_publish.bump.upgrade import Upgrade, upgrade
from oci_chart_publish.chart.metadata import ChartMetadata
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ConfigError, ConflictError, PublishError
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.github.event import Event
from oci_chart_publish.model import VersionDecision
from oci_chart_publish.run.chart_settings import ChartSettingsResolver
from oci_chart_publish.run.labels import Labels
from oci_chart_publish.run.pushed_changes import Changes
from oci_chart_publish.settings import Settings
from oci_chart_publish.singleflight import locked_cached_property

Published = Callable[[], Iterable[ChartVersion]]
IsSame = Callable[[ChartVersion], bool]


class Versions(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Decides versions by the settings; ``revision`` is the commit whose versions are decided."""

    settings: Settings
    charts: ChartSettingsResolver
    event: Event
    repository: GitRepository | None
    changes: Changes
    revision: str = "HEAD"
    labels: Labels | None = None

    def decide(
        self,
        metadata: ChartMetadata,
        folder: str,
        published: Published,
        is_same: IsSame,
        bumped: str = "",
        related: Mapping[str, str] | None = None,
    ) -> VersionDecision:
        """Return the version of a chart in ``folder``.

        ``bumped`` names a dependency that moved in this run, ``related`` are the names by folder of what it embeds from
        this repository: where dependents follow, a commit to those counts for the chart too.
        """
        settings = self.settings
        if settings.bump == "chart":
            return policy.keep(metadata.version)
        name, template = metadata.name, self.charts.template(metadata.name)
        if folder not in self.charts.folders and template.is_shared:
            return policy.keep(
                metadata.version
            )  # a chart that is only embedded: these are tags of another one
        released = self.releases.releases(name, template, published)
        try:
            # What is settled needs no commit: a git log for each of hundreds of charts takes minutes.
            decision = policy.settled(metadata.version, released, is_same=is_same)
            if decision is not None:
                return decision
            followed = related if self.follow_dependencies else None
            belonging = self.charts.belonging(name, folder, followed)
            history = self.releases.with_changes(released, name, template, belonging)
            decide = self._policy(metadata, history, bumped)
            decision = decide(history, is_same=is_same)
        except ConflictError as error:
            raise error.at("Chart.yaml", key="version") from error
        if settings.bump != "auto" or (decision.level == "none" and not decision.withheld):
            return decision
        if history.base is None and self._whole[1]:
            decision = _warned(decision, f"tags that this clone lacks do not count: {self._whole[1]}")
        if self.labels and self.labels.problem:
            decision = _warned(decision, f"labels of pull requests do not count: {self.labels.problem}")
        return self._squashed(decision, history, decide)

    def differing_tag(
        self, metadata: ChartMetadata, folder: str, version: str, related: Mapping[str, str]
    ) -> str:
        """Return the git tag of a version of a chart where its files differ from this tree; empty where none does."""
        name, repository = metadata.name, self.repository
        result = self.releases.tag(name, self.charts.template(name), ChartVersion.parse(version))
        if result is None or repository is None:
            return ""
        tag, commit = result
        head = None if self.revision == "HEAD" and not repository.bare else self.revision
        belonging = self.charts.belonging(name, folder, related)
        return tag if belonging.changed_by(repository.changed_files(commit, head)) else ""

    def _policy(
        self, metadata: ChartMetadata, history: History, bumped: str
    ) -> Callable[..., VersionDecision]:
        """Return what decides a version from a history."""
        bump = self.settings.bump
        if bump in {"major", "minor", "patch"}:
            return partial(policy.one_step, bump, metadata.version)
        return partial(
            policy.by_commits,
            metadata.version,
            labels=self.labels or policy.unlabelled,
            rules=self._rules(metadata, history),
            bumped_dependency=bumped,
            channel=self.settings.channel,
        )

    def _squashed(
        self, decision: VersionDecision, history: History, decide: Callable[[History], VersionDecision]
    ) -> VersionDecision:
        """Warn where a squash merge, whose commit has the title of the pull request, would make another version.

        Of several commits GitHub takes the title, of one the message, or the title where the repository is set so.
        """
        pull_request = self.event.pull_request
        if pull_request is None or not pull_request.title:
            return decision
        arriving = [change for change in history.changes if change.sha in self._arriving]
        if not arriving:
            return decision
        squashed = Change(
            message=f"{pull_request.title} (#{pull_request.number})",
            sha=arriving[0].sha,
            own=any(change.own for change in arriving),
        )
        others = tuple(change for change in history.changes if change not in arriving)
        try:
            after = decide(replace(history, changes=(squashed, *others)))
        except PublishError as error:
            message = f"would fail: {error.message}"
        else:
            message = f"makes it {after.version}" if after.version != decision.version else ""
        if not message:
            return decision
        where = "" if len(self._arriving) > 1 else ", where the repository takes titles for one commit too,"
        return _warned(decision, f"a squash merge as {pull_request.title!r}{where} {message}")

    @locked_cached_property
    def _arriving(self) -> frozenset[str]:
        """The commits that the pull request of the event brings, without merges."""
        return frozenset(commit.sha for commit in self.changes.commits if len(commit.parents) < 2)

    def _rules(self, metadata: ChartMetadata, history: History) -> Rules:
        """Return how the commits since a chart's last release become levels."""
        settings = self.settings
        untyped, because = settings.untyped, ""
        if untyped == "app-version":
            asked = history.since and history.changes  # in a clone without old files, each read is a request
            before = self.releases.metadata(history.since, history.folder) if asked else None
            moved = upgrade(before, metadata) if before else Upgrade()
            untyped, because = moved.level, moved.reason
        return Rules.of(
            settings.commit_types,
            untyped=untyped,
            because=because,
            squash=settings.squash,
            initial_development=settings.initial_development,
        )

    @property
    def follow_dependencies(self) -> bool:
        """Whether a chart is bumped because a dependency in this repository was."""
        follow = self.settings.bump_dependents
        return self.settings.bump == "auto" if follow is None else follow

    @locked_cached_property
    def releases(self) -> Releases:
        """The tags of the repository; missing history is fetched first."""
        return Releases(self._whole[0], preview_template=self.settings.preview_template, rev=self.revision)

    @locked_cached_property
    def _whole(self) -> tuple[GitRepository, str]:
        """The repository with history and tags, and what kept tags from being asked for where none were there."""
        repository = self.repository
        if repository is None:
            raise ConfigError(
                f"bump: {self.settings.bump} needs a git repository",
                hint="run it in a clone of the repository that the charts are in, or use bump: chart",
            )
        branches = "refs/heads/"
        branch = self.event.ref.removeprefix(branches) if self.event.ref.startswith(branches) else ""
        shallow = repository.is_shallow()
        if shallow or self._lacks_tags(repository):
            try:
                repository.fetch_history(branch)
            except ConfigError as error:
                if shallow:
                    raise
                return repository, error.message
        return repository, ""

    def _lacks_tags(self, repository: GitRepository) -> bool:
        """Tell whether there may be tags that a checkout left out: of a deep enough one that is no shallow clone."""
        if not self.event.name or self.settings.release == "off" or not repository.origin():
            return False
        return not repository.tags().keys() - {self.event.ref.removeprefix("refs/tags/")}

    def subjects(self, name: str, folder: str, version: str) -> tuple[str, ...]:
        """Return the subjects of the commits since a chart's last release that touched it, newest first.

        Nothing where the history cannot be had: notes without a list of changes are still notes.
        """
        try:
            repository, _ = self._whole
            return subjects_since(
                repository,
                repository.tags(),
                self.revision,
                self.charts.template(name),
                name,
                ChartVersion.parse(version),
                self.charts.belonging(name, folder),
            )
        except PublishError:
            return ()


def _warned(decision: VersionDecision, warning: str) -> VersionDecision:
    return replace(decision, warning="; ".join(filter(None, (decision.warning, warning))))
