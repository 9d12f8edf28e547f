"""The seam: all that the stages of a run are given, and what may become of a chart.

::

    Run(policy=ProjectPolicy, options=PublishOptions, listener=RunListener, progress=Progress)

The stages know these four and never settings, git or an event. Nothing has a default, so a wire that is forgotten is a
type error (``tests/run/test_policy.py``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from oci_chart_publish.build.build import ArtifactOptions
from oci_chart_publish.build.dependencies import DEPENDENCIES, Fetcher
from oci_chart_publish.chart.metadata import CHART_FILE, REQUIREMENTS, ChartMetadata
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ChartError, PublishError
from oci_chart_publish.model import Failure, VersionDecision
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.oci.store import Target
from oci_chart_publish.progress import Progress
from oci_chart_publish.push.attach import Signer
from oci_chart_publish.push.reconcile import Plan
from oci_chart_publish.report import document
from oci_chart_publish.tree.tree import Tree
from oci_chart_publish.yamldoc.reader import line_of

INTERRUPTED = "the run was interrupted"
"""Why something was not done once a run is told to stop."""

Outcomes = Callable[[], Sequence[document.Chart]]
"""Says what has become of the charts so far, without asking anybody; from any thread."""


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
        related: Mapping[str, str] | None = None,
    ) -> VersionDecision:
        """Return the version of the chart in ``folder``; ``related`` are the names by folder of what it embeds."""

    def differing_tag(
        self, metadata: ChartMetadata, folder: str, version: str, related: Mapping[str, str]
    ) -> str:
        """Return the git tag of a version of a chart where its files differ from this tree; empty where none does."""


class Memo(Protocol):
    """Remembers layers and verdicts between runs."""

    def get(self, kind: str, key: str) -> object | None:
        """Return what was put under the key, or None."""

    def put(self, kind: str, key: str, value: object) -> None:
        """Remember a JSON value under the key."""


class DependencyPolicy(Protocol):
    """Where the dependencies come from that a chart declares and does not have in its ``charts/``."""

    @property
    def aliases(self) -> Mapping[str, str]:
        """URLs of repositories by the names that Chart.yaml writes as ``@name`` or ``alias:name``."""

    def is_own(self, url: str) -> bool:
        """Tell whether the URL of a repository means the charts of this one."""

    def tree(self, folder: str) -> Tree | None:
        """Return the files of a chart of this repository that may be none of the run; None where there is no chart."""

    def folders_of(self, name: str) -> Sequence[str]:
        """Return the folders of the charts of a name in this repository, but not those in ``charts/`` of others."""

    def fetcher(self) -> Fetcher | None:
        """Return what gets the dependencies of other repositories; None where nothing is to be fetched."""

    def save_lock(self, path: str, data: bytes) -> None:
        """Write a new lock file, ``path`` from the top of the repository; nothing in a run that only reads."""


class ProjectPolicy(Protocol):
    """What the settings, git and the event say of a run: all that the stages ask, and the one place where they do.

    ``run/settings_policy.py`` implements it. Nothing here has a default: who makes another one decides everything.
    """

    @property
    def layout(self) -> NamedTarget:
        """The image layout that artifacts are built into."""

    @property
    def memo(self) -> Memo:
        """What is remembered between runs."""

    @property
    def dependencies(self) -> DependencyPolicy:
        """Where missing dependencies come from."""

    @property
    def versions(self) -> VersionPolicy | None:
        """What decides versions; None where Chart.yaml has them."""

    @property
    def signers(self) -> Sequence[Signer]:
        """What signs each chart in a registry before its tag is written; none where nothing is to be signed."""

    def store(self, repository: Repository) -> Target:
        """Return the store of one repository of a registry; nothing is asked before it is used."""

    def destinations(self, chart: str) -> tuple[str, ...]:
        """Return the registries (``host[:port]/path``) that the chart of a name goes to; none: the layout alone."""

    def artifact_options(self, folder: str) -> ArtifactOptions:
        """Return what goes into the artifact of the chart in a folder besides its files."""

    def ignored_changes(self, chart: str) -> Callable[[str], bool] | None:
        """Return a predicate over a chart's paths: those that may change without a new version; None if none may."""

    def app_version(self, chart: str, version: str) -> str:
        """Return the appVersion that a chart gets at a version; empty: what Chart.yaml says."""

    def check_names(self, charts: Sequence[str]) -> None:
        """Raise ConfigError where the git tags of two charts of the run could be taken for each other's."""

    def check_plan(self, plan: Plan) -> None:
        """Raise VerificationError for what is about to be published and is not what was approved."""


