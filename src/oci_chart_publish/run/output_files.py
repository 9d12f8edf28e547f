"""The files that a run was asked to write: whether they can be, before it begins, and at its end."""

from __future__ import annotations

import os
from pathlib import Path

from oci_chart_publish.errors import ConfigError


def check_writable(*names: str) -> None:
    """Raise ConfigError where a file could not be written once all is published; empty names ask for none."""
    for name in filter(None, names):
        path = Path(name)
        try:
            there = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
        except OSError as error:  # a name that no file may have
            raise ConfigError(
                f"cannot write {name[:100]!r}: {error.strerror}", hint="name another file"
            ) from error
        if path.is_dir():
            raise ConfigError(f"cannot write {name}: it is a folder", hint="name a file in it")
        if not os.access(there, os.W_OK) or (there != path and not there.is_dir()):
            raise ConfigError(f"cannot write {name}: {there} cannot be written to", hint="name another file")


def write(name: str, data: bytes) -> None:
    """Write a file that was asked for, and the folders that it lacks; nothing without a name."""
    if not name:
        return
    try:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(data)
    except OSError as error:
        raise ConfigError(f"cannot write {name}: {error.strerror}") from error
