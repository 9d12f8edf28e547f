"""The version of a chart: from Chart.yaml, or the next one from its own history. Pure decisions over values.

The base is the chart's highest release whose own tag is reachable from HEAD: the level comes from the commits since
then. The number comes from the highest version that counts, in tags and registries, so that no number is given twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from oci_chart_publish.bump.conventional import CommitIntent, Level, Rules, highest, meaning
from oci_chart_publish.chart.version import ChartVersion, is_strict
from oci_chart_publish.errors import ConflictError
from oci_chart_publish.model import BumpLevel, VersionDecision

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
    expected = stable.bumped(level) if stable is not None else core
    token = channel or _token(top.prerelease)
    if core < expected:
        return _candidate(expected, token)
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


LABEL = "release:"
_LEVELS: dict[str, Level] = {"major": "major", "minor": "minor", "patch": "patch", "skip": "none"}
IsSame = Callable[[ChartVersion], bool]
Labels = Callable[[Sequence[str]], Mapping[str, Sequence[str]]]
"""Gives the labels of the pull request that each of some commits (by sha) came with."""


def unlabelled(_: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return no labels, where nobody knows of any."""
    return {}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A commit that counts for a chart; with ``own`` off it changed only files of charts that it embeds."""

    message: str
    sha: str = ""
    own: bool = True


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a chart's releases, previews left out.

    ``base`` is the highest release reachable from HEAD by its own tag; ``counted`` are the versions that count: by
    reachable tags, and in registries without any tag; ``taken`` are all versions that exist anywhere, those of other
    branches too; ``changes`` are the commits since the base that touched the chart's files, newest first; ``since`` is
    the commit where they begin, empty where nothing says which, and ``folder`` where the chart was then.
    """

    base: ChartVersion | None = None
    counted: frozenset[ChartVersion] = frozenset()
    taken: frozenset[ChartVersion] = frozenset()
    changes: tuple[Change, ...] = ()
    since: str = ""
    folder: str = ""

    @property
    def top(self) -> ChartVersion | None:
        """The highest version that counts."""
        return max(self.counted, default=None)


def keep(version: str) -> VersionDecision:
    """Decide by policy ``chart``: Chart.yaml is the truth."""
    return VersionDecision(version=version, level="none", reason="Chart.yaml says so")


def explicit(
    level: Literal["major", "minor", "patch"],
    version: str,
    history: History,
    *,
    is_same: IsSame = lambda _: False,
) -> VersionDecision:
    """Decide by policy ``major``, ``minor`` or ``patch``: one step above the highest version that counts.

    As under ``auto``, content that is published already keeps its version and a raised Chart.yaml is not raised again,
    so that running it twice does what running it once did. A prerelease becomes its release.
    """
    decision = settled(version, history, is_same=is_same)
    return decision or one_step(level, version, history, is_same=is_same)


def one_step(
    level: Literal["major", "minor", "patch"],
    version: str,
    history: History,
    *,
    is_same: IsSame = lambda _: False,
) -> VersionDecision:
    """Decide by policy ``major``, ``minor`` or ``patch`` where nothing is settled without it."""
    current = ChartVersion.parse(version)
    top = history.top or current
    expected = top.bumped(level)
    if expected in history.taken and is_same(expected):
        return _held_already(expected, history, current)
    return _decision(
        _free(expected, top, level, history), level, f"bump: {level}, above {top}", history, current
    )


def automatic(
    version: str,
    history: History,
    *,
    labels: Labels = unlabelled,
    rules: Rules | None = None,
    is_same: IsSame = lambda _: False,
    bumped_dependency: str = "",
    channel: str = "",
) -> VersionDecision:
    """Decide by policy ``auto``.

    In this order: a raised Chart.yaml; HEAD built at a counted version is that version's content, then it is that
    version (a crash between registry and tag must not burn a number); then the commits. A label of the pull request
    that a commit came with says its level whatever the commit says; ``Release-As`` names a version for the chart whose
    own files its commit changed. ``is_same`` tells whether HEAD built at a version is what is published; it is asked
    for the highest version first and for none below the base. ``channel`` makes prereleases of that name ("rc":
    1.3.0-rc.1, 1.3.0-rc.2).
    """
    decision = settled(version, history, is_same=is_same)
    return decision or by_commits(
        version,
        history,
        labels=labels,
        rules=rules,
        is_same=is_same,
        bumped_dependency=bumped_dependency,
        channel=channel,
    )


