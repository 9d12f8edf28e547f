"""Which charts are asked for their history, and when it is left alone. What is read: tests/flow/test_sizes.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.push.packed import WEB, archive, stored

from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.push.previous import Previous
from oci_chart_publish.report import document
from oci_chart_publish.run import details as recent
from oci_chart_publish.run.details import Described

RELEASES = ("1.0.0", "1.0.1+build.7", "1.1.0")


def in_turn(calls: Sequence[Callable[[], int | None]]) -> list[int | None]:
    return [call() for call in calls]


@pytest.fixture
def store(tmp_path: Path) -> ImageLayout:
    layout = ImageLayout.create(tmp_path / "layout")
    for number, version in enumerate(RELEASES):
        tag = version.replace("+", "_")
        stored(archive(dict(WEB) | {"noise": bytes(range(40 * number))}), layout, name=tag)
    return layout


def moving(store: ImageLayout, registry: str) -> Described:
    """Return a chart at 1.2.0 whose releases are in ``store``."""
    manifest = store.manifest(RELEASES[-1])
    assert manifest is not None
    return Described(
        entry=document.Chart(name="web", path="web", version="1.2.0", status="would-publish", size=5000),
        before=Previous(
            version=ChartVersion.parse(RELEASES[-1]),
            manifest=manifest,
            store=store,
            releases=tuple(ChartVersion.parse(version) for version in RELEASES),
        ),
        registry=registry,
    )


def versions(chart: Described, tmp_path: Path, *, stopping: bool = False) -> list[str]:
    memo = Memo(tmp_path / "memo")
    (entry,) = recent.with_sizes([chart], memo, in_turn, stopping=lambda: stopping)
    return [size.version for size in entry.recent_sizes]


def test_sizes_are_those_of_the_layers(store: ImageLayout, tmp_path: Path) -> None:
    (entry,) = recent.with_sizes(
        [moving(store, "ghcr.io/acme")], Memo(tmp_path / "memo"), in_turn, stopping=lambda: False
    )
    layers = [
        manifest.layers[0].size
        for version in RELEASES
        if (manifest := store.manifest(version.replace("+", "_")))
    ]
    assert [size.size for size in entry.recent_sizes] == [*layers, 5000]
    assert [size.version for size in entry.recent_sizes] == [*RELEASES, "1.2.0"]


@pytest.mark.parametrize("registry", ["docker.io/acme", "index.docker.io/acme", "registry-1.docker.io/acme"])
def test_pulls_of_docker_hub_are_not_used_up(store: ImageLayout, tmp_path: Path, registry: str) -> None:
    assert versions(moving(store, registry), tmp_path) == []


def test_nothing_is_read_once_the_run_is_told_to_stop(store: ImageLayout, tmp_path: Path) -> None:
    assert versions(moving(store, "ghcr.io/acme"), tmp_path, stopping=True) == []


def test_nothing_is_read_once_the_time_is_over(
    store: ImageLayout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "SECONDS", -1.0)
    assert versions(moving(store, "ghcr.io/acme"), tmp_path) == []


def test_damaged_memo_costs_a_request_and_no_more(store: ImageLayout, tmp_path: Path) -> None:
    memo = Memo(tmp_path / "memo")
    for value in ("x", [1, 2], ["sha256:" + "0" * 64, 7], {"a": 1}):
        memo.put("sizes", f"{store.title}:1.0.0", value)
        (entry,) = recent.with_sizes([moving(store, "ghcr.io/acme")], memo, in_turn, stopping=lambda: False)
        first = store.manifest("1.0.0")
        assert first is not None
        assert entry.recent_sizes[0].size == first.layers[0].size
