"""Every folder that may be a chart: what git knows of, or what lies below a folder outside git."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from oci_chart_publish.discover.pattern import CHART_FILE
from oci_chart_publish.forge.worktree import WorkTreeFiles

_PRUNED = frozenset({".git", "node_modules"})


def in_work_tree(files: WorkTreeFiles) -> set[str]:
    """Return the folders whose Chart.yaml is in the work tree and not ignored by git."""
    found = {name.rpartition("/")[0] for name in files.named(CHART_FILE)}
    return {
        folder
        for folder in found
        if _PRUNED.isdisjoint(folder.split("/")) and (files.root / folder / CHART_FILE).is_file()
    }


def below(root: Path) -> set[str]:
    """Return the folders below ``root`` (itself is ""), outside git, that hold a Chart.yaml; links are not followed."""
    found = set()
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _PRUNED]
        if CHART_FILE in names:
            relative = Path(folder).relative_to(root).as_posix()
            found.add("" if relative == "." else relative)
    return found


def vendored(folders: Iterable[str]) -> set[str]:
    """Return those of the folders that lie in the ``charts/`` of another one."""
    known = set(folders)
    return {folder for folder in known if _is_vendored(folder, known)}


def _is_vendored(folder: str, charts: set[str]) -> bool:
    names = folder.split("/")
    return any(name == "charts" and "/".join(names[:at]) in charts for at, name in enumerate(names[:-1]))
