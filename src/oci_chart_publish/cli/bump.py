"""bump: the next version of each chart, shown, checked, written or committed."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from oci_chart_publish import pipeline
from oci_chart_publish.announcing import committed
from oci_chart_publish.bump.rewrite import write_file
from oci_chart_publish.cli.flow import PATHS, REGISTRY, common
from oci_chart_publish.cli.main import show
from oci_chart_publish.cli.options import given, setting_options
from oci_chart_publish.errors import ConfigError, ConflictError, ExitCode, PublishError, worst
from oci_chart_publish.pipeline import Bumped
from oci_chart_publish.report.table import columns
from oci_chart_publish.report.text import plain
from oci_chart_publish.session import Session

HEAD = ("CHART", "NOW", "NEXT", "LEVEL", "WHY")


@click.command()
@PATHS
@click.option("--write", is_flag=True, help="Edit Chart.yaml, one scalar, and the locks that name it.")
@click.option("--check", is_flag=True, help="Exit with 4 where a changed chart was not raised.")
@click.option(
    "--commit", is_flag=True, help="Commit the edits to the branch, through the API where there is a token."
)
@click.option(
    "--message", default="chore: bump chart versions", show_default=True, help="The commit's message."
)
@setting_options(
    "bump",
    "tag-template",
    "bump-dependents",
    "ignore-changes",
    "squash",
    "untyped",
    "channel",
    "github-token",
)
@setting_options(*REGISTRY)
@common
@click.pass_obj
def bump(environment: Mapping[str, str], /, *, write: bool, check: bool, commit: bool, **options: Any) -> int:  # noqa: ANN401
    """Show the next version of each chart, from its own history.

    Without --bump it is decided as `bump: auto` would: the commits since the chart's last tag, labels, Release-As.
    Only single scalars are edited: comments, quotes and line ends stay.
    """
    message, as_json, quiet = options.pop("message"), options.pop("as_json"), options.pop("quiet")
    layer = given({**options, "charts": options.pop("paths")})
    session = Session.open(layer, environment, folder=Path.cwd(), config=options["config"], quiet=True)
    if session.settings.bump == "chart":
        session = session.with_settings(replace(session.settings, bump="auto"))
    with closing(session):
        sources = session.sources()
        bumped, errors = pipeline.bump(sources, session.run(sources))
        moving = [one for one in bumped if one.files]
        if as_json:
            json.dump([_document(one) for one in bumped], sys.stdout, indent=2)
            print()
        elif not quiet:
            print(columns(HEAD, [_cells(one) for one in bumped]))
        for error in errors:
            show(error)
        if errors:
            return int(worst(error.exit_code for error in errors))
        if check:
            return _check(moving)
        if write or commit:
            _write(session.root, moving)
        if commit:
            _commit(session, moving, message)
    return int(ExitCode.DONE)


def _cells(one: Bumped) -> tuple[str, ...]:
    decision = one.decision
    later = decision.version if decision.version != one.version else ""
    return tuple(plain(cell) for cell in (one.name, one.version, later, decision.level, decision.reason))


def _document(one: Bumped) -> dict[str, Any]:
    return {
        "name": one.name,
        "path": one.path,
        "version": one.version,
        "next": one.decision.version,
        "previous": one.decision.previous,
        "level": one.decision.level,
        "reason": one.decision.reason,
        "files": sorted(one.files),
    }


def _check(moving: Sequence[Bumped]) -> int:
    errors: list[PublishError] = [
        ConflictError(
            f"{one.path or '.'}/Chart.yaml: 'version': {one.version} was not raised: {one.decision.reason}",
            hint=f"set it to {one.decision.version}, or run `bump --write`",
        )
        for one in moving
    ]
    for error in errors:
        show(error)
    return int(worst(error.exit_code for error in errors))


def _write(root: Path, moving: Sequence[Bumped]) -> None:
    for one in moving:
        for path, data in one.files.items():
            write_file(root / one.path / path, data)


def _commit(session: Session, moving: Sequence[Bumped], message: str) -> None:
    files = {
        f"{one.path}/{path}" if one.path else path: data for one in moving for path, data in one.files.items()
    }
    if not files:
        return
    repository = session.repository
    if repository is None:
        raise ConfigError("--commit needs a git repository")
    if session.settings.github_token and session.event.repository:
        print(committed(session, files, message))
    else:
        print(repository.commit_files(sorted(files), message))
