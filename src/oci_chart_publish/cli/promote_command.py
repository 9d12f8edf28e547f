"""promote: copy artifacts with their referrers between registries, or from the cache, by digest."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import click

from oci_chart_publish.cli.flow_commands import REGISTRY, common
from oci_chart_publish.cli.main import show
from oci_chart_publish.cli.options import open_project, setting_options
from oci_chart_publish.commands.promote import Promoted
from oci_chart_publish.commands.promote import promote as carry_out
from oci_chart_publish.errors import ExitCode, worst
from oci_chart_publish.oci.reference import SCHEME
from oci_chart_publish.report import results
from oci_chart_publish.report.compose import problem


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
    with closing(open_project(environment, {**options, "registries": hosts}, writes=True)) as project:
        outcomes = carry_out(project, source, destination)
    for outcome in outcomes:
        if outcome.error is not None:
            show(outcome.error)
        elif not options["as_json"]:
            print(outcome)
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    code = int(worst(error.exit_code for error in errors)) if errors else int(ExitCode.DONE)
    if options["as_json"]:
        artifacts = tuple(map(_artifact, outcomes))
        sys.stdout.write(results.encode(results.PromoteResult(artifacts=artifacts, exit_code=code)))
    return code


def _artifact(promoted: Promoted) -> results.PromotedArtifact:
    return results.PromotedArtifact(
        reference=promoted.reference,
        status=promoted.status,
        digest=str(promoted.digest) if promoted.digest else None,
        referrers=promoted.referrers,
        error=problem(promoted.error) if promoted.error else None,
    )
