"""The version of a chart: from Chart.yaml, or the next one from its own history. Pure decisions over values.

The base is the chart's highest release whose own tag is reachable from HEAD. The number comes from the highest version
that counts anywhere, tags and registries, so that no number is given twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from oci_chart_publish.bump.conventional import Level, Meaning, Rules, highest, meaning
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ChartError
from oci_chart_publish.handover import BumpLevel, VersionDecision

LABEL = "release:"
_LEVELS: dict[str, Level] = {"major": "major", "minor": "minor", "patch": "patch", "skip": "none"}


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """What is known of a chart's releases.

    ``base`` is the highest release reachable from HEAD by its own tag; ``counted`` are all release versions that count
    (reachable tags, and versions in registries), previews left out; ``messages`` are the commits since the base that
    touched the chart's files, newest first.
    """

    base: ChartVersion | None = None
    counted: frozenset[ChartVersion] = frozenset()
    messages: tuple[str, ...] = ()


def keep(version: str, previous: str | None = None) -> VersionDecision:
    """Decide by policy ``chart``: Chart.yaml is the truth."""
    return VersionDecision(version=version, level="none", reason="Chart.yaml says so", previous=previous)


def explicit(level: Literal["major", "minor", "patch"], version: str, history: History) -> VersionDecision:
    """Decide by policy ``major``, ``minor`` or ``patch``: one step above the highest version that counts."""
    current = ChartVersion.parse(version)
    top = max([*history.counted, current])
    return VersionDecision(
        version=str(top.bumped(level)),
        level=level,
        reason=f"bump: {level}, above {top}",
        previous=_text(history.base),
        stamped=True,
    )


def automatic(
    version: str,
    history: History,
    *,
    labels: Iterable[str] = (),
    rules: Rules | None = None,
    is_same: Callable[[ChartVersion], bool] = lambda _: False,
    bumped_dependency: str = "",
) -> VersionDecision:
    """Decide by policy ``auto``.

    In this order: HEAD built at a counted version is that version's content, then it is that version (a crash between
    registry and tag must not burn a number); a raised Chart.yaml; labels; ``Release-As``; the commits.
    """
    rules = rules or Rules()
    current = ChartVersion.parse(version)
    top = max(history.counted, default=None)
    done = _already_there(history, is_same)
    if done is not None:
        return _decision(str(done), "none", f"{done} holds this content already", history, current)
    if top is None or current > top:
        reason = "first release" if top is None else f"Chart.yaml was raised above {top}"
        return _decision(version, "none", reason, history, current)
    return _next(current, top, history, labels, rules, bumped_dependency)


def _next(
    current: ChartVersion,
    top: ChartVersion,
    history: History,
    labels: Iterable[str],
    rules: Rules,
    bumped_dependency: str,
) -> VersionDecision:
    meanings = [meaning(message, rules) for message in history.messages]
    labelled = _label(labels)
    named = next((m for m in meanings if m.release_as), None)
    if labelled is not None:
        level, reason = labelled, f"label {LABEL}{'skip' if labelled == 'none' else labelled}"
    elif named is not None:
        return _release_as(named, top, history, current)
    else:
        level, reason = _from_commits(meanings, base=history.base or top, rules=rules)
        if level == "none" and bumped_dependency:
            level, reason = "patch", f"its dependency {bumped_dependency} changed"
    if level == "none":
        return _decision(str(top), "none", reason, history, current)
    return _decision(str(top.bumped(level)), level, reason, history, current)


def _already_there(history: History, is_same: Callable[[ChartVersion], bool]) -> ChartVersion | None:
    candidates = (v for v in history.counted if history.base is None or v >= history.base)
    return next((version for version in sorted(candidates, reverse=True) if is_same(version)), None)


def _label(labels: Iterable[str]) -> Level | None:
    found = [
        _LEVELS[name] for label in labels if (name := label.removeprefix(LABEL)) in _LEVELS and label != name
    ]
    if "none" in found:
        return "none"
    return highest(found) if found else None


def _release_as(
    named: Meaning, top: ChartVersion, history: History, current: ChartVersion
) -> VersionDecision:
    wanted = ChartVersion.parse(named.release_as)
    if wanted <= top:
        raise ChartError(
            f"Release-As: {wanted} in {named.subject!r} is not above {top}, which is released",
            hint="name a higher version in a later commit",
        )
    return _decision(str(wanted), "explicit", f"Release-As in {named.subject!r}", history, current)


def _from_commits(meanings: Sequence[Meaning], *, base: ChartVersion, rules: Rules) -> tuple[Level, str]:
    level = highest(m.level for m in meanings)
    if not meanings:
        return "none", "no commit touched it since its last release"
    because = next(m.subject for m in meanings if m.level == level)
    if level == "none":
        return level, f"no commit asks for a release, such as {because!r}"
    if base.major == 0 and rules.initial_development:
        level = "minor" if level == "major" else "patch"
    return level, f"{because!r}"


def _decision(
    version: str, level: BumpLevel, reason: str, history: History, current: ChartVersion
) -> VersionDecision:
    return VersionDecision(
        version=version,
        level=level,
        reason=reason,
        previous=_text(history.base),
        stamped=version != str(current),
    )


def _text(version: ChartVersion | None) -> str | None:
    return None if version is None else str(version)


def proposal(version: str, counted: Iterable[ChartVersion]) -> str:
    """Return the version that would do where content changed under a published one: the next free patch."""
    current = ChartVersion.parse(version)
    line = [one for one in counted if (one.major, one.minor) == (current.major, current.minor)]
    return str(max([*line, current]).bumped("patch"))
