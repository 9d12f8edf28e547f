"""Two layouts and registries to publish to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.clients import quick
from tests.fakes.registry import FakeRegistry, Quirks
from tests.push.places import Place, Start

from oci_chart_publish.http.credentials import Credentials
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.push.reconcile import Destination
from oci_chart_publish.registry.connect import Registries, RegistryOptions


@pytest.fixture
def here(tmp_path: Path) -> ImageLayout:
    return ImageLayout.create(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> ImageLayout:
    """A layout that stands for a registry."""
    return ImageLayout.create(tmp_path / "there")


@pytest.fixture
def theirs(tmp_path: Path) -> ImageLayout:
    """A layout in which somebody else builds."""
    return ImageLayout.create(tmp_path / "theirs")


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[FakeRegistry] = []
    registries = Registries(Credentials([]), RegistryOptions(patience=quick()))

    def begin(**quirks: object) -> Place:
        fake = FakeRegistry(Quirks(**quirks))  # type: ignore[arg-type]
        running.append(fake)
        repository = Repository(fake.host, "charts/web")
        store = registries.repository(repository)
        return Place(
            fake, Destination(registry=fake.host, reference=f"{repository}:1.0.0", name="1.0.0", store=store)
        )

    yield begin
    registries.close()
    for fake in running:
        fake.close()
