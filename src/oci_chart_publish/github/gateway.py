"""One repository on GitHub, and everything this tool does there."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.github.api import Client, Clock, Options
from oci_chart_publish.github.comments import Comments
from oci_chart_publish.github.container_packages import Packages
from oci_chart_publish.github.git_refs import Tags
from oci_chart_publish.github.pull_requests import PullRequests
from oci_chart_publish.github.releases import Releases
from oci_chart_publish.github.signed_commits import Commits
from oci_chart_publish.github.workflow_runs import WorkflowRuns


class GitHub:
    """The gateway: one connection, shared by its parts and by any number of threads.

    ``repository`` is ``owner/name`` (``GITHUB_REPOSITORY``); ``say`` is told of waits. Nothing is imported or asked
    before the first request.
    Everything raises ForgeError; ReadOnlyError where the token lacks a permission.
    """

    def __init__(
        self,
        repository: str,
        options: Options,
        *,
        clock: Clock | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        owner, slash, name = repository.partition("/")
        if not (owner and slash and name) or "/" in name:
            raise ConfigError(
                f"repository {repository!r}: expected owner/name", hint="Set GITHUB_REPOSITORY."
            )
        self.repository = repository
        self._client = Client(options, clock, say)
        self.tags = Tags(self._client, repository)
        self.comments = Comments(self._client, repository)
        self.pulls = PullRequests(self._client, repository)
        self.releases = Releases(self._client, repository, self.tags)
        self.commits = Commits(self._client, repository)
        self.packages = Packages(self._client, owner)
        self.workflow_runs = WorkflowRuns(self._client, repository)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
