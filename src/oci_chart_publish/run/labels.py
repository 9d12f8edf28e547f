"""The labels of the pull requests that commits came with, of the one of the event and of those that were merged.

A label decides a version on the pull request, where the version is shown, and has to decide the same after the merge.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import msgspec

from oci_chart_publish.errors import ConfigError, ForgeError, ReadOnlyError, RegistryError
from oci_chart_publish.github.event import Event
from oci_chart_publish.run.code_host import CodeHost
from oci_chart_publish.run.pushed_changes import Changes

ASKED = 500
"""Commits of one chart, the newest first, whose pull requests are asked for."""


class Labels(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Tells the labels of commits by their shas; nothing is asked before the first call, and nothing twice."""

    event: Event
    changes: Changes
    """Those of the event."""
    code_host: CodeHost
    _known: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    _problems: list[str] = msgspec.field(default_factory=list)
    _lock: threading.Lock = msgspec.field(default_factory=threading.Lock)

    def __call__(self, commits: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return the labels of each commit; safe for threads.

        RegistryError where the code host does not answer, since the version depends on it. Where the token may not read
        pull requests there are none, and ``problem`` says so.
        """
        with self._lock:
            if not self._known:
                self._known.update(self._of_event())
            unknown = [commit for commit in commits[:ASKED] if commit not in self._known]
            if unknown and not self._problems:
                self._known.update(dict.fromkeys(unknown, ()) | self._merged(unknown))
            return {commit: self._known.get(commit, ()) for commit in commits}

    @property
    def problem(self) -> str:
        """What kept labels from being read; empty where nothing did."""
        return next(iter(self._problems), "")

    def _of_event(self) -> dict[str, tuple[str, ...]]:
        pull_request = self.event.pull_request
        if pull_request is None:
            return {}
        try:
            return {commit.sha: pull_request.labels for commit in self.changes.commits}
        except ConfigError as error:
            self._problems.append(error.message)
            return {}

    def _merged(self, commits: Sequence[str]) -> dict[str, tuple[str, ...]]:
        github = self.code_host.connect()
        if github is None:
            if self.event.name:  # outside a workflow nobody expects them
                self._problems.append(self.code_host.missing)
            return {}
        with github:
            try:
                pulls = github.pulls.merged_with(commits)
            except ForgeError as error:
                # In a private repository, what a token may not see is not found.
                unseen = isinstance(error, ReadOnlyError) or error.status in {401, 403, 404}
                if not unseen and "NOT_FOUND" not in error.codes:
                    # Not what ForgeError stands for: nothing is published yet.
                    raise RegistryError(error.message, hint="run it again: labels decide versions") from error
                self._problems.append(error.message)
                return {}
        return {commit: pull.labels for commit, pull in pulls.items()}
