"""The action: ``INPUT_*`` and the event to settings, the report to outputs, annotations and step summary.

The exit code is 0 or what the command line would return; every code but 0 fails the step. "Nothing to publish" is 0.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

import msgspec

from oci_chart_publish.action.trigger import default_command, why_planned
from oci_chart_publish.cli.main import collected, show, show_several
from oci_chart_publish.cli.main import run as run_command
from oci_chart_publish.commands.flow import Command, carry_out
from oci_chart_publish.errors import ConfigError, ExitCode, PublishError
from oci_chart_publish.git.environment import give_back
from oci_chart_publish.github.event import read_event
from oci_chart_publish.github.trust import refuse_untrusted
from oci_chart_publish.interruption import SAID, Interruption
from oci_chart_publish.report import document
from oci_chart_publish.report.annotations import annotation_of, annotations_of
from oci_chart_publish.report.compose import problem
from oci_chart_publish.report.markdown import render, render_errors
from oci_chart_publish.report.outputs import artifacts, checksums, outputs
from oci_chart_publish.report.table import show as show_table
from oci_chart_publish.run.output_files import write
from oci_chart_publish.run.project import Project, open_project
from oci_chart_publish.run.reporting import keep
from oci_chart_publish.run.setting_sources import Origin, suggestion
from oci_chart_publish.runner.log import print_command
from oci_chart_publish.runner.workflow_commands import SUMMARY_LIMIT, annotate, append, mask, write_outputs
from oci_chart_publish.settings import fields, variable

COMMANDS = ("publish", "plan")
OTHERS = ("verify", "bump", "report", "prune", "doctor")
"""Commands that are run as on the command line, options and all: ``bump --check``."""
_OWN_INPUTS = frozenset({"command", "config"})
_OF_THE_RUNNER = frozenset({"ARGS", "ENTRYPOINT"})
"""Keys of ``with`` that the runner reads itself, and passes on (``ContainerActionHandler.cs``)."""


def run_action(environment: Mapping[str, str]) -> int:
    """Run the action and return its exit code; errors become annotations.

    Whatever a command has written in the workspace belongs to its owner afterwards: a runner that is not root could not
    clean it up, and the next step not change it (actions/runner#434).
    """
    try:
        return _run_told(environment)
    finally:
        if workspace := environment.get("GITHUB_WORKSPACE"):
            give_back(Path(workspace).resolve())


def _run_told(environment: Mapping[str, str]) -> int:
    interruption = Interruption(said=f"::error::{SAID}", stream=1)
    interruption.leave(
        lambda: write_outputs(environment.get("GITHUB_OUTPUT", ""), {"conclusion": "interrupted"})
    )
    interruption.listen()
    with collected() as errors:
        try:
            code = _run(environment, interruption, errors)
        except PublishError as error:
            show(error)
            code = int(error.exit_code)
        except ExceptionGroup as several:
            code = int(show_several(several))
        except Exception:
            write_outputs(environment.get("GITHUB_OUTPUT", ""), {"conclusion": "failure"})
            raise
    if errors:
        _tell(errors, environment, code)
    return code


def _tell(errors: Sequence[PublishError], environment: Mapping[str, str], code: int) -> None:
    """Say errors that no report has: as annotations, in the step summary, and in one output."""
    problems = [problem(error) for error in errors]
    annotate(map(annotation_of, problems), sys.stdout)
    with contextlib.suppress(OSError):  # that may be the very error, and it has been printed
        append(environment.get("GITHUB_STEP_SUMMARY", ""), render_errors(problems))
        write_outputs(environment.get("GITHUB_OUTPUT", ""), {"conclusion": _concluded(code)})


def _concluded(code: int) -> document.Conclusion:
    """Return in one word how a command ended that has no report."""
    if code == ExitCode.DONE:
        return "success"
    return "conflict" if code == ExitCode.CONFLICT else "failure"


def _run(environment: Mapping[str, str], interruption: Interruption, errors: Sequence[PublishError]) -> int:
    given = inputs(environment)
    event = read_event(environment)
    refuse_untrusted(event)
    command = given.pop("command", "")
    folder = Path(environment.get("GITHUB_WORKSPACE") or os.curdir)
    os.chdir(folder)
    if command and command not in COMMANDS:
        return _other(command, given, environment, errors)
    config = given.pop("config", "")
    options = Origin("input", {key: value for key, value in given.items() if key in fields()})
    project = open_project(
        folder,
        options,
        environment,
        config=config,
        quiet=False,
        verbose=environment.get("RUNNER_DEBUG") == "1",  # somebody asked for a log that says more
        on_secret=lambda secret: mask([secret], sys.stdout),
    )
    flow: Command = "plan" if command == "plan" else "publish"
    note = ""
    if not command:
        flow, note = default_command(event, project.settings.publish_refs), why_planned(event)
    return carry_out(flow, project, interruption, Runner(environment), tells=True, note=note)


class Runner(msgspec.Struct, frozen=True):
    """Writes reports as a runner of GitHub Actions reads them."""

    environment: Mapping[str, str]

    def write(self, project: Project, report: document.Report) -> None:
        """Write files, outputs, annotations and the step summary of a report."""
        publish_report(report, project, self.environment)

    def interrupted(self) -> None:
        """Say as an error annotation that the run was interrupted."""
        print_command(f"::error::{SAID}", sys.stdout)


def _other(
    command: str, given: Mapping[str, str], environment: Mapping[str, str], errors: Sequence[PublishError]
) -> int:
    """Run a command as on the command line; its conclusion is told here unless it is with its ``errors``."""
    words = _words(command)
    if not words or words[0] not in OTHERS:
        raise ConfigError(f"input 'command': {command!r}", hint=suggestion(command, (*COMMANDS, *OTHERS)))
    config = ["--config", given["config"]] if given.get("config") else []
    settings = {variable(name): value for name, value in given.items() if name in fields()}
    code = run_command([*words, *config], {**environment, **settings})
    if not errors:
        write_outputs(environment.get("GITHUB_OUTPUT", ""), {"conclusion": _concluded(code)})
    return code


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise ConfigError(
            f"input 'command': {command!r}: {error}",
            hint='close every quote, and put a text with an apostrophe between double quotes: --message "it\'s"',
        ) from error


def inputs(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs that are set, by name and without blanks around them, as ``getInput`` of the toolkit does.

    A block scalar ends with a line feed. The runner keeps hyphens in ``INPUT_DRY-RUN``; others may not. ConfigError
    for one that is no input: the runner only warns of it.
    """
    known = {name.upper().replace("-", "_"): name for name in (*fields(), *_OWN_INPUTS)}
    values = {}
    for key, value in environment.items():
        written = key.removeprefix("INPUT_").replace("-", "_")
        if not key.startswith("INPUT_") or not value.strip() or written in _OF_THE_RUNNER:
            continue
        if written not in known:
            name = written.lower().replace("_", "-")
            raise ConfigError(f"unknown input {name!r} ({key})", hint=suggestion(name, known.values()))
        values[known[written]] = value.strip()
    return values


def publish_report(report: document.Report, project: Project, environment: Mapping[str, str]) -> None:
    """Write files, outputs, annotations and the step summary of a report."""
    folder = _own_folder(environment, project)
    keep(project, report)
    written = _files(report, project, folder)
    try:
        summary = render(report, limit=SUMMARY_LIMIT, unit="utf-8", home=project.event.url)
        append(environment.get("GITHUB_STEP_SUMMARY", ""), summary)
        write_outputs(environment.get("GITHUB_OUTPUT", ""), {**outputs(report), **written})
        append(environment.get("GITHUB_ARTIFACTS", ""), artifacts(report))
    except OSError as error:
        raise ConfigError(
            f"cannot write {error.filename}: {error.strerror}",
            hint="a container of an action has to run as root",
        ) from error
    finally:
        _give_back(project, environment)
        show_table(report, sys.stdout)
        annotate(annotations_of(report), sys.stdout)


def _give_back(project: Project, environment: Mapping[str, str]) -> None:
    """Give what a run has written in the workspace to its owner: one that is told to stop may have no time for all."""
    if not environment.get("GITHUB_WORKSPACE"):
        return
    workspace = Path(environment["GITHUB_WORKSPACE"]).resolve()
    for named in (project.stores.layout_path, project.settings.report, project.settings.markdown):
        path = Path(named).resolve()
        if named and path.exists() and workspace in path.parents:
            give_back(workspace, path)


def _own_folder(environment: Mapping[str, str], project: Project) -> Path:
    """Return where this step leaves its files; each step of a job has a folder, as the outputs of each name them."""
    temp = environment.get("RUNNER_TEMP")
    if not temp:
        return project.layout.root.parent / "oci-chart-publish"
    folders = (Path(temp) / f"oci-chart-publish{f'-{number}' if number > 1 else ''}" for number in count(1))
    return next(folder for folder in folders if not folder.exists())


def _files(report: document.Report, project: Project, folder: Path) -> dict[str, str]:
    paths = {
        "report": Path(project.settings.report or folder / "report.json"),
        "markdown": Path(project.settings.markdown or folder / "report.md"),
        "checksums": folder / "checksums.txt",
    }
    contents = {
        "report": document.encode(report),
        "markdown": render(report, home=project.event.url).encode(),
        "checksums": checksums(report).encode(),
    }
    for name, path in paths.items():
        write(str(path), contents[name])
    written = {**{name: str(path) for name, path in paths.items()}, "layout": str(project.layout.root)}
    if not contents["checksums"]:
        written["checksums"] = ""  # so that a step can ask whether there is something to attest
    return {name: on_runner(path, project.environment) for name, path in written.items()}


def on_runner(path: str, environment: Mapping[str, str]) -> str:
    """Return the name that a path in the container has on the runner, for the steps that come after.

    The runner translates the paths that it passes in (``ContainerActionHandler.cs``), and none that come out; only
    ``RUNNER_WORKSPACE`` is outside all that is mounted, and so tells where the runner works.
    """
    workspace = Path(environment.get("RUNNER_WORKSPACE") or "/github")
    if environment.get("RUNNER_TEMP") != "/github/runner_temp" or workspace.is_relative_to("/github"):
        return path
    temp = workspace.parent / "_temp"
    repository = environment.get("GITHUB_REPOSITORY", "").rpartition("/")[2]
    mounts = {
        "/github/runner_temp": temp,
        "/github/home": temp / "_github_home",
        "/github/workspace": workspace / repository,
    }
    for inside, outside in mounts.items():
        if path == inside or path.startswith(f"{inside}/"):
            return str(outside) + path.removeprefix(inside)
    return path
