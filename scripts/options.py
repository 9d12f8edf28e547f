"""Write docs/options.md from the settings and action.yml: ``python scripts/options.py [--check]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, get_args

import yaml

from oci_chart_publish.run.setting_sources import FILES
from oci_chart_publish.settings import ENVIRONMENT_PREFIX, fields

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "options.md"


def page() -> str:
    """Return the page as Markdown."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    return (
        "\n".join([*_settings(action["inputs"]), *_inputs(action["inputs"]), *_outputs(action["outputs"])])
        + "\n"
    )


def _settings(inputs: dict[str, Any]) -> list[str]:
    lines = [
        "# Options",
        "",
        "Made by `make docs` from the settings and `action.yml`.",
        "",
        (
            "A setting has one name everywhere: `--dry-run`, the input `dry-run`, the variable "
            f"`{ENVIRONMENT_PREFIX}DRY_RUN`, the key `dry-run` in `{FILES[0]}` or `{FILES[1]}`. The first that is "
            "given counts. Lists have one item a line, or one option each; on the command line `registries` is "
            "`--registry` and `from-plan` is `--from`, and `--plain-http` takes no value and is for all registries. A "
            "command has the options that its `--help` shows. Paths begin where the command runs, those of the "
            "settings file at the top of the repository. "
            "Blanks and line ends around an input do not count."
        ),
        "",
        "## Settings",
        "",
        "| name | default | input | what |",
        "|:--|:--|:-:|:--|",
    ]
    for name, field in fields().items():
        about = next((getattr(part, "description", "") for part in get_args(field.type)[1:]), "") or ""
        default = _default(field)
        lines.append(f"| `{name}` | {default} | {'yes' if name in inputs else ''} | {about} |")
    return lines


def _default(field: Any) -> str:  # noqa: ANN401
    value = field.default_factory() if callable(field.default_factory) else field.default
    if value in ("", (), None, {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _inputs(inputs: dict[str, Any]) -> list[str]:
    own = {name: entry for name, entry in inputs.items() if name not in fields()}
    return [
        "",
        "## Inputs of the action only",
        "",
        "| input | what |",
        "|:--|:--|",
        *(f"| `{name}` | {entry['description']} |" for name, entry in own.items()),
    ]


def _outputs(outputs: dict[str, Any]) -> list[str]:
    return [
        "",
        "## Outputs of the action",
        "",
        "| output | what |",
        "|:--|:--|",
        *(f"| `{name}` | {entry['description']} |" for name, entry in outputs.items()),
        "",
        (
            "The runner takes 1 MB of outputs a job, so those of a run stay below 800 KB (as UTF-16). Where the "
            "charts are too many, the output `charts` goes without `bump`, `config`, `layer`, `dependencies`, "
            "`ignored` and `warnings`; then it has `name`, `path`, `version`, `status`, `digest` and `size` "
            "alone; then no unchanged charts; and last no charts. A `matrix` that alone is too large is empty; GitHub "
            "makes 256 jobs of one at most. The file `report` always has everything."
        ),
        "",
        (
            "To attest, give `checksums` to `actions/attest` as `subject-checksums`. It has what was published in "
            "this run first, then what an earlier one did, 1024 lines at most, which is what the action takes; "
            "and never what somebody else packed. So a job that is run again, because attesting had failed, "
            "attests what its first attempt published:"
        ),
        "",
        "```yaml",
        "- uses: actions/attest@v4",
        "  if: steps.charts.outputs.checksums && (steps.charts.outputs.published == 'true' || github.run_attempt > 1)",
        "  with:",
        "    subject-checksums: ${{ steps.charts.outputs.checksums }}",
        "```",
    ]


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.read_text() == page() else f"{TARGET} is not up to date: run `make docs`")
    TARGET.write_text(page())
