"""What git and the registries know of each chart's releases."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from oci_chart_publish.bump.policy import History
from oci_chart_publish.bump.previews import preview_of
from oci_chart_publish.bump.tags import TagTemplate
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.forge.git import GitRepository
from oci_chart_publish.forge.history import Commit


@dataclass(frozen=True, kw_only=True, slots=True)
class Belonging:
    """Which files belong to a chart: its folder without those of charts nested in it, and other paths besides.

    Paths are POSIX, relative to the repository root; ``ignore`` are globs relative to the chart's folder.
    """

    folder: str
    nested: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def __contains__(self, path: str) -> bool:
        if any(_below(path, folder) for folder in self.extra):
            return True
        if not _below(path, self.folder) or any(_below(path, folder) for folder in self.nested):
            return False
        inside = path.removeprefix(f"{self.folder}/") if self.folder else path
        return not any(fnmatch.fnmatchcase(inside, glob) for glob in self.ignore)

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths to ask git about; an empty tuple is the whole repository."""
        return (self.folder, *self.extra) if self.folder else ()


def _below(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


class Releases:
    """The tags of a repository, read once."""

    def __init__(self, repository: GitRepository, *, preview_template: str) -> None:
        self._repository = repository
        self._preview = preview_template
        self._tags = repository.tags()
        self._reachable = repository.tags_reachable("HEAD")

    def history(
        self,
        name: str,
        template: TagTemplate,
        belonging: Belonging,
        published: Callable[[], Iterable[ChartVersion]],
        *,
        below: ChartVersion | None = None,
    ) -> History:
        """Return the history of one chart, or of what came before the version ``below``.

        ``published`` are the versions in registries, asked for once.
        """
        tagged = template.versions(name, self._tags)
        reachable = {
            version: tag
            for version, tag in tagged.items()
            if tag in self._reachable and self._counts(version)
        }
        elsewhere = {version for version in published() if version not in tagged and self._counts(version)}
        base = max((version for version in reachable if below is None or version < below), default=None)
        since = f"{self._tags[reachable[base]]}..HEAD" if base is not None else "HEAD"
        return History(
            base=base,
            counted=frozenset(reachable) | elsewhere,
            messages=self._messages(since, belonging),
        )

    def _counts(self, version: ChartVersion) -> bool:
        return preview_of(self._preview, str(version)) is None

    def _messages(self, since: str, belonging: Belonging) -> tuple[str, ...]:
        commits = self._repository.log([since], belonging.paths)
        return tuple(commit.message for commit in commits if touches(commit, belonging))


def touches(commit: Commit, belonging: Belonging) -> bool:
    """Tell whether a commit changed a file of the chart that counts."""
    return any(path in belonging for path in commit.files)


def nested_in(folder: str, folders: Sequence[str]) -> tuple[str, ...]:
    """Return those of the chart folders that lie inside another one: their files are not its own."""
    return tuple(other for other in folders if other != folder and _below(other, folder))


def matching(name: str, settings: Mapping[str, object]) -> list[str]:
    """Return the keys of per-chart settings that fit a chart's name, the plainest last so that it wins."""
    found = [key for key in settings if fnmatch.fnmatchcase(name, key)]
    return sorted(found, key=lambda key: (key == name, len(key)))