class RunListener(Protocol):
    """Who started a run: may tell it to stop, and is told what has become of its charts."""

    @property
    def stopping(self) -> threading.Event:
        """Set once the run is to stop: what is in flight may end, nothing more is begun."""

    def on_outcomes(self, outcomes: Outcomes) -> None:
        """Take what says, from any thread, what has become of the charts; again once more is known."""


class StopOnly(msgspec.Struct, frozen=True):
    """A listener that may stop a run, and keeps nothing of what it is told."""

    stopping: threading.Event

    def on_outcomes(self, outcomes: Outcomes) -> None:
        """Keep nothing."""


class PublishOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a run goes about it: plain data, nothing of which has a default."""

    jobs: int
    """Charts at a time, at least 1."""
    overwrite: bool
    """Whether a version that a registry holds with other content is replaced."""
    tags_suffice: bool
    """Whether git tags alone may decide a version where a registry may not be read."""
    exact: bool
    """Whether every file and dependency is compared, also those that need no new version or could stay unresolved."""
    update_dependencies: bool
    """Whether dependencies are resolved anew, without regard to locks."""
    rewrite_dependencies: str
    """The URL at which artifacts say that dependencies of this repository are; empty: as they are declared."""
    details: bool
    """Whether charts that move are compared with the version before, for a report that somebody reads."""
    size_budget: int
    """Bytes of a release secret from which on a chart is warned of; 0: never."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run: what is decided, how it goes about it, and who is told."""

    policy: ProjectPolicy
    options: PublishOptions
    listener: RunListener
    progress: Progress

    @property
    def stopping(self) -> bool:
        """Whether the run is to stop: nothing more is begun then."""
        return self.listener.stopping.is_set()

    def ignored_changes(self, chart: str) -> Callable[[str], bool] | None:
        """Return a predicate over a chart's paths: those whose change needs no new version; None if none is exempt."""
        return None if self.options.exact else self.policy.ignored_changes(chart)


class ChartNode(msgspec.Struct, frozen=True, kw_only=True):
    """A chart whose Chart.yaml has been read."""

    source: ChartSource
    metadata: ChartMetadata
    dependencies: tuple[str, ...] = ()
    """The names of the charts of the run that have to be published before it."""
    links: Mapping[int, str] = msgspec.field(default_factory=dict)
    """The folder that each dependency (by its number, from 0) comes from, where that is in this repository."""
    inside: bool = True
    """Whether the run is about it; else it is only embedded."""

    @property
    def embeds(self) -> tuple[str, ...]:
        """The folders of the charts of this repository that it embeds, each once."""
        return tuple(dict.fromkeys(self.links.values()))


Outcome = Plan | Failure


def failure(node: ChartNode, error: PublishError) -> Failure:
    """Return that a chart failed, the path of the file named from the top of the repository, the line where known."""
    error = _lined(node.source.tree, error)
    if node.source.path and (error.path or isinstance(error, ChartError)):
        error = error.within(node.source.path)
    return Failure(
        path=node.source.path,
        error=error,
        name=node.metadata.name,
        version=node.metadata.version,
        dependencies=node.dependencies,
    )


def _lined(tree: Tree, error: PublishError) -> PublishError:
    """Return an error about a key with the line of that key; dependencies may be in a file of their own."""
    if not error.path or not error.key or error.line is not None:
        return error
    # Only where there is an error: who has none does not pay for lines.
    of_a_dependency = error.path == CHART_FILE and error.key.startswith(DEPENDENCIES)
    for path in [REQUIREMENTS, CHART_FILE] if of_a_dependency else [error.path]:
        line = _line(tree, path, error.key)
        if line is not None:
            return error.at(path, key=error.key, line=line)
    return error


def _line(tree: Tree, path: str, key: str) -> int | None:
    """Return the line of an entry's name, else of the entry, else of the list it is in; None where all is missing."""
    if not any(entry.name == path for entry in tree.entries("")):
        return None
    data = tree.read(path)
    keys = (f"{key}.name", key, key.partition(".")[0])
    return next((line for line in (line_of(data, one) for one in keys) if line is not None), None)
