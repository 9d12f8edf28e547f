"""Which charts this push or pull request changed, and which versions came and went within it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from oci_chart_publish.chart.metadata import chart_file, decode_metadata
from oci_chart_publish.errors import ChartError, PublishError
from oci_chart_publish.git.log import Commit
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.github.event import Event, PullRequestEvent
from oci_chart_publish.paths.ownership import Belonging
from oci_chart_publish.progress import Progress
from oci_chart_publish.report.document import Chart
from oci_chart_publish.run.changed_since import packed_with_related
from oci_chart_publish.run.chart_settings import ChartSettingsResolver
from oci_chart_publish.run.graph import ChartReader
from oci_chart_publish.singleflight import locked_cached_property


def superseded(
    repository: GitRepository, before: str, revision: str, charts: Sequence[Chart]
) -> tuple[str, ...]:
    """Return a sentence for each version that commits after ``before`` held and ``revision`` does not.

    First parents only: what a branch held before it was merged was never meant to be published.
    """
    paths = {chart.name: chart_file(chart.path) for chart in charts}
    commits = (
        repository.log([f"{before}..{revision}"], tuple(paths.values()), first_parent=True) if paths else ()
    )
    notes: list[str] = []
    for name, path in paths.items():
        touching = [commit.sha for commit in commits if path in commit.files]
        if len(touching) > 1:
            notes += _of_chart(repository, (before, revision), name, path, touching)
    return tuple(notes)


def _of_chart(
    repository: GitRepository, ends: tuple[str, str], name: str, path: str, commits: Sequence[str]
) -> Iterator[str]:
    before, now = (_version(repository, end, path) for end in ends)
    known = {now, before, ""}
    for sha in commits:
        version = _version(repository, sha, path)
        if version not in known:
            known.add(version)
            yield (
                f"{name} {version} was replaced by {now or 'nothing'} within this push, which does not publish it; "
                f"to publish it, run on {sha[:9]}"
            )


def _version(repository: GitRepository, rev: str, path: str) -> str:
    data = repository.read_through(rev, path)
    if data is None:
        return ""
    try:
        return decode_metadata(data).version
    except ChartError:
        return ""


class Changes(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Which commits an event brings, and what they changed: asked for conflicts, ``--check``, labels and levels alike.

    ``revision`` is the commit that the event ends with. Missing commits are fetched.
    """

    event: Event
    repository: GitRepository | None
    revision: str
    progress: Progress

    @locked_cached_property
    def base(self) -> str | None:
        """The commit (sha) that the event's commits go on from; None where it is not known.

        Of a pull request that is tested merged, it is the parent that is not its head: the base in the event is that of
        the time when the branch was pushed. Of any other branch, it is where the branch left the one it goes to.
        """
        if self.repository is None:
            return None
        if self.event.pull_request:
            return self._base_of_pull_request(self.repository, self.event.pull_request)
        if (
            self.event.created
            and self.event.ref.startswith("refs/heads/")
            and not self.event.on_default_branch
        ):
            target = self.event.default_branch
            candidates = [f"refs/{kind}/{target}" for kind in ("remotes/origin", "heads")] if target else []
            return self._base_of_branch(self.repository, target, candidates)
        return self._available(self.repository, self.event.before)

    @locked_cached_property
    def commits(self) -> tuple[Commit, ...]:
        """The commits, newest first, merges among them; none where it is not known where they begin."""
        if self.repository is None or self.base is None:
            return ()
        return self.repository.log([f"{self.base}..{self.revision}"])

    @locked_cached_property
    def paths(self) -> frozenset[str] | None:
        """The paths that changed; None where that is not known, which counts as all."""
        try:
            if self.repository is None or self.base is None:
                return None
            return frozenset(self.repository.changed_files(self.base, self.revision))
        except PublishError as error:
            # Everything is published by now: what a run did must be told even where this cannot be.
            self.progress.say(f"conflicts count as this run's own: {error}")
            return None

    def _base_of_pull_request(self, repository: GitRepository, pull_request: PullRequestEvent) -> str | None:
        parents = [sha for sha in repository.parents(self.revision) if sha != pull_request.head]
        if len(parents) == 1 and pull_request.head in repository.parents(self.revision):
            return self._available(repository, parents[0])
        target = pull_request.base_ref
        candidates = [f"refs/remotes/origin/{target}"] if target else []
        return self._base_of_branch(repository, target, [*candidates, *filter(None, [pull_request.base])])

    def _base_of_branch(
        self, repository: GitRepository, target: str, candidates: Sequence[str]
    ) -> str | None:
        """Return where the branch that is checked out left the ``target`` branch, of which ``places`` are commits.

        A branch may have taken in newer commits of its target: the newest common ancestor is where it left it.
        """
        if not candidates:
            return None
        ancestors = self._ancestors(repository, candidates)
        if not ancestors and (repository.is_shallow() or not self.event.pull_request):
            repository.fetch_history(target)
            ancestors = self._ancestors(repository, candidates)
        if ancestors:
            return _newest(repository, ancestors)
        # Without a common history all that differs is new.
        return next(filter(None, map(repository.commit, candidates)), None)

    def _ancestors(self, repository: GitRepository, candidates: Sequence[str]) -> list[str]:
        """Return the common ancestors with some commits, those of what was merged since only if there is no other."""
        present = [candidate for candidate in candidates if repository.commit(candidate)]
        ancestors = [
            base for candidate in present if (base := repository.merge_base(candidate, self.revision))
        ]
        return [base for base in ancestors if base != repository.commit(self.revision)] or ancestors

    def _available(self, repository: GitRepository, sha: str) -> str | None:
        """Return a commit that is there now, None where it cannot be: the history was rewritten, say."""
        if sha and repository.commit(sha) is None:
            repository.fetch_commit(sha)
        return repository.commit(sha) if sha else None

    def _raised(self, charts: Sequence[Chart]) -> bool:
        """Whether some chart may have another version than before."""
        files = {chart_file(chart.path) for chart in charts}
        return self.paths is None or not files.isdisjoint(self.paths)

    def replaced(self, charts: Sequence[Chart]) -> tuple[str, ...]:
        """Return what to tell of versions that this push of several commits brought and replaced at once."""
        event, repository = self.event, self.repository
        if repository is None or not event.before or event.commits < 2 or not self._raised(charts):
            return ()
        try:
            if repository.is_shallow():
                repository.deepen(event.commits)
            return superseded(repository, event.before, self.revision, charts)
        except PublishError:
            return ()  # worth a note, not a failure


def _newest(repository: GitRepository, commits: Sequence[str]) -> str:
    """Return the commit that has the others among its ancestors."""
    newest = commits[0]
    for commit in commits[1:]:
        newest = commit if repository.is_ancestor(newest, commit) else newest
    return newest


class Touched(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Tells whether the commits of an event changed a chart, by its files or by those of what it embeds.

    Where that is not known, they did.
    """

    changes: Changes
    charts: ChartSettingsResolver
    reader: ChartReader

    def __call__(self, chart: Chart) -> bool:
        """Tell whether the chart was changed."""
        changed = self.changes.paths
        return changed is None or packed_with_related(chart.path, self.reader, self.charts).changed_by(
            changed
        )

    def files(self, chart: Chart) -> Belonging:
        """Return which paths are a chart's."""
        return self.charts.packed(chart.name, chart.path)
