"""action.yml, docs/options.md and the workflows in examples/, held against the settings and against each other."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.programs import program

from oci_chart_publish.action.action import COMMANDS, OTHERS
from oci_chart_publish.report import compose
from oci_chart_publish.report.outputs import outputs
from oci_chart_publish.settings import Settings, fields

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
OWN = {"command", "config"}
NO_INPUT = {
    # Mappings, or too rare for an input: the settings file, or a variable.
    "chart-settings", "commit-types", "repositories", "own-repositories", "rewrite-dependencies", "offline",
    "untyped", "squash", "bump-dependents", "preview-template", "latest", "backfill",
    "channel", "initial-development", "host-settings", "trusted-realms", "timeout",
    # Dangerous: not to be switched on by a line of YAML that is copied around.
    "overwrite", "insecure",
    # The action chooses the files and names them in its outputs.
    "report", "markdown",
}  # fmt: skip
FILES = {"report", "markdown", "layout", "checksums"}
WORKFLOWS = sorted((ROOT / "examples" / "workflows").glob("*.yml"))
PIN = re.compile(r"[\w./-]+@[0-9a-f]{40}")


def test_every_input_is_a_setting_or_the_actions_own() -> None:
    assert set(ACTION["inputs"]) - set(fields()) == OWN


def test_every_setting_is_an_input_but_those_that_are_meant_not_to_be() -> None:
    assert set(fields()) - set(ACTION["inputs"]) == NO_INPUT


def test_no_input_has_a_default_of_its_own_but_the_token() -> None:
    defaults = {name: entry["default"] for name, entry in ACTION["inputs"].items() if "default" in entry}
    assert defaults == {"github-token": "${{ github.token }}"}


def test_defaults_in_descriptions_are_those_of_the_settings() -> None:
    for name, entry in ACTION["inputs"].items():
        said = re.search(r"Default: ([\w{}.-]+)\.$", entry["description"])
        value = getattr(Settings(), fields()[name].name) if name in fields() else None
        if said and value not in (None, "", ()):
            expected = str(value).lower() if isinstance(value, bool) else str(value)
            assert said[1] == expected, name


def test_choices_of_a_setting_are_in_its_description() -> None:
    for name in ("bump", "comment", "release", "conflicts", "annotations", "dependency"):
        said = ACTION["inputs"][name]["description"]
        default = getattr(Settings(), fields()[name].name)
        assert f"Default: {default}." in said, name


def test_commands_in_the_description_are_those_the_action_takes() -> None:
    said = ACTION["inputs"]["command"]["description"]
    assert [name for name in (*COMMANDS, *OTHERS) if name not in said] == []


def test_outputs_declared_are_those_written() -> None:
    written = outputs(compose.report([], command="plan", dry_run=True, tool_version="0", layout=""))
    assert set(ACTION["outputs"]) == set(written) | FILES


def test_page_of_options_is_up_to_date() -> None:
    done = run(sys.executable, str(ROOT / "scripts" / "options.py"), "--check")
    assert done.returncode == 0, done.stderr


def test_workflows_use_declared_inputs_and_outputs_only() -> None:
    for name, step in own_steps():
        assert set(step.get("with", {})) <= set(ACTION["inputs"]), name
    for path in WORKFLOWS:
        named = set(re.findall(r"steps\.\w+\.outputs\.(\w+)", path.read_text()))
        assert named <= set(ACTION["outputs"]), path.name


def test_commands_in_workflows_exist() -> None:
    for name, step in own_steps():
        command = step.get("with", {}).get("command", "plan").split()[0]
        assert command in {*COMMANDS, *OTHERS}, name


def test_files_of_a_stranger_are_kept_in_a_folder_of_their_own() -> None:
    job = yaml.safe_load((ROOT / "examples/workflows/fork-report.yml").read_text())["jobs"]["comment"]
    download, report = job["steps"]
    assert report["with"]["command"] == f"report {download['with']['path']}/report.json"
    assert "checkout" not in str(job)
    assert "write" not in {job["permissions"].get("contents"), job["permissions"].get("packages")}


def test_workflows_for_pull_requests_hear_how_they_end() -> None:
    events = {
        path.name: yaml.safe_load(path.read_text())[True] for path in WORKFLOWS
    }  # `on` is true in YAML 1.1
    types = {
        name: event["pull_request"]["types"] for name, event in events.items() if "pull_request" in event
    }
    assert "fork-plan.yml" in types
    assert [name for name, listed in types.items() if "closed" not in listed] == []


def test_other_actions_are_pinned_by_commit_with_the_release_in_a_comment() -> None:
    for path in WORKFLOWS:
        for line in path.read_text().splitlines():
            used = re.search(r"uses: (\S+)(.*)", line)
            if used and not used[1].startswith("org/oci-chart-publish@"):
                assert PIN.fullmatch(used[1]), line
                assert re.fullmatch(r" # v\d+\.\d+\.\d+", used[2]), line


def test_workflows_begin_without_permissions_and_grant_them_by_job() -> None:
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text())
        if path.name != "ten-lines.yml":
            assert workflow["permissions"] == {}, path.name
            assert all("permissions" in job for job in workflow["jobs"].values()), path.name


def test_workflows_that_replace_others_are_as_short_as_readme_says() -> None:
    readme = (ROOT / "README.md").read_text()
    for name, before in (("prometheus-community.yml", 97), ("argo-helm.yml", 88)):
        path = ROOT / "examples" / "workflows" / name
        row = next(line for line in readme.splitlines() if line.startswith("|") and name in line)
        assert f"| {before} | {len(path.read_text().splitlines())} |" in row


def test_workflow_in_readme_is_the_one_in_examples() -> None:
    workflow = (ROOT / "examples" / "workflows" / "ten-lines.yml").read_text()
    assert f"```yaml\n{workflow}```" in (ROOT / "README.md").read_text()
    assert len(workflow.splitlines()) == 10


def test_every_workflow_is_mentioned_in_the_documentation() -> None:
    pages = "".join(path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
    assert [path.name for path in WORKFLOWS if f"examples/workflows/{path.name}" not in pages] == []


def test_action_and_workflows_follow_the_schemas_of_github() -> None:
    checker = beside("check-jsonschema")
    done = run(checker, "--builtin-schema", "vendor.github-actions", "action.yml")
    assert done.returncode == 0, done.stdout
    done = run(checker, "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS))
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing_in_the_workflows() -> None:
    done = run(beside("zizmor"), "--offline", "--quiet", *map(str, WORKFLOWS), "action.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_finds_nothing_in_the_workflows() -> None:
    done = run(program("actionlint"), "-no-color", "-shellcheck=", "-pyflakes=", *map(str, WORKFLOWS))
    assert done.returncode == 0, done.stdout


def own_steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            for step in job.get("steps", []):
                if step.get("uses", "").startswith("org/oci-chart-publish@"):
                    yield path.name, step


def beside(name: str) -> str:
    """Return a program of the development set, which is installed beside this Python."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    return found or pytest.fail(f"{name} is not installed")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
