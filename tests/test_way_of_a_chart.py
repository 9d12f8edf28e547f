"""The way of one chart through the files, as docs/architecture.md tells it, against a real publish of one chart."""

from __future__ import annotations

import inspect
import re
import sys
import threading
from itertools import pairwise
from pathlib import Path
from types import FrameType

import pytest
from tests.flow.charts import chart
from tests.flow.command import ROOT
from tests.real.registries import Registry
from tests.test_architecture import FLOORS, SOURCE, WITHIN, part

from oci_chart_publish import Report, open_project, publish

PAGE = (ROOT / "docs" / "architecture.md").read_text()
SECTION = PAGE.partition("## The way of one chart")[2].partition("\n## ")[0]
WAY = re.findall(r"^\d+\. `([\w/]+\.py)`", SECTION, re.MULTILINE)
SEAM = {"run/settings_policy.py", "run/dependency_sources.py", "run/versions.py", "commands/flow.py"}
"""What implements the protocols that stages ask: the only files that are called from below."""
CARRIERS = {"workers.py", "singleflight.py", "lazy.py", "progress.py"}
"""What calls functions that were handed to it, for those who handed them."""

PARAMETERS = {("build/build.py", "run/assemble.py"), ("http/answer.py", "registry/connect.py")}
"""Functions as parameters: ``build`` asks what a chart lacks once it has loaded it; an answer is masked."""

Call = tuple[str, str]


class Trace:
    """Records calls between files of the package, in all threads."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        # A generator is resumed by whoever takes its next value, which is no call of theirs.
        generated = frame.f_code.co_flags & inspect.CO_GENERATOR
        if event != "call" or generated or not frame.f_code.co_filename.startswith(str(SOURCE)):
            return
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(str(SOURCE)):
            caller = caller.f_back
        before = caller.f_code.co_filename if caller else frame.f_code.co_filename
        self.calls.append((name(before), name(frame.f_code.co_filename)))


def name(path: str) -> str:
    return Path(path).relative_to(SOURCE).as_posix()


def floor(path: str) -> tuple[int, int]:
    """Return the floor of a file, and that within its folder; a registry and a layout are stores beside each other."""
    folder = part(path)
    return FLOORS[folder], WITHIN.get(folder, {}).get(Path(path).stem, 0)


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory, plain_registry: Registry) -> list[Call]:
    folder = tmp_path_factory.mktemp("way")
    chart(folder, "web", "1.0.0")
    settings = {
        "registries": [f"{plain_registry.host}/way"],
        "plain-http": [plain_registry.host],
        "layout": folder / "layout",
        "jobs": 1,
    }
    trace = Trace()
    with open_project(folder, settings, {"HOME": str(folder), "PATH": "/usr/bin:/bin"}) as project:
        threading.setprofile(trace)
        sys.setprofile(trace)
        try:
            report: Report = publish(project)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    assert [entry.status for entry in report.charts] == ["published"]
    return trace.calls


def test_the_way_is_at_most_forty_changes_of_file() -> None:
    assert 15 < sum(before != after for before, after in pairwise(WAY)) <= 40


def test_a_chart_goes_the_way_that_the_page_says(calls: list[Call]) -> None:
    """Each file of the list is entered after the one before; what they call on the way is theirs."""
    entered = iter([after for _, after in calls])
    missing = [step for step in WAY if step not in entered]
    assert missing == []


def test_no_call_goes_upwards_but_through_the_seam(calls: list[Call]) -> None:
    upwards = {
        (before, after)
        for before, after in calls
        if floor(after) > floor(before) and after not in SEAM and before not in CARRIERS
    }
    assert upwards == PARAMETERS
