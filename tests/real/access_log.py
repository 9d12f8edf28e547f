"""Counts requests where they arrive: the access log of docker-registry, in Apache's "combined" form."""

from __future__ import annotations

import contextlib
import re
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SETTLE_SECONDS = 5.0

_LINE = re.compile(
    r'^\S+ \S+ \S+ \[[^\]]*\] "(?P<method>[A-Z]+) (?P<target>\S+) HTTP/[\d.]+" (?P<status>\d{3}) \S+'
    r' "[^"]*" "(?P<agent>[^"]*)"'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One line of the log; ``target`` is the path with its query, as the client sent it."""

    method: str
    target: str
    status: int
    agent: str

    def __str__(self) -> str:
        """As in ``HEAD /v2/charts/web/manifests/1.0.0 200``."""
        return f"{self.method} {self.target} {self.status}"

    @property
    def writes(self) -> bool:
        """Whether it asked the registry to change something."""
        return self.method not in {"GET", "HEAD"}


class AccessLog:
    """The log in ``file``; ``probe`` sends one request with the given marker to the same server."""

    def __init__(self, file: Path, probe: Callable[[str], None]) -> None:
        self._file = file
        self._probe = probe

    @contextlib.contextmanager
    def recording(self) -> Iterator[list[Request]]:
        """Gather what arrives meanwhile; the list is filled when the block ends."""
        seen: list[Request] = []
        start = self._settled()
        yield seen
        self._settled()
        text = self._file.read_bytes()[start:].decode()
        # The last line is the marker that ended the recording.
        seen.extend(parse(text)[:-1])

    def _settled(self) -> int:
        """The size of the log once everything that was answered so far is in it."""
        # A line is written after its answer was sent; a little later than the client may ask for it.
        time.sleep(0.02)
        marker = uuid.uuid4().hex
        self._probe(marker)
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            text = self._file.read_bytes()
            at = text.find(marker.encode())
            if at >= 0 and (end := text.find(b"\n", at)) >= 0:
                return end + 1
            time.sleep(0.005)
        raise TimeoutError(
            f"{self._file}: the marker request is not in the access log after {SETTLE_SECONDS:g} s"
        )


def parse(text: str) -> tuple[Request, ...]:
    """The requests in ``text``; lines of another form are left out."""
    return tuple(
        Request(method=line["method"], target=line["target"], status=int(line["status"]), agent=line["agent"])
        for line in map(_LINE.match, text.splitlines())
        if line
    )


def probe(base: str, context: object = None) -> Callable[[str], None]:
    """A function that asks ``base`` for a path holding the marker; any answer will do."""

    def ask(marker: str) -> None:
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"{base}/marker-{marker}", timeout=5, context=context).close()  # type: ignore[arg-type]

    return ask
