"""Names written together: each is there, each fails by itself, and the index is written less often than it is asked."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.layout.artifacts import artifact, put

from oci_chart_publish.errors import NotFoundError
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.naming import NamingQueue
from oci_chart_publish.oci.descriptor import Descriptor


def test_names_that_wait_while_one_is_written_are_written_together(tmp_path: Path) -> None:
    layout = ImageLayout.create(tmp_path / "cache")
    made = artifact("x")
    put(layout, made, "x:0")
    descriptor = made.manifest.descriptor
    begun, go_on = threading.Event(), threading.Event()
    batches: list[list[str]] = []

    def write(names: Mapping[str, Descriptor]) -> None:
        batches.append(sorted(names))
        begun.set()
        assert go_on.wait(30)
        layout.name_all(names)

    queue = NamingQueue()
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(queue.put, "x:1", descriptor, write)
        assert begun.wait(30)
        others = [threads.submit(queue.put, f"x:{number}", descriptor, write) for number in range(2, 8)]
        while len(queue) < len(others):
            pass
        go_on.set()
        for future in (first, *others):
            future.result(30)
    assert batches == [["x:1"], [f"x:{number}" for number in range(2, 8)]]
    assert list(layout.names()) == ["x:0", "x:1", *(f"x:{number}" for number in range(2, 8))]


def test_of_names_written_together_the_one_that_cannot_be_fails_alone(tmp_path: Path) -> None:
    layout = ImageLayout.create(tmp_path / "cache")
    made = artifact("x")
    put(layout, made, "x:0")
    whole = made.manifest.descriptor
    lacking = artifact("not stored").manifest.descriptor
    begun, go_on = threading.Event(), threading.Event()

    def write(names: Mapping[str, Descriptor]) -> None:
        begun.set()
        assert go_on.wait(30)
        layout.name_all(names)

    queue = NamingQueue()
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(queue.put, "x:1", whole, write)
        assert begun.wait(30)
        bad = threads.submit(queue.put, "bad:1", lacking, write)
        good = threads.submit(queue.put, "x:2", whole, write)
        while len(queue) < 2:
            pass
        go_on.set()
        first.result(30)
        good.result(30)
        with pytest.raises(NotFoundError):
            bad.result(30)
    assert list(layout.names()) == ["x:0", "x:1", "x:2"]


def test_what_another_process_wrote_is_seen_at_once(tmp_path: Path) -> None:
    ours, theirs = ImageLayout.create(tmp_path / "cache"), ImageLayout.create(tmp_path / "cache")
    for number in range(20):
        put(theirs, artifact(f"x{number}"), f"x:{number}")
        assert ours.resolve(f"x:{number}") is not None
        ours.remove(f"x:{number}")
        assert theirs.resolve(f"x:{number}") is None
