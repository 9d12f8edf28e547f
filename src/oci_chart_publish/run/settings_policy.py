"""The policy of a run as settings, git and event have it: the implementation of ``ProjectPolicy``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from oci_chart_publish.build.build import ArtifactOptions
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.oci.store import Target
from oci_chart_publish.push.attach import Signer
from oci_chart_publish.push.reconcile import Plan
from oci_chart_publish.run.artifact_options import ArtifactOptionsResolver
from oci_chart_publish.run.chart_settings import ChartSettingsResolver
from oci_chart_publish.run.policy import DependencyPolicy, VersionPolicy
from oci_chart_publish.run.stores import Stores

if TYPE_CHECKING:
    from oci_chart_publish.run.approved_plan import ApprovedPlan


class SettingsPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is told, each question answered by who knows; nothing has a default."""

    stores: Stores
    writes: bool
    """Whether registries are asked for permission to push, too."""
    charts: ChartSettingsResolver
    artifacts: ArtifactOptionsResolver
    dependencies: DependencyPolicy
    versions: VersionPolicy | None
    approved: ApprovedPlan | None
    """The saved plan that the run keeps to."""
    signers: Sequence[Signer]
    """What signs each chart before its tag is written."""

    @property
    def layout(self) -> ImageLayout:
        """The image layout that artifacts are built into."""
        return self.stores.layout

    @property
    def memo(self) -> Memo:
        """What is remembered between runs."""
        return self.stores.memo

    def store(self, repository: Repository) -> Target:
        """Return the store of one repository; a run that only reads asks for permission to pull alone."""
        return self.stores.repository(repository, push=self.writes)

    def destinations(self, chart: str) -> tuple[str, ...]:
        """Return the registries of a chart: its own where the settings name some, else those of all."""
        own = self.charts.registries(chart)
        return self.charts.settings.registries if own is None else own

    def artifact_options(self, folder: str) -> ArtifactOptions:
        """Return what goes into the artifact of the chart in a folder besides its files."""
        return self.artifacts.options(folder)

    def ignored_changes(self, chart: str) -> Callable[[str], bool] | None:
        """Return a predicate over a chart's paths: those that may change without a new version; None if none may."""
        return self.charts.ignored_changes(chart)

    def app_version(self, chart: str, version: str) -> str:
        """Return the appVersion that a chart gets at a version; empty: what Chart.yaml says."""
        return self.charts.app_version(chart, version)

    def check_names(self, charts: Sequence[str]) -> None:
        """Raise ConfigError where the git tags of two charts could be taken for each other's."""
        self.charts.check_names(charts)

    def check_plan(self, plan: Plan) -> None:
        """Raise VerificationError for what is not in the saved plan, where the run keeps to one."""
        if self.approved is not None:
            self.approved.check(plan)


class PreviewPolicy(SettingsPolicy, frozen=True, kw_only=True):
    """The policy of a run that makes previews: all charts go to one place, which is theirs alone."""

    registry: str

    def destinations(self, chart: str) -> tuple[str, ...]:  # noqa: ARG002  (no chart has another place)
        """Return the registry of previews, wherever releases of the chart go."""
        return (self.registry,)

    def app_version(self, chart: str, version: str) -> str:  # noqa: ARG002  (of no version)
        """Return none: there is no application of a preview's version."""
        return ""
