"""Subcharts in ``charts/`` that Helm packs and then does not treat as they were declared."""

from __future__ import annotations

from collections.abc import Iterator

from oci_chart_publish.chart.chart import Chart, placed
from oci_chart_publish.chart.constraint import Constraint
from oci_chart_publish.chart.metadata import CHART_FILE, REQUIREMENTS, Dependency
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.chart.walk import CHARTS
from oci_chart_publish.errors import ChartError
from oci_chart_publish.lint.warning import ChartWarning
from oci_chart_publish.yamldoc.reader import line_of


def subcharts(chart: Chart) -> Iterator[ChartWarning]:
    """Yield what Helm makes of subcharts that are not declared as they are, at every level."""
    yield from _undeclared(chart)
    yield from _mismatched(chart)
    yield from vendored_otherwise(chart)
    yield from _incomplete(chart, "")


def _undeclared(chart: Chart) -> Iterator[ChartWarning]:
    declared = {dependency.name for dependency in chart.metadata.dependencies}
    for place, subchart in placed(chart.subcharts):
        if subchart.name not in declared:
            yield ChartWarning(
                f"charts/ holds {subchart.name} {subchart.version}, which is not declared: Helm installs it always, "
                "and no `helm dependency` command knows of it; declare it in dependencies, or take it out",
                f"{CHARTS}{place}/{CHART_FILE}",
            )


def _mismatched(chart: Chart) -> Iterator[ChartWarning]:
    """Yield subcharts of a declared name in a version that nothing declares (Helm ``processDependencyEnabled``)."""
    path = REQUIREMENTS if chart.file(REQUIREMENTS) is not None else CHART_FILE
    for subchart in chart.subcharts:
        declared = [
            (number, dependency)
            for number, dependency in enumerate(chart.metadata.dependencies)
            if dependency.name == subchart.name
        ]
        if not declared or any(_allows(dependency.version, subchart.version) for _, dependency in declared):
            continue
        number, dependency = declared[0]
        held = f"charts/ holds {subchart.name} {subchart.version}, which is not {dependency.version or 'a version'}"
        yield ChartWarning(
            f"{held} as declared: {_consequence(dependency)}; run `helm dependency update`, or declare what is there",
            path,
            line_of(chart.file(path) or b"", f"dependencies.{number}.version"),
        )


def _consequence(dependency: Dependency) -> str:
    if dependency.alias:
        return (
            f"Helm does not know it as {dependency.alias} and installs it as {dependency.name}, whatever condition and "
            "tags say"
        )
    return "Helm does not compare versions and installs it all the same"


def _allows(constraint: str, version: str) -> bool:
    try:
        return Constraint.parse(constraint).allows(ChartVersion.parse(version))
    except ChartError:
        return False


def vendored_otherwise(chart: Chart) -> Iterator[ChartWarning]:
    """Yield what ``charts/`` holds in another version than the lock names; it is packed, as by Helm."""
    path = "Chart.lock" if chart.file("Chart.lock") is not None else "requirements.lock"
    told: set[str] = set()
    for number, locked in enumerate(chart.lock.dependencies if chart.lock is not None else ()):
        held = [subchart.version for subchart in chart.subcharts if subchart.name == locked.name]
        message = (
            f"charts/ holds {locked.name} {', '.join(held)}, the lock names {locked.version}: what charts/ holds "
            "is packed; run `helm dependency build` and commit what it changes"
        )
        # Of a dependency without a repository Helm locks the constraint.
        if (
            held
            and message not in told
            and not any(v == locked.version or _allows(locked.version, v) for v in held)
        ):
            told.add(message)
            yield ChartWarning(
                message, path, line_of(chart.file(path) or b"", f"dependencies.{number}.version")
            )


def _incomplete(chart: Chart, prefix: str) -> Iterator[ChartWarning]:
    """Yield subcharts that declare what their own ``charts/`` lacks; Helm looks at the top level alone."""
    for place, subchart in placed(chart.subcharts):
        inside = f"{prefix}{CHARTS}{place}/"
        present = {below.name for below in subchart.subcharts}
        missing = [d.name for d in subchart.metadata.dependencies if d.name not in present]
        if missing:
            path = REQUIREMENTS if subchart.file(REQUIREMENTS) is not None else CHART_FILE
            yield ChartWarning(
                f"the subchart {inside.rstrip('/')} declares {', '.join(missing)}, and its own charts/ lacks it: Helm "
                f"installs it without; run `helm dependency build {inside.rstrip('/')}`",
                f"{inside}{path}",
                line_of(subchart.file(path) or b"", "dependencies"),
            )
        yield from _incomplete(subchart, inside)
