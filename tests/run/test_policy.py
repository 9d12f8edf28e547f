"""The seam between what a command knows and what the stages need: a wire that is forgotten is a type error."""

from __future__ import annotations

import inspect
from pathlib import Path

import msgspec
import pytest
from tests.fakes.policy import Listener, layout_policy, run_of
from tests.flow.charts import chart

from oci_chart_publish.discover import find
from oci_chart_publish.errors import VerificationError
from oci_chart_publish.run import pipeline, policy
from oci_chart_publish.run.artifact_options import ArtifactOptionsResolver
from oci_chart_publish.run.chart_files import ChartFiles
from oci_chart_publish.run.chart_settings import ChartSettingsResolver
from oci_chart_publish.run.code_host import CodeHost
from oci_chart_publish.run.dependency_sources import DependencySources
from oci_chart_publish.run.policy import PublishOptions, Run
from oci_chart_publish.run.settings_policy import PreviewPolicy, SettingsPolicy
from oci_chart_publish.run.stores import Stores


@pytest.mark.parametrize(
    "made",
    [
        Run,
        PublishOptions,
        SettingsPolicy,
        PreviewPolicy,
        DependencySources,
        ChartSettingsResolver,
        ChartFiles,
        ArtifactOptionsResolver,
        CodeHost,
        Stores,
    ],
)
def test_nothing_with_which_a_run_is_made_has_a_default(made: type[msgspec.Struct]) -> None:
    """Then mypy refuses a call without it; ``scripts/wiring.py`` deletes each argument and looks (minutes)."""
    assert made.__struct_fields__
    assert made.__struct_defaults__ == ()


@pytest.mark.parametrize("protocol", [policy.ProjectPolicy, policy.DependencyPolicy, policy.RunListener])
def test_no_question_of_the_seam_has_an_answer_in_it(protocol: type) -> None:
    """A protocol's method with a body would be inherited by who forgot to write it."""
    members = {name: member for name, member in vars(protocol).items() if not name.startswith("_")}
    assert members
    for name, member in members.items():
        function = member.fget if isinstance(member, property) else member
        assert function is not None
        body = inspect.getsource(function).rpartition('"""')[2]
        assert body.strip() == "", name
        defaults = [
            one for one in inspect.signature(function).parameters.values() if one.default is not one.empty
        ]
        assert defaults == [], name


def test_a_plan_that_breaks_the_approved_one_is_carried_out_for_no_chart(tmp_path: Path) -> None:
    chart(tmp_path, "a", "1.0.0")
    chart(tmp_path, "b", "1.0.0")
    refusing = layout_policy(tmp_path, refused={"b": VerificationError("b is not as planned")})
    sources = find.charts((), base=tmp_path, files=None)
    a, b = sorted(pipeline.publish(sources, run_of(refusing)), key=lambda entry: entry.name)
    assert (a.status, b.status) == ("skipped", "failed")
    assert a.error is not None
    assert a.error.message == "not published, because not all is as planned: b"
    assert refusing.layout.names() == {}


def test_a_listener_is_told_what_has_become_of_the_charts(tmp_path: Path) -> None:
    chart(tmp_path, "a", "1.0.0")
    listener = Listener()
    entries = pipeline.publish(
        find.charts((), base=tmp_path, files=None), run_of(layout_policy(tmp_path), listener=listener)
    )
    first, *_, last = listener.told
    assert [entry.status for entry in last()] == [entry.status for entry in entries] == ["saved"]
    assert [entry.name for entry in first()] == ["a"]
