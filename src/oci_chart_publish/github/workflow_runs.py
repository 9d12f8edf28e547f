"""The runs of a workflow, as GitHub remembers them: which one last did all that it was to do."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from oci_chart_publish.github import response
from oci_chart_publish.github.api import PAGE, Client
from oci_chart_publish.github.response import Json

NEEDS = "actions: read"
GOOD = frozenset({"success", "skipped", "neutral"})
"""Conclusions of a run that has left nothing undone."""


class WorkflowRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has ended: its number (``GITHUB_RUN_ID``), the commit it was about, and whether all went well."""

    id: int
    commit: str
    good: bool


class WorkflowRuns:
    """The runs of one repository's workflows."""

    def __init__(self, client: Client, repository: str) -> None:
        self._client = client
        self._path = f"/repos/{repository}/actions/workflows"

    def before(self, run: int, workflow: str, branch: str) -> Sequence[WorkflowRun]:
        """Return the runs of a workflow (its file's name) on a branch that began before a run, the newest first.

        At most ``PAGE``, those that have ended, and none of pull requests; one request. Raises ForgeError.
        """
        path = f"{self._path}/{quote(workflow, safe='')}/runs"
        result = response.whole(
            self._client.get(f"{path}?branch={quote(branch, safe='')}&per_page={PAGE}", needs=NEEDS), path
        )
        runs = [item for item in response.objects(result, "workflow_runs") if _counts(item)]
        earlier = [_run(item) for item in runs if response.integer(item, "id") < run]
        return sorted(earlier, key=lambda one: -one.id)


def _counts(item: Json) -> bool:
    """Tell whether a run has ended and could publish: a fork may have a branch of the same name."""
    ended = response.text(item, "status", "") == "completed"
    return ended and not response.text(item, "event", "").startswith("pull_request")


def _run(item: Json) -> WorkflowRun:
    return WorkflowRun(
        id=response.integer(item, "id"),
        commit=response.text(item, "head_sha"),
        good=response.text(item, "conclusion", "") in GOOD,
    )
