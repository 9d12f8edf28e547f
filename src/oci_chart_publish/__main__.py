"""Entry point of the command and of the container."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from oci_chart_publish.lazy import lazy

if TYPE_CHECKING:
    from oci_chart_publish import interruption
    from oci_chart_publish.action import action
    from oci_chart_publish.cli import main as command_line
    from oci_chart_publish.runner import log
else:
    interruption = lazy("oci_chart_publish.interruption")
    action = lazy("oci_chart_publish.action.action")
    command_line = lazy("oci_chart_publish.cli.main")
    log = lazy("oci_chart_publish.runner.log")

_REPORTING = frozenset({"plan", "publish", "verify"})


def main() -> None:
    """Run the command line, or the action where the runner says so, and exit with its code."""
    environment = dict(os.environ)  # noqa: TID251  (one of the two places that read the environment)
    if _reports(environment):
        interruption.listen_early()
    if environment.get("GITHUB_ACTIONS") != "true":
        sys.exit(_run(environment))
    log.guard()
    try:
        code = _run(environment)
    finally:
        log.finish()
    sys.exit(code)


def _reports(environment: Mapping[str, str]) -> bool:
    """Tell whether this run will report what it did, interrupted or not."""
    return _is_action(environment) or (len(sys.argv) > 1 and sys.argv[1] in _REPORTING)


def _is_action(environment: Mapping[str, str]) -> bool:
    """Tell whether the runner started the action: it sets every input, if empty, which no step with ``run:`` has."""
    inputs = any(name.startswith("INPUT_") for name in environment)
    return environment.get("GITHUB_ACTIONS") == "true" and len(sys.argv) == 1 and inputs


def _run(environment: Mapping[str, str]) -> int:
    if _is_action(environment):
        return action.run_action(environment)
    return command_line.run(sys.argv[1:], environment)


if __name__ == "__main__":
    main()
