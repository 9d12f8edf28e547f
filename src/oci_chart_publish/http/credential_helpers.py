"""The credential helper protocol of Docker: ``docker-credential-<suffix> get``, a host in, JSON out."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping

import msgspec

from oci_chart_publish.settings import FOR_US_ALONE

_LOG = logging.getLogger(__name__)
_SUFFIX = re.compile(r"[A-Za-z0-9_.-]+")
_TIMEOUT = 30.0
_IDENTITY = "<token>"
_NOT_FOUND = b"credentials not found in native keychain"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a helper knows of a host."""

    username: str
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        """Show what is no secret: a repr ends in logs and tracebacks."""
        return f"Answer(username={self.username!r})"


def ask(suffix: str, server: str, *, environment: Mapping[str, str], origin: str) -> Answer | None:
    """Return what ``docker-credential-<suffix>`` knows of ``server``, or None.

    A helper that is missing or fails is a warning that names ``origin``, the file that asks for it: the
    next source may know better.
    """
    if not _SUFFIX.fullmatch(suffix):
        _LOG.warning("%s: %r is not the name of a credential helper; ignored", origin, suffix[:50])
        return None
    from oci_chart_publish.http import programs as process  # noqa: PLC0415 - subprocess, where a helper is named only

    program = f"docker-credential-{suffix}"
    needed = {key: value for key, value in environment.items() if not key.startswith(FOR_US_ALONE)}
    try:
        done = process.run([program, "get"], input=server.encode(), env=needed, timeout=_TIMEOUT)
    except process.ProcessError as error:
        _LOG.warning("%s: %s; going on without it", origin, error.message)
        return None
    if done.code != 0:
        if _NOT_FOUND not in done.stdout + done.stderr:
            _LOG.warning("%s: %s failed for %s with exit code %d", origin, program, server, done.code)
        return None
    return _decode(done.stdout, f"{origin}: {program}")


def _decode(output: bytes, origin: str) -> Answer | None:
    try:
        document = json.loads(output)
        username, secret = document["Username"], document["Secret"]
    except (ValueError, KeyError, TypeError, RecursionError):
        _LOG.warning("%s printed something that is not a credential", origin)
        return None
    if not isinstance(username, str) or not isinstance(secret, str) or not secret:
        return None
    if username == _IDENTITY:
        return Answer(username="", identity_token=secret)
    return Answer(username=username, password=secret)
