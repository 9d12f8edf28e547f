"""What the report says of a chart that is published with other content: digest, size and blobs are of one artifact."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from tests.flow.charts import chart
from tests.flow.command import Command, Done
from tests.real.registries import Registry

BLOBS = ("digest", "size", "config", "layer")


@pytest.fixture
def command(tmp_path: Path) -> Command:
    (tmp_path / "home").mkdir()
    chart(tmp_path / "repo", "web", "1.0.0")
    return Command(folder=tmp_path / "repo", home=tmp_path / "home")


def grow(command: Command) -> None:
    """Change what is below the version that was published; it does not compress."""
    noise = random.Random(1).randbytes(2000).hex()  # noqa: S311  (no secret)
    (command.folder / "charts/web/values.yaml").write_text(f"noise: {noise}\n")


def web(done: Done) -> dict[str, Any]:
    found: dict[str, Any] = done.report["charts"][0]
    return found


def test_a_conflict_is_reported_as_the_registry_has_it(command: Command, plain_registry: Registry) -> None:
    place = f"{plain_registry.host}/conflict"
    published = web(command.publish(place))
    grow(command)
    found = web(command.run("plan", "--json", "--registry", place))
    assert found["status"] == "conflict"
    assert {key: found[key] for key in BLOBS} == {key: published[key] for key in BLOBS}
    assert found["layer"]["size"] == found["size"]
    assert found["built_digest"] != found["digest"]
    assert found["built_size"] > found["size"] + 1000
    assert found["previous_size"] is None


def test_registries_that_hold_the_same_are_reported_as_one(
    command: Command, plain_registry: Registry, olareg: Registry
) -> None:
    places = [f"{registry.host}/conflict-both" for registry in (plain_registry, olareg)]
    published = web(command.publish(*places))
    grow(command)
    found = web(command.publish(*places))
    assert found["status"] == "conflict"
    assert {key: found[key] for key in BLOBS} == {key: published[key] for key in BLOBS}


def test_registries_that_disagree_have_nothing_in_common(
    command: Command, plain_registry: Registry, olareg: Registry
) -> None:
    places = [f"{registry.host}/conflict-one" for registry in (plain_registry, olareg)]
    command.publish(places[0])
    grow(command)
    found = web(command.publish(*places))
    assert found["status"] == "conflict"
    assert {key: found[key] for key in BLOBS} == dict.fromkeys(BLOBS)
    assert found["built_size"] > 1000


def test_a_version_that_was_lowered_is_warned_of(command: Command, plain_registry: Registry) -> None:
    place = f"{plain_registry.host}/lowered"
    command.publish(place)
    chart(command.folder, "web", "0.9.0")
    found = web(command.run("plan", "--json", "--registry", place))
    assert found["status"] == "would-publish"
    assert found["warnings"] == ["version 0.9.0 is lower than the published 1.0.0"]
