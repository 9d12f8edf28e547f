"""A saved plan as a promise: publish what it showed, digest for digest, and nothing else.

The plan may come from a job that ran the code of a stranger. What it says decides nothing but whether to stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from oci_chart_publish.errors import ConfigError, VerificationError
from oci_chart_publish.forge.event import Event
from oci_chart_publish.push.reconcile import Plan
from oci_chart_publish.report import document
from oci_chart_publish.report.saved import read_report

REPORT = "report.json"
"""The report's name beside a layout."""


def planned(path: Path, event: Event, head: str | None) -> Mapping[str, str]:
    """Return the digest of each chart, by ``name:version``, that the saved plan shows.

    ``path`` is the report, or a folder with a ``report.json`` in it; ``head`` is the commit that is checked out.
    ConfigError for a report of another repository, of a fork, of another commit, or of a run that failed.
    """
    path = path / REPORT if path.is_dir() else path
    report = read_report(path)
    if report.exit_code or not report.dry_run:
        raise ConfigError(
            f"{path} is not the report of a plan that went well", hint="run `plan --report FILE`"
        )
    _check_repository(path, report, event)
    if report.revision != head:
        raise ConfigError(
            f"{path} was made for commit {report.revision}, and {head} is checked out",
            hint=f"check out {report.revision}, or plan again",
        )
    return {f"{chart.name}:{chart.version}": chart.digest or "" for chart in report.charts}


def _check_repository(path: Path, report: document.Report, event: Event) -> None:
    run = event.workflow_run or {}
    repository = run.get("head_repository")
    heads = {
        report.repository,
        report.pull_request.head_repository if report.pull_request else None,
        str(repository.get("full_name")) if isinstance(repository, dict) else None,
    }
    others = sorted(head for head in heads - {None, event.repository} if head is not None)
    if event.repository and others:
        raise ConfigError(
            f"{path} comes from {others[0]}, and this is {event.repository}",
            hint="only what was planned in this repository is published from here; merge it first",
        )


def check_planned(plan: Plan, digests: Mapping[str, str]) -> None:
    """Raise VerificationError unless what is about to be published is what was planned."""
    name = f"{plan.artifact.name}:{plan.artifact.version}"
    digest, wanted = str(plan.manifest.descriptor.digest), digests.get(name)
    if wanted is None:
        raise VerificationError(f"{name} would be published and is not in the plan", hint="plan again")
    if digest != wanted:
        raise VerificationError(
            f"{name} was planned as {wanted} and is {digest} now",
            hint="build with the settings and the version of this tool that the plan was made with, or plan again",
        )
