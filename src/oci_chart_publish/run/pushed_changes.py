"""Which charts this push or pull request changed, and which versions came and went within it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from oci_chart_publish.chart.metadata import chart_file, decode_metadata
from oci_chart_publish.errors import ChartError, PublishError
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.github.event import Event
from oci_chart_publish.paths.ownership import Belonging
from oci_chart_publish.report.document import Chart
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
    found: list[str] = []
    for name, path in paths.items():
        touching = [commit.sha for commit in commits if path in commit.files]
        if len(touching) > 1:
            found += _of_chart(repository, (before, revision), name, path, touching)
    return tuple(found)


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
    data = repository.read(rev, path)
    if data is None:
        return ""
    try:
        return decode_metadata(data).version
    except ChartError:
        return ""


class Changes(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What the commits of an event changed.

    ``revision`` is the commit that the event ends with. Missing commits are fetched.
    """

    event: Event
    repository: GitRepository | None
    revision: str
    say: Callable[[str], None]

    @locked_cached_property
    def paths(self) -> frozenset[str] | None:
        """The paths that changed; None where that is not known, which counts as all."""
        try:
            return self._paths()
        except PublishError as error:
            # Everything is published by now: what a run did must be told even where this cannot be.
            self.say(f"conflicts count as this run's own: {error}")
            return None

    def _paths(self) -> frozenset[str] | None:
        event, repository = self.event, self.repository
        # A push goes on from the commit before; a pull request and a new branch go off somewhere.
        new = event.created and event.ref.startswith("refs/heads/") and not event.on_default_branch
        branches, base = new or event.pull_request is not None, event.before
        if event.pull_request:
            base = event.pull_request.base
        elif new and event.default_branch and repository is not None:
            places = [f"refs/{kind}/{event.default_branch}" for kind in ("remotes/origin", "heads")]
            base = next((place for place in places if repository.commit(place)), places[0])
        if repository is None or not base:
            return None
        self._fetch_missing(repository, base, branches=branches)
        if repository.commit(base) is None:
            return None  # the history was rewritten: everything may have changed
        start = repository.merge_base(base, self.revision) if branches else base
        return frozenset(repository.changed_files(start or base, self.revision))

    def _fetch_missing(self, repository: GitRepository, base: str, *, branches: bool) -> None:
        known = repository.commit(base) is not None
        if branches:
            named = "" if self.event.pull_request else self.event.default_branch
            shallow = repository.is_shallow()
            if (shallow or named) and (not known or repository.merge_base(base, self.revision) is None):
                repository.fetch_history(named)
        elif not known:
            repository.fetch_commit(base)

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


class Touched(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Tells whether the commits of an event changed a chart's files; where that is not known, they did.

    ``belonging`` gives the paths that count for the chart of a name in a folder.
    """

    changes: Changes
    belonging: Callable[[str, str], Belonging]

    def __call__(self, chart: Chart) -> bool:
        """Tell whether the chart was changed."""
        changed = self.changes.paths
        belonging = self.belonging(chart.name, chart.path)
        return changed is None or any(path in belonging for path in changed)
