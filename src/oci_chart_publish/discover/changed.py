"""Narrow charts to those with changes since a git revision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from oci_chart_publish.discover.folders import Files
from oci_chart_publish.discover.source import ChartSource
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.forge.git import DEPTH_HINT, GitRepository

Inputs = Callable[[ChartSource], Iterable[str]]


def changed_since(
    sources: Sequence[ChartSource],
    rev: str,
    *,
    repository: GitRepository,
    files: Files,
    head: str | None = None,
    inputs: Inputs | None = None,
) -> tuple[ChartSource, ...]:
    """Return the charts with a file that differs from where the work tree, or the commit ``head``, left ``rev``.

    A chart's files are its folder, what its symbolic links lead to, and what ``inputs`` names besides: folders or
    files of the repository, such as those of ``file://`` dependencies. ConfigError for an unknown revision, and
    where the history that would show the common ancestor is missing.
    """
    base = repository.merge_base(rev, head or "HEAD")
    if base is None:
        raise ConfigError(
            f"HEAD and {rev!r} have no common ancestor in this clone",
            hint=DEPTH_HINT if repository.is_shallow() else "give a revision of the same history",
        )
    changed = {*repository.changed_files(base, head), *files.untracked}
    touched = {folder for path in changed for folder in _upwards(path)}
    return tuple(one for one in sources if not touched.isdisjoint(_places(one, files, inputs)))


def _places(source: ChartSource, files: Files, inputs: Inputs | None) -> list[str]:
    more = inputs(source) if inputs else ()
    return [source.path, *files.links_below(source.path), *more]


def _upwards(path: str) -> Iterable[str]:
    """Yield a path and the folders above it, up to the root, which is ""."""
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield ""
