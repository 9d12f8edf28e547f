"""The table of a terminal: 80 columns, one line a chart that moves, each problem once."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from oci_chart_publish.outcomes import Status
from oci_chart_publish.report import document
from oci_chart_publish.report.table import columns, problems, show, summary

REGISTRY = "ghcr.io/acme/charts"
DIGEST = "sha256:2c13f6fed4582256859dcac8e2754ee39e06233eaaefebce6c20251ceb4e0ffa"
NAMES = ("web", "prometheus-conntrack-stats-exporter", "kube-prometheus-stack", "api")


def chart(number: int, status: Status = "unchanged", message: str = "", **more: str) -> document.Chart:
    name = NAMES[number % 4] + (f"-{number}" if number > 3 else "")
    version = f"1.{number}.0"
    error = (
        document.Problem(kind="registry", message=message.format(name=name), hint="do this")
        if message
        else None
    )
    target = document.Target(
        registry=REGISTRY, reference=f"{REGISTRY}/{name}:{version}", status=status, digest=DIGEST, error=error
    )
    return document.Chart(
        name=name,
        path=f"charts/{name}",
        version=version,
        previous_version=f"1.{number}.0-rc.1",
        status=status,
        digest=DIGEST,
        size=10871,
        error=error,
        targets=(target,),
        **more,  # type: ignore[arg-type]
    )


def report(charts: Sequence[document.Chart], **more: object) -> document.Report:
    return document.Report(
        command="plan",
        dry_run=True,
        conclusion="success",
        exit_code=0,
        charts=tuple(charts),
        totals=document.count(tuple(charts)),
        **more,  # type: ignore[arg-type]
    )


def shown(found: document.Report, *, everything: bool = False) -> list[str]:
    stream = io.StringIO()
    show(found, stream, everything=everything)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("number", [44, 600])
def test_80_columns_hold_the_table_and_unchanged_charts_are_a_line(number: int) -> None:
    charts = [*map(chart, range(number - 4)), *(chart(i, "would-publish") for i in range(number - 4, number))]
    lines = shown(report(charts))
    assert len(lines) == 8
    assert max(map(len, lines)) <= 80
    assert lines[0] == f"registry: {REGISTRY}"
    assert charts[-4:]
    assert all(any(one.name in line for line in lines) for one in charts[-4:])
    assert lines[-2].startswith("unchanged: ")
    assert lines[-2].endswith(" more (--all lists them)")
    assert lines[-1] == f"{number} charts: 4 to publish, {number - 4} unchanged (42.5 KiB)"
    listed = shown(report(charts), everything=True)
    assert len(listed) == number + 3
    assert charts
    assert all(any(line.startswith(f"{one.name} ") for line in listed) for one in charts)


def test_an_unchanged_chart_comes_from_no_version() -> None:
    (_, _, line, _) = shown(report([chart(1)]), everything=True)
    assert " -> " not in line
    (_, _, line, _) = shown(report([chart(1, "would-publish")]))
    assert "1.1.0-rc.1 -> 1.1.0" in line


def test_a_version_that_is_taken_has_its_fix_in_the_row() -> None:
    (_, _, line, count) = shown(report([chart(0, "conflict", next_version="1.0.1")]))
    assert "  conflict: set 1.0.1" in line
    assert count == "1 chart: 1 not raised"


@pytest.mark.parametrize(
    "message",
    [
        "GET https://nohost.invalid/v2/: the host name is not known",
        "HEAD https://ghcr.io/v2/acme/charts/{name}/manifests/1.0.0: wrong password".replace(
            "1.0.0", "VERSION"
        ),
        "'https://ghcr.io/x' is not an OCI repository",
        "the registry credentials given: not JSON, line 1",
    ],
)
def test_a_problem_of_the_whole_run_is_told_once(message: str) -> None:
    charts = [chart(i, "failed", message.replace("VERSION", f"1.{i}.0")) for i in range(44)]
    lines = [*shown(report(charts)), *problems(report(charts))]
    assert len(lines) == 4
    assert lines[1].startswith("failed: ")
    assert lines[3].startswith("error: 44 charts (")
    assert lines[3].count("do this") == 1


def test_problems_of_single_charts_stay_theirs() -> None:
    one, other = (chart(i, "failed", "{name} lacks a file") for i in (0, 1))
    placed = [
        replace(
            chart(i, "failed"),
            error=document.Problem(kind="chart", message="m", path=f"charts/{i}/Chart.yaml"),
        )
        for i in (2, 3)
    ]
    another = document.Problem(kind="registry", message="another", hint="do this")
    lines = problems(report([one, replace(other, error=another, targets=()), *placed]))
    assert [line.partition("\n")[0] for line in lines] == [
        "error: api: charts/3/Chart.yaml: m",
        "error: kube-prometheus-stack: charts/2/Chart.yaml: m",
        "error: prometheus-conntrack-stats-exporter: another",
        "error: web: web lacks a file",
    ]


def test_warnings_that_all_have_are_told_once() -> None:
    warned = [replace(chart(i), warnings=("the same",)) for i in range(5)]
    (line,) = problems(report(warned))
    assert line.startswith("warning: 5 charts (")
    assert line.endswith(" and 2 more): the same")


def test_an_interrupted_run_says_so_once() -> None:
    charts = [chart(i, "skipped", "not published: the run was interrupted") for i in range(600)]
    assert len(problems(report(charts))) == 1


def test_one_long_name_pads_no_other_line() -> None:
    long = replace(chart(0, "failed"), name="x" * 255)
    charts = [long, *(chart(i, "would-publish") for i in range(1, 400))]
    assert sum(map(len, shown(report(charts)))) < 400 * 90
    assert "x" * 255 in "\n".join(shown(report(charts)))
    assert columns(("A", "B"), [("x" * 300, "1"), ("y", "2")]).splitlines()[2] == "y  2"


def test_nothing_is_counted_in_english() -> None:
    assert summary(report([])) == "0 charts: nothing"
    assert summary(report([chart(0)])) == "1 chart: 1 unchanged"
    assert shown(report([])) == ["0 charts: nothing"]
