"""save, list, push, pull, export, remove and gc: the cache, as ``helm chart`` of Helm 3.0 to 3.6 had it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from oci_chart_publish.cache import verbs
from oci_chart_publish.cli.main import show
from oci_chart_publish.cli.options import open_project, setting_options
from oci_chart_publish.errors import worst
from oci_chart_publish.oci.reference import SCHEME
from oci_chart_publish.report.text import plain
from oci_chart_publish.run.project import Project

REGISTRY = (
    "plain-http",
    "ca-file",
    "insecure",
    "client-cert",
    "client-key",
    "username",
    "password",
    "registry-auth",
)
REFERENCE = click.argument("reference", metavar="REF")
CACHE = setting_options("layout")


def _project(
    environment: Mapping[str, str], options: dict[str, Any], reference: str = "", *, writes: bool = False
) -> Project:
    """Open what a verb needs; a reference of a registry is the one registry that options are about."""
    options = dict(options)
    if "/" in reference.removeprefix(SCHEME):
        options["registries"] = (reference.removeprefix(SCHEME).partition("/")[0],)
    return open_project(environment, options, writes=writes)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        print(f"warning: {plain(warning, 1000)}", file=sys.stderr)


@click.command()
@click.argument("chart", type=click.Path(path_type=Path))
@REFERENCE
@click.option("--legacy", is_flag=True, help="As Helm 3.0 to 3.6: old layer type, no annotations.")
@setting_options("layout", "annotations", "source")
@click.pass_obj
def save(
    environment: Mapping[str, str],
    /,
    chart: Path,
    reference: str,
    *,
    legacy: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Save CHART, a chart directory or a .tgz, in the cache as REF.

    \b
    oci-chart-publish save mychart/ localhost:5000/myrepo/mychart:2.7.0

    REF without a tag gets the chart's version. Names in the cache move freely.
    """
    with closing(_project(environment, options)) as project:
        recipe = None if legacy else project.artifact_options.options("")
        opened = verbs.open_chart(chart)
        _warn(verbs.advice(opened, reference))
        _print(verbs.save(project.layout, opened, reference, recipe=recipe, legacy=legacy))


@click.command("list")
@CACHE
@click.pass_obj
def list_(environment: Mapping[str, str], /, **options: Any) -> int:  # noqa: ANN401
    """List the charts in the cache."""
    with closing(_project(environment, options)) as project:
        listing = verbs.listing(project.layout)
    _print(listing.lines)
    for problem in listing.problems:
        show(problem)
    return int(worst(problem.exit_code for problem in listing.problems))


@click.command()
@REFERENCE
@setting_options("layout", "overwrite", *REGISTRY)
@click.pass_obj
def push(environment: Mapping[str, str], /, reference: str, **options: Any) -> None:  # noqa: ANN401
    """Push REF from the cache to the registry that its name says, unchanged.

    A tag that holds something else there is a conflict (exit 4), unless --overwrite.
    """
    with closing(_project(environment, options, reference, writes=True)) as project:
        _warn(verbs.advice_on_push(project.layout, reference))
        overwrite = project.settings.overwrite
        _print(verbs.push(project.layout, project.store, reference, overwrite=overwrite))


@click.command()
@REFERENCE
@setting_options("layout", *REGISTRY)
@click.pass_obj
def pull(environment: Mapping[str, str], /, reference: str, **options: Any) -> None:  # noqa: ANN401
    """Pull REF from its registry into the cache, unchanged."""
    with closing(_project(environment, options, reference)) as project:
        _print(verbs.pull(project.layout, project.store, reference))


@click.command()
@REFERENCE
@click.option("-d", "--destination", default="", metavar="DIR", help="The folder to write to. Default: here.")
@CACHE
@click.pass_obj
def export(environment: Mapping[str, str], /, reference: str, destination: str, **options: Any) -> None:  # noqa: ANN401
    """Write the chart of REF to a new directory, file for file as it was saved."""
    with closing(_project(environment, options)) as project:
        _print(verbs.export(project.layout, reference, destination))


@click.command()
@REFERENCE
@CACHE
@click.pass_obj
def remove(environment: Mapping[str, str], /, reference: str, **options: Any) -> None:  # noqa: ANN401
    """Drop REF from the cache. Its blobs stay until `gc`."""
    with closing(_project(environment, options)) as project:
        _print(verbs.remove(project.layout, reference))


@click.command()
@click.option(
    "--older-than", type=float, default=60.0, metavar="MINUTES", help="Leave younger blobs alone. [60]"
)
@CACHE
@click.pass_obj
def gc(environment: Mapping[str, str], /, older_than: float, **options: Any) -> None:  # noqa: ANN401
    """Remove the blobs of the cache that no name leads to.

    That is also the archives of dependencies that no run has used for so long: they are fetched again when one needs
    them, so a run with --offline needs one without before it.
    """
    with closing(_project(environment, options)) as project:
        _print(verbs.gc(project.layout, timedelta(minutes=older_than)))
