"""A refusal in words: from a status, the error codes of the specification and the kind of registry."""

from __future__ import annotations

import json
import re

from oci_chart_publish.errors import AuthError, NotFoundError, RegistryError
from oci_chart_publish.http.address import redact
from oci_chart_publish.http.answer import Answer
from oci_chart_publish.http.retry import is_transient
from oci_chart_publish.registry import profiles as hints

_WORDS = {
    301: "moved", 302: "moved", 303: "see other", 307: "moved", 308: "moved", 400: "bad request",
    401: "unauthorized", 403: "forbidden", 404: "not found", 405: "method not allowed", 408: "timed out",
    409: "conflict", 412: "precondition failed", 413: "too large", 415: "media type not supported",
    416: "range not satisfiable", 429: "too many requests", 500: "internal error", 501: "not implemented",
    502: "bad gateway", 503: "unavailable", 504: "gateway timed out",
}  # fmt: skip


_IMMUTABLE_CODES = frozenset(
    {"TAG_INVALID", "TAG_IMMUTABLE", "TAG_ALREADY_EXISTS", "IMAGETAGALREADYEXISTSEXCEPTION"}
)
_IMMUTABLE_WORDS = (
    b"immutable",
    b"already exist",
    b"overwrite",
    b"override",
    b"overwritten",
    b"does not allow updating",
    b"operation is disallowed",
    b"tag is protected",
    b"protected tag",
    b"is locked",
)


def errors_of(body: bytes) -> tuple[tuple[str, str], ...]:
    """Return code and message of each error in a JSON body; nothing for any other body."""
    if body.lstrip()[:1] != b"{":
        return ()
    try:
        listed = json.loads(body).get("errors")
    except (ValueError, AttributeError, RecursionError):
        return ()
    if not isinstance(listed, list):
        return ()
    return tuple(
        (str(entry.get("code", ""))[:100], str(entry.get("message", ""))[:500])
        for entry in listed[:10]
        if isinstance(entry, dict)
    )


def codes_of(answer: Answer) -> tuple[str, ...]:
    """Return the error codes of an answer, in upper case."""
    return tuple(code.upper() for code, _ in errors_of(answer.body) if code)


def is_immutable(answer: Answer) -> bool:
    """Tell whether a refused PUT of a manifest says that its tag exists and may not be moved.

    ECR says 400 TAG_INVALID, Harbor 412, Docker Hub and Artifactory 403 (or 400 about a 403) in words, Nexus 400, a
    locked tag of ACR 405, a protected one of GitLab 403, Quay 409.
    """
    if answer.status in (409, 412, 423) or _IMMUTABLE_CODES & set(codes_of(answer)):
        return True
    message = answer.body[:4096].lower()
    return any(word in message for word in _IMMUTABLE_WORDS)


def refusal(answer: Answer, *, kind: hints.RegistryProfile, path: str, hint: str = "") -> RegistryError:
    """Return the typed error for an answer that is not what was asked for."""
    listed = errors_of(answer.body)
    said = "; ".join(_clean(f"{code}: {message}".strip(": ")) for code, message in listed)
    words = said or page_of(answer) or _WORDS.get(answer.status, "")
    message = f"{answer.method} {redact(answer.url)}: {answer.status} {words}".rstrip()
    codes = codes_of(answer)
    temporary = is_transient(answer.status, answer.body)
    hint = hint or hints.advice(kind, answer.status, path)
    if answer.status in (401, 403, 407) and not temporary:
        return AuthError(message, hint=hint, status=answer.status, codes=codes)
    error = NotFoundError if answer.status == 404 else RegistryError
    return error(message, hint=hint, status=answer.status, codes=codes, temporary=temporary)


def page_of(answer: Answer) -> str:
    """Return the title of an HTML page or the first line of a text, for people."""
    if not answer.body or answer.encoded:
        return ""
    text = answer.body[:4096].decode("utf-8", "replace")
    result = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
    if result or "<html" in text[:500].lower():
        title = " ".join(result.group(1).split()) if result else ""
        return _clean(f"an HTML page '{title}'" if title else "an HTML page")
    return "" if text.lstrip().startswith(("{", "[")) else _clean(text.strip().partition("\n")[0][:200])


def _clean(text: str) -> str:
    # A message may quote a signed URL, and may hold control characters meant for the terminal.
    text = re.sub(r"(https?://[^\s?'\"]*)\?[^\s'\"]*", r"\1?***", text)
    text = re.sub(
        r"(?i)((?:access_|refresh_|id)?token|password|secret)([\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]+",
        r"\1\2***",
        text,
    )
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text)
