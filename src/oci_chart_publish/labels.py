"""The labels of the pull requests that commits came with: the event's own, and those that were merged lately.

A label decides a version on the pull request, where the version is shown, and has to decide the same after the merge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oci_chart_publish.bump.policy import LABEL
from oci_chart_publish.errors import ForgeError
from oci_chart_publish.forge.event import Event
from oci_chart_publish.forge.git import GitRepository
from oci_chart_publish.forge.history import Commit
from oci_chart_publish.registry.once import Once

if TYPE_CHECKING:
    from oci_chart_publish.forge.github import GitHub
    from oci_chart_publish.forge.github.pulls import PullRequest

_REBASED = 30
"""Commits of one pull request that are looked at where it was merged by rebase."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Tells the labels of a commit's pull request, by the commit's sha; nothing is asked before the first call.

    ``github`` makes the gateway, or None where there is none; ``revision`` is the commit that the run is about. One
    request for each hundred pull requests that were closed last, and one more for each that was merged by rebase.
    """

    event: Event
    repository: GitRepository
    revision: str
    github: Callable[[], GitHub | None]
    say: Callable[[str], None]
    _once: Once[Mapping[str, tuple[str, ...]]] = field(default_factory=Once)

    def __call__(self, commit: str) -> tuple[str, ...]:
        """Return the labels; ForgeError where the code host does not answer, since the version depends on it."""
        return self._once.get("", self._find).get(commit, ())

    def _find(self) -> Mapping[str, tuple[str, ...]]:
        found = self._merged()
        pull_request = self.event.pull_request
        if pull_request is not None:
            own = commits_of(self.event, self.repository, self.revision)
            found |= {commit.sha: pull_request.labels for commit in own}
        return found

    def _merged(self) -> dict[str, tuple[str, ...]]:
        github = self.github()
        if github is None:
            return {}
        with github:
            try:
                pulls = github.pulls.recently_merged()
            except ForgeError as error:
                if error.status not in (401, 403, 404):
                    raise
                self.say(f"labels of merged pull requests do not count: {error}")
                return {}
            return {
                commit: pull.labels
                for pull in reversed(pulls)  # the one that changed last wins
                if any(label.startswith(LABEL) for label in pull.labels)
                for commit in self._brought(pull, github)
            }

    def _brought(self, pull: PullRequest, github: GitHub) -> Iterator[str]:
        """Yield the commits that a merged pull request brought to its base."""
        repository, merge = self.repository, pull.merge_commit
        if not merge or repository.commit(merge) is None:
            return
        parents = repository.parents(merge)
        if len(parents) > 1:
            yield from (commit.sha for commit in repository.log([f"{parents[0]}..{merge}"]))
            return
        yield merge
        if not parents or self._is_squashed(pull, parents[0]):
            return
        for _ in range(_REBASED):
            if not parents or all(one.number != pull.number for one in github.pulls.of_commit(parents[0])):
                return
            yield parents[0]
            parents = repository.parents(parents[0])

    def _is_squashed(self, pull: PullRequest, parent: str) -> bool:
        """Tell whether the merge is the one commit that GitHub makes of all, by the number that it puts at the end."""
        commits = self.repository.log([f"{parent}..{pull.merge_commit}"])
        return any(commit.subject.endswith(f"(#{pull.number})") for commit in commits)


def commits_of(event: Event, repository: GitRepository, revision: str) -> tuple[Commit, ...]:
    """Return the commits of the event's pull request, newest first, the merge that GitHub tests among them."""
    pull_request = event.pull_request
    if pull_request is None:
        return ()
    # What was tested is merged with the base as it was then; the event may name an older one.
    others = [sha for sha in repository.parents(revision) if sha != pull_request.head]
    tested = len(others) == 1 and pull_request.head in repository.parents(revision)
    base = others[0] if tested else pull_request.base
    return repository.log([f"{base}..{revision}"]) if base and repository.commit(base) else ()
