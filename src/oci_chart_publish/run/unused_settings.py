"""Settings that are legal and do nothing: a chart that there is not, a path where there is nothing."""

from __future__ import annotations

import difflib
import json
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

from oci_chart_publish.bump.history import matching
from oci_chart_publish.chart.metadata import CHART_FILE
from oci_chart_publish.discover.folders import Files
from oci_chart_publish.errors import ChartError
from oci_chart_publish.http.credentials import normalise
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.paths.globs import Glob, covers, read
from oci_chart_publish.paths.ownership import normal
from oci_chart_publish.run.graph import read_metadata
from oci_chart_publish.run.stores import GHCR, everywhere
from oci_chart_publish.settings import Settings
from oci_chart_publish.tree.tree import Tree


def unused_settings(
    settings: Settings,
    charts: Mapping[str, str],
    *,
    others: Callable[[], Iterable[str]],
    exists: Callable[[str], bool],
    paths: Callable[[], Iterable[str]] | None = None,
    untracked: Callable[[], Iterable[str]] | None = None,
) -> tuple[str, ...]:
    """Return what to tell of settings that have no effect; a name may be that of a chart to come, so it is no error.

    ``charts`` are the folders of the run's charts by name; ``others`` gives the names of all charts of the
    repository, and is asked only where a name is none of the run's; ``exists`` tells whether a path is there. ``paths``
    gives all files of the repository and ``untracked`` those that git does not track, ignored ones too; None where
    nobody knows.
    """
    by_chart = settings.chart_settings
    notes = list(_unmatched(by_chart, charts, others)) if by_chart else []
    notes += _refs(settings.publish_refs)
    if untracked is not None and settings.include_untracked:
        files = _inside(untracked(), set(charts.values()))
        notes += _fitting_nothing("include-untracked", settings.include_untracked, files, "untracked file")
    for name, folder in charts.items():
        for key in matching(name, by_chart):
            notes += [
                f"chart-settings: {key}: extra-paths: there is no {path!r} in the repository: files and folders, "
                "from its top"
                for path in by_chart[key].extra_paths
                if not exists(normal(path))
            ]
            notes += _below(f"chart-settings: {key}: ignore-changes", by_chart[key].ignore_changes, folder)
        notes += _below("ignore-changes", settings.ignore_changes, folder)
    text = "\n".join(notes)
    globs = [line for line in settings.ignore_changes if f"ignore-changes: {line!r} " not in text]
    if paths is not None and globs:
        everything = tuple(paths())
        folders = {posixpath.dirname(path) for path in everything if posixpath.basename(path) == CHART_FILE}
        notes += _fitting_nothing("ignore-changes", globs, _inside(everything, folders), "file")
    return tuple(dict.fromkeys(notes))


def _inside(paths: Iterable[str], folders: set[str]) -> frozenset[str]:
    """Return the paths of files below each of the chart folders that they are in."""
    result: set[str] = set()
    for path in paths:
        folder = path
        while folder:
            folder = posixpath.dirname(folder)
            if folder in folders:
                result.add(path.removeprefix(f"{folder}/") if folder else path)
    return frozenset(result)


def _fitting_nothing(origin: str, lines: Iterable[str], files: frozenset[str], what: str) -> Iterator[str]:
    for line in lines:
        globs = read((line.removeprefix("!"),))
        if globs.globs and not any(globs.covers(path) for path in files):
            yield f"{origin}: {line!r} fits no {what} of a chart: globs count below its folder, as in .gitignore"


def _refs(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        for glob in read((line,)).globs:
            name = glob.text.removeprefix("/")
            if not (name.startswith(("refs/", "*", "?", "[")) or Glob(f"/{name}").fits("refs", is_dir=True)):
                yield f"publish-refs: {line!r} fits no ref: write it whole, as refs/heads/{name} or refs/tags/{name}"


def unused_credentials(settings: Settings) -> tuple[str, ...]:
    """Return what to tell of a ``registry-auth`` that serves no registry of the run; what is broken is told elsewhere.

    A registry that has its credential elsewhere is none that it would have to serve: then it is for dependencies.
    """
    try:
        document = json.loads(settings.registry_auth)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(document, dict):
        return ()
    tables = [document.get(key) for key in ("auths", "credHelpers")]
    held = [normalise(key) for table in tables if isinstance(table, dict) for key in table]
    if not held:
        store = document.get("credsStore")
        # A whole file may be given, or what stands below `auths` alone.
        return (
            ()
            if store
            else ("registry-auth: there is nothing below 'auths', so it is a login to no registry",)
        )
    registries = [
        Repository.parse(registry) for registry in (*everywhere(settings), *filter(None, [settings.preview]))
    ]
    elsewhere = settings.username or settings.password
    waiting = [
        registry
        for registry in registries
        if not elsewhere and not (registry.registry == GHCR and settings.github_token)
    ]
    if not waiting or any(
        key.startswith(normalise(registry.registry)) for registry in waiting for key in held
    ):
        return ()
    asked = ", ".join(sorted({registry.registry for registry in waiting}))
    return (f"registry-auth: {', '.join(sorted(held))} is no registry of this run, which asks {asked}",)


def names(files: Files, tree: Callable[[str], Tree | None]) -> Iterator[str]:
    """Give the names of all charts that git knows of, as far as they can be read."""
    for path in files.named(CHART_FILE):
        result = tree(posixpath.dirname(path))
        with suppress(ChartError):
            if result is not None:
                yield read_metadata(result).name


def _unmatched(
    keys: Iterable[str], names: Iterable[str], others: Callable[[], Iterable[str]]
) -> Iterator[str]:
    known = set(names)
    remaining = [key for key in keys if not _fits(key, known)]
    known |= set(others()) if remaining else set()
    for key in remaining:
        if not _fits(key, known):
            # People write the folder of a chart, or its name with a typing error.
            close = difflib.get_close_matches(posixpath.basename(key), sorted(known), n=1)
            message = (
                f"did you mean {close[0]!r}?" if close else "keys are names of charts, or globs of names"
            )
            yield f"chart-settings: no chart is called {key!r}, so what stands there has no effect: {message}"


def _fits(key: str, names: Iterable[str]) -> bool:
    return any(covers((key,), name) for name in names)


def _below(origin: str, globs: Iterable[str], folder: str) -> Iterator[str]:
    covering = False
    for glob in globs:
        covering = covering or not glob.startswith("!")
        if not covering:
            yield f"{origin}: {glob!r} takes nothing back, and fits nothing"
        plain = glob.removeprefix("/")
        inside = plain.removeprefix(f"{folder}/")
        # The folder of one chart alone may be that of a subchart in another one.
        if folder and inside not in {"", plain}:
            yield f"{origin}: {glob!r} fits nothing: globs are read below its folder, as {inside!r}"