def by_commits(
    version: str,
    history: History,
    *,
    labels: Labels = unlabelled,
    rules: Rules | None = None,
    is_same: IsSame = lambda _: False,
    bumped_dependency: str = "",
    channel: str = "",
) -> VersionDecision:
    """Decide by policy ``auto`` where the commits have to; the arguments are those of ``automatic``."""
    current = ChartVersion.parse(version)
    rules = rules or Rules()
    labelled = labels([change.sha for change in history.changes]) if history.changes else {}
    meanings = [_asked(change, rules, labelled.get(change.sha, ()), history) for change in history.changes]
    decision = _next(current, history, meanings, bumped_dependency, channel, is_same)
    not_read = next((one for one in meanings if one.not_read), None)
    if not_read is None:
        return decision
    warning = f"{not_read.not_read!r} of {not_read.subject!r} is no semantic version, and does not count"
    return replace(decision, warning=warning)


def settled(version: str, history: History, *, is_same: IsSame = lambda _: False) -> VersionDecision | None:
    """Decide where no commit needs to be read: ``history`` needs no ``changes``. None where they decide."""
    current = ChartVersion.parse(version)
    top = history.top
    if top is None and current not in history.taken:
        return _decision(current, "none", "first release", history, current)
    if top is None and is_same(current):
        return _held_already(current, history, current)
    if top is None:  # on a history that was begun anew, say
        raise ConflictError(
            f"{current} would be the first release that this commit knows of, "
            "and exists already, on a newer commit or another branch",
            hint="run on the newer commit, merge that branch, or set a version that is free in Chart.yaml",
        )
    if current > top:
        return _decision(current, "none", f"Chart.yaml was raised above {top}", history, current)
    # Without a base, Chart.yaml tells from where on: what is older is not what this tree wants to be.
    lowest = history.base or current
    candidates = sorted((candidate for candidate in history.counted if candidate >= lowest), reverse=True)
    done = next((candidate for candidate in candidates if is_same(candidate)), None)
    if done is None:
        return None
    return _held_already(done, history, current)


def _held_already(version: ChartVersion, history: History, current: ChartVersion) -> VersionDecision:
    return _decision(version, "none", f"{version} holds this content already", history, current)


def _next(
    current: ChartVersion,
    history: History,
    meanings: Sequence[CommitIntent],
    bumped_dependency: str,
    channel: str,
    is_same: IsSame,
) -> VersionDecision:
    top = history.top or current
    level, reason = _from_commits(meanings)
    if level == "none" and bumped_dependency:
        level, reason = "patch", f"its dependency {bumped_dependency} changed"
    stable = max((one for one in history.counted if not one.prerelease), default=None)
    expected = top if level == "none" else next_version(top, level, stable=stable, channel=channel)
    named = next((one for one in meanings if _is_pending(one, history)), None)
    if named is not None and (level == "none" or not _is_above(expected, named, meanings)):
        return _release_as(named, top, history, current)
    if level == "none":
        # Without a commit, whatever differs was not meant to.
        return replace(_decision(top, level, reason, history, current), withheld=bool(meanings))
    if expected in history.taken and is_same(
        expected
    ):  # a branch that was released, and squashed into this one
        return _held_already(expected, history, current)
    return _decision(_free(expected, top, level, history), level, reason, history, current)


def _is_above(version: ChartVersion, named: CommitIntent, meanings: Sequence[CommitIntent]) -> bool:
    """Tell whether a label asks for more than the version that a commit of another pull request names."""
    return any(one.label for one in meanings) and version > ChartVersion.parse(named.release_as)


