"""Every folder that may be a chart: those git knows of, or outside git those that are there.

Folders are POSIX paths relative to ``root``. Charts in the ``charts/`` of another one, in ``.git``, ``node_modules``
or in folders that git ignores are not among them.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Protocol

from oci_chart_publish.discover.pattern import CHART_FILE
from oci_chart_publish.forge.worktree import WorkTreeFiles

_PRUNED = frozenset({".git", "node_modules"})
_NEAR = 3


class Folders(Protocol):
    """The chart folders of a repository, or of a folder outside git."""

    root: Path

    def inside(self, folder: str) -> set[str]:
        """Return the charts in a folder and below it."""

    def near(self) -> set[str]:
        """Return the charts worth naming in a message."""


class WorkTreeFolders:
    """Charts whose Chart.yaml is in the work tree and not ignored by git."""

    def __init__(self, files: WorkTreeFiles) -> None:
        self.root = files.root
        self._files = files

    @cached_property
    def _all(self) -> set[str]:
        folders = {name.rpartition("/")[0] for name in self._files.named(CHART_FILE)}
        usual = {folder for folder in folders if _PRUNED.isdisjoint(folder.split("/"))}
        return {
            folder for folder in usual if is_chart(self.root, folder) and not is_vendored(self.root, folder)
        }

    def inside(self, folder: str) -> set[str]:
        """Return the charts in a folder and below it."""
        prefix = f"{folder}/" if folder else ""
        return {known for known in self._all if known == folder or known.startswith(prefix)}

    def near(self) -> set[str]:
        """Return all charts."""
        return self._all


class PlainFolders:
    """Charts outside git, looked for only where they are asked for: below may lie a whole home folder.

    Links are not followed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def inside(self, folder: str) -> set[str]:
        """Return the charts in a folder and below it."""
        return self._walk(folder, None)

    def near(self) -> set[str]:
        """Return the charts at most a few folders below the root."""
        return self._walk("", _NEAR)

    def _walk(self, start: str, depth: int | None) -> set[str]:
        found = set()
        top = os.path.normpath(self.root / start)
        for folder, folders, names in os.walk(top):
            below = os.path.relpath(folder, top).count(os.sep) + 1 if folder != top else 0
            folders[:] = [name for name in folders if name not in _PRUNED and below != depth]
            if CHART_FILE in names:
                found.add(plain_path(self.root, folder))
        return {folder for folder in found if not is_vendored(self.root, folder)}


def plain_path(root: Path, folder: str) -> str:
    """Return a folder relative to ``root`` as a POSIX path, "" for the root itself."""
    path = os.path.relpath(folder, root).replace(os.sep, "/")
    return "" if path == "." else path


def is_chart(root: Path, folder: str) -> bool:
    """Tell whether there is a Chart.yaml in a folder."""
    return (root / folder / CHART_FILE).is_file()


def is_vendored(root: Path, folder: str) -> bool:
    """Tell whether a folder lies in the ``charts/`` of a chart."""
    names = folder.split("/")
    above = ("/".join(names[:at]) for at, name in enumerate(names[:-1]) if name == "charts")
    return any(is_chart(root, parent) for parent in above)
