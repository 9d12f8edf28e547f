"""Entry point of the command and of the container."""

from __future__ import annotations

import sys
from collections.abc import Mapping

_REPORTING = frozenset({"plan", "publish", "verify"})


def main() -> None:
    """Run the command line, or the action where the runner says so, and exit with its code."""
    import os  # noqa: PLC0415

    environment = dict(os.environ)  # noqa: TID251  (one of the two places that read the environment)
    if _reports(environment):
        from oci_chart_publish.interruption import listen_early  # noqa: PLC0415  (start-up: only what is used)

        listen_early()
    if environment.get("GITHUB_ACTIONS") != "true":
        sys.exit(_run(environment))
    from oci_chart_publish.runner.log import finish, guard  # noqa: PLC0415  (start-up: only what is used)

    guard()
    try:
        code = _run(environment)
    finally:
        finish()
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
        from oci_chart_publish.action.action import run_action  # noqa: PLC0415  (start-up: only what is used)

        return run_action(environment)
    from oci_chart_publish.cli.main import run  # noqa: PLC0415

    return run(sys.argv[1:], environment)


if __name__ == "__main__":
    main()