def _asked(change: Change, rules: Rules, labels: Iterable[str], history: History) -> CommitIntent:
    """Return what one commit asks for."""
    result = meaning(change.message, rules)
    labelled = _label(labels)
    if labelled is not None:
        label = f"{LABEL}{'skip' if labelled == 'none' else labelled}"
        return CommitIntent(level=labelled, subject=result.subject, label=label)
    begun = history.base or history.top
    level = result.level
    if level == "major" and rules.initial_development and begun is not None and begun.major == 0:
        level = "minor"
    if not change.own:  # a version that is named is for the chart whose files were changed
        result = replace(result, release_as="", not_read="")
    return replace(result, level=level)


def _is_pending(named: CommitIntent, history: History) -> bool:
    """Tell whether a commit names a version that is not there yet: what is published needs no second release."""
    return bool(named.release_as) and ChartVersion.parse(named.release_as) not in history.counted


def _label(labels: Iterable[str]) -> Level | None:
    # As GitHub, which has no two labels that differ in case alone; people write "release: minor", too.
    plain = ("".join(label.casefold().split()) for label in labels)
    names = (label.removeprefix(LABEL) for label in plain if label.startswith(LABEL))
    result = [_LEVELS[name] for name in names if name in _LEVELS]
    if "none" in result:
        return "none"
    return highest(result) if result else None


def _release_as(
    named: CommitIntent, top: ChartVersion, history: History, current: ChartVersion
) -> VersionDecision:
    expected = ChartVersion.parse(named.release_as)
    if expected <= top or expected in history.taken:
        problem = (
            f"is not above {top}, which is released" if expected <= top else "is taken by another branch"
        )
        raise ConflictError(
            f"Release-As: {expected} in {named.subject!r} {problem}",
            hint="name a higher version in a later commit",
        )
    return _decision(expected, "explicit", f"Release-As in {named.subject!r}", history, current)


def _from_commits(meanings: Sequence[CommitIntent]) -> tuple[Level, str]:
    if not meanings:
        return "none", "no commit touched it since its last release"
    level = highest(one.level for one in meanings)
    asks = next((one for one in meanings if one.level == level and one.label), None)
    asks = asks or next(one for one in meanings if one.level == level)
    if asks.label:
        return level, f"label {asks.label}"
    if level == "none":
        return level, f"no commit asks for a release, such as {asks.subject!r}"
    return level, f"{asks.subject!r}, {asks.because}" if asks.because else f"{asks.subject!r}"


def _free(version: ChartVersion, top: ChartVersion, level: str, history: History) -> ChartVersion:
    """Return ``version``, or the next one of its line that no other branch has taken; ConflictError beyond the line."""
    free = version
    while free in history.taken:
        free = next_version(free, "patch", stable=None)
    if free != version and level != "patch" and not version.prerelease:
        raise ConflictError(
            f"the next {level} version after {top} is {version}, "
            "which exists already, on a newer commit or another branch",
            hint="run on the newer commit, merge that branch, set a version that is free in Chart.yaml, or ask for a "
            f"patch of {top.major}.{top.minor} with the label {LABEL}patch",
        )
    return free


def _decision(
    version: ChartVersion, level: BumpLevel, reason: str, history: History, current: ChartVersion
) -> VersionDecision:
    previous = history.base or history.top
    # What is no full version, "v1.2" say, would never be found among tags again, nor by a range.
    full = str(version) if is_strict(str(version)) else str(version.semver)
    return VersionDecision(
        version=full,
        level=level,
        reason=reason if full == str(version) else f"{reason}, {version} written in full",
        previous=None if previous is None else str(previous),
        stamped=full != str(current),
    )


def proposal(version: str, counted: Iterable[ChartVersion]) -> str:
    """Return the version that would do where content changed under a published one: the next free one of its line."""
    current = ChartVersion.parse(version)
    line = [item for item in counted if (item.major, item.minor) == (current.major, current.minor)]
    top = max([*line, current])
    return str(next_version(top, "patch", stable=None))
