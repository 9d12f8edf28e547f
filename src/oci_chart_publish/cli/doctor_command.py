"""doctor: plain answers to the question whether this configuration can publish."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from oci_chart_publish.cli.flow_commands import PATHS, REGISTRY, common
from oci_chart_publish.cli.options import given, setting_options
from oci_chart_publish.commands.doctor import examine, verdict
from oci_chart_publish.report.text import plain
from oci_chart_publish.run.project import Project


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
    options["charts"] = options.pop("paths")
    session = Project.open(
        given(options), environment, folder=Path.cwd(), config=options["config"], quiet=True, writes=True
    )
    answers = []
    with closing(session):
        for answer in examine(session):
            answers.append(answer)
            mark = "ok" if answer.well else "no" if answer.code else "?"
            print(f"{mark:<3} {plain(answer.what)}: {plain(answer.says)}")
            if answer.hint:
                print(f"    -> {plain(answer.hint)}")
    return int(verdict(answers))
