"""The command group, loaded piece by piece, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING

import click

from oci_chart_publish import __version__
from oci_chart_publish.errors import ConfigError, ExitCode, PublishError, worst
from oci_chart_publish.lazy import lazy

if TYPE_CHECKING:
    from oci_chart_publish.report import compose, results
else:
    compose = lazy("oci_chart_publish.report.compose")
    results = lazy("oci_chart_publish.report.results")

COMMANDS = {
    "plan": "oci_chart_publish.cli.flow_commands:plan",
    "publish": "oci_chart_publish.cli.flow_commands:publish",
    "bump": "oci_chart_publish.cli.bump_command:bump",
    "verify": "oci_chart_publish.cli.flow_commands:verify",
    "report": "oci_chart_publish.cli.report_command:report",
    "sign": "oci_chart_publish.cli.sign_command:sign",
    "promote": "oci_chart_publish.cli.promote_command:promote",
    "prune": "oci_chart_publish.cli.prune_command:prune",
    "doctor": "oci_chart_publish.cli.doctor_command:doctor",
    "diff": "oci_chart_publish.cli.diff_command:diff",
    "save": "oci_chart_publish.cli.cache_commands:save",
    "list": "oci_chart_publish.cli.cache_commands:list_",
    "push": "oci_chart_publish.cli.cache_commands:push",
    "pull": "oci_chart_publish.cli.cache_commands:pull",
    "export": "oci_chart_publish.cli.cache_commands:export",
    "remove": "oci_chart_publish.cli.cache_commands:remove",
    "gc": "oci_chart_publish.cli.cache_commands:gc",
}


class Commands(click.Group):
    """Loads a command's module when it is used: start-up pays only for what runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """Return the names, in the order of the flow."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command by its name, or by a prefix that fits only one."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name]} is no command")
        return command


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 unexpected, 2 usage, 3 invalid chart, 4 conflict, 5 registry, 6 not permitted, "
    "7 reporting failed, 8 verification, 130 interrupted. The settings file is .oci-chart-publish.yaml.",
)
@click.version_option(__version__, prog_name="oci-chart-publish")
def group() -> None:
    """Publish a repository of Helm charts to OCI registries.

    discover -> bump -> build -> push -> report

    \b
    See what would come out:    oci-chart-publish plan --registry ghcr.io/acme/charts
    Publish what is missing:    oci-chart-publish publish --registry ghcr.io/acme/charts
    Only into the local cache:  oci-chart-publish publish charts/
    """


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the command line and return its exit code; every error is printed on stderr, without a traceback.

    With ``--json`` what ends a command is printed on stdout, too, as the one document that it prints then.
    """
    as_json = "--json" in arguments
    try:
        outcome = group.main(
            list(arguments), prog_name="oci-chart-publish", standalone_mode=False, obj=dict(environment)
        )
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        problem = ConfigError(error.format_message())
        _collect(problem)
        return _ended([problem], as_json=as_json)
    except (KeyboardInterrupt, click.Abort):
        print("interrupted", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    except PublishError as error:
        show(error)
        return _ended([error], as_json=as_json)
    except ExceptionGroup as several:
        show_several(several)
        return _ended(
            [error for error in several.exceptions if isinstance(error, PublishError)], as_json=as_json
        )
    except BrokenPipeError:
        # The reader has gone (`| head`): nobody is left to tell.
        sys.stderr.close()
        return int(ExitCode.DONE)
    return outcome if isinstance(outcome, int) else int(ExitCode.DONE)


def _ended(errors: Sequence[PublishError], *, as_json: bool) -> int:
    """Return the exit code of errors that ended a command; print them as JSON where that was asked for."""
    code = int(worst(error.exit_code for error in errors))
    if as_json:
        problems = tuple(map(compose.problem, errors))
        sys.stdout.write(results.encode(results.Errors(errors=problems, exit_code=code)))
    return code


_shown: ContextVar[list[PublishError] | None] = ContextVar("shown", default=None)


@contextmanager
def collected() -> Iterator[list[PublishError]]:
    """Give a list, and put every error into it that is shown meanwhile: the action says them in other ways, too."""
    errors: list[PublishError] = []
    token = _shown.set(errors)
    try:
        yield errors
    finally:
        _shown.reset(token)


def _collect(error: PublishError) -> None:
    errors = _shown.get()
    if errors is not None:
        errors.append(error)


def show(error: PublishError) -> None:
    """Print one error: what happened, then what to do."""
    _collect(error)
    lines = str(error).splitlines() or [error.kind]
    print(f"error: {lines[0]}", file=sys.stderr)
    for line in lines[1:]:
        print(f"  -> {line}", file=sys.stderr)


def show_several(several: ExceptionGroup[Exception]) -> ExitCode:
    """Print all errors of a group and return the code that stands for them; a foreign error is raised again."""
    matched, rest = several.split(PublishError)
    if rest is not None or matched is None:
        raise several
    codes = []
    for error in matched.exceptions:
        if isinstance(error, PublishError):
            show(error)
            codes.append(error.exit_code)
    return worst(codes)
