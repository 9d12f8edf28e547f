from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from tests.fakes.github import FakeGitHub

from oci_chart_publish.github.api import Clock, Options
from oci_chart_publish.github.gateway import GitHub


@dataclass
class Watch:
    """A clock that only moves when somebody sleeps, and remembers how long they did."""

    time: float = 1_000_000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.time, sleep=self.sleep)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    with FakeGitHub() as server:
        server.add_pull(7)
        yield server


@pytest.fixture
def github(fake: FakeGitHub, watch: Watch) -> Iterator[GitHub]:
    options = Options(token="t0ken", api_url=fake.api_url, between_writes=0)
    with GitHub("acme/charts", options, clock=watch.clock) as gateway:
        yield gateway


@pytest.fixture
def other(fake: FakeGitHub, watch: Watch) -> Iterator[GitHub]:
    """Another run of the tool, with a connection of its own."""
    options = Options(token="t0ken", api_url=fake.api_url, between_writes=0)
    with GitHub("acme/charts", options, clock=watch.clock) as gateway:
        yield gateway
