"""Whose files a run works with: what comes from another repository is never published with this one's secrets."""

from __future__ import annotations

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.github.event import Event


def refuse_untrusted(event: Event) -> None:
    """Raise ConfigError where code of another repository would run with this repository's secrets."""
    if event.name == "pull_request_target" and event.from_fork:
        raise ConfigError(
            "refused to run on pull_request_target for a pull request from another repository",
            hint="use `on: pull_request`: the plan needs no secrets, and the report goes to the step summary",
        )


def refuse_foreign(event: Event, head: str | None) -> None:
    """Raise ConfigError where ``head``, the commit that is checked out, comes from another repository.

    A repository may let its secrets go to pull requests from forks: one that is open is planned, never published.
    A ``workflow_run`` has the secrets of this repository, and its own commit is the default branch's; whatever else is
    checked out while the run before it was a fork's is the fork's.
    """
    refuse_untrusted(event)
    pull_request = event.pull_request
    if pull_request is not None and event.from_fork and not pull_request.merged:
        fork = pull_request.head_repository or "a fork that is gone"
        raise ConfigError(
            f"refused to publish pull request {pull_request.number} of {fork}, which is not merged",
            hint="use `command: plan` on pull requests, or name no command: the default plans them",
        )
    if event.workflow_run is None:
        return
    source = event.workflow_run.get("head_repository")
    name = source.get("full_name") if isinstance(source, dict) else None
    if name != event.repository and head != event.revision:
        raise ConfigError(
            f"refused to publish {head or 'files'} on workflow_run for {name or 'a fork that is gone'}",
            hint="check out the default branch: what a fork proposes is published once it is merged",
        )
