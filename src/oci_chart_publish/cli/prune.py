"""prune: delete the previews of closed pull requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import click

from oci_chart_publish import pipeline
from oci_chart_publish.cli.flow import PATHS, REGISTRY, common
from oci_chart_publish.cli.options import given, setting_options
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.forge.github import GitHub
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.previews import Preview, remove, stale
from oci_chart_publish.session import Session

GHCR = "ghcr.io"


@click.command()
@PATHS
@click.option(
    "--closed", type=int, multiple=True, metavar="N", help="Take pull request N for closed, without asking."
)
@setting_options("preview", "preview-template", "github-token", "dry-run", *REGISTRY)
@common
@click.pass_obj
def prune(environment: Mapping[str, str], /, *, closed: tuple[int, ...], **options: Any) -> int:  # noqa: ANN401
    """Delete the previews of closed pull requests.

    A digest that any other tag uses stays. On ghcr.io the packages API is used; elsewhere what the registry offers,
    and what it does not delete is listed.
    """
    options["charts"] = options.pop("paths")
    session = Session.open(
        given(options), environment, folder=Path.cwd(), config=options["config"], quiet=True, writes=True
    )
    if not session.settings.preview:
        raise ConfigError("prune: no repository of previews", hint="name it with --preview HOST/PATH")
    with closing(session):
        names = [one.metadata.name for one in pipeline.survey(session.sources())[0]]
        repositories = [Repository.parse(session.settings.preview).child(name) for name in names]
        github = session.github()
        is_closed = _closed(closed, github)
        for repository in repositories:
            store = session.store(repository)
            for preview in list(stale(repository, store, session.settings.preview_template, is_closed)):
                if session.settings.dry_run:
                    print(f"would delete {repository}:{preview.tag}")
                elif repository.registry == GHCR and github is not None:
                    print(_remove_package(preview, github))
                else:
                    print(remove(preview, store))
    return 0


def _closed(numbers: tuple[int, ...], github: GitHub | None) -> Callable[[int], bool]:
    if numbers:
        return lambda number: number in numbers
    if github is None:
        raise ConfigError(
            "prune: it is not known which pull requests are closed", hint="give --github-token, or --closed N"
        )

    @cache
    def closed(number: int) -> bool:
        return not github.pulls.get(number).open

    return closed


def _remove_package(preview: Preview, github: GitHub) -> str:
    package = preview.repository.path.partition("/")[2]
    where = f"{preview.repository}:{preview.tag}"
    for version in github.packages.versions(package):
        if version.digest == str(preview.digest):
            return f"{where}: {'deleted' if github.packages.delete_version(package, version) else 'remains'}"
    return f"{where}: gone already"
