"""Settings that are legal and do nothing: a chart that there is not, a path where there is nothing."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase

from oci_chart_publish.bump.history import matching
from oci_chart_publish.chart.metadata import CHART_FILE
from oci_chart_publish.discover.folders import Files
from oci_chart_publish.errors import ChartError
from oci_chart_publish.paths.ownership import normal
from oci_chart_publish.run.graph import read_metadata
from oci_chart_publish.settings import Settings
from oci_chart_publish.tree.tree import Tree


def unused_settings(
    settings: Settings,
    charts: Mapping[str, str],
    *,
    others: Callable[[], Iterable[str]],
    exists: Callable[[str], bool],
) -> tuple[str, ...]:
    """Return what to tell of settings that have no effect; a name may be that of a chart to come, so it is no error.

    ``charts`` are the folders of the run's charts by name; ``others`` gives the names of all charts of the
    repository, and is asked only where a name is none of the run's; ``exists`` tells whether a path is there.
    """
    by_chart = settings.chart_settings
    found = list(_unmatched(by_chart, charts, others)) if by_chart else []
    for name, folder in charts.items():
        for key in matching(name, by_chart):
            found += [
                f"chart-settings: {key}: extra-paths: there is no {path!r} in the repository: files and folders, "
                "from its top"
                for path in by_chart[key].extra_paths
                if not exists(normal(path))
            ]
            found += _below(f"chart-settings: {key}: ignore-changes", by_chart[key].ignore_changes, folder)
        found += _below("ignore-changes", settings.ignore_changes, folder)
    return tuple(dict.fromkeys(found))


def names(files: Files, tree: Callable[[str], Tree | None]) -> Iterator[str]:
    """Give the names of all charts that git knows of, as far as they can be read."""
    for path in files.named(CHART_FILE):
        found = tree(posixpath.dirname(path))
        with suppress(ChartError):
            if found is not None:
                yield read_metadata(found).name


def _unmatched(
    keys: Iterable[str], names: Iterable[str], others: Callable[[], Iterable[str]]
) -> Iterator[str]:
    known = set(names)
    left = [key for key in keys if not _fits(key, known)]
    known |= set(others()) if left else set()
    for key in left:
        if not _fits(key, known):
            # People write the folder of a chart, or its name with a typing error.
            close = difflib.get_close_matches(posixpath.basename(key), sorted(known), n=1)
            said = f"did you mean {close[0]!r}?" if close else "keys are names of charts, or globs of names"
            yield f"chart-settings: no chart is called {key!r}, so what stands there has no effect: {said}"


def _fits(key: str, names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, key) for name in names)


def _below(origin: str, globs: Iterable[str], folder: str) -> Iterator[str]:
    for glob in globs:
        if glob.startswith("!"):
            yield f"{origin}: {glob!r} takes nothing back, and fits nothing"
        plain = glob.removeprefix("/")
        inside = plain.removeprefix(f"{folder}/")
        # The folder of one chart alone may be that of a subchart in another one.
        if folder and inside not in {"", plain}:
            yield f"{origin}: {glob!r} fits nothing: globs are read below its folder, as {inside!r}"
