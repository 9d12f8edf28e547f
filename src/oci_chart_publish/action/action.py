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
from msgspec.structs import replace

from oci_chart_publish.action.trigger import default_command, why_planned
from oci_chart_publish.cli.main import collected, show, show_several
from oci_chart_publish.cli.main import run as run_command
from oci_chart_publish.commands.preview import for_pull_request, previewed
from oci_chart_publish.errors import ConfigError, ExitCode, PublishError
from oci_chart_publish.git.environment import give_back
from oci_chart_publish.github.event import read_event
from oci_chart_publish.github.trust import refuse_untrusted
from oci_chart_publish.interruption import SAID, Interruption
from oci_chart_publish.notify.announce import announced
from oci_chart_publish.report import document
from oci_chart_publish.report.annotations import annotation_of, annotations_of
from oci_chart_publish.report.compose import interrupted, problem
from oci_chart_publish.report.markdown import render, render_errors
from oci_chart_publish.report.outputs import artifacts, checksums, outputs
from oci_chart_publish.report.table import show as show_table
from oci_chart_publish.run import pipeline
from oci_chart_publish.run.output_files import write
from oci_chart_publish.run.policy import Run
from oci_chart_publish.run.project import Project
from oci_chart_publish.run.reporting import InterruptionListener, keep, reported
from oci_chart_publish.run.setting_sources import Origin, suggestion
from oci_chart_publish.runner.log import print_command
from oci_chart_publish.runner.workflow_commands import SUMMARY_LIMIT, annotate, append, mask, write_outputs
from oci_chart_publish.settings import fields, variable
from oci_chart_publish.tree.tree import ChartSource

COMMANDS = ("publish", "plan")
OTHERS = ("verify", "bump", "report", "prune", "doctor")
"""Commands that are run as on the command line, options and all: ``bump --check``."""
_OWN_INPUTS = frozenset({"command", "config"})
_OF_THE_RUNNER = frozenset({"ARGS", "ENTRYPOINT"})
"""Keys of ``with`` that the runner reads itself, and passes on (``ContainerActionHandler.cs``)."""


def run_action(environment: Mapping[str, str]) -> int:
    """Run the action and return its exit code; errors become annotations."""
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
    session = Project.open(
        options,
        environment,
        folder=folder,
        config=config,
        verbose=environment.get("RUNNER_DEBUG") == "1",  # somebody asked for a log that says more
        on_secret=lambda secret: mask([secret], sys.stdout),
    )
    named, command = command, command or default_command(event, session.settings.publish_refs)
    session = replace(session, writes=command == "publish" and not session.settings.dry_run)
    try:
        if session.planned and session.planned.of_pull_request:
            session, command = for_pull_request(session), "plan"
        listener = InterruptionListener(
            project=session, command=command, interruption=interruption, writer=Runner(environment)
        )
        listener.on_outcomes(lambda: ())
        sources = session.sources()
        report = reported(session, command, _charts(session, sources, session.run(sources, listener)))
        if not named and command == "plan" and (why := why_planned(event)):
            report = replace(report, notes=(why, *report.notes))
        listener.on_report(lambda: report)
        stopping = interruption.stopping
        broken = session.planned is not None and report.exit_code != ExitCode.DONE
        if command == "plan" and not broken and not stopping.is_set():
            report = previewed(session, report, sources, stopping)
        if not stopping.is_set():
            report = announced(session, report, stopping)
    finally:
        session.close()
        _give_back(session, environment)
    interruption.report()
    if interruption.stopping.is_set():
        print_command(f"::error::{SAID}", sys.stdout)
        report = interrupted(report)
    publish_report(report, session, environment)
    return report.exit_code


class Runner(msgspec.Struct, frozen=True):
    """Writes reports as a runner of GitHub Actions reads them."""

    environment: Mapping[str, str]

    def write(self, project: Project, report: document.Report) -> None:
        """Write files, outputs, annotations and the step summary of a report."""
        publish_report(report, project, self.environment)


def _charts(session: Project, sources: Sequence[ChartSource], run: Run) -> Sequence[document.Chart]:
    return (pipeline.publish if session.writes else pipeline.plan)(sources, run)


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
    found = {}
    for key, value in environment.items():
        written = key.removeprefix("INPUT_").replace("-", "_")
        if not key.startswith("INPUT_") or not value.strip() or written in _OF_THE_RUNNER:
            continue
        if written not in known:
            name = written.lower().replace("_", "-")
            raise ConfigError(f"unknown input {name!r} ({key})", hint=suggestion(name, known.values()))
        found[known[written]] = value.strip()
    return found


def publish_report(report: document.Report, session: Project, environment: Mapping[str, str]) -> None:
    """Write files, outputs, annotations and the step summary of a report."""
    folder = _own_folder(environment, session)
    keep(session, report)
    written = _files(report, session, folder)
    try:
        summary = render(report, limit=SUMMARY_LIMIT // 3, home=session.event.url)
        append(environment.get("GITHUB_STEP_SUMMARY", ""), summary)
        write_outputs(environment.get("GITHUB_OUTPUT", ""), {**outputs(report), **written})
        append(environment.get("GITHUB_ARTIFACTS", ""), artifacts(report))
    except OSError as error:
        raise ConfigError(
            f"cannot write {error.filename}: {error.strerror}",
            hint="a container of an action has to run as root",
        ) from error
    finally:
        _give_back(session, environment)
        show_table(report, sys.stdout)
        annotate(annotations_of(report), sys.stdout)


def _give_back(session: Project, environment: Mapping[str, str]) -> None:
    """Give what was written in the workspace to its owner: a runner that is not root could not clean it up.

    On a machine that is used again the next checkout would fail (actions/runner#434).
    """
    if not environment.get("GITHUB_WORKSPACE"):
        return
    workspace = Path(environment["GITHUB_WORKSPACE"]).resolve()
    for named in (session.stores.layout_path, session.settings.report, session.settings.markdown):
        path = Path(named).resolve()
        if named and path.exists() and workspace in path.parents:
            give_back(workspace, path)


def _own_folder(environment: Mapping[str, str], session: Project) -> Path:
    """Return where this step leaves its files; each step of a job has a folder, as the outputs of each name them."""
    temp = environment.get("RUNNER_TEMP")
    if not temp:
        return session.layout.root.parent / "oci-chart-publish"
    places = (Path(temp) / f"oci-chart-publish{f'-{number}' if number > 1 else ''}" for number in count(1))
    return next(place for place in places if not place.exists())


def _files(report: document.Report, session: Project, folder: Path) -> dict[str, str]:
    paths = {
        "report": Path(session.settings.report or folder / "report.json"),
        "markdown": Path(session.settings.markdown or folder / "report.md"),
        "checksums": folder / "checksums.txt",
    }
    contents = {
        "report": document.encode(report),
        "markdown": render(report, home=session.event.url).encode(),
        "checksums": checksums(report).encode(),
    }
    for name, path in paths.items():
        write(str(path), contents[name])
    written = {**{name: str(path) for name, path in paths.items()}, "layout": str(session.layout.root)}
    if not contents["checksums"]:
        written["checksums"] = ""  # so that a step can ask whether there is something to attest
    return {name: on_runner(path, session.environment) for name, path in written.items()}


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
