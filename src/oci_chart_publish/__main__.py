"""Entry point of the command and of the container."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or the action where the runner says so, and exit with its code."""
    import os  # noqa: PLC0415

    environment = dict(os.environ)  # noqa: TID251  (one of the two places that read the environment)
    if environment.get("GITHUB_ACTIONS") == "true" and len(sys.argv) == 1:
        from oci_chart_publish.action import run_action  # noqa: PLC0415  (start-up: only what is used)

        sys.exit(run_action(environment))
    from oci_chart_publish.cli.main import run  # noqa: PLC0415

    sys.exit(run(sys.argv[1:], environment))


if __name__ == "__main__":
    main()
