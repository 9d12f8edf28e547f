"""What went wrong, each thing once: a registry that is not there is one problem, and not one of each chart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from oci_chart_publish.report.document import Chart, Problem


class Grouped(msgspec.Struct, frozen=True, kw_only=True):
    """A problem, and the charts that have it: one, or all of those for which it is the same."""

    problem: Problem
    charts: tuple[Chart, ...]

    @property
    def chart(self) -> Chart:
        """The first of the charts."""
        return self.charts[0]


def problems_of(chart: Chart) -> list[Problem]:
    """Return the problems of a chart: its own, or else those of its registries, each once."""
    if chart.error is not None:
        return [chart.error]
    return list(dict.fromkeys(target.error for target in chart.targets if target.error is not None))


def grouped(charts: Iterable[Chart]) -> list[Grouped]:
    """Return the problems of charts in their order, those that are the same but for the chart's name together.

    What happened at a line of a file is of that file alone.
    """
    groups: dict[tuple[str, ...], tuple[Problem, list[Chart]]] = {}
    for chart in charts:
        for problem in problems_of(chart):
            if problem.path:
                key: tuple[str, ...] = (
                    chart.path,
                    chart.name,
                    problem.path,
                    str(problem.line),
                    problem.message,
                )
            else:
                key = (chart.status, problem.kind, problem.hint, unnamed(problem.message, chart))
            groups.setdefault(key, (problem, []))[1].append(chart)
    return [Grouped(problem=problem, charts=tuple(of)) for problem, of in groups.values()]


def grouped_warnings(charts: Iterable[Chart]) -> Iterator[tuple[str, tuple[Chart, ...]]]:
    """Yield the warnings of charts, those that are the same but for the chart's name together."""
    groups: dict[str, tuple[str, list[Chart]]] = {}
    for chart in charts:
        for warning in chart.warnings:
            groups.setdefault(unnamed(warning, chart), (warning, []))[1].append(chart)
    for warning, of in groups.values():
        yield warning, tuple(of)


def unnamed(text: str, chart: Chart) -> str:
    """Return a text about a chart without what names that chart: reference, path, file, name and version."""
    name, version = chart.name, chart.version
    if not name or name not in text:
        return text
    for named in (f"{name}:{version}", f"{name}-{version}", f"{name} {version}"):
        text = text.replace(named, "*")
    text = text.replace(f"/{name}/manifests/{version.replace('+', '_')}", "/*/manifests/*")
    return text.replace(f"/{name}/", "/*/").replace(f"/{name}:", "/*:")
