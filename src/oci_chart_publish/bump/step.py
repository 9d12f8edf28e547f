"""The step from one version to the next, prereleases included.

A prerelease stays one: after 1.3.0-rc.1 comes 1.3.0-rc.2, until Chart.yaml is raised to 1.3.0, a commit says
``Release-As: 1.3.0`` or the run is ``bump: minor``. No commit turns a candidate into a release by accident.
"""

from __future__ import annotations

import re
from typing import Literal

from oci_chart_publish.chart.version import ChartVersion

Step = Literal["major", "minor", "patch"]


def next_version(
    top: ChartVersion, level: Step, *, stable: ChartVersion | None, channel: str = ""
) -> ChartVersion:
    """Return the version after ``top``.

    ``stable`` is the highest release that is no prerelease: where ``top`` is a prerelease that is high enough above it
    for the level, only its number goes up; else the next one of the level begins. ``channel`` names the prereleases to
    make; empty keeps what ``top`` is.
    """
    if not top.prerelease:
        return _candidate(top.bumped(level), channel) if channel else top.bumped(level)
    core = ChartVersion(top.major, top.minor, top.patch)
    wanted = stable.bumped(level) if stable is not None else core
    token = channel or _token(top.prerelease)
    if core < wanted:
        return _candidate(wanted, token)
    if token == _token(top.prerelease):
        return _candidate(core, "", _counted_up(top.prerelease))
    other = _candidate(core, token)
    return other if other > top else _candidate(core.bumped("patch"), token)


def _candidate(core: ChartVersion, token: str, prerelease: str = "") -> ChartVersion:
    return ChartVersion.parse(f"{core.major}.{core.minor}.{core.patch}-{prerelease or f'{token}.1'}")


def _token(prerelease: str) -> str:
    """Return the name in a prerelease: of "rc.1" and "rc1" it is "rc", of "1" it is "rc" for want of another."""
    return re.sub(r"[.-]?[0-9]+$", "", prerelease) or "rc"


def _counted_up(prerelease: str) -> str:
    match = re.fullmatch(r"(.*?)([0-9]+)", prerelease)
    return f"{match[1]}{int(match[2]) + 1}" if match else f"{prerelease}.1"
