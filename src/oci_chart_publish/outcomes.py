"""What becomes of a chart: one set of words from the look-up to the report, and what each of them means.

::

    Observation.state           what a registry holds: absent, same, different, or no answer
      -> Plan.status            what is to become of the chart, decided from all its registries
      -> TargetResult.status    what became of it at one registry
      -> document.Chart.status  the worst of those
      -> shown as               the status, or what followed it: a release, a tag

A word has one meaning everywhere, and ``OUTCOMES`` is the only place that knows it: how it is shown, in which order,
whether the run fails, whether a registry holds the chart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

import msgspec

Status = Literal[
    "failed", "conflict", "unknown", "would-publish", "published", "saved", "drift", "skipped", "unchanged"
]
"""What became of a chart at a registry, or of the chart altogether.

``saved`` is a chart that the layout holds and that no registry was to receive; ``drift`` is a conflict that this run
is not to blame for; ``skipped`` was left alone because of something else; ``unknown`` could not be looked up.
"""
Shown = Literal[Status, "released", "tagged"]
"""What people are shown: a status, or more precisely what it was."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a word means.

    ``label`` stands in a table, ``counted`` after a number of charts, ``style`` is one of Rich. ``fails`` the run.
    ``moves`` the chart: something was written, or would be. ``held``: a registry holds what this tree builds, or is to.
    ``problem``: there is something to explain.
    """

    label: str
    counted: str
    style: str
    fails: bool = False
    moves: bool = False
    held: bool = False
    problem: bool = False


OUTCOMES: Mapping[Shown, Outcome] = {
    "failed": Outcome(label="❌ failed", counted="failed", style="bold red", fails=True, problem=True),
    "conflict": Outcome(
        label="⛔ version not raised", counted="not raised", style="bold red", fails=True, problem=True
    ),
    "unknown": Outcome(label="❔ unknown", counted="not known", style="yellow", problem=True),
    "would-publish": Outcome(
        label="🆕 would publish", counted="to publish", style="cyan", moves=True, held=True
    ),
    "published": Outcome(label="✅ published", counted="published", style="green", moves=True, held=True),
    "saved": Outcome(label="💾 saved", counted="saved", style="green", moves=True),
    "released": Outcome(label="✅ released", counted="released", style="green", held=True),
    "tagged": Outcome(label="✅ tagged", counted="tagged", style="green", held=True),
    "drift": Outcome(label="🟠 drift", counted="drifted", style="yellow", problem=True),
    "skipped": Outcome(label="⏭️ skipped", counted="skipped", style="dim", problem=True),
    "unchanged": Outcome(label="unchanged", counted="unchanged", style="dim", held=True),
}
"""By word, worst first. Drift is nobody's fault here, so it comes late."""

_STATUSES: tuple[Status, ...] = get_args(Status)
FAILING = frozenset(status for status in _STATUSES if OUTCOMES[status].fails)
"""Statuses for which a run fails."""
MOVED = frozenset(status for status in _STATUSES if OUTCOMES[status].moves)
"""Statuses of charts that a run wrote somewhere, or would."""
HELD = frozenset(status for status in _STATUSES if OUTCOMES[status].held)
"""Statuses of charts that a registry holds as this tree builds them, or is to hold."""
PUBLISHING = MOVED & HELD
"""Statuses of charts that a run brought to a registry, or would bring."""
PROBLEMS = frozenset(status for status in _STATUSES if OUTCOMES[status].problem)
"""Statuses that have to be explained."""


def worst(statuses: Iterable[Status]) -> Status:
    """Return the first of several statuses in the order of ``OUTCOMES``: ``unchanged`` of none."""
    several = frozenset(statuses)
    return next((status for status in _STATUSES if status in several), "unchanged")
