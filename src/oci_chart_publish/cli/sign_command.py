"""sign: add signatures to charts that are published already."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import click

from oci_chart_publish.cli.flow_commands import REGISTRY, SIGN, common
from oci_chart_publish.cli.main import show
from oci_chart_publish.cli.options import open_project, setting_options
from oci_chart_publish.commands.sign import sign as carry_out
from oci_chart_publish.errors import ExitCode, worst
from oci_chart_publish.oci.reference import SCHEME


@click.command()
@click.argument("references", nargs=-1, required=True, metavar="REF...")
@setting_options(*SIGN, "dry-run", "jobs", *REGISTRY)
@common
@click.pass_obj
def sign(environment: Mapping[str, str], /, references: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401
    """Sign charts that are published already; what is there is not touched, and no signature is made twice.

    \b
    sign --sign cosign --cosign-key cosign.key oci://ghcr.io/acme/charts/web:1.4.0
    sign --sign notation --notation-key env://KEY --notation-certificate chain.pem oci://ghcr.io/acme/charts/web:1.4.0
    """
    hosts = tuple(dict.fromkeys(text.removeprefix(SCHEME).partition("/")[0] for text in references))
    with closing(open_project(environment, {**options, "registries": hosts}, writes=True)) as project:
        outcomes = carry_out(project, references)
    for outcome in outcomes:
        if outcome.error is not None:
            show(outcome.error)
        else:
            print(outcome)
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    return int(worst(error.exit_code for error in errors)) if errors else int(ExitCode.DONE)
