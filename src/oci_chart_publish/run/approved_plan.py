"""A saved plan as a promise: publish what it showed, digest for digest, and nothing else.

The plan may come from a job that ran the code of a stranger. What it says decides nothing but whether to stop: where
the charts come from is held against the event, they are built from the commit itself, and what comes out has to be
what was planned.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from oci_chart_publish.errors import ConfigError, VerificationError
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.github.event import Event
from oci_chart_publish.push.reconcile import Plan
from oci_chart_publish.report import document
from oci_chart_publish.report.document import REPORT, read_report


class ApprovedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a saved plan promises: ``digests`` of charts by ``name:version``, built from ``folders`` at ``revision``.

    ``revision`` is empty where the plan was made outside git. ``of_pull_request`` tells whether the plan is of a pull
    request: what is not merged becomes a preview and never a release.
    """

    path: Path
    revision: str
    digests: Mapping[str, str]
    folders: frozenset[str]
    of_pull_request: bool

    def check_charts(self, folders: Collection[str]) -> None:
        """Raise ConfigError where a chart was planned that this run is not about."""
        missing = sorted(self.folders.difference(folders))
        if missing:
            raise ConfigError(
                f"{self.path} plans {', '.join(missing[:5])}, which this run does not find",
                hint="run with the charts: and the settings file that the plan was made with, or plan again",
            )

    def check(self, plan: Plan) -> None:
        """Raise VerificationError unless what is about to be published is what was planned."""
        name = f"{plan.artifact.name}:{plan.artifact.version}"
        digest, expected = str(plan.manifest.descriptor.digest), self.digests.get(name)
        if expected is None:
            raise VerificationError(f"{name} would be published and is not in the plan", hint="plan again")
        if digest != expected:
            raise VerificationError(
                f"{name} was planned as {expected} and is {digest} now",
                hint="plan again, with these settings, with this version of the tool, and with every file committed",
            )


def read_plan(
    place: Path, event: Event, repository: GitRepository | None, *, publish_refs: Sequence[str]
) -> ApprovedPlan:
    """Read a saved plan, hold what it says against the event, and fetch the commit that it names where it is missing.

    ``place`` is the report, or the layout (any folder) that it lies in as ``report.json``. ConfigError for a report of
    another repository, of a fork, of a run that failed, and of a commit that the event is not about. What neither is
    merged nor lies on the default branch or one of ``publish_refs`` is not published.
    """
    path = place / REPORT if place.is_dir() else place
    report = read_report(path)
    if report.exit_code or not report.dry_run:
        raise ConfigError(
            f"{path} is not the report of a plan that went well", hint="run `plan --report FILE`"
        )
    _check_repository(path, report, event)
    revision = report.revision or ""
    if repository is None and revision:
        raise ConfigError(
            f"{path} was made for commit {revision}, and this is no git repository",
            hint="run where the repository is checked out",
        )
    if repository is not None and not revision:
        raise ConfigError(
            f"{path} was made outside git: it names no commit", hint="plan again in the repository"
        )
    run = event.workflow_run or {}
    planned = ApprovedPlan(
        path=path,
        revision=revision,
        digests={f"{chart.name}:{chart.version}": chart.digest or "" for chart in report.charts},
        folders=frozenset(chart.path for chart in report.charts if chart.status == "would-publish"),
        of_pull_request=bool(
            report.pull_request or event.pull_request or str(run.get("event", "")).startswith("pull_request")
        ),
    )
    if repository is not None:
        if repository.commit(revision) is None:
            repository.fetch_commit(revision)
        _check_commit(planned, event, repository, publish_refs)
    return planned


def _check_commit(
    planned: ApprovedPlan, event: Event, repository: GitRepository, publish_refs: Sequence[str]
) -> None:
    """Raise ConfigError unless the commit of a plan, which is in the clone by now, is one that this event is about.

    That is the commit of the event, the head of its pull request or a merge of that head, the head of a run before it
    on a branch that is published from, or something that is part of what is checked out. Outside a workflow whoever
    names the plan answers for it.
    """
    run = event.workflow_run or {}
    refs = (f"refs/{kind}/{run.get('head_branch')}" for kind in ("heads", "tags"))
    counts = planned.of_pull_request or any(event.publishes(ref, publish_refs) for ref in refs)
    before = str(run.get("head_sha") or "") if counts else ""
    heads = {event.pull_request.head if event.pull_request else "", before} - {""}
    if not event.name or planned.revision in {event.revision, *heads}:
        return
    if not heads.isdisjoint(repository.parents(planned.revision)) or repository.is_ancestor(
        planned.revision, "HEAD"
    ):
        return
    raise ConfigError(
        f"{planned.path} was made for commit {planned.revision}, which is not what this run is about",
        hint=f"plan again for {next(iter(heads), event.revision)}",
    )


def _check_repository(path: Path, report: document.Report, event: Event) -> None:
    run = event.workflow_run or {}
    repository = run.get("head_repository")
    heads = {
        report.repository,
        report.pull_request.head_repository if report.pull_request else None,
        event.pull_request.head_repository if event.pull_request else None,
        (str(repository.get("full_name")) if isinstance(repository, dict) else "a fork that is gone")
        if run
        else None,
    }
    others = sorted(head for head in heads - {None, event.repository} if head is not None)
    if event.repository and others:
        raise ConfigError(
            f"{path} comes from {others[0] or 'a fork that is gone'}, and this is {event.repository}",
            hint="only what was planned in this repository is published from here; merge it first",
        )
