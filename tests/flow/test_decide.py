from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace
from tests.flow.charts import chart

from oci_chart_publish.bump.policy import keep
from oci_chart_publish.chart.metadata import ChartMetadata
from oci_chart_publish.model import VersionDecision
from oci_chart_publish.run.decide import decide_versions
from oci_chart_publish.run.graph import survey
from oci_chart_publish.run.project import Project
from oci_chart_publish.run.setting_sources import Origin
from oci_chart_publish.workers import Workers


@dataclass
class StopsAtTheFirst:
    """Decides that every version stays, and is interrupted as it decides the first."""

    stopping: threading.Event = field(default_factory=threading.Event)
    follow_dependencies: bool = True

    def decide(self, metadata: ChartMetadata, *_: object, **__: object) -> VersionDecision:
        self.stopping.set()
        return keep(metadata.version)


def test_once_a_run_is_to_stop_no_other_version_is_decided(tmp_path: Path) -> None:
    chart(tmp_path, "a", "1.0.0")
    chart(tmp_path, "b", "1.0.0", {"a": "1.0.0"})
    chart(tmp_path, "c", "1.0.0", {"b": "1.0.0"})
    environment = {"OCI_CHART_CACHE": str(tmp_path / "layout")}
    session = Project.open(Origin("test", {}), environment, folder=tmp_path, quiet=True)
    versions = StopsAtTheFirst()
    run = replace(session.run(), versions=versions, stopping=versions.stopping)
    surveyed, _ = survey(session.sources(), run.dependencies)
    with Workers(2) as workers:
        decisions = decide_versions(surveyed, run, workers)
    assert list(decisions.by_name) == ["a"]
    assert decisions.version(surveyed[2]) == "1.0.0"
    session.close()
