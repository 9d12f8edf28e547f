"""Payloads of events."""

from __future__ import annotations

from typing import Any


def pull_request(number: int, head: str, base: str, *, repository: str = "acme/charts") -> dict[str, Any]:
    """Return the payload of commits that were pushed to a pull request; ``repository`` has its head."""
    return {
        "action": "synchronize",
        "pull_request": {
            "number": number,
            "state": "open",
            "head": {"sha": head, "ref": "topic", "repo": {"full_name": repository}},
            "base": {"sha": base, "ref": "main"},
            "labels": [],
        },
    }
