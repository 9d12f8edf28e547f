"""Finds the programs that ``make tools`` put aside; what is missing is skipped by name, and in CI is a failure."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Read once, before any test empties its environment.
_ENVIRONMENT: Mapping[str, str] = dict(os.environ)  # noqa: TID251 - the one place where tests look at it
FOLDER = Path(_ENVIRONMENT.get("OCI_CHART_TOOLS") or ROOT / ".tools")
IN_CI = _ENVIRONMENT.get("CI") == "true"
OPTIONAL = frozenset(_ENVIRONMENT.get("OCI_CHART_TOOLS_OPTIONAL", "").replace(",", " ").split())

_FOLDERS = ("bin", "debian/usr/bin")
# Programs whose version matters: one of the same name elsewhere on the machine is not it.
_EXACT = frozenset({"helm", "helm3", "helm-3.6.3"})


def find(name: str) -> Path | None:
    """Where the program ``name`` is: among the project's own tools first, then on the machine."""
    for folder in _FOLDERS:
        candidate = FOLDER / folder / name
        if os.access(candidate, os.X_OK):
            return candidate
    elsewhere = None if name in _EXACT else shutil.which(name, path=_ENVIRONMENT.get("PATH"))
    return Path(elsewhere) if elsewhere else None


def tool(name: str) -> Path:
    """The program ``name``; without it the test is skipped, and in CI fails unless the name is in its allow-list."""
    found = find(name)
    return found if found is not None else missing(name)


def missing(name: str) -> Path:
    """End the test for want of ``name``: a skip that gives the reason, in CI a failure."""
    message = f"{name} is missing: {why_missing(name)}"
    if IN_CI and name not in OPTIONAL:
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def why_missing(name: str) -> str:
    """What the installer wrote down about ``name``."""
    try:
        reasons = json.loads((FOLDER / "missing.json").read_bytes())
    except FileNotFoundError:
        return f"nothing was installed in {FOLDER} yet; run `make tools`"
    reason = reasons.get(name)
    return str(reason) if reason else f"it is not in {FOLDER}/bin; run `make tools`"


def library_path() -> dict[str, str]:
    """What a program unpacked from a Debian package, not installed, needs to find its libraries."""
    folders = sorted((FOLDER / "debian/usr/lib").glob("*-linux-gnu*"))
    return {"LD_LIBRARY_PATH": ":".join(map(str, folders))} if folders else {}


def environment(home: Path, **more: str) -> dict[str, str]:
    """The whole environment of a child program: nothing of this machine but PATH, its home in ``home``."""
    return {
        "PATH": _ENVIRONMENT.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": _ENVIRONMENT.get("TMPDIR", "/tmp"),  # noqa: S108 - what the system says when TMPDIR is unset
        "LANG": "C.UTF-8",
        **library_path(),
        **more,
    }
