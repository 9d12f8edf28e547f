"""Command-line options made from the settings, so that a setting is described once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import click
from msgspec import Meta

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.run import project
from oci_chart_publish.run.project import Project
from oci_chart_publish.run.setting_sources import Origin
from oci_chart_publish.settings import fields, variable

# An option has the name of its setting, but for these two, which are typed often and one at a time.
_FLAGS = {"registries": "--registry", "from-plan": "--from"}
_PLAIN_HTTP = (
    "Speak HTTP without TLS, with all registries. Takes no value: the setting plain-http can name hosts."
)
_HOST = re.compile(r"localhost|[\w-]+(\.[\w-]+)+|[\w.-]+:\d+|\[[0-9a-fA-F:]+\](:\d+)?")
_METAVARS = {
    "registries": "HOST/PATH",
    "layout": "DIR",
    "from-plan": "PATH",
    "report": "FILE",
    "markdown": "FILE",
    "ca-file": "FILE",
    "client-cert": "FILE",
    "client-key": "FILE",
    "changed-since": "REV",
    "source": "URL",
    "include-untracked": "GLOB",
    "ignore-changes": "GLOB",
    "jobs": "N",
}

Command = Callable[..., Any]


def setting_options(*names: str) -> Callable[[Command], Command]:
    """Decorate a command with the options of these settings."""

    def decorate(command: Command) -> Command:
        for name in reversed(names):
            command = _option(name)(command)
        return command

    return decorate


def _option(name: str) -> Callable[[Command], Command]:
    field = fields()[name]
    bare, help_text = _parts(field.type)
    flag = _FLAGS.get(name, "--" + name)
    parameter = field.name
    if name == "plain-http":
        # A flag for all registries of the command, as in Helm; the setting can name single ones.
        return click.option(flag, parameter, flag_value="*", default=None, help=_PLAIN_HTTP)
    if bare is bool or bool in get_args(bare):
        return click.option(
            f"{flag}/--no-{flag[2:]}", parameter, default=None, help=help_text, show_default=False
        )
    if get_origin(bare) is Literal:
        return click.option(flag, parameter, type=click.Choice(get_args(bare)), default=None, help=help_text)
    if get_origin(bare) is tuple:
        return click.option(
            flag, parameter, multiple=True, metavar=_METAVARS.get(name, "TEXT"), help=help_text
        )
    kind = int if bare is int else str
    return click.option(flag, parameter, type=kind, default=None, metavar=_METAVARS.get(name), help=help_text)


def _parts(kind: Any) -> tuple[Any, str]:  # noqa: ANN401
    if get_origin(kind) is Annotated:
        bare, meta = get_args(kind)[:2]
        return bare, meta.description or "" if isinstance(meta, Meta) else ""
    return kind, ""


def _refuse_host(options: Mapping[str, Any]) -> None:
    """Raise ConfigError for ``--plain-http HOST``: the flag takes no value, and HOST would pass for a chart."""
    paths = options.get("paths") or () if options.get("plain_http") else ()
    host = next((path for path in paths if _HOST.fullmatch(path) and not Path(path).exists()), None)
    if host is not None:
        raise ConfigError(
            f"--plain-http takes no value, and there is no chart {host!r}",
            hint="it is for all registries of the command; to name single ones: "
            f"{variable('plain-http')}={host}, or plain-http in the settings file",
        )


def open_project(
    environment: Mapping[str, str],
    options: Mapping[str, Any],
    *,
    quiet: bool = True,
    verbose: bool = False,
    writes: bool = False,
) -> Project:
    """Open the project of a command: where it was started, with its options; PATHs are the setting ``charts``."""
    paths = {"charts": options["paths"]} if "paths" in options else {}
    _refuse_host(options)
    return project.open_project(
        Path.cwd(),
        given({**options, **paths}),
        environment,
        config=options.get("config") or "",
        quiet=quiet,
        verbose=verbose,
        writes=writes,
    )


def given(values: Mapping[str, Any]) -> Origin:
    """Return the options that were given as the first layer of the settings."""
    by_field = {field.name: name for name, field in fields().items()}
    return Origin(
        "command line",
        {
            by_field[key]: value
            for key, value in values.items()
            if key in by_field and value not in (None, ())
        },
    )
