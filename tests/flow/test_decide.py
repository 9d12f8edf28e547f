from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.policy import Listener, layout_policy, run_of
from tests.flow.charts import chart

from oci_chart_publish.bump.policy import keep
from oci_chart_publish.chart.metadata import ChartMetadata
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.discover import find
from oci_chart_publish.model import VersionDecision
from oci_chart_publish.run.decide import decide_versions
from oci_chart_publish.run.graph import survey
from oci_chart_publish.workers import Workers


@dataclass
class StopsAtTheFirst:
    """Decides that every version stays, and is interrupted as it decides the first."""

    stopping: threading.Event = field(default_factory=threading.Event)
    follow_dependencies: bool = True

    def decide(
        self,
        metadata: ChartMetadata,
        folder: str,  # noqa: ARG002  (the interface)
        published: Callable[[], Iterable[ChartVersion]],  # noqa: ARG002
        is_same: Callable[[ChartVersion], bool],  # noqa: ARG002
        bumped: str = "",  # noqa: ARG002
        related: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> VersionDecision:
        self.stopping.set()
        return keep(metadata.version)

    def differing_tag(self, *_: object) -> str:
        return ""


def test_once_a_run_is_to_stop_no_other_version_is_decided(tmp_path: Path) -> None:
    chart(tmp_path, "a", "1.0.0")
    chart(tmp_path, "b", "1.0.0", {"a": "1.0.0"})
    chart(tmp_path, "c", "1.0.0", {"b": "1.0.0"})
    versions = StopsAtTheFirst()
    policy = layout_policy(tmp_path, versions=versions)
    run = run_of(policy, listener=Listener(stopping=versions.stopping))
    graph = survey(find.charts((), base=tmp_path, files=None), policy.dependencies)
    with Workers(2) as workers:
        decisions = decide_versions(graph, run, workers).decisions
    assert list(decisions.by_folder) == ["charts/a"]
    assert decisions.version(graph.charts[2]) == "1.0.0"
