"""prune: delete the previews of closed pull requests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from oci_chart_publish.cli.flow import PATHS, REGISTRY, common
from oci_chart_publish.cli.main import show
from oci_chart_publish.cli.options import given, setting_options
from oci_chart_publish.errors import ConfigError, ForgeError, PublishError, worst
from oci_chart_publish.forge.github import GitHub
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.previews import Preview, remove, stale
from oci_chart_publish.session import Session
from oci_chart_publish.survey import survey

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
    # Credentials and certificates of the options are for the one place that is asked.
    session = session.with_settings(replace(session.settings, registries=(session.settings.preview,)))
    errors: list[PublishError] = []
    with closing(session):
        names = [one.metadata.name for one in survey(session.sources())[0]]
        repositories = [Repository.parse(session.settings.preview).child(name) for name in names]
        github = session.github()
        is_closed = _closed(closed, github)
        for repository in repositories:
            store = session.store(repository)
            for preview in list(stale(repository, store, session.settings.preview_template, is_closed)):
                if session.settings.dry_run:
                    print(f"would delete {repository}:{preview.tag}")
                    continue
                try:
                    ghcr = repository.registry == GHCR and github is not None
                    print(remove_package(preview, github) if ghcr and github else remove(preview, store))
                except PublishError as error:
                    show(error)
                    errors.append(error)
    return int(worst(error.exit_code for error in errors)) if errors else 0


def _closed(numbers: tuple[int, ...], github: GitHub | None) -> Callable[[int], bool]:
    if numbers:
        return lambda number: number in numbers
    if github is None:
        raise ConfigError(
            "prune: it is not known which pull requests are closed", hint="give --github-token, or --closed N"
        )

    @cache
    def closed(number: int) -> bool:
        try:
            return not github.pulls.get(number).open
        except ForgeError as error:
            if error.status != 404:
                raise
            print(f"pull request {number} is not known: its previews stay", file=sys.stderr)
            return False

    return closed


def remove_package(preview: Preview, github: GitHub) -> str:
    """Delete a preview on ghcr.io and say what came of it; GitHub keeps the last version of a package."""
    package = preview.repository.path.partition("/")[2]
    where = f"{preview.repository}:{preview.tag}"
    version = next(
        (one for one in github.packages.versions(package) if one.digest == str(preview.digest)), None
    )
    try:
        gone = version is None or not github.packages.delete_version(package, version)
    except ForgeError as error:
        if error.status != 400:
            raise
        return f"{where}: remains ({error.message})"
    return f"{where}: gone already" if gone else f"{where}: deleted"
