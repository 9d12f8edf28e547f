"""The comment on pull requests: what a plan shows, and what became of it on merge and close.

A comment that exists is kept up to date whatever the setting says; one that a publish has written stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec
from msgspec.structs import replace

from oci_chart_publish.errors import ForgeError, PublishError, ReadOnlyError
from oci_chart_publish.github.comments import RunMark, Stage
from oci_chart_publish.github.event import Event
from oci_chart_publish.report import compose, document
from oci_chart_publish.report.markdown import IN_SUMMARY, render
from oci_chart_publish.report.text import code, escaped

if TYPE_CHECKING:
    from oci_chart_publish.github.gateway import GitHub
    from oci_chart_publish.github.pull_requests import PullRequest

COMMENT_LIMIT = 60_000
"""UTF-16 units; GitHub refuses a comment of more than 65,536."""
_SUMMARY_ONLY = "the report is in the step summary only"
_CLOSED = frozenset({403, 404, 410})
"""Statuses of what is not ours to change: a conversation that is locked, what this token does not see."""


class CommentedPull(msgspec.Struct, frozen=True, kw_only=True):
    """A pull request to comment on; ``create`` also where there is no comment yet.

    ``publishes`` tells whether its base is known for a branch that is published from.
    """

    number: int
    create: bool
    closed: bool = False
    merged: bool = False
    base: str = ""
    publishes: bool = False


class PushedCommits(Protocol):
    """The commits of the event."""

    def commits(self) -> frozenset[str]:
        """Return the shas of the commits of a push."""

    def touched(self, chart: document.Chart) -> bool:
        """Tell whether they are known to have changed a chart."""


class Commenter(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Writes the comment called ``key``; ``when`` says in which cases a new one. With ``dry_run`` it only says where.

    ``source`` is the repository that made the report, where that is another one.
    """

    github: GitHub
    event: Event
    when: Literal["always", "changes", "failures", "off"]
    key: str
    publish_refs: tuple[str, ...]
    dry_run: bool
    source: str = ""
    pushed: PushedCommits

    def comment(self, report: document.Report, *, expected: bool = False) -> document.Report:
        """Write the comment on the pull request; on a push, the final state on those that it brought.

        Where a pull request is ``expected`` and there is none, or the token may not write, the report says so; it
        says what failed otherwise, as exit code 7.
        """
        if self.when == "off" or (report.command == "publish" and compose.is_nowhere(report)):
            return report
        try:
            pulls = list(self._pulls(report))
        except ForgeError as error:
            why = "which pull request this run belongs to is not known, so no comment was written"
            if isinstance(error, ReadOnlyError):
                return _noted(report, f"{why}: {self._told(error)}")
            if self._harmless(report, error, expected=expected):
                return _noted(report, f"{why}: {compose.line(error)}")
            return compose.concluded(report, [error])
        if not pulls and expected:
            return _noted(report, "no pull request was found for this event, so no comment was written")
        if self.dry_run:
            listed = ", ".join(f"#{pull.number}" for pull in pulls)
            return _noted(report, f"dry run: would comment on {listed}") if pulls else report
        return self._write(report, pulls, expected=expected)

    def _write(
        self, report: document.Report, pulls: list[CommentedPull], *, expected: bool
    ) -> document.Report:
        problems: list[PublishError] = []
        for pull in pulls:
            try:
                self._upsert(report, pull)
            except ReadOnlyError as error:
                hint = "" if self.event.read_only else f". {error.hint}"
                return _noted(
                    compose.concluded(report, problems), f"the token may not comment: {_SUMMARY_ONLY}{hint}"
                )
            except ForgeError as error:
                if not error.temporary and error.status in _CLOSED:
                    why = f"pull request {pull.number} takes no comment, {_SUMMARY_ONLY}: {error.message}"
                elif self._harmless(report, error, expected=expected):
                    why = f"no comment on pull request {pull.number}, {_SUMMARY_ONLY}: {compose.line(error)}"
                else:
                    problems.append(error)
                    continue
                report = _noted(report, why)
        return compose.concluded(report, problems)

    def _harmless(self, report: document.Report, error: ForgeError, *, expected: bool) -> bool:
        """Whether a comment that could not be written fails nothing: that of a plan, or one that comes too late.

        The report of a plan is in the step summary, and its job tells whether the charts are well. What was published
        is published: where GitHub has no time for the words about it, they wait for the next run. Whoever was called
        to post alone, though, has failed.
        """
        return not expected and (report.command != "publish" or error.temporary)

    def _told(self, error: ForgeError) -> str:
        """Return what to tell of a token that may not, without advice that nobody can follow."""
        return error.message if self.event.read_only else compose.line(error)

    def _upsert(self, report: document.Report, pull: CommentedPull) -> None:
        mark = RunMark(*_reported(self.event), _stage(report, merged=pull.merged))
        if mark.stage is not Stage.PLANNED and mark.attempt > 1:
            report = self._with_earlier(report)
        self.github.comments.upsert(
            pull.number,
            self.key,
            body(
                report,
                pull,
                self._footer(report),
                self.event.url,
                final=mark.stage is not Stage.PLANNED,
                source=self.source,
            ),
            mark,
            revision=report.revision or "",
            create=pull.create,
        )

    def _with_earlier(self, report: document.Report) -> document.Report:
        """Return the report of another attempt with what the push brought and earlier ones published marked."""
        charts = (
            replace(chart, touched=True)
            if chart.status == "unchanged" and self.pushed.touched(chart)
            else chart
            for chart in report.charts
        )
        return replace(report, charts=tuple(charts))

    def _pulls(self, report: document.Report) -> Iterator[CommentedPull]:
        """Yield where to comment. Nobody waits for a new comment on what is closed or merged."""
        event = self.event
        pull_request = event.pull_request
        if pull_request is not None:
            yield CommentedPull(
                number=pull_request.number,
                create=not pull_request.closed and self._worth(report),
                closed=pull_request.closed,
                merged=pull_request.merged,
                base=pull_request.base_ref,
                publishes=self._publishes(pull_request.base_ref),
            )
        elif event.workflow_run is not None:
            result = self.github.pulls.of_workflow_run(event.workflow_run)
            if result is not None:
                create = result.open and self._worth(report)
                yield self._pull(result, create=create)
            elif report.command == "publish":
                yield from (self._pull(pull, create=False) for pull in self._merged(report))
        elif event.name == "push":
            # A merge group is pushed later. A schedule or a dispatch brings no pull request: on the last one's merge it
            # would say "unchanged" where a release failed.
            yield from (self._pull(pull, create=False) for pull in self._merged(report))

    def _pull(self, pull: PullRequest, *, create: bool) -> CommentedPull:
        return CommentedPull(
            number=pull.number,
            create=create,
            closed=not pull.open,
            merged=pull.merged,
            base=pull.base_ref,
            publishes=self._publishes(pull.base_ref),
        )

    def _publishes(self, branch: str) -> bool:
        return self.event.publishes(f"refs/heads/{branch}", self.publish_refs)

    def _merged(self, report: document.Report) -> list[PullRequest]:
        """Return the pull requests that a push brought: a merge queue and a person may merge several at once.

        A ``workflow_run`` after the run of a push knows just what that one ended with; it publishes what it has
        checked out.
        """
        run = self.event.workflow_run
        last = [str(run.get("head_sha") or ""), report.revision or ""] if run else [self.event.revision]
        commits = self.pushed.commits() or frozenset(filter(None, last))
        result = self.github.pulls.merged_with(sorted(commits), named=self.event.named).values()
        brought = {pull.number: pull for pull in result if pull.merge_commit in commits}
        return [brought[number] for number in sorted(brought)]

    def _worth(self, report: document.Report) -> bool:
        """Whether a comment that is not there yet is wanted; drift is if this pull request had a hand in it."""
        if self.when == "always":
            return True
        if self.when == "failures":
            return report.exit_code != 0
        return any(
            chart.status != "unchanged" and (chart.status != "drift" or chart.touched is True)
            for chart in report.charts
        )

    def _footer(self, report: document.Report) -> str:
        run = f"[run]({self.event.url}/actions/runs/{self.event.run_id})" if self.event.url else ""
        revision = code((report.revision or "")[:7])
        return (
            "<sub>"
            + " · ".join(part for part in (escaped(report.command, 20), revision, run) if part)
            + "</sub>"
        )


