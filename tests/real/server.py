"""Start a real server on a free port of the loopback, wait until it listens, and always end it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

HOST = "127.0.0.1"
_PATIENCE = 15.0
_TRIES = 3


def free_port() -> int:
    """Return a port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(command: Callable[[int], Sequence[str]], log: Path) -> Iterator[int]:
    """Run ``command(port)`` with both its outputs appended to `log`, and yield the port once it listens there.

    A port may be taken between the probe and the start, so a server that ends at once is started again elsewhere.
    """
    for _ in range(_TRIES):
        port = free_port()
        argv = command(port)
        with log.open("ab") as sink:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env={"HOME": str(log.parent)}
            )
        try:
            if _listens(process, port):
                yield port
                return
        finally:
            _end(process)
    raise AssertionError(f"a server does not start, see its log\n{log.read_text()}")


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait for the port; False as soon as the server has ended."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return process.poll() is None
        time.sleep(0.005)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
