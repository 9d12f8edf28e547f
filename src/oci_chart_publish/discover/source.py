"""A chart that was found: a folder, and the tree its files come from."""

from __future__ import annotations

from dataclasses import dataclass

from oci_chart_publish.chart.tree import Tree


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartSource:
    """A chart's folder, not yet read.

    ``path`` is POSIX, relative to the repository root ("" for the root itself; outside git relative to the folder
    that patterns are relative to). ``tracked`` tells whether git tracks its Chart.yaml; if not, its files are what
    Helm would take.
    """

    path: str
    tree: Tree
    tracked: bool
