"""The stand-ins as fixtures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fakes.github import FakeGitHub


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """A code host of this test's own."""
    with FakeGitHub() as fake:
        yield fake
