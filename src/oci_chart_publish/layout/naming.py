"""Names that many threads want in one ``index.json``: whoever comes while it is being written shares the next write.

The index is one file, written whole. Written for each name, the cost of a name grows with their number; written once
for all that wait (a database calls it group commit), a run of thousands of charts writes it a few dozen times.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from oci_chart_publish.errors import PublishError
from oci_chart_publish.oci.descriptor import Descriptor

WriteNames = Callable[[Mapping[str, Descriptor]], None]
"""Lets all names stand for their manifests, or none: raises PublishError."""


class NamingQueue:
    """The names that wait for the write under way to end. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: dict[str, tuple[Descriptor, Future[None]]] = {}

    def __len__(self) -> int:
        """Return how many names wait."""
        return len(self._waiting)

    def put(self, name: str, descriptor: Descriptor, write: WriteNames) -> None:
        """Return once ``name`` stands for the manifest; raise what keeps this very name from it."""
        with self._lock:
            earlier = self._waiting.get(name)
            future: Future[None] = Future() if earlier is None else earlier[1]
            self._waiting[name] = (
                descriptor,
                future,
            )  # of two writes of one name that wait, the later one counts
        with self._writing:
            if not future.done():
                self._write_all(write)
        future.result()

    def _write_all(self, write: WriteNames) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, {}
        try:
            write({name: descriptor for name, (descriptor, _) in batch.items()})
        except PublishError as error:
            if len(batch) == 1:
                _settle(batch, error)
            else:  # one of them is to blame: each by itself, so that it fails alone
                for name, (descriptor, future) in batch.items():
                    _settle({name: (descriptor, future)}, _error_of(name, descriptor, write))
        except BaseException as error:
            _settle(batch, error)
            raise
        else:
            _settle(batch, None)


def _error_of(name: str, descriptor: Descriptor, write: WriteNames) -> PublishError | None:
    try:
        write({name: descriptor})
    except PublishError as error:
        return error
    return None


def _settle(batch: Mapping[str, tuple[Descriptor, Future[None]]], error: BaseException | None) -> None:
    for _, future in batch.values():
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
