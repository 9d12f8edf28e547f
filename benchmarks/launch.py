"""Run a command and write what it took: ``python launch.py RESULT COMMAND...``; the exit code is the command's.

A small process of its own, because Linux counts what a parent held when it started a child as the child's peak.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> int:
    """Start the command, wait, and write wall and CPU seconds and the peak in MiB of its largest process."""
    result, command = sys.argv[1], sys.argv[2:]
    started = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - started
    with open(result, "w") as file:  # noqa: PTH123  (nothing more than needed is imported)
        json.dump([wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024], file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
