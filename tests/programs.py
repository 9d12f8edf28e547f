"""Programs of other people that tests use where they are installed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
_PLACES = (REPOSITORY / ".tools" / "bin", REPOSITORY / ".tools" / "debian" / "usr" / "bin")


def program(name: str) -> str:
    """Return a program that `make test` installs or the machine has; without it skip by name, in CI fail."""
    path = os.pathsep.join([*map(str, _PLACES), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None:
        reason = f"{name} is not installed; `make test` installs it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
