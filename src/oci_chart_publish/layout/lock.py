"""The lock that writers of one layout share: an advisory file lock, dropped by the system when its holder dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.layout.files import INGEST

LOCK = "lock"
WAIT = 120.0
"""Seconds to wait for another process; it is held for milliseconds."""
_POLL = 0.005


@contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Hold the lock of the layout ``root``, against other processes and other threads; it is not re-entrant."""
    from filelock import FileLock, Timeout  # noqa: PLC0415  (only where something is written)

    path = root / INGEST / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(path).acquire(timeout=WAIT, poll_interval=_POLL)
    except Timeout as error:
        raise ConfigError(
            f"{path}: another process has held the lock of this layout for {WAIT:.0f} seconds",
            hint="end it, or use another layout",
        ) from error
    with held:
        yield
