"""Progress of a run on stderr: a bar on a terminal, plain lines in CI, nothing when quiet."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol, TextIO

from oci_chart_publish.lazy import lazy

if TYPE_CHECKING:
    from rich import console as rich_console
    from rich import progress as rich_progress
else:
    rich_console = lazy("rich.console")
    rich_progress = lazy("rich.progress")

EVERY = 10.0
"""Seconds between two plain lines that only count."""


class Progress(Protocol):
    """Told how far a run is; called from several threads."""

    def start(self, total: int) -> None:
        """Begin with ``total`` charts."""

    def step(self, chart: str, what: str) -> None:
        """Say that ``what`` ("built", "published") has been done to a chart."""

    def say(self, line: str) -> None:
        """Show a line of its own: a wait, a warning."""

    def stop(self) -> None:
        """End; nothing is shown after this."""


class Silent:
    """Shows nothing."""

    def start(self, total: int) -> None:
        """Ignore the start."""

    def step(self, chart: str, what: str) -> None:
        """Ignore a step."""

    def say(self, line: str) -> None:
        """Ignore a line."""

    def stop(self) -> None:
        """Ignore the end."""


class Lines:
    """Plain lines: what is said, and a count every few seconds; each step where ``verbose``."""

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._stream = stream
        self._verbose = verbose
        self._lock = threading.Lock()
        self._total = 0
        self._built = 0
        self._shown = time.monotonic()

    def start(self, total: int) -> None:
        """Begin with ``total`` charts."""
        self._total = total

    def step(self, chart: str, what: str) -> None:
        """Count, and show a line when it is time for one."""
        with self._lock:
            self._built += what == "built"
            if self._verbose:
                print(f"{chart}: {what}", file=self._stream, flush=True)
            elif time.monotonic() - self._shown > EVERY:
                self._shown = time.monotonic()
                print(f"{self._built} of {self._total} charts built", file=self._stream, flush=True)

    def say(self, line: str) -> None:
        """Show a line."""
        with self._lock:
            print(line, file=self._stream, flush=True)

    def stop(self) -> None:
        """Nothing is left to end."""


class Bar:
    """A bar on a terminal, drawn by rich."""

    def __init__(self, stream: TextIO) -> None:
        self._bar = rich_progress.Progress(
            rich_progress.TextColumn("{task.description:<10}"),
            rich_progress.BarColumn(),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TimeElapsedColumn(),
            rich_progress.TextColumn("{task.fields[chart]}"),
            console=rich_console.Console(file=stream),
            transient=True,
        )
        self._lock = threading.Lock()
        self._task: rich_progress.TaskID | None = None
        self._building = True
        self._total = 0

    def start(self, total: int) -> None:
        """Begin with ``total`` charts."""
        self._total = total
        self._bar.start()

    def step(self, chart: str, what: str) -> None:
        """Advance the one bar; the first step of another kind than ``built`` begins it anew, without a known end."""
        with self._lock:
            building = what == "built"
            if building and not self._building:
                return  # the bar is about what came after
            if self._task is not None and building != self._building:
                self._bar.remove_task(self._task)
                self._task = None
            self._building = building
            if self._task is None:
                self._task = self._bar.add_task(what, total=self._total if building else None, chart="")
            self._bar.update(self._task, advance=1, chart=chart)

    def say(self, line: str) -> None:
        """Show a line above the bar."""
        self._bar.console.print(line, markup=False, highlight=False)

    def stop(self) -> None:
        """Take the bar away."""
        self._bar.stop()


def progress(stream: TextIO, *, quiet: bool, verbose: bool) -> Progress:
    """Choose how to show progress on ``stream``."""
    if quiet:
        return Silent()
    if stream.isatty() and not verbose:
        return Bar(stream)
    return Lines(stream, verbose=verbose)
