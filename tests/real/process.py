"""Servers that tests start: on a free loopback port, waited for, and always ended."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

READY_SECONDS = 15.0
END_SECONDS = 5.0


class ServerDiedError(RuntimeError):
    """A server ended before it answered; the message holds the end of its log."""


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def server(
    command: Callable[[int], Sequence[str]],
    *,
    log: Path,
    env: Mapping[str, str],
    output: Path | None = None,
    attempts: int = 3,
) -> Iterator[int]:
    """Run ``command(port)`` until it accepts connections; yields the port and ends the program afterwards.

    Its standard error goes to ``log``, its standard output to ``output`` (or to ``log`` too). Another program can
    take the port between the probe and the start, so a server that dies at once is tried again on another one.
    """
    for attempt in range(1, attempts + 1):
        port = free_port()
        process = _start(command(port), log=log, output=output, env=env)
        try:
            _wait(process, port, log)
        except ServerDiedError:
            _end(process)
            if attempt == attempts:
                raise
            continue
        try:
            yield port
        finally:
            _end(process)
        return


def _start(
    argv: Sequence[str], *, log: Path, output: Path | None, env: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    with contextlib.ExitStack() as files:
        errors = files.enter_context(log.open("ab"))
        lines = files.enter_context(output.open("ab")) if output else errors
        return subprocess.Popen(
            [*_tied_to_this_process(), *argv],
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=errors,
            env=dict(env),
            cwd=log.parent,
        )


def _tied_to_this_process() -> tuple[str, ...]:
    """A prefix that makes the kernel end the server with us, even if we are killed."""
    setpriv = shutil.which("setpriv")
    # The kernel means the thread that started the child, so only the main one will do.
    if setpriv is None or threading.current_thread() is not threading.main_thread():
        return ()
    return (setpriv, "--pdeathsig", "KILL", "--")


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerDiedError(f"{process.args!r} ended with {process.returncode}:\n{_tail(log)}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    raise ServerDiedError(
        f"{process.args!r} did not listen on port {port} in {READY_SECONDS:g} s:\n{_tail(log)}"
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: Path) -> str:
    return log.read_text("utf-8", errors="replace")[-2000:] if log.exists() else ""
