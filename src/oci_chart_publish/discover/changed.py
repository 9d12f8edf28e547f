"""Narrow charts to those with changes since a git revision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oci_chart_publish.discover.folders import Files
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.git.repository import DEPTH_HINT, GitRepository
from oci_chart_publish.paths.ownership import Belonging
from oci_chart_publish.tree.tree import ChartSource


def changed_since(
    sources: Sequence[ChartSource],
    rev: str,
    *,
    repository: GitRepository,
    files: Files,
    belonging: Callable[[ChartSource], Belonging],
    head: str | None = None,
) -> tuple[ChartSource, ...]:
    """Return the charts with a file that differs from where the work tree, or the commit ``head``, left ``rev``.

    ``belonging`` gives the files that count for a chart. ConfigError for an unknown revision, and where the history
    that would show the common ancestor is missing.
    """
    base = repository.merge_base(rev, head or "HEAD")
    if base is None:
        raise ConfigError(
            f"HEAD and {rev!r} have no common ancestor in this clone",
            hint=DEPTH_HINT if repository.is_shallow() else "give a revision of the same history",
        )
    changed = {*repository.changed_files(base, head), *files.untracked}
    return tuple(source for source in sources if belonging(source).changed_by(changed))
