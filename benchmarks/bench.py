"""Ours against what a user would run instead, in turns, on the same charts and the same real registries.

``python benchmarks/bench.py [--charts DIR] [--count N] [--rounds N] [--only NAME]``. Prints a Markdown table of ratios,
request counts from the registry's access log, CPU seconds and peak memory, and keeps it in benchmarks/results/.
Every figure is the least of its runs; ratios are what to read, seconds belong to one machine on one day.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import scale  # noqa: E402
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
    """The charts, a folder to work in, and the helm to compare with; a command is a function of the run's number."""

    charts: list[Path]
    folder: Path
    helm: str

    def local(self) -> list[str]:
        """Return the command that builds into the layout and needs no registry."""
        return [sys.executable, "-m", "oci_chart_publish", "publish", "--quiet", "--layout", str(self.ready)]

    def ours(self, place: Place, prefix: str, cache: Path) -> list[str]:
        return [
            *(sys.executable, "-m", "oci_chart_publish", "publish", "--quiet", "--layout", str(cache)),
            *("--registry", f"{place.host}/{prefix}", str(self.charts[0].parent)),
        ]

    def loop(self, place: Place, prefix: str) -> list[str]:
        packed = self.folder / f"packed-{prefix.replace('/', '-')}"
        script = (
            f'for chart in {self.charts[0].parent}/*/; do {self.helm} package "$chart" -d {packed}; done >/dev/null; '
            f"for archive in {packed}/*.tgz; do {self.helm} push $archive oci://{place.host}/{prefix} "
            "--plain-http; done"
        )
        return ["sh", "-c", script]

    def xargs(self, place: Place, prefix: str) -> list[str]:
        packed = self.folder / f"packed-{prefix.replace('/', '-')}"
        script = (
            f"ls -d {self.charts[0].parent}/*/ | xargs -P8 -n1 -I{{}} {self.helm} package {{}} -d {packed} >/dev/null; "
            f"ls {packed}/*.tgz | xargs -P8 -n1 -I{{}} {self.helm} push {{}} oci://{place.host}/{prefix} --plain-http"
        )
        return ["sh", "-c", script]

    def replay(self, place: Place, prefix: str, threads: int) -> list[str]:
        program = str(ROOT / "benchmarks" / "replay.py")
        return [sys.executable, program, place.host, prefix, str(threads), str(self.ready)]

    def oras(self, program: str, place: Place, prefix: str) -> list[str]:
        lines = [
            f"{program} cp --no-tty --from-oci-layout --to-plain-http {self.ready}@{digest} "
            f"{place.host}/{prefix}/{name}:{tag}"
            for name, tag, digest in self.artifacts()
        ]
        return ["sh", "-ec", "\n".join(lines)]

    def skopeo(self, program: str, place: Place, prefix: str) -> list[str]:
        lines = [
            f"{program} copy -q --dest-tls-verify=false oci:{self.ready}:{name}:{tag} "
            f"docker://{place.host}/{prefix}/{name}:{tag}"
            for name, tag, _ in self.artifacts()
        ]
        return ["sh", "-ec", "\n".join(lines)]

    def artifacts(self) -> Iterator[tuple[str, str, str]]:
        """Yield name, tag and digest of the charts in the layout that is ready to be copied."""
        for entry in json.loads((self.ready / "index.json").read_bytes())["manifests"]:
            name, _, tag = entry["annotations"]["org.opencontainers.image.ref.name"].partition(":")
            yield name, tag, entry["digest"]

    @property
    def ready(self) -> Path:
        """The layout in which all charts are built and named, for those who only copy."""
        return self.folder / "ready"


