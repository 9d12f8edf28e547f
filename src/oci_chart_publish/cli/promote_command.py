"""promote: copy artifacts with their referrers between registries, or from the cache, by digest."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import click

from oci_chart_publish.cli.flow_commands import REGISTRY, common
from oci_chart_publish.cli.main import show
from oci_chart_publish.cli.options import given, setting_options
from oci_chart_publish.commands.promote import Promotion, promotions
from oci_chart_publish.commands.promote import promote as carry_out
from oci_chart_publish.errors import ExitCode, PublishError, worst
from oci_chart_publish.oci.reference import SCHEME
from oci_chart_publish.run.project import Project
from oci_chart_publish.workers import Workers


@click.command()
@click.argument("source")
@click.argument("destination")
@setting_options("layout", "dry-run", "jobs", *REGISTRY)
@common
@click.pass_obj
def promote(environment: Mapping[str, str], /, source: str, destination: str, **options: Any) -> int:  # noqa: ANN401
    """Copy a chart, or all its versions, with signatures and other referrers, unchanged.

    \b
    promote oci://staging.example.com/charts/web:1.4.0 oci://ghcr.io/acme/charts
    promote oci://staging.example.com/charts/web oci://ghcr.io/acme/charts
    promote web:1.4.0 oci://ghcr.io/acme/charts          (from the cache)
    """
    hosts = tuple(
        text.removeprefix(SCHEME).partition("/")[0]
        for text in (source, destination)
        if text.startswith(SCHEME)
    )
    session = Project.open(
        given({**options, "registries": hosts}),
        environment,
        folder=Path.cwd(),
        config=options["config"],
        quiet=True,
        writes=True,
    )
    dry = session.settings.dry_run
    with closing(session), Workers(session.settings.jobs) as workers:
        found = list(promotions(source, destination, session.layout, session.store))
        outcomes = workers.each(partial(_one, dry=dry), found)
    errors = [outcome for outcome in outcomes if isinstance(outcome, PublishError)]
    for outcome in outcomes:
        if isinstance(outcome, PublishError):
            show(outcome)
        elif not options["quiet"]:
            print(outcome)
    return int(worst(error.exit_code for error in errors)) if errors else int(ExitCode.DONE)


def _one(promotion: Promotion, *, dry: bool) -> str | PublishError:
    try:
        return carry_out(promotion, dry=dry)
    except PublishError as error:
        return error
