"""What GitHub says when it refuses, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from oci_chart_publish.errors import (
    ForbiddenError,
    ForgeError,
    LimitedError,
    ReadOnlyError,
    StaleHeadError,
)

READ_ONLY = "resource not accessible by "
"""How GitHub begins to say that a token lacks a permission (an integration's or a personal token)."""
OWNER = ("must have admin rights to ", "must have push access to ")
"""How it says that of a personal token whose owner lacks one."""
PERSONAL = f"{READ_ONLY}personal access token"
SCOPES = "INSUFFICIENT_SCOPES"
"""GraphQL's code for a classic personal token that lacks a scope; the message names it."""
LIMITS = frozenset({"RATE_LIMITED", "RATE_LIMIT", "graphql_rate_limit"})
"""GraphQL's types and codes of a rate limit: the documented one, and those that are sent since 2025."""
LIMIT_WORDS = ("secondary rate limit", "api rate limit", "submitted too quickly", "abuse detection")
BRANCH_RULE = "BRANCH_PROTECTION_RULE_VIOLATION"
RULES = ("rule violations found", "creations being restricted", "changes must be made through a pull request")
"""How GitHub begins to say that a ruleset forbids something, in the message or in one of the errors."""
NO_REASON = "reference update failed"
"""All that GitHub says where it does not tell why a tag may not be made."""
POLICIES = ("was archived so is read-only", "ip allow list enabled", "organization saml enforcement")
"""What an owner forbids to everybody, or to a token from here."""
UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
"""How OpenSSL calls a certificate that nobody we trust has signed."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One request that failed: GitHub's words, or ours where ``status`` is 0 and nothing usable came back.

    ``unsent`` says that the request did not reach GitHub and never will, ``graphql`` that it was one of GraphQL.
    """

    status: int
    message: str
    errors: tuple[Mapping[str, Any], ...] = ()
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    unsent: bool = False
    graphql: bool = False

    @property
    def lost(self) -> bool:
        """Whether the request may have been carried out all the same."""
        return not (self.unsent or self.limited) and (self.status == 0 or self.status >= 500 or self.untyped)

    @property
    def untyped(self) -> bool:
        """Whether GraphQL broke down, which it tells with status 200 and an error that has a message and nothing else.

        What is wrong with a question has a type, a code, or the place in the document.
        """
        known = {"type", "code", "extensions", "locations"}
        return self.graphql and bool(self.errors) and not any(known & error.keys() for error in self.errors)

    @property
    def codes(self) -> tuple[str, ...]:
        """GitHub's codes: ``already_exists``, ``custom`` (REST), ``STALE_DATA``, ``FORBIDDEN`` (GraphQL)."""
        result = (error.get(key) for error in self.errors for key in ("code", "type"))
        return tuple(str(code) for code in result if code)

    @property
    def limited(self) -> bool:
        """Whether this is a rate limit, so that the request was not carried out (docs, "Rate limits").

        GraphQL tells it with status 200, and REST in several ways; some are known by their words alone.
        """
        if self.status == 429 or not LIMITS.isdisjoint(self.codes):
            return True
        if self.status >= 500 or self.status in (0, 401, 404):
            return False
        remaining = self.headers.get("x-ratelimit-remaining")
        by_header = self.status == 403 and ("retry-after" in self.headers or remaining == "0")
        return by_header or any(self.says(words) for words in LIMIT_WORDS)

    @property
    def forbidden(self) -> bool:
        """Whether a rule of the repository or its owner forbids this, as it will everything of the kind."""
        if self.status >= 500:
            return False
        return self.ruled or any(self.says(words) for words in POLICIES)

    @property
    def ruled(self) -> bool:
        """Whether a ruleset or a protection forbids this, in any of the forms that GitHub says it."""
        return BRANCH_RULE in self.codes or any(self.says(words) for words in (*RULES, NO_REASON))

    @property
    def read_only(self) -> bool:
        """Whether the token lacks a permission."""
        return SCOPES in self.codes or any(self.says(words) for words in (READ_ONLY, *OWNER))

    def says(self, what: str) -> bool:
        """Whether GitHub's words hold these, given in small letters."""
        return any(what in message.lower() for message in self._messages())

    @property
    def retry_after(self) -> float:
        """The seconds of ``Retry-After``, 0 without."""
        expected = self.headers.get("retry-after", "")
        return float(expected) if expected.isdigit() else 0.0

    def pause(self, now: float) -> float:
        """Return the seconds GitHub wants us to wait; a minute where it does not say."""
        if self.retry_after:
            return self.retry_after
        reset = self.headers.get("x-ratelimit-reset", "")
        if self.headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
            return max(float(reset) - now, 0) + 1
        return 60.0

    def _messages(self) -> tuple[str, ...]:
        return (self.message, *(str(error.get("message", "")) for error in self.errors))

    def describe(self) -> str:
        """Return one line: status, message, and what was wrong with which field."""
        details = [
            str(
                error.get("message") or " ".join(str(error.get(key, "")) for key in ("field", "code")).strip()
            )
            for error in self.errors
        ]
        message = [self.message, *(detail for detail in details if detail and detail != self.message)]
        line = ": ".join(" ".join(part.split()) for part in message if part)
        return f"{self.status} {line}" if self.status else line


def explain(what: str, failure: Failure, needs: str) -> ForgeError:
    """Return the error for a failure; ``needs`` is the permission of the job that the request takes."""
    message = f"{what}: {failure.describe()}"
    kind = ForgeError
    if failure.read_only:
        kind = ReadOnlyError
    elif "STALE_DATA" in failure.codes:
        kind = StaleHeadError
    elif failure.limited:
        kind = LimitedError
    elif failure.forbidden:
        kind = ForbiddenError
    return kind(
        message,
        hint=_hint(failure, needs),
        status=failure.status,
        codes=failure.codes,
        temporary=failure.lost or failure.limited,
    )


def _hint(failure: Failure, needs: str) -> str:
    if failure.read_only:
        return _permissions(failure, needs)
    if failure.limited:
        # docs, "Rate limits for the REST API"
        return (
            "GitHub's rate limit: run again later. It takes at most 500 new things (releases, files) an hour."
        )
    if failure.status == 401:
        return "The token is wrong or has expired; the input github-token takes ${{ github.token }}."
    if failure.says(NO_REASON):
        return (
            "GitHub does not say why. Mostly a ruleset of the repository forbids this (Settings > Rules > Rulesets): "
            "add a bypass actor to it, for example a GitHub App, and give its token as github-token. Or there is a tag "
            "that this one would be a folder of, or the other way round."
        )
    if failure.ruled:
        return (
            "A ruleset of the repository forbids this. Add a bypass actor (Settings > Rules > Rulesets > Bypass list), "
            "for example a GitHub App, and give its token as github-token."
        )
    if failure.says(POLICIES[0]):
        return "An archived repository takes nothing: unarchive it, or set `release: off` and `comment: off`."
    if failure.forbidden:
        return (
            "The owner lets this token in from elsewhere only: let the runner's addresses, or the token, in."
        )
    if UNTRUSTED in failure.message:
        return "Name the authority that signed the server's certificate in REQUESTS_CA_BUNDLE."
    if failure.lost:
        return "GitHub did not answer as it should; a re-run finishes what is missing."
    return ""


def _permissions(failure: Failure, needs: str) -> str:
    accepted = failure.headers.get("x-accepted-github-permissions", "")
    message = f" GitHub accepts: {accepted}" if accepted else ""
    if SCOPES in failure.codes:
        return "Give the personal access token one of these scopes, or take ${{ github.token }}."
    if not needs:
        return f"The token may not do this.{message}"
    if failure.says(PERSONAL):
        return f"Give the personal access token `{needs}`.{message}"
    return f"Add `{needs}` to the `permissions:` of the job.{message}"
