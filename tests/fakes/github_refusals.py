"""GitHub's refusals, as data: ``github-refusals.json``.

Each has a name, a status, headers, a body (or the ``text`` of a page) and the ``source`` where GitHub documents it or
somebody quotes it; ``quotes`` says whether the source has the whole body, or its words, which are then put into the
form that GitHub's description gives for the status. ``at`` lists the operations that can answer it, all where it is
absent. The stand-in takes no other refusal than these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from tests.fakes.github_contract import ContractError, contract

REFUSALS = Path(__file__).with_name("github-refusals.json")
GRAPHQL = "graphql"
VARYING = frozenset({"Retry-After", "X-RateLimit-Remaining", "X-RateLimit-Reset"})
"""Headers whose value a test may choose: how long a limit lasts is not part of what it is."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One refusal; ``data`` is what its answer holds, JSON or the text of a page."""

    name: str
    status: int
    source: str
    quotes: str
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    at: tuple[str, ...] = ()
    body: Mapping[str, Any] | None = None
    text: str = ""

    @property
    def data(self) -> Any:
        return self.text if self.body is None else self.body

    @property
    def message(self) -> str:
        """GitHub's words, empty for a page."""
        body = self.body or {}
        errors = body.get("errors") or [{}]
        return str(body.get("message") or errors[0].get("message", ""))

    def may_answer(self, operation: str) -> bool:
        """Tell whether an operation (``POST /repos/...`` as the description has it, or ``graphql``) answers this."""
        return not self.at or operation in self.at


@cache
def refusals() -> Mapping[str, Refusal]:
    """Return all refusals by name; ContractError where one is not as GitHub describes its answers."""
    listed = msgspec.json.decode(REFUSALS.read_bytes(), type=tuple[Refusal, ...])
    for one in listed:
        check(one)
    return {one.name: one for one in listed}


def refusal(name: str) -> Refusal:
    """Return the refusal of a name; ContractError where the file has none."""
    if name not in refusals():
        raise ContractError(f"{name!r} is no refusal that GitHub is known for: see {REFUSALS.name}")
    return refusals()[name]


def check(one: Refusal) -> None:
    """Raise ContractError unless a refusal has a source and the form that the descriptions give it."""
    if not one.source.startswith("https://") or one.quotes not in {"body", "words"}:
        raise ContractError(f"{one.name}: no source")
    if one.body is None:
        if not one.text:
            raise ContractError(f"{one.name}: no body")
        return
    if one.at == (GRAPHQL,):
        _check_graphql(one.name, one.body)
        return
    contract().check_schema("validation-error" if "errors" in one.body else "basic-error", one.body, one.name)
    for operation in one.at:
        method, _, template = operation.partition(" ")
        values = dict.fromkeys(("owner", "repo", "ref"), "x") | dict.fromkeys(
            ("release_id", "issue_number", "comment_id"), "1"
        )
        contract().check_answer(method, template, values, one.status, json.dumps(one.body).encode())


def _check_graphql(name: str, body: Mapping[str, Any]) -> None:
    """Check an answer of GraphQL (its specification, section 7): errors have messages, and data may be null."""
    if unknown := set(body) - {"data", "errors", "extensions", "message", "documentation_url"}:
        raise ContractError(f"{name}: GraphQL answers no {sorted(unknown)}")
    for error in body.get("errors", ()):
        known = {"message", "type", "code", "path", "locations", "extensions"}
        if not isinstance(error.get("message"), str) or set(error) - known:
            raise ContractError(f"{name}: not an error of GraphQL: {error}")
    if "errors" not in body and "message" not in body:
        raise ContractError(f"{name}: an answer without errors is no refusal")
