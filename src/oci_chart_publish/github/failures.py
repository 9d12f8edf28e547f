"""What GitHub says when it refuses, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from oci_chart_publish.errors import ForgeError, ReadOnlyError, StaleHeadError

READ_ONLY = "resource not accessible by "
"""How GitHub begins to say that a token lacks a permission (an integration's or a personal token)."""
OWNER = ("must have admin rights to ", "must have push access to ")
"""How it says that of a personal token whose owner lacks one."""
PERSONAL = f"{READ_ONLY}personal access token"
SCOPES = "INSUFFICIENT_SCOPES"
"""GraphQL's code for a classic personal token that lacks a scope; the message names it."""
UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
"""How OpenSSL calls a certificate that nobody we trust has signed."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One request that failed: GitHub's words, or ours where ``status`` is 0 and nothing usable came back.

    ``unsent`` says that the request did not reach GitHub and never will.
    """

    status: int
    message: str
    errors: tuple[Mapping[str, Any], ...] = ()
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    unsent: bool = False

    @property
    def lost(self) -> bool:
        """Whether the request may have been carried out all the same."""
        return not self.unsent and (self.status == 0 or self.status >= 500)

    @property
    def codes(self) -> tuple[str, ...]:
        """GitHub's codes: ``already_exists``, ``custom`` (REST), ``STALE_DATA``, ``FORBIDDEN`` (GraphQL)."""
        found = (error.get("code") or error.get("type") for error in self.errors)
        return tuple(str(code) for code in found if code)

    @property
    def limited(self) -> bool:
        """Whether this is a rate limit, so that the request was not carried out (docs, "Rate limits")."""
        if self.status == 429 or "RATE_LIMITED" in self.codes:
            return True
        lower = self.message.lower()
        return self.status == 403 and (
            "retry-after" in self.headers
            or self.headers.get("x-ratelimit-remaining") == "0"
            or "rate limit" in lower
            or lower.endswith("please wait a few minutes before you try again.")
        )

    @property
    def read_only(self) -> bool:
        """Whether the token lacks a permission."""
        return SCOPES in self.codes or any(self.says(words) for words in (READ_ONLY, *OWNER))

    def says(self, what: str) -> bool:
        """Whether GitHub's words hold these, given in small letters."""
        return any(what in said.lower() for said in self._said())

    @property
    def asked(self) -> float:
        """The seconds of ``Retry-After``, 0 without."""
        wanted = self.headers.get("retry-after", "")
        return float(wanted) if wanted.isdigit() else 0.0

    def pause(self, now: float) -> float:
        """Return the seconds GitHub wants us to wait; a minute where it does not say."""
        if self.asked:
            return self.asked
        reset = self.headers.get("x-ratelimit-reset", "")
        if self.headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
            return max(float(reset) - now, 0) + 1
        return 60.0

    def _said(self) -> tuple[str, ...]:
        return (self.message, *(str(error.get("message", "")) for error in self.errors))

    def describe(self) -> str:
        """Return one line: status, message, and what was wrong with which field."""
        details = [
            str(
                error.get("message") or " ".join(str(error.get(key, "")) for key in ("field", "code")).strip()
            )
            for error in self.errors
        ]
        said = [self.message, *(detail for detail in details if detail and detail != self.message)]
        line = ": ".join(" ".join(part.split()) for part in said if part)
        return f"{self.status} {line}" if self.status else line


def explain(what: str, failure: Failure, needs: str) -> ForgeError:
    """Return the error for a failure; ``needs`` is the permission of the job that the request takes."""
    message = f"{what}: {failure.describe()}"
    kind = ForgeError
    if failure.read_only:
        kind = ReadOnlyError
    elif "STALE_DATA" in failure.codes:
        kind = StaleHeadError
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
    if "rule violations" in failure.message.lower():
        return (
            "A ruleset of the repository forbids this. Add a bypass actor (Settings > Rules > Rulesets > Bypass list), "
            "for example a GitHub App, and give its token as github-token."
        )
    if UNTRUSTED in failure.message:
        return "Name the authority that signed the server's certificate in REQUESTS_CA_BUNDLE."
    if failure.lost:
        return "GitHub did not answer as it should; a re-run finishes what is missing."
    return ""


def _permissions(failure: Failure, needs: str) -> str:
    accepted = failure.headers.get("x-accepted-github-permissions", "")
    said = f" GitHub accepts: {accepted}" if accepted else ""
    if SCOPES in failure.codes:
        return "Give the personal access token one of these scopes, or take ${{ github.token }}."
    if not needs:
        return f"The token may not do this.{said}"
    if failure.says(PERSONAL):
        return f"Give the personal access token `{needs}`.{said}"
    return f"Add `{needs}` to the `permissions:` of the job.{said}"
