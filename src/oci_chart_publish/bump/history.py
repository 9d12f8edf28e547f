"""What git and the registries know of each chart's releases."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from oci_chart_publish.bump.paths import Belonging
from oci_chart_publish.bump.policy import Change, History
from oci_chart_publish.bump.previews import preview_of
from oci_chart_publish.bump.reverts import unreverted
from oci_chart_publish.bump.tags import TagTemplate
from oci_chart_publish.chart.metadata import REQUIREMENTS, ChartMetadata, decode_metadata
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ChartError
from oci_chart_publish.forge.git import GitRepository
from oci_chart_publish.forge.history import Commit

_VERSION_LINE = re.compile(
    rb"""^["']?version["']?[ \t]*:[ \t]*["']?([^\s"'#]*)""", re.IGNORECASE | re.MULTILINE
)


class Releases:
    """The tags of a repository, read once; ``rev`` is the commit whose releases are asked for."""

    def __init__(self, repository: GitRepository, *, preview_template: str, rev: str = "HEAD") -> None:
        self._repository = repository
        self._preview = preview_template
        self._rev = rev
        self._tags = repository.tags()
        self._reachable = repository.tags_reachable(rev)

    def history(
        self,
        name: str,
        template: TagTemplate,
        belonging: Belonging,
        published: Callable[[], Iterable[ChartVersion]],
    ) -> History:
        """Return the history of one chart. ``published`` are the versions in registries, asked for once."""
        tagged = {
            version: tag
            for version, tag in template.versions(name, self._tags).items()
            if self._counts(version)
        }
        reachable = [version for version, tag in tagged.items() if tag in self._reachable]
        held = {version for version in published() if self._counts(version)}
        base = max(reachable, default=None)
        counted = frozenset(reachable) | (held - tagged.keys())
        since, commits = self._commits("" if base is None else self._tags[tagged[base]], belonging, counted)
        return History(
            base=base,
            counted=counted,
            taken=frozenset(tagged) | held,
            changes=tuple(
                Change(
                    message=commit.message,
                    sha=commit.sha,
                    own=touches(commit, replace(belonging, dependencies=())),
                )
                for commit in unreverted(commits)
            ),
            since=since,
        )

    def metadata(self, rev: str, folder: str) -> ChartMetadata | None:
        """Return what Chart.yaml says at a revision; None where there is none, or none that can be read."""
        below = f"{folder}/" if folder else ""
        data = self._repository.read(rev, f"{below}Chart.yaml")
        if data is None:
            return None
        try:
            return decode_metadata(data, requirements=self._repository.read(rev, f"{below}{REQUIREMENTS}"))
        except ChartError:
            return None

    def _counts(self, version: ChartVersion) -> bool:
        return preview_of(self._preview, str(version)) is None

    def _commits(
        self, base: str, belonging: Belonging, counted: frozenset[ChartVersion]
    ) -> tuple[str, Sequence[Commit]]:
        """Return the commit where the changes since the last release begin, and those changes, newest first."""
        revs = [f"{base}..{self._rev}" if base else self._rev]
        found = [c for c in self._repository.log(revs, belonging.paths) if touches(c, belonging)]
        if base or not counted:
            return base, found
        newer = self._version_set(found, belonging.folder)
        return found[newer].sha if newer < len(found) else "", found[:newer]

    def _version_set(self, commits: Sequence[Commit], folder: str) -> int:
        """Return how many commits are newer than the one that last set the version in Chart.yaml.

        Where versions are published but never were tagged, that commit is the best there is for the last release.
        """
        path = f"{folder}/Chart.yaml" if folder else "Chart.yaml"
        for number, commit in enumerate(commits):
            if path in commit.files:
                parent = commit.parents[0] if commit.parents else ""
                if self._version_at(commit.sha, path) != (self._version_at(parent, path) if parent else None):
                    return number
        return len(commits)

    def _version_at(self, rev: str, path: str) -> bytes | None:
        match = _VERSION_LINE.search(self._repository.read(rev, path) or b"")
        return match[1] if match else None


def touches(commit: Commit, belonging: Belonging) -> bool:
    """Tell whether a commit changed a file of the chart that counts."""
    return any(path in belonging for path in commit.files)


def matching(name: str, settings: Mapping[str, object]) -> list[str]:
    """Return the keys of per-chart settings that fit a chart's name, the plainest last so that it wins."""
    found = [key for key in settings if fnmatch.fnmatchcase(name, key)]
    return sorted(found, key=lambda key: (key == name, len(key)))
