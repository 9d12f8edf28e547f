"""One ``git cat-file --batch`` process, started at the first question and shared by threads."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable
from threading import Lock
from typing import IO, Protocol

from oci_chart_publish.errors import PublishError

# A file in a repository may be of any size; one that no chart can hold is not worth the memory.
LARGEST = 256 * 1024 * 1024


class Child(Protocol):
    """A running program with pipes, as ``subprocess.Popen`` is."""

    stdin: IO[bytes] | None
    stdout: IO[bytes] | None

    def wait(self) -> int:
        """Wait for its end."""


class BlobReader:
    """Reads blobs by object name (``<sha>`` or ``<rev>:<path>``), without one process for each."""

    def __init__(self, start: Callable[[], Child]) -> None:
        self._start = start
        self._lock = Lock()
        self._child: Child | None = None
        self._finalizer: weakref.finalize[[Child], BlobReader] | None = None

    def read(self, name: str) -> bytes | None:
        """Return the blob's bytes, or None where there is none of that name (a folder is none)."""
        with self._lock:
            child = self._running()
            if child.stdin is None or child.stdout is None:
                raise PublishError("git cat-file runs without pipes")
            try:
                child.stdin.write(name.encode("utf-8", "surrogateescape") + b"\n")
                child.stdin.flush()
                return _answer(child.stdout, name)
            except (OSError, PublishError) as error:
                self._stop()
                raise PublishError(f"git cat-file failed at {name!r}: {error}") from error

    def close(self) -> None:
        """End the process; the next question starts another."""
        with self._lock:
            self._stop()

    def _running(self) -> Child:
        if self._child is None:
            self._child = self._start()
            self._finalizer = weakref.finalize(self, _end, self._child)
        return self._child

    def _stop(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._child = self._finalizer = None


def _end(child: Child) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    child.wait()


def _answer(pipe: IO[bytes], name: str) -> bytes | None:
    """Read one answer of ``cat-file --batch``: ``<oid> <type> <size>``, or the name and why there is nothing."""
    header = pipe.readline()
    if not header.endswith(b"\n"):
        raise PublishError("it ended without an answer")
    if header.endswith((b" missing\n", b" ambiguous\n")):
        return None
    _, kind, size_text = header.split()
    size = int(size_text)
    if size > LARGEST:
        raise PublishError(f"{name!r} has {size} bytes, more than the {LARGEST} that are read into memory")
    data = pipe.read(size + 1)
    if len(data) != size + 1:
        raise PublishError("it ended in the middle of an answer")
    return data[:-1] if kind == b"blob" else None
