"""Publish a repository of Helm charts to OCI registries.

::

    import os
    from oci_chart_publish import open_project, publish

    with open_project(".", {"registries": ["ghcr.io/acme/charts"]}, os.environ) as project:
        report = publish(project)
    raise SystemExit(report.exit_code)

What is in ``__all__`` is the Python API, and stays as it is within a major version; everything else may change. Each
name is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oci_chart_publish.commands.diff import Comparison, diff
    from oci_chart_publish.commands.flow import plan, publish, verify
    from oci_chart_publish.commands.promote import Promoted, promote
    from oci_chart_publish.errors import ConfigError, ExitCode, PublishError
    from oci_chart_publish.report.document import Chart, Report, encode, read_report
    from oci_chart_publish.run.project import Project, open_project

__version__ = "0.1.0"

__all__ = [
    "Chart",
    "Comparison",
    "ConfigError",
    "ExitCode",
    "Project",
    "Promoted",
    "PublishError",
    "Report",
    "diff",
    "encode",
    "open_project",
    "plan",
    "promote",
    "publish",
    "read_report",
    "verify",
]

_HOMES = {
    "Chart": "report.document",
    "Comparison": "commands.diff",
    "ConfigError": "errors",
    "ExitCode": "errors",
    "Project": "run.project",
    "Promoted": "commands.promote",
    "PublishError": "errors",
    "Report": "report.document",
    "diff": "commands.diff",
    "encode": "report.document",
    "open_project": "run.project",
    "plan": "commands.flow",
    "promote": "commands.promote",
    "publish": "commands.flow",
    "read_report": "report.document",
    "verify": "commands.flow",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  (whatever has the name)
    """Return what a name of the API stands for, importing its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the names of the API, too, which are not there before they are asked for."""
    return sorted({*globals(), *__all__})
