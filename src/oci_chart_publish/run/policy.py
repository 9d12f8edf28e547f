"""What a run is given: where charts come from and go to, what decides versions, where dependencies come from."""

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
from oci_chart_publish.progress import Progress, Silent
from oci_chart_publish.push.reconcile import Plan
from oci_chart_publish.report import document
from oci_chart_publish.tree.tree import Tree
from oci_chart_publish.yamldoc.reader import line_of

INTERRUPTED = "the run was interrupted"
"""Why something was not done once a run is told to stop."""

Landed = Callable[[], Sequence[document.Chart]]
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
        """Return the version of the chart in ``folder``; ``related`` are the folders by name of what it depends on."""


class Memo(Protocol):
    """Remembers layers and verdicts between runs."""

    def get(self, kind: str, key: str) -> object | None:
        """Return what was put under the key, or None."""

    def put(self, kind: str, key: str, value: object) -> None:
        """Remember a JSON value under the key."""


class DependencyPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Where missing dependencies come from.

    ``is_own`` tells which repository URLs mean this repository, ``aliases`` are names for others, ``fetcher`` makes
    what gets the rest (None: nothing is fetched). ``tree`` gives the files of a folder that is no chart of the
    run, None where there is no chart. ``always`` resolves even what could be compared without, ``update`` resolves
    anew without regard to locks, and ``save`` then writes the new lock to the tree. ``rewrite`` is the URL at which the
    artifact says its dependencies of this repository are; empty: as written.
    """

    is_own: Callable[[str], bool] = lambda _: False
    aliases: Mapping[str, str] = msgspec.field(default_factory=dict)
    fetcher: Callable[[], Fetcher] | None = None
    tree: Callable[[str], Tree | None] | None = None
    always: bool = False
    update: bool = False
    save: Callable[[str, bytes], None] | None = None
    rewrite: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """All that a run needs: where to, with what, and how.

    ``check`` stops a chart that is about to be published, ``refuse`` a run by the names of its charts; ``ignored``
    gives by a chart's name what tells which of its files may change without a new version (None: none). ``guesses``
    lets git tags alone decide versions where a registry may not be read.
    ``landed`` is told, as soon as the charts are known, what to ask for what has become of the charts so far.
    """

    layout: NamedTarget
    memo: Memo
    connect: Callable[[Repository], Target]
    recipe: Callable[[str], ArtifactOptions]
    registries: tuple[str, ...] = ()
    own_registries: Callable[[str], tuple[str, ...] | None] = lambda _: None
    jobs: int = 32
    overwrite: bool = False
    check: Callable[[Plan], None] = lambda _: None
    refuse: Callable[[Sequence[str]], None] = lambda _: None
    ignored: Callable[[str], Callable[[str], bool] | None] = lambda _: None
    versions: VersionPolicy | None = None
    guesses: bool = True
    details: bool = True
    size_budget: int = 0
    dependencies: DependencyPolicy = msgspec.field(default_factory=DependencyPolicy)
    progress: Progress = msgspec.field(default_factory=Silent)
    stopping: threading.Event = msgspec.field(default_factory=threading.Event)
    landed: Callable[[Landed], None] = lambda _: None

    def places(self, chart: str) -> tuple[str, ...]:
        """Return where a chart goes: to registries of its own where the settings name some."""
        own = self.own_registries(chart)
        return self.registries if own is None else own


class ChartNode(msgspec.Struct, frozen=True, kw_only=True):
    """A source whose Chart.yaml has been read."""

    source: ChartSource
    metadata: ChartMetadata
    dependencies: tuple[str, ...] = ()


Outcome = Plan | Failure


def failure(one: ChartNode, error: PublishError) -> Failure:
    """Return that a chart failed, the path of the file named from the top of the repository, the line where known."""
    error = _lined(one.source.tree, error)
    if one.source.path and (error.path or isinstance(error, ChartError)):
        error = error.within(one.source.path)
    return Failure(
        path=one.source.path,
        error=error,
        name=one.metadata.name,
        version=one.metadata.version,
        dependencies=one.dependencies,
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
