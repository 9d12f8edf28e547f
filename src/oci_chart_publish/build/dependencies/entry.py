"""Errors about a dependency name its entry in the list of dependencies, so that they can be shown at its line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from oci_chart_publish.chart.metadata import CHART_FILE
from oci_chart_publish.errors import ChartError, PublishError

DEPENDENCIES = "dependencies"


def key_of(number: int) -> str:
    """Return the dotted key of a declared dependency, counted from 0."""
    return f"{DEPENDENCIES}.{number}"


@contextmanager
def naming(number: int) -> Iterator[None]:
    """Give every error the place of the dependency with this number in the list.

    An error about another file, one in a fetched archive say, names that file in its message instead.
    """
    try:
        yield
    except PublishError as error:
        if error.path in {"", CHART_FILE}:
            raise error.at(CHART_FILE, key=key_of(number)) from error
        elsewhere = str(error).removesuffix(f"\n{error.hint}")
        raise ChartError(elsewhere, path=CHART_FILE, key=key_of(number), hint=error.hint) from error
