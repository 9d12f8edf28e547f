"""Commits that were taken back before they were released ask for nothing, and neither do those that took them back."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from oci_chart_publish.forge.history import Commit

# What `git revert` writes, what GitHub's Revert button writes, and the form that Conventional Commits suggests.
_SHA = re.compile(r"^This reverts commit ([0-9a-f]{7,64})\b(?!, reversing)", re.MULTILINE)
_MERGE = re.compile(
    r"^This reverts commit ([0-9a-f]{7,64}), reversing\s+changes made to ([0-9a-f]{7,64})\b", re.MULTILINE
)
_PULL = re.compile(r"^Reverts (?:[\w.-]+/[\w.-]+)?#([0-9]+)\s*$", re.MULTILINE)
_REFS = re.compile(r"^Refs:? #?([0-9a-f]{7,64}(?:, *[0-9a-f]{7,64})*)\s*$", re.MULTILINE)

Brought = Callable[[str, str], Collection[str]]
"""Gives the commits (by sha) that a merge brought, of those that count; the second commit is the parent that stays."""


def unreverted(commits: Sequence[Commit], brought: Brought = lambda *_: ()) -> tuple[Commit, ...]:
    """Return the commits (newest first) without pairs of a commit and the one that reverts all of it.

    A revert of something released long ago stays: it is a change like any other.
    """
    gone: set[str] = set()
    for commit in commits:
        if commit.sha in gone:
            continue
        targets = _reverted(commit, commits, brought)
        if targets and None not in targets:
            gone |= {commit.sha, *(target for target in targets if target)}
    return tuple(commit for commit in commits if commit.sha not in gone)


def _reverted(commit: Commit, commits: Sequence[Commit], brought: Brought) -> list[str | None]:
    """Return the commits of the list that this one reverts, None for each that is not in it."""
    shas: list[str] = _SHA.findall(commit.message)
    if commit.subject.lower().startswith("revert:"):
        shas += [sha.strip() for found in _REFS.findall(commit.message) for sha in found.split(",")]
    for merge, kept in _MERGE.findall(commit.message):
        shas += brought(merge, kept) or [merge]
    pulls = _PULL.findall(commit.message) if commit.subject.startswith("Revert ") else []
    return [
        *(next((one.sha for one in commits if one.sha.startswith(sha)), None) for sha in shas),
        *(next((one.sha for one in commits if one.subject.endswith(f"(#{pull})")), None) for pull in pulls),
    ]
