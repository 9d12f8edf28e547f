"""The runner, as far as an action sees it: environment, event file, file commands, workflow commands.

Variables and rules are those of actions/runner (``GitHubContext.cs``, ``FileCommandManager.cs``): hyphens stay in
``INPUT_*``, an absent input is an empty string, and a malformed file command fails the step.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = "publish.yml"
INPUTS = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]


@dataclass(frozen=True)
class Step:
    """What a step left behind."""

    code: int
    outputs: Mapping[str, str]
    summary: str
    log: str
    errors: str
    artifacts: str = ""

    @property
    def annotations(self) -> list[str]:
        return [
            line for line in self.log.splitlines() if line.startswith(("::error", "::warning", "::notice"))
        ]

    @property
    def commands(self) -> list[str]:
        """All lines, of stdout and stderr, that the runner takes for commands."""
        return [line for text in (self.log, self.errors) for line in command_lines(text)]


@dataclass
class Runner:
    """Runs the action in a workspace, for one repository on one code host."""

    workspace: Path
    temp: Path
    api_url: str
    repository: str = "acme/charts"
    token: str = "t0ken"
    entry: Sequence[str] = (sys.executable, "-m", "oci_chart_publish")
    run_id: int = 100
    extra: Mapping[str, str] = field(default_factory=dict)

    def step(self, event: str, payload: Mapping[str, Any], *, ref: str, sha: str, **inputs: str) -> Step:
        """Run the action once for an event; inputs have underscores for hyphens."""
        self.run_id += 1
        folder = self.temp / str(self.run_id)
        folder.mkdir(parents=True)
        paths = {name: folder / name for name in ("output", "summary", "event", "artifacts")}
        # The payload of a schedule says nothing of its repository (github/codeql-action#1211).
        known = {} if event == "schedule" else {"repository": {"default_branch": "main"}}
        paths["event"].write_text(json.dumps({**known, **payload}))
        for name in ("output", "summary", "artifacts"):
            paths[name].touch()
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() <= INPUTS.keys(), given.keys() - INPUTS.keys()
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "src"),
            "HOME": str(self.temp / "home"),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTOR": "octocat",
            "GITHUB_API_URL": self.api_url,
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(paths["event"]),
            "GITHUB_OUTPUT": str(paths["output"]),
            "GITHUB_ARTIFACTS": str(paths["artifacts"]),
            "GITHUB_REF": ref,
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": str(self.run_id),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_SHA": sha,
            "GITHUB_STEP_SUMMARY": str(paths["summary"]),
            "GITHUB_WORKFLOW_REF": f"{self.repository}/.github/workflows/{WORKFLOW}@{ref}",
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(folder),
            "OCI_CHART_CACHE": str(self.temp / "layout"),
            **{f"INPUT_{name.upper()}": given.get(name, self._default(name)) for name in INPUTS},
            **self.extra,
        }
        done = self.start(environment)
        return Step(
            code=done.returncode,
            outputs=parse_file_command(paths["output"].read_text()),
            summary=paths["summary"].read_text(),
            log=done.stdout.decode(),
            errors=done.stderr.decode(),
            artifacts=paths["artifacts"].read_text(),
        )

    def start(self, environment: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
        """Run the bare entry point; an image's runner starts a container instead."""
        return subprocess.run(
            list(self.entry),
            cwd=self.workspace,
            env=environment,
            capture_output=True,
            check=False,
            timeout=120,
        )

    def _default(self, name: str) -> str:
        default = str(INPUTS[name].get("default", ""))
        return self.token if default == "${{ github.token }}" else default


# ActionCommandManager.cs and its extensions.
_REGISTERED = re.compile(
    r"(internal-set-repo-path|set-env|set-output|save-state|add-path|add-mask|add-matcher|remove-matcher"
    r"|warning|error|notice|debug|group|endgroup|echo|stop-commands)( .*)?",
    re.IGNORECASE,
)


def command_lines(text: str) -> list[str]:
    """Return the lines that are commands (``ActionCommand.cs``): ``::name`` after blanks, ``##[name]`` anywhere.

    The runner compares by culture, which passes over characters of format: so does this.
    """
    found = []
    for line in re.split(r"\r\n|\r|\n", text):
        seen = "".join(
            char for char in line if unicodedata.category(char) not in {"Cf", "Cc"} or char == "\t"
        )
        second = re.match(r"\s*::(.*?)::", seen)
        legacy = re.search(r"##\[(.*?)\]", seen)
        if any(match and _REGISTERED.fullmatch(match[1]) for match in (second, legacy)):
            found.append(line)
    return found


def parse_file_command(text: str) -> dict[str, str]:
    """Read a file command as the runner does: heredocs and NAME=VALUE lines, line feeds only.

    The runner takes the last of several values of a name; that we never need.
    """
    found: dict[str, str] = {}

    def put(name: str, value: str) -> None:
        assert name not in found, f"{name} is there twice: {found[name]!r} and {value!r}"
        found[name] = value

    lines = text.split("\n")
    assert lines.pop() == "", "a file command has to end with a line feed"
    while lines:
        line = lines.pop(0)
        equals, heredoc = line.find("="), line.find("<<")
        if heredoc < 0 or 0 <= equals < heredoc:
            assert equals > 0, f"malformed line {line!r}"
            put(line[:equals], line[equals + 1 :])
            continue
        delimiter = line[heredoc + 2 :]
        end = lines.index(delimiter)
        put(line[:heredoc], "\n".join(lines[:end]))
        del lines[: end + 1]
    return found
