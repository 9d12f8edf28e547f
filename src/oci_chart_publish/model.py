"""What each stage hands to the next.

::

    ChartSource -> VersionDecision -> ChartArtifact -> PushResult

A chart that a stage cannot go on with becomes a ``Failure`` and travels on beside the others, so that one broken
chart never hides the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from oci_chart_publish.chart.constraint import Constraint
from oci_chart_publish.chart.metadata import ChartMetadata
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import PublishError
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.outcomes import Status

BumpLevel = Literal["none", "major", "minor", "patch", "explicit"]


class VersionDecision(msgspec.Struct, frozen=True, kw_only=True):
    """The version of a chart in this run.

    ``previous`` is the base; ``stamped`` tells that Chart.yaml says something else and has to be stamped; ``withheld``
    that what changed is not to be released now, so that nothing is published of this tree anywhere; ``reason`` is a
    sentence for people, as is ``warning``, which says what would decide otherwise.
    """

    version: str
    level: BumpLevel
    reason: str
    previous: str | None = None
    stamped: bool = False
    withheld: bool = False
    warning: str = ""


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """A declared dependency that is missing in a chart's ``charts/``.

    ``version`` is exact where ``locked``, else a constraint. ``repository`` is the URL with aliases replaced.
    ``folder`` is the chart folder of this repository that it comes from, None where it has to be fetched. ``number``
    is its place in the list of dependencies, counted from 0. ``within`` leads from the chart to the subchart that
    declares it, as names and versions; empty where the chart does itself.
    """

    name: str
    version: str
    locked: bool
    repository: str = ""
    folder: str | None = None
    number: int = 0
    within: tuple[tuple[str, str], ...] = ()

    def allows(self, version: str) -> bool:
        """Tell whether a version is the one that is locked (``1.2.3`` is ``v1.2.3``), or satisfies the constraint."""
        result = ChartVersion.parse(version)
        if not self.locked:
            return Constraint.parse(self.version).allows(result)
        expected = ChartVersion.parse(self.version)
        return result == expected and result.build == expected.build


class ChartArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """A chart built into the layout: its manifest, config and layer are stored there.

    ``path`` is the chart's folder relative to the repository root ("" for the root itself); ``dependencies``
    are the names of charts of this run that have to be published before it. ``remembered`` is the digest of the tar
    where the layer was not compressed in this run but remembered from an earlier one; ``recalled`` tells that no
    file of the chart was read: it is built from its files before it goes out. ``unresolved`` are dependencies
    that are missing in it: such an artifact is compared with what is published, and is never published itself.
    ``warning_lines`` are lines by the warning that is about them, ``warning_files`` the paths inside the chart of those
    that are not about Chart.yaml.
    """

    path: str
    metadata: ChartMetadata
    manifest: Manifest
    config: Descriptor
    layer: Descriptor
    warnings: tuple[str, ...] = ()
    warning_lines: Mapping[str, int] = msgspec.field(default_factory=dict)
    warning_files: Mapping[str, str] = msgspec.field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    decision: VersionDecision | None = None
    remembered: str = ""
    recalled: bool = False
    unresolved: tuple[Need, ...] = ()

    @property
    def name(self) -> str:
        """The chart's name."""
        return self.metadata.name

    @property
    def version(self) -> str:
        """The chart's version as written."""
        return self.metadata.version

    @property
    def digest(self) -> Digest:
        """The digest of the manifest."""
        return self.manifest.descriptor.digest


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A chart that could not go on: its folder, its name and version where known, and why.

    ``inside`` is off for one that the run is not about: then it is the failure of what embeds it.
    """

    path: str
    error: PublishError
    name: str = ""
    version: str = ""
    warnings: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    inside: bool = True


class TargetResult(msgspec.Struct, frozen=True, kw_only=True):
    """One chart at one registry ("" for the layout): where, what it holds there now, and what was done."""

    registry: str
    reference: str
    status: Status
    digest: Digest | None = None
    error: PublishError | None = None


class PushResult(msgspec.Struct, frozen=True, kw_only=True):
    """One chart at all its registries. ``published`` is the manifest that the registries hold, where they agree.

    ``ignored`` are files in which that differs from this tree, and whose change needs no new version.
    """

    artifact: ChartArtifact
    targets: tuple[TargetResult, ...] = ()
    published: Manifest | None = None
    error: PublishError | None = None
    warnings: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