def body(
    report: document.Report,
    pull: CommentedPull,
    footer: str,
    home: str = "",
    *,
    final: bool,
    source: str = "",
) -> str:
    """Return the comment's Markdown: the report, or, of a plan that is over, how it ended and the report folded.

    ``home`` is the repository's page, below which releases are linked to.
    """
    if final or not pull.closed:
        return render(
            report, limit=COMMENT_LIMIT, footer=footer, home=home, elsewhere=IN_SUMMARY, source=source
        )
    if pull.merged:
        head = f"### Helm charts: merged\n\n{_to_come(pull)}"
    else:
        head = "### Helm charts: closed without a merge, nothing of it was published"
    inside = render(report, limit=COMMENT_LIMIT - 1_000, home=home, elsewhere=IN_SUMMARY, source=source)
    return f"{head}\n\n<details><summary>The last plan</summary>\n\n{inside}\n</details>\n\n{footer}\n"


def _to_come(pull: CommentedPull) -> str:
    """Say what follows a merge: a branch that nothing is published from may be merged on, and say nothing here."""
    if not pull.base:
        return "What the publish run makes of it will be said here."
    if pull.publishes:
        return f"What the publish run of {code(pull.base)} makes of it will be said here."
    return f"If a run publishes {code(pull.base)}, what it makes of it will be said here."


def _reported(event: Event) -> tuple[int, int]:
    """Return number and attempt of the run that is reported; their order is that of what happened.

    A job that posts for another begins when that one has ended, whichever had begun first.
    """
    run = event.workflow_run or {"id": event.run_id, "run_attempt": event.run_attempt}
    number, attempt = (str(run.get(key) or "") for key in ("id", "run_attempt"))
    return int(number) if number.isdecimal() else 0, int(attempt) if attempt.isdecimal() else 0


def _stage(report: document.Report, *, merged: bool) -> Stage:
    """Return what a run came to: what was published or released stays in the comment, whatever a later run finds."""
    if report.command != "publish" or report.dry_run or not merged:
        return Stage.PLANNED
    published = any(chart.status == "published" or chart.released for chart in report.charts)
    return Stage.PUBLISHED if published and report.exit_code == 0 else Stage.RAN


def _noted(report: document.Report, note: str) -> document.Report:
    return replace(report, notes=(*report.notes, note))
