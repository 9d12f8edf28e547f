"""Cost by the number of charts: into the layout, and unchanged against a registry; what is linear stays flat."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.charts import generate
from tests.real import registries

COUNTS = (250, 1000, 5000)


def measured(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Run a command; return wall and CPU seconds."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - started, cpu


def commit(folder: Path, environment: Mapping[str, str]) -> None:
    """Put a folder under git, as the charts of a user are."""
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")
    for arguments in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-q", "-m", "charts")):
        subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)


def rows(folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Return a row for each number of charts and command: wall seconds, and CPU milliseconds a chart."""
    found = []
    for count in COUNTS:
        home = folder / str(count)
        charts = home / "charts"
        generate(charts, count=count, files=6, kib=6)
        commit(charts, environment)
        ours = (sys.executable, "-m", "oci_chart_publish", "publish", "--quiet", str(charts))
        with registries.olareg(home) as registry:
            local = (*ours, "--layout", str(home / "local"))
            remote = (*ours, "--layout", str(home / "cache"), "--registry", f"{registry.host}/charts")
            for title, command in (
                ("layout, new", local),
                ("layout, unchanged", local),
                ("registry, new", remote),
                ("registry, unchanged", remote),
            ):
                wall, cpu = measured(command, environment)
                found.append(f"| {title} | {count} | {wall:.2f} | {cpu:.2f} | {1000 * cpu / count:.2f} |")
    return found


def table(folder: Path, environment: Mapping[str, str]) -> str:
    """Return the Markdown table; ``environment`` has PATH, HOME and PYTHONPATH."""
    head = ("| what | charts | wall s | CPU s | CPU ms a chart |", "|:--|--:|--:|--:|--:|")
    return "\n".join((*head, *rows(folder, environment)))
