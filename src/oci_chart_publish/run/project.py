"""What a command works with, made from settings and environment: repository, layout, registries, recipe.

Shared by the command line and the action: each of them only parses, calls the pipeline, and prints.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec
from msgspec.structs import replace

from oci_chart_publish.discover import find
from oci_chart_publish.discover.folders import Files
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.git.repository import GITHUB, GitRepository
from oci_chart_publish.github.event import Event, read_event
from oci_chart_publish.github.trust import refuse_foreign
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.lazy import lazy
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.oci.store import Target
from oci_chart_publish.progress import Progress, progress
from oci_chart_publish.report import document
from oci_chart_publish.run.artifact_options import ArtifactOptionsResolver
from oci_chart_publish.run.chart_files import ChartFiles
from oci_chart_publish.run.chart_settings import ChartSettingsResolver
from oci_chart_publish.run.code_host import CodeHost
from oci_chart_publish.run.dependency_sources import DependencySources
from oci_chart_publish.run.graph import ChartReader
from oci_chart_publish.run.output_files import check_writable
from oci_chart_publish.run.policy import PublishOptions, Run, RunListener
from oci_chart_publish.run.pushed_changes import Changes, Touched
from oci_chart_publish.run.setting_sources import Origin, from_environment, from_file, from_top, resolve
from oci_chart_publish.run.settings_policy import SettingsPolicy
from oci_chart_publish.run.stores import Stores, keep_apart
from oci_chart_publish.settings import Settings, variable
from oci_chart_publish.singleflight import locked_cached_property
from oci_chart_publish.tree.tree import ChartSource
from oci_chart_publish.tree.worktree import WorkTreeFiles

if TYPE_CHECKING:
    from oci_chart_publish.github.gateway import GitHub
    from oci_chart_publish.push.attach import Signer
    from oci_chart_publish.run import approved_plan, changed_since, labels, signing, unused_settings, versions
    from oci_chart_publish.run.approved_plan import ApprovedPlan
    from oci_chart_publish.run.labels import Labels
    from oci_chart_publish.run.versions import Versions
    from oci_chart_publish.tree import commit_tree
else:
    approved_plan = lazy("oci_chart_publish.run.approved_plan")
    changed_since = lazy("oci_chart_publish.run.changed_since")
    labels = lazy("oci_chart_publish.run.labels")
    signing = lazy("oci_chart_publish.run.signing")
    unused_settings = lazy("oci_chart_publish.run.unused_settings")
    versions = lazy("oci_chart_publish.run.versions")
    commit_tree = lazy("oci_chart_publish.tree.commit_tree")


def open_project(
    folder: Path | str,
    settings: Origin | Mapping[str, object],
    environment: Mapping[str, str],
    *,
    config: str = "",
    quiet: bool = True,
    verbose: bool = False,
    writes: bool = False,
    on_secret: Callable[[str], None] | None = None,
) -> Project:
    """Resolve the settings of a project and look at its surroundings; nothing is written and no request is made yet.

    ``folder`` is where paths begin, but for those of the settings file: they begin at the top of the repository.
    ``settings`` go before the variables of the ``environment``, and those before the settings file (``config``, else
    the one in the repository); a mapping has the names and values of that file. ``on_secret`` is told of every secret
    that arises, before anything with it could be printed.
    ConfigError for settings that are unknown or do not go together. The project is to be closed.
    """
    folder = Path(folder)
    options = settings if isinstance(settings, Origin) else _given(settings)
    # The charts that were named decide which repository it is, wherever the command was started.
    charts = options.values.get("charts") or environment.get(variable("charts")) or ()
    charts = charts.splitlines() if isinstance(charts, str) else charts  # an input is one text
    repository = GitRepository.open(find.home(charts, folder), environment)
    root = repository.root if repository else folder
    resolved = resolve(
        [options, from_environment(environment), from_top(from_file(root, config), root, folder)]
    )
    keep_apart(resolved)
    check_writable(resolved.report, resolved.markdown)
    if repository:
        server = environment.get("GITHUB_SERVER_URL") or GITHUB
        repository.authenticate(resolved.github_token, server=server)
    shown = progress(sys.stderr, quiet=quiet, verbose=verbose)
    return Project(
        settings=resolved,
        environment=environment,
        folder=folder,
        repository=repository,
        event=read_event(environment),
        progress=shown,
        stores=Stores(
            settings=resolved, environment=environment, progress=shown, on_secret=on_secret or _unheard
        ),
        writes=writes,
    )


def _unheard(secret: str) -> None:
    """Tell nobody of a secret: nothing is masked outside a workflow."""


def _given(settings: Mapping[str, object]) -> Origin:
    values = {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
    return Origin("settings", values)


class Project(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A repository of charts under settings, in an environment: what every command works with.

    Paths of charts are below ``root``.
    """

    settings: Settings
    environment: Mapping[str, str]
    folder: Path
    """Where the command was started."""
    repository: GitRepository | None
    """None outside git."""
    event: Event
    """Empty outside a workflow."""
    progress: Progress
    stores: Stores
    writes: bool
    """Whether registries are written to: permission to push is asked for, and what a stranger proposes is refused."""

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
            return commit_tree.CommitFiles(self.repository, self.revision)
        if self.repository.bare:
            return None
        written = (str(self.stores.layout_path), self.settings.report, self.settings.markdown)
        return WorkTreeFiles(self.repository, written=(Path(path) for path in written if path))

    @locked_cached_property
    def planned(self) -> ApprovedPlan | None:
        """The saved plan that this run keeps to; None where the settings name none."""
        place = self.settings.from_plan
        if not place:
            return None

        layout = self.stores.layout_path
        if self.event.name and Path(place).resolve() == layout.resolve():
            raise ConfigError(
                f"{place} is the layout of another job and must not be the cache of this one",
                hint="name another folder with layout:",
            )
        return approved_plan.read_plan(
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
        result = find.charts(self.settings.charts, base=self.folder, files=self.files)
        if since := self.settings.changed_since:
            narrowing = changed_since.ChangedSince(
                repository=self.repository,
                files=self.files,
                dependencies=self.dependencies,
                charts=self.chart_settings(source.path for source in result),
            )
            result = narrowing.since(result, since, head=self.revision if self.planned else None)
        if self.planned:
            self.planned.check_charts([source.path for source in result])
        return result

    def run(self, sources: Sequence[ChartSource], listener: RunListener) -> Run:
        """Return what the stages need for these charts, by the settings."""
        return Run(
            policy=self.policy(sources), options=self.options, listener=listener, progress=self.progress
        )

    def policy(self, sources: Sequence[ChartSource]) -> SettingsPolicy:
        """Return what is decided for these charts; ConfigError where the settings cannot be met here."""
        charts = self.chart_settings(source.path for source in sources)
        return SettingsPolicy(
            stores=self.stores,
            writes=self.writes,
            charts=charts,
            artifacts=self.artifact_options,
            dependencies=self.dependencies,
            versions=self.versions(charts) if self.settings.bump != "chart" else None,
            approved=self.planned,
            signers=self.signers,
        )

    @property
    def signers(self) -> Sequence[Signer]:
        """What signs the charts of a run that writes; a key that does not load is a ConfigError before it begins."""
        if not self.settings.sign or not self.writes:
            return ()  # a plan, of a stranger's proposal maybe, has no use for keys
        return signing.make_signers(self.settings, self.environment, self.folder)

    @property
    def options(self) -> PublishOptions:
        """How a run goes about it."""
        settings = self.settings
        return PublishOptions(
            jobs=settings.jobs,
            overwrite=settings.overwrite,
            tags_suffice=not self.writes,
            exact=False,
            update_dependencies=settings.dependency == "update",
            rewrite_dependencies=settings.rewrite_dependencies,
            # Where somebody will read it: a plan, an action, a report that was asked for.
            details=not self.writes or bool(self.event.name or settings.report or settings.markdown),
            size_budget=settings.size_budget,
        )

    @property
    def dependencies(self) -> DependencySources:
        """Where missing dependencies come from."""
        return DependencySources(
            settings=self.settings,
            stores=self.stores,
            files=self.chart_files,
            page=self.source_url(),
            writes=self.writes,
        )

    @locked_cached_property
    def chart_files(self) -> ChartFiles:
        """The files of all charts of the repository, by their folders."""
        return ChartFiles(root=self.root, files=self.files, committed=self.planned is not None)

    def chart_settings(self, folders: Iterable[str]) -> ChartSettingsResolver:
        """Return what the settings say of each of the charts in these folders, which are those of the run."""
        return ChartSettingsResolver(settings=self.settings, folders=tuple(folders), files=self.chart_files)

    def versions(self, charts: ChartSettingsResolver) -> Versions:
        """Return the bump stage for these charts."""
        return versions.Versions(
            settings=self.settings,
            charts=charts,
            event=self.event,
            repository=self.repository,
            changes=self.changes,
            revision=self.revision,
            labels=self._labels(),
        )

    def _labels(self) -> Labels | None:
        if self.repository is None or self.settings.bump != "auto":
            return None

        return labels.Labels(event=self.event, changes=self.changes, code_host=self.code_host)

    def unused_settings(self, charts: Mapping[str, str]) -> tuple[str, ...]:
        """Return what to tell of settings that have no effect, by the folders of the run's charts by name."""
        settings, files = self.settings, self.files
        named = (
            settings.chart_settings,
            settings.ignore_changes,
            settings.include_untracked,
            settings.publish_refs,
        )
        logins = unused_settings.unused_credentials(settings) if settings.registry_auth else ()
        if not any(named):
            return logins
        if files is None and (settings.charts or settings.changed_since):
            return logins  # nobody knows of the other charts

        return logins + unused_settings.unused_settings(
            settings,
            charts,
            others=lambda: unused_settings.names(files, self.chart_files.tree) if files else (),
            exists=files.exists if files else lambda _: True,
            paths=files.paths if files else None,
            untracked=files.unknown if isinstance(files, WorkTreeFiles) else None,
        )

    @property
    def artifact_options(self) -> ArtifactOptionsResolver:
        """What goes into artifacts besides the charts' files; ConfigError where the settings cannot be met here."""
        return ArtifactOptionsResolver.of(
            self.settings,
            self.environment,
            source=self.source_url(),
            repository=self.repository,
            revision=self.revision,
        )

    def store(self, repository: Repository) -> Target:
        """Return the store of one repository; a run that only reads asks for permission to pull alone."""
        return self.stores.repository(repository, push=self.writes)

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
            progress=self.progress,
        )

    def touched(self, charts: Sequence[document.Chart]) -> Touched:
        """Return what tells whether this push or pull request changed a chart's files."""
        trees = {chart.path: tree for chart in charts if (tree := self.chart_files.tree(chart.path))}
        return Touched(
            changes=self.changes,
            charts=self.chart_settings(trees),
            reader=ChartReader(run=trees, policy=self.dependencies),
        )

    @property
    def code_host(self) -> CodeHost:
        """The code host of the event, where comments, releases and labels are."""
        return CodeHost(
            token=self.settings.github_token,
            event=self.event,
            progress=self.progress,
            authorities=self.stores,
        )

    def github(self) -> GitHub | None:
        """Return a gateway to the code host, None without a token or a repository there."""
        return self.code_host.connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End connections and child processes."""
        self.progress.stop()
        self.stores.close()
        if self.repository:
            self.repository.close()
