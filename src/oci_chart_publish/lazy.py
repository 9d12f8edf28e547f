"""Modules that are imported when something of them is first used: start-up pays only for what a command uses.

They are declared at the top of a file, where every reader looks for imports, and known to mypy by their real names::

    if TYPE_CHECKING:
        from oci_chart_publish.run import details
    else:
        details = lazy("oci_chart_publish.run.details")
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class LazyModule:
    """Stands for a module of a name; every attribute is that of the module, which the first of them imports."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:  # noqa: ANN401  (whatever the module has)
        """Return an attribute of the module; safe for threads, as importing is."""
        return getattr(import_module(self._name), attribute)


def lazy(name: str) -> LazyModule:
    """Return what stands for the module of an absolute ``name``."""
    return LazyModule(name)
