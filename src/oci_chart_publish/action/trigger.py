"""Which command an event stands for where none is named, and why it is only a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from oci_chart_publish.github.event import Event

PUBLISHING = frozenset({"push", "schedule", "workflow_dispatch"})
"""Events that publish what is on the default branch, or a ref in ``publish-refs``."""
PLANNING = frozenset({"merge_group", "pull_request", "pull_request_review", "pull_request_target"})
"""Events of what is not merged: nobody expects them to publish."""
TAGS = "refs/tags/"


def default_command(event: Event, publish_refs: Sequence[str]) -> Literal["plan", "publish"]:
    """Return ``publish`` for what happens on the default branch or a ref in ``publish-refs``, else ``plan``."""
    published = event.on_default_branch or event.publishes(event.ref, publish_refs)
    return "publish" if event.name in PUBLISHING and published else "plan"


def why_planned(event: Event) -> str:
    """Return why an event that somebody may have meant to publish with is only planned; empty where nobody would.

    A branch besides the default one is planned in every repository that pushes to branches, and so without a word.
    """
    if not event.name or event.name in PLANNING:
        return ""
    if event.name not in PUBLISHING:
        return (
            f"this is a plan, nothing is published: the event {event.name} publishes only where that is said; "
            "to publish, add `command: publish`"
        )
    if event.ref.startswith(TAGS):
        return (
            f"this is a plan, nothing is published: {event.ref} is a tag, and the default branch publishes; "
            f"to publish from tags, add `publish-refs: {TAGS}*`"
        )
    if not event.default_branch:
        return (
            "this is a plan, nothing is published: the event does not say which branch is the default one; "
            f"to publish from this one, add `publish-refs: {event.ref or 'refs/heads/main'}`"
        )
    return ""
