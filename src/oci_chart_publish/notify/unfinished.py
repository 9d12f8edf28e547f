"""Which versions an earlier run may have published and not released: GitHub's own record of the runs is the memory.

A registry does not say who has published a version, nor whether a release of it was wanted. But a run that could not
release what it published has failed, and GitHub knows that: what was pushed since the last run of this workflow that
went well may be unfinished, and nothing else is. So whichever run comes next repairs it, and a run that is started
again releases what it touched itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from oci_chart_publish.errors import ForgeError, PublishError
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.github.event import Event
from oci_chart_publish.github.gateway import GitHub
from oci_chart_publish.github.workflow_runs import WorkflowRun
from oci_chart_publish.paths.ownership import Belonging
from oci_chart_publish.report.document import Chart
from oci_chart_publish.singleflight import locked_cached_property

BRANCHES = "refs/heads/"


class ChangedCharts(Protocol):
    """Which charts the commits of the event changed."""

    def __call__(self, chart: Chart) -> bool:
        """Tell whether they changed a chart."""

    def files(self, chart: Chart) -> Belonging:
        """Return which paths are a chart's."""


class Unfinished(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Predicate over charts: whether a run that touched one may have ended before it made the release.

    ``revision`` is what is published.
    """

    github: GitHub
    event: Event
    repository: GitRepository | None
    revision: str
    changed: ChangedCharts

    def __call__(self, chart: Chart) -> bool:
        """Tell whether a release of this chart may have been begun. Asks GitHub once, where the event does not tell."""
        if self.event.name == "push" and self.changed(chart):
            return True
        return self._everything or self.changed.files(chart).changed_by(self._paths)

    @property
    def _paths(self) -> frozenset[str]:
        return self._since[1]

    @property
    def _everything(self) -> bool:
        return self._since[0]

    @locked_cached_property
    def _since(self) -> tuple[bool, frozenset[str]]:
        """Whether all there is may be unfinished, and what changed since the last run that went well."""
        runs, repository = self._runs(), self.repository
        failed = _failed(runs)
        if repository is None or not (failed or self._again):
            return False, frozenset()
        good = next((run.commit for run in runs if run.good), "")
        try:
            base = good or self._before(repository, failed)
            if not base:
                return bool(failed), frozenset()
            if repository.commit(base) is None:
                repository.fetch_commit(base)
            return False, frozenset(repository.changed_files(base, self.revision))
        except PublishError:
            return False, frozenset()  # a history that was rewritten: `backfill` is for that

    def _runs(self) -> Sequence[WorkflowRun]:
        event = self.event
        if not (event.workflow and event.run_id.isdecimal() and event.ref.startswith(BRANCHES)):
            return ()
        try:
            return self.github.workflow_runs.before(
                int(event.run_id), event.workflow, event.ref.removeprefix(BRANCHES)
            )
        except ForgeError:
            return ()  # a private repository without `actions: read`, or a host without such a record

    @property
    def _again(self) -> bool:
        attempt = self.event.run_attempt
        return attempt.isdecimal() and int(attempt) > 1

    def _before(self, repository: GitRepository, failed: Sequence[WorkflowRun]) -> str:
        """Return where the first of the failed runs began, of which none before went well; empty for the beginning."""
        first = failed[-1].commit if failed else self.revision
        if repository.commit(first) is None:
            repository.fetch_commit(first)
        return next(iter(repository.parents(first)), "")


def _failed(runs: Sequence[WorkflowRun]) -> Sequence[WorkflowRun]:
    """Return the runs since the last one that went well, the newest first."""
    good = next((number for number, run in enumerate(runs) if run.good), len(runs))
    return runs[:good]
