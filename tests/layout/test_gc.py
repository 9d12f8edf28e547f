"""What gc removes, and above all what it does not."""

from __future__ import annotations

import json
import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from tests.layout.artifacts import Made, artifact, blob_file, index_of, put, read_by_the_book

from oci_chart_publish.errors import NotFoundError
from oci_chart_publish.layout.gc import Collected
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.oci.digest import Digest

NOW = timedelta(0)


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    return ImageLayout.create(tmp_path / "cache")


def stored(layout: ImageLayout) -> set[str]:
    return {path.name for path in (layout.root / "blobs" / "sha256").iterdir()}


def parts(made: Made) -> set[str]:
    return {made.manifest.descriptor.digest.hex, made.config.digest.hex, made.layer.digest.hex}


def grow_old(layout: ImageLayout, seconds: int = 2 * 3600) -> None:
    for path in (layout.root / "blobs" / "sha256").iterdir():
        os.utime(path, (time.time() - seconds,) * 2)


def test_an_empty_layout_has_nothing_to_remove(layout: ImageLayout) -> None:
    assert layout.gc(NOW) == Collected(0, 0)


def test_what_a_removed_name_stood_for_goes_and_the_rest_stays(layout: ImageLayout) -> None:
    gone, kept = artifact("gone"), artifact("kept")
    put(layout, gone, "a:1")
    put(layout, kept, "a:2")
    layout.remove("a:1")
    size = gone.manifest.descriptor.size + gone.config.size + gone.layer.size
    assert layout.gc(NOW) == Collected(3, size)
    assert stored(layout) == parts(kept)
    assert layout.gc(NOW) == Collected(0, 0)


def test_blobs_younger_than_an_hour_stay(layout: ImageLayout) -> None:
    put(layout, artifact("being built"))
    assert layout.gc() == Collected(0, 0)
    grow_old(layout, 3500)
    assert layout.gc() == Collected(0, 0)
    grow_old(layout, 3700)
    assert layout.gc().blobs == 3


def test_a_blob_that_was_asked_for_is_young_again(layout: ImageLayout) -> None:
    one, two = artifact("one"), artifact("two")
    put(layout, one)
    put(layout, two)
    grow_old(layout)
    assert layout.has(one.layer)
    layout.put_blob(*two.blobs[1])
    assert layout.gc().blobs == 4
    assert stored(layout) == {one.layer.digest.hex, two.layer.digest.hex}


def test_children_of_nested_indexes_stay(layout: ImageLayout) -> None:
    one, two = artifact("one"), artifact("two")
    put(layout, one)
    put(layout, two)
    inner = index_of(one.manifest, two.manifest)
    layout.put_manifest(inner)
    outer = index_of(inner)
    layout.put_manifest(outer, "many:1")
    assert layout.gc(NOW) == Collected(0, 0)
    layout.remove("many:1")
    assert layout.gc(NOW).blobs == 8


def test_referrers_of_what_is_kept_stay_and_referrers_of_referrers(layout: ImageLayout) -> None:
    chart = artifact("chart")
    signature = artifact("signature", subject=chart.manifest.descriptor)
    stamp = artifact("stamp of the signature", subject=signature.manifest.descriptor)
    stray = artifact("of nothing", subject=artifact("elsewhere").manifest.descriptor)
    put(layout, chart, "a:1")
    for made in (signature, stamp, stray):
        put(layout, made)
    assert layout.gc(NOW).blobs == 3
    assert stored(layout) == parts(chart) | parts(signature) | parts(stamp)
    layout.remove("a:1")
    layout.gc(NOW)
    assert stored(layout) == set()


def test_the_subject_of_what_is_kept_stays(layout: ImageLayout) -> None:
    chart = artifact("chart")
    signature = artifact("signature", subject=chart.manifest.descriptor)
    put(layout, chart)
    put(layout, signature, "signature:1")
    assert layout.gc(NOW) == Collected(0, 0)


def test_entries_without_a_name_count(layout: ImageLayout) -> None:
    made = artifact("a")
    put(layout, made, "a:1")
    path = layout.root / "index.json"
    index = json.loads(path.read_bytes())
    del index["manifests"][0]["annotations"]
    path.write_text(json.dumps(index))
    assert layout.gc(NOW) == Collected(0, 0)


def test_manifests_of_unknown_kinds_keep_what_they_mention(layout: ImageLayout) -> None:
    made = artifact("a")
    put(layout, made, "a:1")
    path = layout.root / "index.json"
    path.write_text(
        path.read_text().replace("vnd.oci.image.manifest.v1+json", "vnd.oci.artifact.manifest.v1+json")
    )
    assert layout.gc(NOW) == Collected(0, 0)


def test_a_damaged_or_missing_manifest_stops_nothing(layout: ImageLayout) -> None:
    for name in ("missing", "damaged", "fine"):
        put(layout, artifact(name), f"{name}:1")
    blob_file(layout.root, artifact("missing").manifest.descriptor.digest).unlink()
    damaged = blob_file(layout.root, artifact("damaged").manifest.descriptor.digest)
    damaged.chmod(0o644)
    damaged.write_bytes(b"{")
    put(layout, artifact("stray"))
    layout.gc(NOW)
    assert stored(layout) == parts(artifact("fine")) | {damaged.name}


def test_what_killed_writers_left_goes_and_foreign_files_stay(layout: ImageLayout) -> None:
    for name in ("ingest/0123456789abcdef01234567", "blobs/sha256/README"):
        (layout.root / name).write_bytes(b"x")
        os.utime(layout.root / name, (0, 0))
    (layout.root / "ingest" / "fedcba9876543210fedcba98").write_bytes(b"being written")
    (layout.root / "blobs" / "sha256" / ("0" * 64)).symlink_to(layout.root / "index.json")
    layout.gc()
    assert sorted(path.name for path in (layout.root / "ingest").iterdir()) == [
        "fedcba9876543210fedcba98",
        "lock",
    ]
    assert stored(layout) == {"README", "0" * 64}


def test_gc_beside_a_writer_never_takes_what_gets_a_name(layout: ImageLayout) -> None:
    """The harshest case: everything unnamed is removed at once, again and again, while names are given."""
    stop = threading.Event()

    def collect() -> None:
        while not stop.is_set():
            layout.gc(NOW)
            time.sleep(0.002)  # the lock is not fair

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        for number in range(60):
            made = artifact(f"chart {number}")
            while True:
                try:
                    put(layout, made, f"chart:{number}")
                except NotFoundError:  # taken before it had a name, and said so
                    continue
                else:
                    break
    finally:
        stop.set()
        collector.join()
    assert len(read_by_the_book(layout.root)) == 60
    assert layout.manifest(Digest.parse(str(artifact("chart 0").manifest.descriptor.digest))) is not None


def test_gc_of_an_hour_beside_a_writer_is_never_noticed(layout: ImageLayout) -> None:
    old = [artifact(f"chart {number}") for number in range(100)]
    for made in old:
        put(layout, made)
    grow_old(layout)
    collector = threading.Thread(target=lambda: [layout.gc() for _ in range(20)])
    collector.start()
    for number, made in enumerate(old):
        put(layout, made, f"chart:{number}")
    collector.join()
    assert len(read_by_the_book(layout.root)) == 100
