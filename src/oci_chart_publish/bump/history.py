"""What git and the registries know of each chart's releases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from msgspec.structs import replace

from oci_chart_publish.bump.commits import commits_since
from oci_chart_publish.bump.policy import Change, History
from oci_chart_publish.bump.preview_template import preview_of
from oci_chart_publish.bump.tag_template import TagTemplate, beginning
from oci_chart_publish.chart.metadata import REQUIREMENTS, ChartMetadata, chart_file, decode_metadata
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ChartError, ConfigError
from oci_chart_publish.git.log import Commit
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.paths.globs import covers
from oci_chart_publish.paths.ownership import Belonging


class Releases:
    """The tags of a repository, read once; ``rev`` is the commit whose releases are asked for, else ConfigError."""

    def __init__(self, repository: GitRepository, *, preview_template: str, rev: str = "HEAD") -> None:
        if repository.commit(rev) is None and rev == "HEAD":
            raise ConfigError(
                f"no version can come from the history of {repository.root}: it has no commit yet",
                hint="commit the charts, or use bump: chart",
            )
        self._repository = repository
        self._preview = preview_template
        self._rev = rev
        self._tags = repository.tags()
        self._ordered = sorted(self._tags)
        self._reachable = repository.tags_reachable(rev)

    def history(
        self,
        name: str,
        template: TagTemplate,
        belonging: Belonging,
        published: Callable[[], Iterable[ChartVersion]],
    ) -> History:
        """Return the history of one chart. ``published`` are the versions in registries, asked for once."""
        return self.with_changes(self.releases(name, template, published), name, template, belonging)

    def releases(
        self, name: str, template: TagTemplate, published: Callable[[], Iterable[ChartVersion]]
    ) -> History:
        """Return the history of one chart without its changes, which a git log would have to tell."""
        tagged = self._tagged(name, template)
        reachable = [version for version, tag in tagged.items() if tag in self._reachable]
        held = {version for version in published() if self._counts(version)}
        return History(
            base=max(reachable, default=None),
            counted=frozenset(reachable) | (held - tagged.keys()),
            taken=frozenset(tagged) | held,
        )

    def with_changes(
        self, history: History, name: str, template: TagTemplate, belonging: Belonging
    ) -> History:
        """Return the history of one chart with the commits since its last release."""
        base, counted = history.base, history.counted
        result = commits_since(
            self._repository,
            "" if base is None else self._tags[self._tagged(name, template)[base]],
            self._rev,
            name,
            belonging,
            newer=partial(self._version_set, belonging.folder) if base is None and counted else len,
        )
        return replace(
            history,
            changes=tuple(
                Change(message=commit.message, sha=commit.sha, own=commit.sha in result.own)
                for commit in result.commits
            ),
            since=result.since,
            folder=result.folder,
        )

    def tag(self, name: str, template: TagTemplate, version: ChartVersion) -> tuple[str, str] | None:
        """Return the tag of a chart's version and its commit (sha), wherever that is; None where there is none."""
        tag = self._tagged(name, template).get(version)
        return (tag, self._tags[tag]) if tag else None

    def _tagged(self, name: str, template: TagTemplate) -> dict[ChartVersion, str]:
        """Return the versions of a chart that are tagged, on any branch, each with its tag.

        Of tags that differ in the build alone one that can be reached is taken.
        """
        ours = tuple(beginning(self._ordered, template.around(name)[0]))
        reachable = self._reachable.intersection(ours)
        result = self._released(name, template, reachable)
        others = self._released(name, template, ours)
        return result | {version: tag for version, tag in others.items() if version not in result}

    def metadata(self, rev: str, folder: str) -> ChartMetadata | None:
        """Return what Chart.yaml says at a revision; None where there is none, or none that can be read."""
        data = self._repository.read_through(rev, chart_file(folder))
        if data is None:
            return None
        beside = f"{folder}/{REQUIREMENTS}" if folder else REQUIREMENTS
        try:
            return decode_metadata(data, requirements=self._repository.read_through(rev, beside))
        except ChartError:
            return None

    def _released(self, name: str, template: TagTemplate, tags: Iterable[str]) -> dict[ChartVersion, str]:
        """Return the versions that count among some tags, each with its tag."""
        result = template.versions(name, tags)
        return {version: tag for version, tag in result.items() if self._counts(version)}

    def _counts(self, version: ChartVersion) -> bool:
        return preview_of(self._preview, str(version)) is None

    def _version_set(self, folder: str, commits: Sequence[Commit]) -> int:
        """Return how many commits are newer than the one that last set the version in Chart.yaml.

        Where versions are published but never were tagged, that commit is the best there is for the last release.
        """
        for number, commit in enumerate(commits):
            if chart_file(folder) in commit.files:
                parent = commit.parents[0] if commit.parents else ""
                if self._version_at(commit.sha, folder) != (
                    self._version_at(parent, folder) if parent else None
                ):
                    return number
        return len(commits)

    def _version_at(self, rev: str, folder: str) -> str | None:
        metadata = self.metadata(rev, folder)
        return metadata.version if metadata else None


def matching(name: str, settings: Mapping[str, object]) -> list[str]:
    """Return the keys of per-chart settings that fit a chart's name, the plainest last so that it wins."""
    result = [key for key in settings if covers((key,), name)]
    return sorted(result, key=lambda key: (key == name, len(key)))


def subjects_since(
    repository: GitRepository,
    tags: Mapping[str, str],
    revision: str,
    template: TagTemplate,
    name: str,
    version: ChartVersion,
    belonging: Belonging,
) -> tuple[str, ...]:
    """Return the subjects of the commits that touched a chart since the release before ``version``, newest first.

    Without a release before it there is no telling where the changes begin: nothing is returned.
    """
    before = [one for one in template.versions(name, tags) if one < version]
    if not before:
        return ()
    since = tags[template.versions(name, tags)[max(before)]]
    result = commits_since(repository, since, revision, name, belonging)
    return tuple(commit.subject for commit in result.commits)
