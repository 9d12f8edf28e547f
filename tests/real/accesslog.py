"""What a server's own log says it was asked."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

Request = tuple[str, str, int]
"""Method, path with its query, status."""

# docker-registry, Apache's combined format: 127.0.0.1 - - [...] "GET /v2/ HTTP/1.1" 200 2 "" "agent"
_COMBINED = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[0-9.]+" (?P<status>[0-9]{3}) ')
# olareg at level trace: ... msg=ServeHTTP duration=9µs method=GET url="/v2/x?n=1" status=200 ...
_OLAREG = re.compile(
    r'msg=ServeHTTP .*?method=(?P<method>[A-Z]+) url="?(?P<path>[^\s"]+)"? status=(?P<status>\d+)'
)
# crane: 2026/11/24 09:21:59 HEAD /v2/a/manifests/x 404 NAME_UNKNOWN ...; the status only where it is an error
_CRANE = re.compile(r"^\S+ \S+ (?P<method>[A-Z]+) (?P<path>/\S*)(?: (?P<status>[45][0-9]{2}) .*)?$")

_QUIET = 0.03
_PATIENCE = 2.0


def requests(log: Path) -> list[Request]:
    """Return the requests a server has logged so far, in order.

    A server may log after its answer has left, so the log is read once nothing has been added for a moment. Crane
    does not log the status of what went well; it is given as 200.
    """
    _settle(log)
    return list(_parse(log.read_text(errors="replace")))


def clear(log: Path) -> None:
    """Forget what was logged. The servers append, so an emptied file goes on from its start."""
    _settle(log)
    os.truncate(log, 0)


def _parse(text: str) -> Iterator[Request]:
    for line in text.splitlines():
        found = _COMBINED.search(line) or _OLAREG.search(line) or _CRANE.match(line)
        if found:
            yield found["method"], found["path"], int(found["status"] or 200)


def _settle(log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    size = -1
    while size != log.stat().st_size and time.monotonic() < deadline:
        size = log.stat().st_size
        time.sleep(_QUIET)
