"""A run that is told to stop: what is in flight may end, nothing more is begun, and the runner is not outstayed.

The runner sends SIGINT, 7.5 s later SIGTERM, and 2.5 s later ends the container (actions/runner ``ProcessInvoker.cs``).

Python runs a handler in the main thread, between two instructions: one that is just about to wait for a lock waits on,
and the signal with it (https://docs.python.org/3/library/signal.html#execution-of-python-signal-handlers). A thread of
its own therefore reads the pipe into which Python writes each signal at once (``signal.set_wakeup_fd``).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

from oci_chart_publish.errors import ExitCode

GRACE = 5.0
"""Seconds after which the process ends whatever it waits for; cache and registries are whole at any moment."""
SAID = "interrupted; what was pushed stays, run again to go on"
LAST = 1.5
"""Seconds in which what is left has to be said then: together less than the runner waits before SIGTERM."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_pipe: list[int] = []
"""The end from which the signals of this process are read, once it listens to them."""


def listen_early() -> None:
    """Take SIGINT and SIGTERM while the program is still being loaded, for the ``Interruption`` that will listen."""
    if _pipe:
        return
    heard, written = os.pipe()
    for end in (heard, written):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    for item in _SIGNALS:
        signal.signal(item, lambda *_: None)
    _pipe.append(heard)


def _told_to_stop() -> bool:
    """Read what has come; True where one of the signals was among it."""
    try:
        came = os.read(_pipe[0], 512)
    except BlockingIOError:
        return False
    return any(number in came for number in _SIGNALS)


class Interruption:
    """``stopping`` is set by the first signal, and the process given ``grace`` seconds to report what it did.

    Where it does not make it, what it has left to be said is said for it (``leave``), ``said`` goes to the file
    descriptor ``stream``, and it ends.
    """

    # No dataclass: what that imports takes as long as Python to start, and signals are to be heard before.
    def __init__(self, *, grace: float = GRACE, said: str = SAID, stream: int = 2) -> None:
        self.stopping = threading.Event()
        self.grace = grace
        self.said = said
        self.stream = stream
        self._last: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def listen(self) -> None:
        """Take SIGINT and SIGTERM; as PID 1 of a container a process ignores the latter otherwise.

        One that came early (``listen_early``) counts: the run then begins, and reports that it did nothing. Whoever
        listens last is told: a command that the action runs, for instance.
        """
        listen_early()
        with _listening:
            told = any(listener.stopping.is_set() for listener in _listeners) or (
                not _listeners and _told_to_stop()
            )
            _listeners.append(self)
        if told:
            self.stop()
        elif len(_listeners) == 1:
            threading.Thread(target=_watch, name="signals", daemon=True).start()

    def leave(self, last: Callable[[], None]) -> None:
        """Say what is to be done, in another thread and within ``LAST`` seconds, where the process has to be ended.

        It replaces what was left before. Once that has been begun, this never returns.
        """
        with self._lock:
            self._last = last

    def report(self) -> None:
        """Say that the process reports itself from here on, and needs no more than ``LAST`` seconds for it."""
        self.leave(lambda: time.sleep(LAST))

    def stop(self) -> None:
        """Tell the run to stop, and end the process in ``grace`` seconds."""
        self.stopping.set()
        _after(self.grace, self._end)

    def _end(self) -> None:
        _after(LAST, _exit)
        # Buffered output of a stuck thread is lost on purpose: waiting for its lock could take for ever.
        os.write(self.stream, f"\n{self.said}\n".encode())
        with self._lock:
            try:
                if self._last is not None:
                    self._last()
            finally:
                _exit()


_listeners: list[Interruption] = []
_listening = threading.Lock()


def _watch() -> None:
    os.set_blocking(_pipe[0], True)
    while not _told_to_stop():
        pass
    with _listening:
        _listeners[-1].stop()


def _after(seconds: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


def _exit() -> None:
    os._exit(int(ExitCode.INTERRUPTED))
