"""A run that is told to stop: what is in flight may end, nothing more is begun, and the runner is not outstayed.

The runner sends SIGINT, 7.5 s later SIGTERM, and 2.5 s later ends the container (actions/runner ``ProcessInvoker.cs``).
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass, field

from oci_chart_publish.errors import ExitCode

GRACE = 5.0
"""Seconds after which the process ends whatever it waits for; cache and registries are whole at any moment."""
SAID = "interrupted; what was pushed stays, run again to go on"


@dataclass(frozen=True, slots=True)
class Interruption:
    """``stopping`` is set by the first signal, and the process given ``grace`` seconds to report what it did.

    ``said`` goes to the file descriptor ``stream`` where it does not make it.
    """

    stopping: threading.Event = field(default_factory=threading.Event)
    grace: float = GRACE
    said: str = SAID
    stream: int = 2

    def listen(self) -> None:
        """Take SIGINT and SIGTERM; as PID 1 of a container a process ignores the latter otherwise."""
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, self._stop)

    def _stop(self, *_: object) -> None:
        if self.stopping.is_set():
            return
        self.stopping.set()
        timer = threading.Timer(self.grace, _end, [self.said, self.stream])
        timer.daemon = True
        timer.start()


def _end(said: str, stream: int) -> None:
    # Buffered output of a stuck thread is lost on purpose: waiting for its lock could take for ever.
    os.write(stream, f"\n{said}\n".encode())
    os._exit(int(ExitCode.INTERRUPTED))
