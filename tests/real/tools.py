"""The real programs that tests and benchmarks run: registries, Helm, clients.

``make test`` builds or unpacks what is missing (``scripts/tools.py``). A program is looked for in ``bin`` and
``debian/usr/bin`` of ``$OCI_CHART_TOOLS`` and of ``.tools``, then on the PATH.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

REPOSITORY = Path(__file__).parents[2]
TOOLS = REPOSITORY / ".tools"

# What this process was started with; the tests' own environment is cleaned (tests/conftest.py).
_STARTED_WITH = dict(os.environ)


def places() -> tuple[Path, ...]:
    """Return the folders where programs are looked for, first to last."""
    named = _STARTED_WITH.get("OCI_CHART_TOOLS")
    roots = (Path(named), TOOLS) if named else (TOOLS,)
    installed = (folder for root in roots for folder in (root / "bin", root / "debian" / "usr" / "bin"))
    path = _STARTED_WITH.get("PATH", os.defpath).split(os.pathsep)
    return (*installed, *(Path(each) for each in path if each))


def find(name: str) -> Path | None:
    """Return where a program is, or None."""
    found = shutil.which(name, path=os.pathsep.join(map(str, places())))
    return Path(found) if found else None


def absent(name: str) -> str:
    """Say that a program is missing, in the words of a skipped test."""
    return f"{name} is not installed; `make test` installs it where that is possible"


def tool(name: str) -> str:
    """Return the path of a program for a test; without it the test is skipped by name, in CI it fails."""
    found = find(name)
    if found is None:
        cannot(absent(name))
    return str(found)


def as_root(reason: str) -> None:
    """End a test that only root can do; where CI runs as root, and says so by ROOT_REQUIRED, that is a failure."""
    if os.geteuid() != 0:
        cannot(reason, "ROOT_REQUIRED")


def cannot(reason: str, required: str = "CI") -> NoReturn:
    """End a test that lacks something: skipped with the reason, failed where the variable ``required`` is "true"."""
    if _STARTED_WITH.get(required) == "true":
        pytest.fail(reason)
    pytest.skip(reason)
