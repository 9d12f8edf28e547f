"""The runner reads commands out of what a step prints, from stdout and stderr: only ours may be some.

A chart, a commit, a registry or a saved report may say ``::stop-commands::x`` at the start of a line, or
``##[error]x`` anywhere in one (actions/runner ``ActionCommand.cs``). So both streams are replaced once, at the edge,
by ones that break every such line; nobody who prints has to think of it, and what is ours goes through ``command``.
"""

from __future__ import annotations

import io
import os
import re
import stat
import sys
import threading
from typing import BinaryIO, TextIO

# Line ends as the runner's StreamReader.ReadLine has them.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)")


def harmless(line: str) -> str:
    """Return a line of foreign text that the runner cannot take for a command: a blank breaks both forms.

    A blank, and nothing invisible: the runner compares by culture, which passes over invisible characters.
    """
    broken = line.replace("##[", "## [")
    start = next((i for i, char in enumerate(broken) if char.isprintable() and not char.isspace()), 0)
    return f"{broken[:start]}: :{broken[start + 2 :]}" if broken.startswith("::", start) else broken


class _Lines(io.RawIOBase):
    """Passes whole lines on, each of them made harmless; what was begun waits for its end."""

    name = "<log>"

    def __init__(self, binary: BinaryIO) -> None:
        self._binary = binary
        self._begun = ""
        self._lock = threading.Lock()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        text = bytes(data).decode("utf-8", "surrogateescape")
        with self._lock:
            text = self._begun + text
            # A carriage return at the end may be half a line end.
            end = max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1
            self._begun = text[end:]
            self._pass("".join(harmless(line) for line in _LINE.findall(text[:end])))
        return len(data)

    def command(self, line: str) -> None:
        """Pass one command of ours, on a line of its own."""
        with self._lock:
            rest, self._begun = self._begun, ""
            self._pass((f"{harmless(rest)}\n" if rest else "") + f"{line}\n")

    def end(self) -> None:
        """Pass a line that was begun and not ended."""
        with self._lock:
            rest, self._begun = self._begun, ""
            self._pass(harmless(rest))

    def _pass(self, text: str) -> None:
        if text:
            self._binary.write(text.encode("utf-8", "surrogateescape"))
            self._binary.flush()


class RunnerLog(io.TextIOWrapper):
    """A text stream to the log of a step, in which nothing is a command but what was written by ``command``."""

    def __init__(self, binary: BinaryIO) -> None:
        self._lines = _Lines(binary)
        super().__init__(self._lines, encoding="utf-8", errors="surrogateescape", write_through=True)

    def command(self, line: str) -> None:
        """Write one command, whose values are escaped."""
        self._lines.command(line)

    def end(self) -> None:
        """Write a line that was begun and not ended."""
        self._lines.end()


def guard() -> None:
    """Replace stdout and stderr by guarded ones, but for those that were sent to a file: that is no log."""
    sys.stdout = _guarded(sys.stdout)
    sys.stderr = _guarded(sys.stderr)


def _guarded(stream: TextIO) -> TextIO:
    if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        return stream
    stream.flush()
    binary = stream.buffer
    # Unbuffered (`python -u`) it may write a part only.
    return RunnerLog(io.BufferedWriter(binary) if isinstance(binary, io.RawIOBase) else binary)


def finish() -> None:
    """Write what was begun and not ended, before the process ends."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, RunnerLog):
            stream.end()


def print_command(line: str, stream: TextIO) -> None:
    """Print a command of ours to a stream, guarded or not."""
    if isinstance(stream, RunnerLog):
        stream.command(line)
    else:
        print(line, file=stream, flush=True)
