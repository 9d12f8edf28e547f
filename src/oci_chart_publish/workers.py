"""Threads of a run: some for whole charts, some for single requests, and a limit on how many charts are built at once.

Chart tasks wait for request tasks and never the other way round, so the two pools cannot block each other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from queue import SimpleQueue
from types import TracebackType
from typing import Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """Pools for ``jobs`` charts and ``jobs`` requests; use as a context manager.

    Leaving it waits for what is running; leaving it by an exception (an interruption, say) starts nothing more.
    """

    def __init__(self, jobs: int) -> None:
        self._charts = ThreadPoolExecutor(jobs, thread_name_prefix="chart")
        self._requests = ThreadPoolExecutor(jobs, thread_name_prefix="request")
        # Building is bound by the processor and by memory; more at once than cores gains nothing.
        self.building = threading.BoundedSemaphore(max(2, os.cpu_count() or 1))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in (self._charts, self._requests):
            pool.shutdown(wait=True, cancel_futures=error is not None)

    def each(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Apply ``function`` to all items at the same time; results come in the order of the items."""
        futures = [self._charts.submit(function, item) for item in items]
        return _results(futures)

    def in_order(
        self, graph: Mapping[str, Iterable[str]], function: Callable[[str], Result]
    ) -> dict[str, Result]:
        """Apply ``function`` to the keys of ``graph``, each one once all that it depends on are done.

        Dependencies that are no keys are ignored; a circle is a graphlib.CycleError before anything starts.
        """
        sorter = TopologicalSorter({key: [d for d in needed if d in graph] for key, needed in graph.items()})
        sorter.prepare()
        finished: SimpleQueue[tuple[str, Future[Result]]] = SimpleQueue()
        results: dict[str, Result] = {}
        running: set[Future[Result]] = set()
        try:
            while sorter.is_active():
                for key in sorter.get_ready():
                    future = self._charts.submit(function, key)
                    running.add(future)
                    future.add_done_callback(lambda done, key=key: finished.put((key, done)))  # type: ignore[misc]
                key, done = finished.get()
                running.discard(done)
                results[key] = done.result()
                sorter.done(key)
        except BaseException:
            for future in running:
                future.cancel()
            raise
        return results

    def gather(self, calls: Sequence[Callable[[], Result]]) -> list[Result]:
        """Make all calls at the same time, the first one on this thread."""
        if not calls:
            return []
        futures = [self._requests.submit(call) for call in calls[1:]]
        first = calls[0]()
        return [first, *_results(futures)]


def _results(futures: list[Future[Result]]) -> list[Result]:
    try:
        wait(futures, return_when=FIRST_EXCEPTION)
        return [future.result() for future in futures]
    except BaseException:
        for future in futures:
            future.cancel()
        raise
