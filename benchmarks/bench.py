"""Ours against what a user would run instead, in turns, on the same charts and the same real registries.

``python benchmarks/bench.py [--charts DIR] [--count N] [--rounds N] [--only NAME]``. Prints a Markdown table of ratios,
request counts from the registry's access log, CPU seconds and peak memory, and keeps it in benchmarks/results/.
Every figure is the minimum of the rounds; ratios are what to read, seconds belong to one machine on one day.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.charts import generate  # noqa: E402
from tests.real import registries  # noqa: E402
from tests.real.delay import delayed  # noqa: E402
from tests.real.registries import Registry  # noqa: E402
from tests.real.tools import find  # noqa: E402


@dataclass(frozen=True)
class Figure:
    """One run: wall seconds, CPU seconds of the client, peak resident MiB of its largest process, requests."""

    wall: float
    cpu: float
    peak: float
    requests: int


@dataclass(frozen=True)
class Place:
    """A registry as clients reach it, and the one whose log is read."""

    title: str
    host: str
    registry: Registry


@dataclass
class Bench:
    """The charts, a folder to work in, and the helm to compare with."""

    charts: list[Path]
    folder: Path
    helm: str

    def ours(self, place: Place, prefix: str, cache: Path) -> list[str]:
        return [
            *(sys.executable, "-m", "oci_chart_publish", "publish", "--quiet", "--layout", str(cache)),
            *("--registry", f"{place.host}/{prefix}", str(self.charts[0].parent)),
        ]

    def loop(self, place: Place, prefix: str) -> list[str]:
        packed = self.folder / f"packed-{prefix.replace('/', '-')}"
        script = (
            f'for chart in {self.charts[0].parent}/*/; do {self.helm} package "$chart" -d {packed}; done >/dev/null; '
            f"for archive in {packed}/*.tgz; do {self.helm} push $archive oci://{place.host}/{prefix} --plain-http; done"
        )
        return ["sh", "-c", script]

    def xargs(self, place: Place, prefix: str) -> list[str]:
        packed = self.folder / f"packed-{prefix.replace('/', '-')}"
        script = (
            f"ls -d {self.charts[0].parent}/*/ | xargs -P8 -n1 -I{{}} {self.helm} package {{}} -d {packed} >/dev/null; "
            f"ls {packed}/*.tgz | xargs -P8 -n1 -I{{}} {self.helm} push {{}} oci://{place.host}/{prefix} --plain-http"
        )
        return ["sh", "-c", script]

    def replay(self, place: Place, prefix: str, layout: Path, threads: int) -> list[str]:
        program = str(ROOT / "benchmarks" / "replay.py")
        return [sys.executable, program, place.host, prefix, str(threads), str(layout)]


def measure(command: Sequence[str], place: Place, environment: dict[str, str]) -> Figure:
    """Run a command to the end."""
    place.registry.clear()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        if status:
            said.seek(0)
            raise SystemExit(f"{command[:4]}: {said.read().decode()[-2000:]}")
    process.returncode = 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figure(wall, cpu, usage.ru_maxrss / 1024, len(place.registry.requests()))


def least(figures: Sequence[Figure]) -> Figure:
    return min(figures, key=lambda figure: figure.wall)


def rows(
    bench: Bench, place: Place, rounds: int, environment: dict[str, str]
) -> Iterator[tuple[str, Figure]]:
    """Run everything in turns, round by round, and yield the least of each."""
    layout = bench.folder / f"layout-{place.title.split(',')[0].replace(' ', '-')}"
    subprocess.run(
        bench.ours(place, "seed", layout)[:-3] + bench.ours(place, "seed", layout)[-1:],
        env=environment,
        check=True,
    )
    subprocess.run(bench.ours(place, "same", layout), env=environment, check=True, capture_output=True)
    near = f"p{place.host.rpartition(':')[2]}"  # the same registry may be reached in two ways
    runs: dict[str, Callable[[int], list[str]]] = {
        "ours, all new": lambda n: bench.ours(
            place, f"{near}/new{n}", bench.folder / f"cold-{place.host}-{n}"
        ),
        "ours, unchanged, cold cache": lambda n: bench.ours(
            place, "same", bench.folder / f"empty-{place.host}-{n}"
        ),
        "ours, unchanged, warm cache": lambda _: bench.ours(place, "same", layout),
        "helm package + push, loop": lambda n: bench.loop(place, f"{near}/loop{n}"),
        "helm package + push, xargs -P8": lambda n: bench.xargs(place, f"{near}/xargs{n}"),
        "bare replay, 1 thread": lambda n: bench.replay(place, f"{near}/bare1-{n}", layout, 1),
        "bare replay, 8 threads": lambda n: bench.replay(place, f"{near}/bare8-{n}", layout, 8),
        "bare replay, 32 threads": lambda n: bench.replay(place, f"{near}/bare32-{n}", layout, 32),
    }
    found: dict[str, list[Figure]] = {title: [] for title in runs}
    for number in range(rounds):
        for title, command in runs.items():
            found[title].append(measure(command(number), place, environment))
    for title, figures in found.items():
        yield title, least(figures)


def table(place: Place, figures: dict[str, Figure], charts: int) -> str:
    """Return the figures of one registry; a ratio says how many times as fast as the loop a row is."""
    loop = figures["helm package + push, loop"].wall
    xargs = figures["helm package + push, xargs -P8"].wall
    lines = [
        f"### {place.title}, {charts} charts",
        "",
        "| run | times the loop | times xargs -P8 | seconds | CPU s | peak MiB | requests |",
        "|:--|--:|--:|--:|--:|--:|--:|",
    ]
    for title, one in figures.items():
        ratios = f"{loop / one.wall:.1f} | {xargs / one.wall:.1f}"
        lines.append(
            f"| {title} | {ratios} | {one.wall:.2f} | {one.cpu:.2f} | {one.peak:.0f} | {one.requests} |"
        )
    return "\n".join([*lines, ""])


@contextmanager
def places(folder: Path, only: str) -> Iterator[list[Place]]:
    """Start the registries: on disk, the same 40 ms away, and in memory."""
    with ExitStack() as stack:
        disk = stack.enter_context(registries.plain(folder / "disk"))
        far = stack.enter_context(delayed(disk.host, 40))
        memory = stack.enter_context(registries.olareg(folder / "memory"))
        found = [
            Place("docker-registry, disk", disk.host, disk),
            Place("docker-registry, disk, 40 ms round trip", far, disk),
            Place("olareg, memory", memory.host, memory),
        ]
        yield [place for place in found if only in place.title]


def main() -> None:
    """Run the benchmark and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--charts", type=Path, help="folder of charts; default: generated ones")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", default="", help="part of a registry's title")
    options = parser.parse_args()
    helm = find("helm")
    if helm is None:
        raise SystemExit("there is no helm to compare with: run `make tools`")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        if options.charts:
            shutil.copytree(options.charts, folder / "charts")
            charts = sorted(path for path in (folder / "charts").iterdir() if (path / "Chart.yaml").is_file())
        else:
            charts = generate(folder / "charts", count=options.count)
        home = folder / "home"
        environment = {
            **{key: value for key, value in os.environ.items() if key in {"PATH", "LANG"}},
            "HOME": str(home),
            "PYTHONPATH": str(ROOT / "src"),
            "HELM_PLUGINS": "/nonexistent",
        }
        bench = Bench(charts=charts, folder=folder, helm=str(helm))
        (folder / "disk").mkdir()
        (folder / "memory").mkdir()
        with places(folder, options.only) as found:
            text = "\n".join(
                table(place, dict(rows(bench, place, options.rounds, environment)), len(charts))
                for place in found
            )
    print(text)
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / f"{datetime.now(tz=UTC):%Y%m%dT%H%M%S}.md").write_text(text)


if __name__ == "__main__":
    main()
