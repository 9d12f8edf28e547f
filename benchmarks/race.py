"""Two runs that publish different content of one version within the same second: how often both say success.

``PYTHONPATH=src:. python benchmarks/race.py [ROUNDS [MILLISECONDS]]``, against docker-registry behind a proxy that adds
the round-trip delay. Also printed: what a single run takes with and without the read that finds the other one out.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.push.packed import WEB, built
from tests.real import registries
from tests.real.delay import delayed

from oci_chart_publish.errors import PublishError
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.push import publish
from oci_chart_publish.push.reconcile import Destination, Plan, decide, look_up
from oci_chart_publish.registry.connect import Registries


def at_once(calls: Sequence[Callable[[], PublishError | None]]) -> list[PublishError | None]:
    """Make all calls at the same time."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda call: call(), calls))


class Publisher:
    """One run: a layout, its connections, and content of its own."""

    def __init__(self, folder: Path, host: str, content: str) -> None:
        self.layout = ImageLayout.create(folder / content)
        self.memo = Memo(folder / content / "memo")
        self.artifact = built({**WEB, "values.yaml": f"by: {content}\n".encode()}, self.layout)
        self.host = host

    def run(self, path: str, *, confirm: bool = True) -> tuple[Plan, float]:
        """Publish, and return the plan and the seconds it took."""
        begun = time.monotonic()
        store = Registries().repository(Repository(self.host, path))
        site = Destination(registry="r", reference=f"{path}:1.0.0", name="1.0.0", store=store)
        plan = decide(self.artifact, (look_up(self.artifact, site, self.layout, self.memo),))
        plan = publish.put_manifest(publish.upload(plan, self.layout, at_once), at_once)
        plan = publish.put_tags(plan, at_once)
        plan = publish.confirm_tags(plan, at_once) if confirm else plan
        return plan, time.monotonic() - begun


def outcome(plan: Plan) -> str:
    """Return the status of the one target."""
    return str(publish.result(plan, wrote=True).targets[0].status)


def rounds(host: str, folder: Path, count: int, offset: float) -> Counter[tuple[str, ...]]:
    """Let two runs race ``count`` times, the second up to ``offset`` seconds later, and count how they ended."""
    ends: Counter[tuple[str, ...]] = Counter()
    runs = [Publisher(folder, host, name) for name in ("one", "two")]
    for number in range(count):
        gate = threading.Barrier(2)
        waits = [0.0, random.uniform(0, offset)]

        def race(
            which: int, number: int = number, gate: threading.Barrier = gate, waits: list[float] = waits
        ) -> str:
            gate.wait()
            time.sleep(waits[which])
            return outcome(runs[which].run(f"race-{offset}/c{number}")[0])

        with ThreadPoolExecutor(2) as pool:
            ends[tuple(sorted(pool.map(race, (0, 1))))] += 1
    return ends


def main(arguments: list[str]) -> int:
    """Print the table."""
    count, milliseconds = int((arguments or ["100"])[0]), float((arguments[1:] or ["40"])[0])
    with tempfile.TemporaryDirectory() as name, registries.plain(Path(name)) as registry:
        folder = Path(name) / "layouts"
        with delayed(registry.host, milliseconds) as host:
            for offset in (0.0, 1.0):
                ends = rounds(host, folder / str(offset), count, offset)
                both = ends[("published", "published")]
                sys.stdout.flush()
                print(f"begun within {offset:.0f} s: both say success in {both} of {count}; {dict(ends)}")
            single = Publisher(folder / "single", host, "one")
            for confirm in (False, True):
                times = sorted(
                    single.run(f"single-{int(confirm)}/c{n}", confirm=confirm)[1] for n in range(15)
                )
                print(f"one chart, {'with' if confirm else 'without'} the read: {times[7] * 1000:.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
