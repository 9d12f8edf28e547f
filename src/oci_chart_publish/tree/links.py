"""Symbolic links: where one may lead, for a folder, a work tree and a commit alike.

A link is followed, to a file or a folder, inside the repository. One that leads nowhere, out of it, or to a folder
that holds the link is refused; ``.helmignore`` may leave it out as a file or as a folder, for it is neither.
"""

from __future__ import annotations

from collections.abc import Iterable

from oci_chart_publish.errors import ChartError

HOPS = 40
"""Links that are followed one after another, as in Linux."""


def leads_nowhere(path: str, reason: str) -> ChartError:
    """Return the error for a link that is broken, in the words of the operating system."""
    return ChartError(f"a symbolic link that leads nowhere: {reason}", path=path)


def leaves_repository(path: str) -> ChartError:
    """Return the error for a link to something that is not of the repository."""
    return ChartError(
        "a symbolic link that leaves the repository", path=path, hint="put a copy of the file in its place"
    )


def refuse_circle(target: str, holders: Iterable[str], path: str) -> None:
    """Raise ChartError where a link to the folder ``target`` would have a chart hold itself.

    ``holders`` are the folders that the link is in, from its own to the chart's, each where it really is.
    """
    if any(_holds(target, holder) for holder in holders):
        raise ChartError("a symbolic link that leads into a circle", path=path, hint="remove the link")


def _holds(folder: str, inner: str) -> bool:
    return not folder or inner == folder or inner.startswith(f"{folder.rstrip('/')}/")
