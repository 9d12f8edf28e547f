"""Every folder that may be a chart: those git knows of, or outside git those that are there.

Folders are POSIX paths relative to ``root``. Charts in the ``charts/`` of another one, in ``.git``, ``node_modules``
or in folders that git ignores are not among them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from oci_chart_publish.chart.metadata import CHART_FILE, chart_file
from oci_chart_publish.singleflight import locked_cached_property
from oci_chart_publish.tree.missing import Missing
from oci_chart_publish.tree.tree import Entry, FolderTree, Tree

_PRUNED = frozenset({".git", "node_modules"})
_NEAR = 3


class Files(Protocol):
    """The files that git knows, of a work tree or of a commit. Paths are POSIX, relative to ``root``."""

    @property
    def root(self) -> Path:
        """The top of the repository, which paths are relative to."""

    @property
    def untracked(self) -> Sequence[str]:
        """Files that git neither tracks nor ignores."""

    @property
    def submodules(self) -> Sequence[str]:
        """All submodules of the repository, but not those in another one."""

    @property
    def unseen(self) -> frozenset[str]:
        """Submodules that are not checked out: nobody knows what is in them."""

    def missing(self, path: str) -> Missing | None:
        """Return why a file that git tracks is not there; None for one that is, or that git knows nothing of."""

    def paths(self) -> Sequence[str]:
        """Return every file that git does not ignore."""

    def exists(self, path: str) -> bool:
        """Tell whether there is such a file or folder, links followed."""

    def is_file(self, path: str) -> bool:
        """Tell whether there is such a file, links followed."""

    def is_tracked(self, path: str) -> bool:
        """Tell whether git tracks this file or link, or any file in this folder."""

    def named(self, name: str) -> Iterable[str]:
        """Return the paths of files called ``name`` that git does not ignore."""

    def links_below(self, folder: str) -> Sequence[str]:
        """Return where the symbolic links below a folder lead."""

    def tree(self, folder: str) -> Tree:
        """Return the files of one folder."""


class Folders(Protocol):
    """The chart folders of a repository, or of a folder outside git."""

    root: Path

    def exists(self, path: str) -> bool:
        """Tell whether there is such a file or folder."""

    def is_chart(self, folder: str) -> bool:
        """Tell whether there is a Chart.yaml in a folder."""

    def inside(self, folder: str) -> set[str]:
        """Return the charts in a folder and below it."""

    def near(self) -> set[str]:
        """Return the charts worth naming in a message."""

    def missing(self, folder: str) -> Missing | None:
        """Return why the Chart.yaml that git tracks in a folder is not there; None for one that is, or unknown."""

    @property
    def unseen(self) -> frozenset[str]:
        """Submodules that are not checked out."""


class GitFolders:
    """Charts whose Chart.yaml git does not ignore."""

    def __init__(self, files: Files) -> None:
        self.root = files.root
        self.exists = files.exists
        self.unseen = files.unseen
        self._files = files

    def missing(self, folder: str) -> Missing | None:
        """Return why the Chart.yaml that git tracks in a folder is not there."""
        return self._files.missing(chart_file(folder))

    def is_chart(self, folder: str) -> bool:
        """Tell whether there is a Chart.yaml in a folder."""
        return self._files.is_file(chart_file(folder))

    @locked_cached_property
    def _all(self) -> set[str]:
        folders = {name.rpartition("/")[0] for name in self._files.named(CHART_FILE)}
        usual = {folder for folder in folders if _PRUNED.isdisjoint(folder.split("/"))}
        return {folder for folder in usual if self.is_chart(folder) and not is_vendored(self, folder)}

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

    def exists(self, path: str) -> bool:
        """Tell whether there is such a file or folder."""
        return (self.root / path).exists()

    def is_chart(self, folder: str) -> bool:
        """Tell whether there is a Chart.yaml in a folder."""
        return (self.root / folder / CHART_FILE).is_file()

    def inside(self, folder: str) -> set[str]:
        """Return the charts in a folder and below it."""
        return self._walk(folder, None)

    unseen: frozenset[str] = frozenset()

    def missing(self, folder: str) -> None:
        """Nobody says what should be there."""

    def near(self) -> set[str]:
        """Return the charts at most a few folders below the root."""
        return self._walk("", _NEAR)

    def _walk(self, start: str, depth: int | None) -> set[str]:
        charts = set()
        top = os.path.normpath(self.root / start)
        for folder, folders, names in os.walk(top):
            below = os.path.relpath(folder, top).count(os.sep) + 1 if folder != top else 0
            folders[:] = [name for name in folders if name not in _PRUNED and below != depth]
            if CHART_FILE in names:
                charts.add(plain_path(self.root, folder))
        return {folder for folder in charts if not is_vendored(self, folder)}


class WithoutGit(FolderTree):
    """A folder as Helm reads it, but for ``.git``: it holds history, and the token of a checkout."""

    def entries(self, folder: str) -> list[Entry]:
        """Return what is in a folder."""
        return [entry for entry in super().entries(folder) if entry.name != ".git"]


def chart_tree(root: Path, folder: str, files: Files | None) -> Tree:
    """Return the files of the chart in a folder.

    Where git tracks any of them they are those that git knows; else, and outside git, what Helm would take, for which
    no link may leave the repository.
    """
    if files and (files.is_tracked(folder) or files.missing(folder)):
        return files.tree(folder)
    return WithoutGit(root / folder, boundary=root) if files else FolderTree(root / folder)


def plain_path(root: Path, folder: str) -> str:
    """Return a folder relative to ``root`` as a POSIX path, "" for the root itself."""
    path = os.path.relpath(folder, root).replace(os.sep, "/")
    return "" if path == "." else path


def is_vendored(folders: Folders, folder: str) -> bool:
    """Tell whether a folder lies in the ``charts/`` of a chart."""
    names = folder.split("/")
    above = ("/".join(names[:at]) for at, name in enumerate(names[:-1]) if name == "charts")
    return any(folders.is_chart(parent) for parent in above)
