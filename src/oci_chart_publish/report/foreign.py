"""A saved report that another repository made: shown as its plan, whatever it says that it did.

Its job ran the code of a stranger, who could write any report. What it says of releases, previews and registries that
are not ours would be a statement, or a command to copy, in our name.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.outcomes import Status
from oci_chart_publish.report.document import Chart, Report, Target, count

GONE = "a repository that is gone"
"""What the source of a pull request is called after its fork was deleted."""


def as_plan(report: Report, source: str, registries: Collection[str]) -> Report:
    """Return a report as the plan of the repository ``source``.

    Only targets below one of ``registries`` (``HOST[:PORT]/PATH``) stay; nothing of it is published, tagged or
    released. ConfigError where one of ``registries`` is not the name of any.
    """
    places = frozenset(str(Repository.parse(registry)) for registry in registries)
    charts = tuple(_planned(chart, places) for chart in report.charts)
    return replace(
        report,
        command="plan",
        dry_run=True,
        repository=None if source == GONE else source,
        charts=charts,
        totals=count(charts),
        failures=(),
    )


def _planned(chart: Chart, places: Collection[str]) -> Chart:
    return replace(
        chart,
        status=_as_planned(chart.status),
        git_tag=None,
        release_url=None,
        released=False,
        preview=None,
        targets=tuple(
            replace(target, status=_as_planned(target.status))
            for target in chart.targets
            if _is_below(target, places)
        ),
    )


def _as_planned(status: Status) -> Status:
    return "would-publish" if status in {"published", "saved"} else status


def _is_below(target: Target, places: Collection[str]) -> bool:
    return target.registry in places and target.reference.startswith(f"{target.registry}/")
