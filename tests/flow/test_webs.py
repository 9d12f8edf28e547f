"""Random webs of charts: what a chart becomes does not depend on which charts the run is about.

``WEBS=2000 pytest tests/flow/test_webs.py`` tries more of them; a web that fails is named by its seed.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.webs import Web, web

from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.report import document

WEBS = int(os.environ.get("WEBS", "60"))
BLOCKS = 6
PLACES = ("charts", "charts", "charts", "libs", "libs/deep")
MESSAGES = ("fix: a", "feat: b", "Tidy up", "docs: c", "feat!: d")


def declared(rng: random.Random, version: str) -> str:
    core = ChartVersion.parse(version)
    return rng.choice([version, f"^{version}", f"~{version}", f">={core.major}.0.0", "*", f"{core.major}.x"])


class Inline(Executor):
    """Does everything at once, on the thread that asks: thousands of small runs need no threads to wait for."""

    def __init__(self, *_: object, **__: object) -> None:
        """Take what a pool takes."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  (as a pool does)
            future.set_exception(error)
        return future


class RandomWeb:
    """A web that is made from a seed, and changed at random."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = rng = random.Random(seed)  # noqa: S311  (a seed, no secret)
        self.bump = rng.choice(["chart", "chart", "auto"])
        self.tree: Web = web(folder, plain=self.bump == "chart")
        self.folders: list[str] = []
        self.versions: dict[str, str] = {}
        for number in range(rng.randint(3, 7)):
            place = rng.choice(PLACES) if number else "charts"
            target = f"{place}/c{number}"
            self.versions[target] = f"{rng.randint(0, 1)}.{rng.randint(1, 3)}.{rng.randint(0, 3)}"
            self.tree.chart(target, self.versions[target], *self._dependencies(target))
            self.folders.append(target)
        self.tree.commit("feat: begin")
        # Of some repositories only charts/ is published, and the rest is only embedded.
        self.whole = rng.choice([("charts",), ("charts", "libs") if self._in("libs") else ("charts",)])

    def _in(self, place: str) -> list[str]:
        return [folder for folder in self.folders if folder.startswith(f"{place}/")]

    def _dependencies(self, folder: str) -> list[dict[str, str]]:
        rng = self.rng
        found: list[dict[str, str]] = []
        for other in rng.sample(self.folders, rng.randint(0, min(3, len(self.folders)))):
            name = other.rpartition("/")[2]
            target = rng.choice([other, other, f"@{name}"])
            base = self.tree.declared(f"{target} {declared(rng, self.versions[other])}", folder)
            aliases = rng.choice([[""], [""], ["x"], ["x", "y"]])
            found += [{**base, **({"alias": f"{name}{alias}"} if alias else {})} for alias in aliases]
        return found

    def part(self) -> tuple[str, ...]:
        """Return some charts of the run, by their own files."""
        inside = [folder for place in self.whole for folder in self._in(place)]
        return tuple(f"{one}/Chart.yaml" for one in self.rng.sample(inside, self.rng.randint(1, len(inside))))

    def change(self) -> None:
        """Change some charts, and raise some of those by hand."""
        rng = self.rng
        for folder in rng.sample(self.folders, rng.randint(1, 3)):
            raised = ""
            if rng.random() < 0.3:
                raised = str(ChartVersion.parse(self.versions[folder]).bumped(rng.choice(["patch", "minor"])))
                self.versions[folder] = raised
            self.tree.change(folder, str(rng.random()), rng.choice(MESSAGES), version=raised)

    def plan(self, charts: Sequence[str]) -> dict[str, document.Chart]:
        return self.tree.plan(*charts, bump=self.bump)

    def publish(self, charts: Sequence[str]) -> dict[str, document.Chart]:
        return self.tree.publish(*charts, bump=self.bump)


def become(charts: Mapping[str, document.Chart]) -> dict[str, tuple[str, ...]]:
    """Return what becomes of each chart; who embeds a broken one is broken, too, in whatever words."""
    return {
        name: ("broken",)
        if chart.status in {"failed", "skipped"}
        else (chart.version, chart.status, str(chart.built_digest))
        for name, chart in charts.items()
    }


def check(seed: int, folder: Path) -> None:
    """Change a web, run parts of it and the whole, publish both, and look whether all agree."""
    made = RandomWeb(seed, folder)
    for step in range(2):
        if step:
            made.change()
        whole = become(made.plan(made.whole))
        parts = [made.part() for _ in range(2)]
        for part in parts:
            found = become(made.plan(part))
            assert found == {name: whole[name] for name in found}, f"web {seed}, step {step}, run {part}"
        published = become(made.publish(parts[0]))
        after = become(made.publish(made.whole))
        for name, (version, status, digest) in ((n, o) for n, o in published.items() if len(o) == 3):
            expected = "unchanged" if status == "published" else status
            assert after[name] == (version, expected, digest), f"web {seed}, step {step}: {name} after a part"
        again = become(made.publish(made.whole))
        steady = {name: outcome[1] for name, outcome in again.items() if len(outcome) == 3}
        assert set(steady.values()) <= {"unchanged", "conflict"}, f"web {seed}, step {step}: {steady}"
        same = {name: outcome for name, outcome in after.items() if outcome[1:2] != ("published",)}
        assert same.items() <= again.items(), f"web {seed}, step {step}: a second run found something else"


@pytest.mark.parametrize("block", range(BLOCKS))
def test_what_a_chart_becomes_does_not_depend_on_what_the_run_is_about(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oci_chart_publish.workers.ThreadPoolExecutor", Inline)
    seeds = range(block, WEBS, BLOCKS)
    assert len(seeds) > 0
    for seed in seeds:
        check(seed, tmp_path / str(seed))
