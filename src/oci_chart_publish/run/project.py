"""What a command works with, made from settings and environment: repository, layout, registries, recipe.

Shared by the command line and the action: each of them only parses, calls the pipeline, and prints.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from oci_chart_publish.build.build import ArtifactOptions
from oci_chart_publish.chart.metadata import chart_file
from oci_chart_publish.discover import find
from oci_chart_publish.discover.folders import Files
from oci_chart_publish.errors import ChartError, ConfigError
from oci_chart_publish.git.repository import GITHUB, GitRepository
from oci_chart_publish.github.event import Event, read_event
from oci_chart_publish.github.trust import refuse_foreign
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.oci.store import Target
from oci_chart_publish.progress import Progress, progress
from oci_chart_publish.registry.connect import PULL, PULL_PUSH
from oci_chart_publish.report import document
from oci_chart_publish.run.artifact_options import recipes
from oci_chart_publish.run.chart_settings import ChartPolicies
from oci_chart_publish.run.dependency_sources import dependency_policy
from oci_chart_publish.run.output_files import check_writable
from oci_chart_publish.run.policy import DependencyPolicy, Run
from oci_chart_publish.run.pushed_changes import Changes, Touched
from oci_chart_publish.run.setting_sources import Origin, from_environment, from_file, resolve
from oci_chart_publish.run.stores import Stores, keep_apart
from oci_chart_publish.settings import Settings
from oci_chart_publish.singleflight import SingleFlight, locked_cached_property
from oci_chart_publish.tree.tree import ChartSource, FolderTree, Tree
from oci_chart_publish.tree.worktree import WorkTreeFiles
from oci_chart_publish.yamldoc.editor import write_file

if TYPE_CHECKING:
    from oci_chart_publish.github import GitHub
    from oci_chart_publish.run.approved_plan import ApprovedPlan
    from oci_chart_publish.run.labels import Labels
    from oci_chart_publish.run.versions import Versions


class Project(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One run's surroundings. ``folder`` is where the command was started; paths of charts are below ``root``."""

    settings: Settings
    environment: Mapping[str, str]
    folder: Path
    repository: GitRepository | None
    event: Event
    progress: Progress
    stores: Stores
    writes: bool = False

    @classmethod
    def open(
        cls,
        options: Origin,
        environment: Mapping[str, str],
        *,
        folder: Path,
        config: str = "",
        quiet: bool = False,
        verbose: bool = False,
        writes: bool = False,
        on_secret: Callable[[str], None] = lambda _: None,
    ) -> Project:
        """Resolve the settings and look at the surroundings; nothing is written and no request is made yet."""
        # The charts that were named decide which repository it is, wherever the command was started.
        named = options.values.get("charts") or ()
        named = named.splitlines() if isinstance(named, str) else named  # an input is one text
        repository = GitRepository.open(find.home(named, folder), environment)
        root = repository.root if repository else folder
        settings = resolve([options, from_environment(environment), from_file(root, config)])
        keep_apart(settings)
        check_writable(settings.report, settings.markdown)
        if repository:
            repository.authenticate(
                settings.github_token, server=environment.get("GITHUB_SERVER_URL") or GITHUB
            )
        saying = progress(sys.stderr, quiet=quiet, verbose=verbose)
        return cls(
            settings=settings,
            environment=environment,
            folder=folder,
            repository=repository,
            event=read_event(environment),
            progress=saying,
            stores=Stores(settings=settings, environment=environment, say=saying.say, on_secret=on_secret),
            writes=writes,
        )

    def with_settings(self, settings: Settings) -> Project:
        """Return the same surroundings under other settings, to be asked before a store is opened."""
        return replace(self, settings=settings, stores=replace(self.stores, settings=settings))

    @property
    def root(self) -> Path:
        """The top of the work tree, or the folder itself outside git."""
        return self.repository.root if self.repository else self.folder

    @property
    def layout(self) -> ImageLayout:
        """The cache, made where there is none."""
        return self.stores.layout

    @locked_cached_property
    def files(self) -> Files | None:
        """What git tracks, in the work tree, or in the commit of a saved plan; None outside a work tree."""
        if self.repository is None:
            return None
        if self.planned is not None:
            from oci_chart_publish.tree.commit_tree import CommitFiles  # noqa: PLC0415  (start-up: rarely asked for)

            return CommitFiles(self.repository, self.revision)
        if self.repository.bare:
            return None
        written = (str(self.stores.layout_path), self.settings.report, self.settings.markdown)
        return WorkTreeFiles(self.repository, own=(Path(path) for path in written if path))

    @locked_cached_property
    def planned(self) -> ApprovedPlan | None:
        """The saved plan that this run keeps to; None where the settings name none."""
        place = self.settings.from_plan
        if not place:
            return None
        from oci_chart_publish.run.approved_plan import read_plan  # noqa: PLC0415  (start-up: rarely asked for)

        layout = self.stores.layout_path
        if self.event.name and Path(place).resolve() == layout.resolve():
            raise ConfigError(
                f"{place} is the layout of another job and must not be the cache of this one",
                hint="name another folder with layout:",
            )
        return read_plan(
            Path(place),
            self.event,
            self.repository,
            publish_refs=self.settings.publish_refs,
        )

    @property
    def revision(self) -> str:
        """The commit that this run is about: that of a saved plan, or what is checked out."""
        return (self.planned.revision if self.planned else "") or "HEAD"

    def sources(self) -> tuple[ChartSource, ...]:
        """Discover the charts that the settings name."""
        if self.writes and not self.planned:
            refuse_foreign(self.event, self.repository.head() if self.repository else None)
        if self.repository is not None and self.repository.bare and not self.planned:
            raise ConfigError(
                f"{self.root} is a bare repository, without the files of any chart", hint="clone it first"
            )
        found = find.charts(self.settings.charts, base=self.folder, files=self.files)
        if since := self.settings.changed_since:
            from oci_chart_publish.run.changed_since import ChangedSince  # noqa: PLC0415  (start-up: only where it is asked for)

            narrowing = ChangedSince(
                repository=self.repository,
                files=self.files,
                policy=self.dependencies(),
                belonging=self.per_chart(source.path for source in found).packed,
            )
            found = narrowing.since(found, since, head=self.revision if self.planned else None)
        if self.planned:
            self.planned.check_charts([source.path for source in found])
        return found

    def run(self, sources: Sequence[ChartSource] = ()) -> Run:
        """Return what the pipeline needs for these charts."""
        settings = self.settings
        per_chart = self.per_chart(source.path for source in sources)
        return Run(
            layout=self.layout,
            memo=self.stores.memo,
            connect=self.store,
            recipe=self.recipe(),
            registries=settings.registries,
            own_registries=per_chart.registries,
            refuse=per_chart.refuse,
            ignored=per_chart.ignored,
            jobs=settings.jobs,
            size_budget=settings.size_budget,
            overwrite=settings.overwrite,
            check=self.planned.check if self.planned else lambda _: None,
            versions=self.versions(per_chart) if settings.bump != "chart" else None,
            guesses=not self.writes,
            details=self.details,
            dependencies=self.dependencies(),
            progress=self.progress,
        )

    def dependencies(self) -> DependencyPolicy:
        """Return where missing dependencies come from."""
        return dependency_policy(
            self.settings,
            self.stores,
            page=self.source_url(),
            tree=self._tree,
            save=self._save if self.writes else None,
        )

    def _save(self, path: str, data: bytes) -> None:
        write_file(self.root / path, data, create=True)

    def _tree(self, folder: str) -> Tree | None:
        path = chart_file(folder)
        if self.files is not None and self.files.is_tracked(path):
            return self.files.tree(folder) if self.files.is_file(path) else None
        if self.planned or not (self.root / path).is_file():
            return None
        return FolderTree(self.root / folder, boundary=self.root)

    def per_chart(self, folders: Iterable[str]) -> ChartPolicies:
        """Return what the settings say of each of the charts in these folders."""
        links = self.files.links_below if self.files else lambda _: ()
        return ChartPolicies(settings=self.settings, folders=tuple(folders), links=links, packs=self._packs)

    def _packs(self, folder: str, path: str, is_dir: bool) -> bool:  # noqa: FBT001
        return self._packing.get(folder, lambda: self._packing_of(folder))(path, is_dir)

    @locked_cached_property
    def _packing(self) -> SingleFlight[Callable[[str, bool], bool]]:
        return SingleFlight()

    def _packing_of(self, folder: str) -> Callable[[str, bool], bool]:
        from oci_chart_publish.chart.walk import packing  # noqa: PLC0415  (start-up: rarely asked for)

        tree = self._tree(folder)
        try:
            return packing(tree) if tree else lambda *_: True
        except ChartError:
            return lambda *_: True  # told where it is built

    def versions(self, per_chart: ChartPolicies) -> Versions:
        """Return the bump stage for these charts."""
        from oci_chart_publish.run.versions import Versions  # noqa: PLC0415  (start-up: where they are decided)

        return Versions(
            settings=self.settings,
            per_chart=per_chart,
            event=self.event,
            repository=self.repository,
            changes=self.changes,
            revision=self.revision,
            labels=self._labels(),
        )

    def _labels(self) -> Labels | None:
        if self.repository is None or self.settings.bump != "auto":
            return None
        from oci_chart_publish.run.labels import Labels  # noqa: PLC0415  (start-up: where they decide)

        return Labels(event=self.event, changes=self.changes, github=self.github)

    def unused_settings(self, charts: Mapping[str, str]) -> tuple[str, ...]:
        """Return what to tell of settings that have no effect, by the folders of the run's charts by name."""
        settings, files = self.settings, self.files
        named = (
            settings.chart_settings,
            settings.ignore_changes,
            settings.include_untracked,
            settings.publish_refs,
        )
        if not any(named):
            return ()
        if files is None and (settings.charts or settings.changed_since):
            return ()  # nobody knows of the other charts
        from oci_chart_publish.run.unused_settings import names, unused_settings  # noqa: PLC0415  (start-up: where something is set)

        return unused_settings(
            settings,
            charts,
            others=lambda: names(files, self._tree) if files else (),
            exists=files.exists if files else lambda _: True,
            paths=files.paths if files else None,
            untracked=files.unknown if isinstance(files, WorkTreeFiles) else None,
        )

    @property
    def details(self) -> bool:
        """Whether somebody will read what changed inside: a plan, an action, a report that was asked for."""
        settings = self.settings
        return not self.writes or bool(self.event.name or settings.report or settings.markdown)

    def store(self, repository: Repository) -> Target:
        """Return the store of one repository; a run that only reads asks for permission to pull alone."""
        return self.stores.registries.repository(repository, actions=PULL_PUSH if self.writes else PULL)

    def recipe(self) -> Callable[[str], ArtifactOptions]:
        """Return what goes into the artifact of the chart in a folder, besides its files."""
        return recipes(
            self.settings,
            self.environment,
            source=self.source_url(),
            repository=self.repository,
            revision=self.revision,
        )

    def source_url(self) -> str:
        """Return the page of the repository that publishes, or "" where nothing says which."""
        if self.settings.source or self.event.url:
            return self.settings.source or self.event.url
        return self.repository.origin_url() if self.repository else ""

    @locked_cached_property
    def changes(self) -> Changes:
        """What this push or pull request changed."""
        return Changes(
            event=self.event,
            repository=self.repository,
            revision=self.revision,
            say=self.progress.say,
        )

    def touched(self, charts: Sequence[document.Chart]) -> Touched:
        """Return what tells whether this push or pull request changed a chart's files."""
        belonging = self.per_chart(chart.path for chart in charts).packed
        return Touched(changes=self.changes, belonging=belonging)

    def github(self) -> GitHub | None:
        """Return the gateway to the code host, None without a token or a repository there."""
        settings, event = self.settings, self.event
        if not settings.github_token or not event.repository:
            return None
        from oci_chart_publish.github import GitHub  # noqa: PLC0415  (only where there is somebody to tell)
        from oci_chart_publish.github.api import API_URL, Options  # noqa: PLC0415

        options = Options(token=settings.github_token, api_url=event.api_url or API_URL)
        return GitHub(event.repository, options)

    def close(self) -> None:
        """End connections and child processes."""
        self.progress.stop()
        self.stores.close()
        if self.repository:
            self.repository.close()
