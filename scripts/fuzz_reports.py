"""Try hostile saved reports: ``PYTHONPATH=src:. python scripts/fuzz_reports.py --count 20000 --seed 1``.

Each document is read and shown in every way there is, every twentieth by the command as well, while an audit hook sees
what is started and opened (``tests/report/hostile.py``). Then documents of a megabyte are rendered and timed. Any fault
ends the run with the seed and the document.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.report.hostile import HOME, Guard, Writer, command, examine, large

from oci_chart_publish.report import document
from oci_chart_publish.report.markdown import render


def fuzz(count: int, seed: int, folder: Path) -> Counter[str]:
    """Try so many documents and return how many were shown and refused."""
    guard, writer = Guard(), Writer(seed)
    environment = {"HOME": str(folder), "GITHUB_STEP_SUMMARY": str(folder / "summary"), "PATH": ""}
    found: Counter[str] = Counter()
    for number in range(count):
        data = writer.document()
        try:
            with guard.over(folder):
                found[examine(data, folder)] += 1
                if number % 20 == 0:
                    (folder / "summary").write_text("")
                    found[f"exit {command(folder, environment)}"] += 1
        except BaseException:
            print(f"seed {seed}, document {number}: {data[:2000]!r}", file=sys.stderr)
            raise
        if guard.seen:
            sys.exit(f"seed {seed}, document {number}: {guard.seen} {data[:2000]!r}")
    return found


def main() -> None:
    """Print what was tried, and how long a megabyte took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        found = fuzz(options.count, options.seed, Path(name))
        os.chdir("/")
    print(", ".join(f"{number} {word}" for word, number in sorted(found.items())))
    for name, data in large(1.0).items():
        report = document.decode(data)
        started = time.process_time()
        render(report, home=HOME)
        render(report, limit=900 * 1024, unit="utf-8", home=HOME)
        seconds = (time.process_time() - started) / 2
        print(f"{seconds / len(data) * 1e6:5.2f} s of CPU for a megabyte: {name}")


if __name__ == "__main__":
    main()
