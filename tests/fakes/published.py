"""Charts of a report as a project knows them, without git, settings or registries."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.paths.ownership import Belonging
from oci_chart_publish.report import document
from oci_chart_publish.report.document import Chart


class NamedCharts(msgspec.Struct, frozen=True, kw_only=True):
    """Charts whose tags are ``NAME-VERSION``; ``unfinished`` is what an earlier run may have left."""

    unfinished: object = None

    def blob(self, chart: document.Chart, blob: Descriptor) -> bytes:  # noqa: ARG002  (the interface)
        return f"the archive of {chart.name}".encode()

    def tag_name(self, chart: document.Chart) -> str:
        return f"{chart.name}-{chart.version}"

    def versions(self, chart: document.Chart, tags: Iterable[str]) -> Iterable[ChartVersion]:  # noqa: ARG002
        return ()

    def subjects(self, chart: document.Chart) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def may_be_unfinished(self, chart: document.Chart) -> bool:
        return bool(self.unfinished(chart)) if callable(self.unfinished) else False


class Pushed(msgspec.Struct, frozen=True):
    """A push of these commits, which touched every chart."""

    shas: tuple[str, ...]

    def commits(self) -> frozenset[str]:
        return frozenset(self.shas)

    def touched(self, chart: Chart) -> bool:  # noqa: ARG002
        return True


class AllChanged(msgspec.Struct, frozen=True):
    """An event that changed every chart, or none."""

    changed: bool

    def __call__(self, chart: Chart) -> bool:  # noqa: ARG002
        return self.changed

    def files(self, chart: Chart) -> Belonging:
        return Belonging(folder=chart.path)