def measure(command: Sequence[str], place: Place, environment: dict[str, str]) -> Figure:
    """Run a command to the end."""
    place.registry.clear()
    with tempfile.NamedTemporaryFile() as result:
        launch = (sys.executable, "-S", str(ROOT / "benchmarks" / "launch.py"), result.name)
        done = subprocess.run(
            [*launch, *command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{command[:4]}: {done.stdout.decode()[-2000:]}")
        wall, cpu, peak = json.load(result)
    return Figure(wall, cpu, peak, len(place.registry.requests()))


def least(figures: Sequence[Figure]) -> Figure:
    return min(figures, key=lambda figure: figure.wall)


Command = Callable[[int], list[str]]


def quick(bench: Bench, place: Place, near: str, warm: Path) -> dict[str, Command]:
    """Return what takes little time and is therefore run several times in a round."""
    return {
        "ours, all new": lambda n: bench.ours(place, f"{near}/new{n}", bench.folder / f"new-{near}-{n}"),
        "ours, unchanged, cold cache": lambda n: bench.ours(
            place, f"{near}/same", bench.folder / f"cold-{near}-{n}"
        ),
        "ours, unchanged, warm cache": lambda _: bench.ours(place, f"{near}/same", warm),
        "bare replay, 8 threads": lambda n: bench.replay(place, f"{near}/bare8-{n}", 8),
        "bare replay, 32 threads": lambda n: bench.replay(place, f"{near}/bare32-{n}", 32),
    }


def slow(bench: Bench, place: Place, near: str) -> dict[str, Command]:
    """Return what is run once in a round."""
    found: dict[str, Command] = {
        "helm package + push, loop": lambda n: bench.loop(place, f"{near}/loop{n}"),
        "helm package + push, xargs -P8": lambda n: bench.xargs(place, f"{near}/xargs{n}"),
        "bare replay, 1 thread": lambda n: bench.replay(place, f"{near}/bare1-{n}", 1),
    }
    if oras := find("oras"):
        found["oras cp from our layout, loop"] = lambda n: bench.oras(str(oras), place, f"{near}/oras{n}")
    if skopeo := find("skopeo"):
        found["skopeo copy from our layout, loop"] = lambda n: bench.skopeo(
            str(skopeo), place, f"{near}/skopeo{n}"
        )
    return found


def rows(
    bench: Bench, place: Place, rounds: int, environment: dict[str, str]
) -> Iterator[tuple[str, Figure]]:
    """Run everything in turns, round by round, the quick ones before, between and after; yield the least of each."""
    near = f"p{place.host.rpartition(':')[2]}"  # the same registry may be reached in two ways
    warm = bench.folder / f"warm-{near}"
    measure(bench.ours(place, f"{near}/same", warm), place, environment)
    often, once = quick(bench, place, near, warm), slow(bench, place, near)
    found: dict[str, list[Figure]] = {title: [] for title in (*often, *once)}
    number = 0
    for _ in range(rounds):
        for title, command in once.items():
            found[title].append(measure(command(number), place, environment))
            for other, quickly in often.items():
                found[other].append(measure(quickly(number), place, environment))
            number += 1
    for title, figures in found.items():
        yield title, least(figures)


def table(place: Place, figures: dict[str, Figure], charts: int) -> str:
    """Return the figures of one registry; a ratio says how many times as fast as the loop a row is."""
    loop = figures["helm package + push, loop"].wall
    xargs = figures["helm package + push, xargs -P8"].wall
    lines = [
        f"### {place.title}, {charts} charts",
        "",
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the end.",
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
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default="", help="part of a registry's title")
    parser.add_argument("--scale", action="store_true", help="cost by the number of charts instead")
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
        if options.scale:
            keep(scale.table(folder / "scale", environment))
            return
        scale.commit(charts[0].parent, environment)
        bench = Bench(charts=charts, folder=folder, helm=str(helm))
        subprocess.run(
            [*bench.local(), str(charts[0].parent)], env=environment, check=True, capture_output=True
        )
        (folder / "disk").mkdir()
        (folder / "memory").mkdir()
        with places(folder, options.only) as found:
            for place in found:
                keep(table(place, dict(rows(bench, place, options.rounds, environment)), len(charts)))


def keep(text: str) -> None:
    """Print a table as soon as it is complete, and add it to the results of the day."""
    print(text, flush=True)
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    with (results / f"{datetime.now(tz=UTC):%Y-%m-%d}.md").open("a") as file:
        file.write(f"{text}\n")


if __name__ == "__main__":
    main()
