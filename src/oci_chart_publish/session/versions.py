"""The bump stage bound to settings, git and registries: it decides the version of one chart at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from oci_chart_publish.bump import policy
from oci_chart_publish.bump.conventional import Rules
from oci_chart_publish.bump.history import Releases, matching
from oci_chart_publish.bump.paths import Belonging, ignored, nested_in
from oci_chart_publish.bump.policy import Change, History
from oci_chart_publish.bump.previews import preview_version
from oci_chart_publish.bump.subjects import subjects_since
from oci_chart_publish.bump.tags import SETTING, TagTemplate, refuse_collisions
from oci_chart_publish.bump.upgrade import Upgrade, upgrade
from oci_chart_publish.chart.metadata import ChartMetadata
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ConfigError, ConflictError, PublishError
from oci_chart_publish.forge.event import Event
from oci_chart_publish.forge.git import GitRepository
from oci_chart_publish.handover import VersionDecision
from oci_chart_publish.session.labels import Labels, commits_of
from oci_chart_publish.settings import ChartSettings, Settings
from oci_chart_publish.shared import shared_property

T = TypeVar("T")
Published = Callable[[], Iterable[ChartVersion]]
IsSame = Callable[[ChartVersion], bool]


@dataclass(frozen=True, kw_only=True)
class Versions:
    """Decides versions by the settings.

    ``revision`` is the commit whose versions are decided. ``folders`` are those of all charts of the run; ``links``
    tells where the symbolic links below a folder lead: what is there is packed with the chart, and belongs to it.
    """

    settings: Settings
    event: Event
    repository: GitRepository | None
    revision: str = "HEAD"
    server_url: str = "https://github.com"
    labels: Labels | None = None
    folders: tuple[str, ...] = ()
    links: Callable[[str], Sequence[str]] = lambda _: ()

    def decide(
        self,
        metadata: ChartMetadata,
        folder: str,
        published: Published,
        is_same: IsSame,
        bumped: str = "",
        related: Sequence[str] = (),
    ) -> VersionDecision:
        """Return the version of a chart in ``folder``.

        ``bumped`` names a dependency that moved in this run, ``related`` are the folders of its dependencies in this
        repository: where dependents follow, a commit to those counts for the chart too.
        """
        settings = self.settings
        if settings.bump == "chart":
            return policy.keep(metadata.version)
        followed = related if self.follow_dependencies else ()
        belonging = self.belonging(metadata.name, folder, followed)
        history = self.releases.history(metadata.name, self.template(metadata.name), belonging, published)
        if settings.bump != "auto":
            return policy.explicit(settings.bump, metadata.version, history, is_same=is_same)
        decide = partial(
            policy.automatic,
            metadata.version,
            labels=self.labels or policy.unlabelled,
            rules=self._rules(metadata, history),
            bumped_dependency=bumped,
            channel=settings.channel,
        )
        try:
            decision = decide(history, is_same=is_same)
        except ConflictError as error:
            raise error.at("Chart.yaml", key="version") from error
        if decision.level == "none":
            return decision
        if self.labels and self.labels.problem:
            decision = _warned(decision, f"labels of pull requests do not count: {self.labels.problem}")
        return self._squashed(decision, history, decide)

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
            said = f"would fail: {error.message}"
        else:
            said = f"makes it {after.version}" if after.version != decision.version else ""
        if not said:
            return decision
        where = "" if len(self._arriving) > 1 else ", where the repository takes titles for one commit too,"
        return _warned(decision, f"a squash merge as {pull_request.title!r}{where} {said}")

    @shared_property
    def _arriving(self) -> frozenset[str]:
        """The commits that the pull request of the event brings, without merges."""
        if self.repository is None:
            return frozenset()
        found = commits_of(self.event, self.repository, self.revision)
        return frozenset(commit.sha for commit in found if len(commit.parents) < 2)

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

    @shared_property
    def releases(self) -> Releases:
        """The tags of the repository; missing history is fetched first."""
        return Releases(
            self._whole_repository(), preview_template=self.settings.preview_template, rev=self.revision
        )

    def _whole_repository(self) -> GitRepository:
        repository = self.repository
        if repository is None:
            raise ConfigError(f"bump: {self.settings.bump} needs a git repository", hint="use bump: chart")
        if repository.is_shallow():
            branch = (
                self.event.ref.removeprefix("refs/heads/") if self.event.ref.startswith("refs/heads/") else ""
            )
            repository.fetch_history(branch, self.settings.github_token, server=self.server_url)
        return repository

    def subjects(self, name: str, folder: str, version: str) -> tuple[str, ...]:
        """Return the subjects of the commits since a chart's last release that touched it, newest first.

        Nothing where the history cannot be had: notes without a list of changes are still notes.
        """
        try:
            repository = self._whole_repository()
            return subjects_since(
                repository,
                repository.tags(),
                self.revision,
                self.template(name),
                name,
                ChartVersion.parse(version),
                self.belonging(name, folder),
            )
        except PublishError:
            return ()

    def preview(self, version: str) -> str:
        """Return the version of this pull request's preview of a chart whose own version is ``version``."""
        pull_request = self.event.pull_request
        if pull_request is None:
            raise ConfigError("preview: previews are made of pull requests only")
        return preview_version(
            self.settings.preview_template,
            number=pull_request.number,
            head=pull_request.head,
            version=version,
        )

    def template(self, name: str) -> TagTemplate:
        """Return the tag template of a chart."""
        settings = self.settings
        keys = [
            key
            for key in matching(name, settings.chart_settings)
            if settings.chart_settings[key].tag_template
        ]
        if not keys:
            return TagTemplate.parse(settings.tag_template, several=len(self.folders) > 1)
        own = settings.chart_settings[keys[-1]].tag_template or ""
        return TagTemplate.parse(own, several=False, origin=f"chart-settings: {keys[-1]}: {SETTING}")

    def refuse(self, names: Sequence[str]) -> None:
        """Refuse charts (by name) of one run whose tags could be taken for each other's; ConfigError."""
        settings = self.settings
        if settings.bump == "chart" and settings.release == "off":
            return  # no tag is read or written
        several = any(one.tag_template for one in settings.chart_settings.values())
        # By one template with the name in it, only a chart called as another one's version can be in the way.
        if several or any("." in name for name in names):
            refuse_collisions({name: self.template(name) for name in names})
        elif names:
            self.template(names[0])

    def belonging(self, name: str, folder: str, related: Sequence[str] = ()) -> Belonging:
        """Return which files belong to a chart, those of the charts in ``related`` folders included."""
        extra = self.own(name, lambda one: one.extra_paths) or ()
        return Belonging(
            folder=folder,
            nested=nested_in(folder, self.folders),
            extra=(*extra, *self.links(folder)),
            ignore=self._ignore(name),
            dependencies=tuple(
                Belonging(
                    folder=other, nested=nested_in(other, self.folders), ignore=self.settings.ignore_changes
                )
                for other in related
            ),
        )

    def _ignore(self, name: str) -> tuple[str, ...]:
        return (*self.settings.ignore_changes, *(self.own(name, lambda one: one.ignore_changes) or ()))

    def ignored(self, name: str) -> Callable[[str], bool] | None:
        """Return what tells whether the change of a file inside a chart needs no new version; None: every one does."""
        globs = self._ignore(name)
        return partial(ignored, globs=globs) if globs else None

    def own(self, name: str, value: Callable[[ChartSettings], T]) -> T | None:
        """Return a setting of a chart alone, the plainest name that fits first; None where there is none."""
        keys: Sequence[str] = matching(name, self.settings.chart_settings)
        found = (value(self.settings.chart_settings[key]) for key in reversed(keys))
        return next((one for one in found if one), None)


def _warned(decision: VersionDecision, warning: str) -> VersionDecision:
    return replace(decision, warning="; ".join(filter(None, (decision.warning, warning))))
