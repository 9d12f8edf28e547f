"""doctor: plain answers to the question whether this configuration can publish."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import click

from oci_chart_publish.cli.flow_commands import PATHS, REGISTRY, common
from oci_chart_publish.cli.options import open_project, setting_options
from oci_chart_publish.commands.doctor import Answer, examine, verdict
from oci_chart_publish.report import results
from oci_chart_publish.report.text import plain


@click.command()
@PATHS
@setting_options("layout", "github-token", "source", *REGISTRY)
@common
@click.pass_obj
def doctor(environment: Mapping[str, str], /, **options: Any) -> int:  # noqa: ANN401
    """Say whether this configuration can publish: charts, git, credentials, permissions, code host.

    It builds every chart with its dependencies, and uploads two bytes to the repository of each one in every registry
    of the run, which nothing names; nothing is published.
    """
    project = open_project(environment, options, writes=True)
    answers = []
    with closing(project):
        for answer in examine(project):
            answers.append(answer)
            if options["as_json"]:
                continue
            mark = "ok" if answer.well else "no" if answer.code else "?"
            print(f"{mark:<3} {plain(answer.what)}: {plain(answer.says)}")
            if answer.hint:
                print(f"    -> {plain(answer.hint)}")
    code = int(verdict(answers))
    if options["as_json"]:
        converted = tuple(map(_answer, answers))
        sys.stdout.write(results.encode(results.DoctorResult(answers=converted, exit_code=code)))
    return code


def _answer(answer: Answer) -> results.DoctorAnswer:
    return results.DoctorAnswer(
        question=answer.what,
        well=answer.well,
        answer=answer.says,
        hint=answer.hint,
        exit_code=int(answer.code),
    )
