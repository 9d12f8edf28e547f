"""The commits that changed a chart: where its folder was before it moved, too, and what was changed while merging."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from oci_chart_publish.chart.metadata import CHART_FILE, chart_file, decode_metadata
from oci_chart_publish.errors import ChartError
from oci_chart_publish.git.log import Commit
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.paths.ownership import Belonging

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
        shas += [sha.strip() for result in _REFS.findall(commit.message) for sha in result.split(",")]
    for merge, kept in _MERGE.findall(commit.message):
        shas += brought(merge, kept) or [merge]
    pulls = _PULL.findall(commit.message) if commit.subject.startswith("Revert ") else []
    return [
        *(next((one.sha for one in commits if one.sha.startswith(sha)), None) for sha in shas),
        *(next((one.sha for one in commits if one.subject.endswith(f"(#{pull})")), None) for pull in pulls),
    ]


class ChartCommits(msgspec.Struct, frozen=True, kw_only=True):
    """Commits that changed a chart since a release, newest first.

    ``own`` are those (by sha) that changed files of the chart itself, not only of what it embeds; ``since`` is the
    commit where they begin, empty where nothing says which, and ``folder`` where the chart was then.
    """

    commits: tuple[Commit, ...]
    own: frozenset[str]
    since: str
    folder: str


def commits_since(
    repository: GitRepository,
    base: str,
    rev: str,
    name: str,
    belonging: Belonging,
    *,
    newer: Callable[[Sequence[Commit]], int] = len,
) -> ChartCommits:
    """Return what changed a chart between ``base`` ("" is the beginning) and ``rev``, reverts and reverted left out.

    ``newer`` tells how many of all these commits are newer than the release, where ``base`` does not.

    A folder that moved is followed by the chart's name. A merge counts where nothing else does: it holds a change that
    no commit holds.
    """
    logged = _log(repository, base, rev, belonging)
    result = [commit for commit in logged if touches(commit, belonging)]
    own = replace(belonging, dependencies=())
    counted = {commit.sha for commit in result if touches(commit, own)}
    folder = belonging.folder
    for earlier, commits in _moves(repository, base, result, name, own):
        folder = earlier.folder
        counted |= {commit.sha for commit in commits}
        result = _merged(result, commits)

    def brought(merge: str, kept: str) -> list[str]:
        if repository.commit(merge) is None or repository.commit(kept) is None:
            return []
        return [item.sha for item in _log(repository, kept, merge, belonging) if touches(item, belonging)]

    if not result:
        merges = (_whole(repository, commit) for commit in logged if len(commit.parents) > 1)
        result = [commit for commit in merges if touches(commit, belonging)]
        counted = {commit.sha for commit in result if touches(commit, own)}
    number = newer(result)
    since = base or (result[number].sha if number < len(result) else "")
    return ChartCommits(
        commits=unreverted(result[:number], brought), own=frozenset(counted), since=since, folder=folder
    )


def _log(repository: GitRepository, base: str, rev: str, belonging: Belonging) -> tuple[Commit, ...]:
    return repository.log([f"{base}..{rev}" if base else rev], belonging.paths)


def _whole(repository: GitRepository, merge: Commit) -> Commit:
    """Return a merge with the files that are as in none of its parents: somebody changed them while merging."""
    differing = [set(repository.changed_files(parent, merge.sha)) for parent in merge.parents]
    return replace(merge, files=tuple(sorted(set.intersection(*differing))))


def touches(commit: Commit, belonging: Belonging) -> bool:
    """Tell whether a commit changed a file of the chart that counts."""
    return any(path in belonging for path in commit.files)


def _moves(
    repository: GitRepository, base: str, commits: Sequence[Commit], name: str, belonging: Belonging
) -> Iterator[tuple[Belonging, Sequence[Commit]]]:
    """Give each folder that the chart was in before, back to ``base``, and the commits that changed it there."""
    folder = belonging.folder
    while base and any(chart_file(folder) in commit.files for commit in commits):
        if repository.holds(base, chart_file(folder)):
            return
        brought = next(commit for commit in reversed(commits) if chart_file(folder) in commit.files)
        before = _moved_from(repository, name, brought)
        if before is None:
            return
        folder = before
        earlier = replace(belonging, folder=folder, nested=(), extra=(), dependencies=())
        logged = _log(repository, base, brought.parents[0], earlier)
        commits = [commit for commit in logged if touches(commit, earlier)]
        yield earlier, commits


def _moved_from(repository: GitRepository, name: str, commit: Commit) -> str | None:
    """Return the folder from which a commit took the chart of a name away, None where it took none."""
    if not commit.parents:
        return None
    before = commit.parents[0]
    gone = map(posixpath.split, repository.changed_files(before, commit.sha, gone=True))
    folders = [folder for folder, file in gone if file == CHART_FILE]
    # A chart mostly lies in a folder of its name, and above a copy that another one embeds: that one is read first.
    for folder in sorted(folders, key=lambda one: (posixpath.basename(one) != name, one.count("/"))):
        try:
            if decode_metadata(repository.read_through(before, chart_file(folder)) or b"").name == name:
                return folder
        except ChartError:
            continue
    return None


def _merged(commits: Sequence[Commit], others: Sequence[Commit]) -> list[Commit]:
    """Return both, newest first, each once."""
    known = {commit.sha for commit in commits}
    return sorted(
        [*commits, *(commit for commit in others if commit.sha not in known)],
        key=lambda commit: commit.time,
        reverse=True,
    )
