"""The ``WWW-Authenticate`` header: which scheme a registry wants, and with what (RFC 9110, 11.6.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

_SCHEMES = ("bearer", "basic")
_PARAMETER = re.compile(r'([A-Za-z0-9_.-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)(?=\s+[A-Za-z0-9_.-]+\s*=|\s*(?:,|$))")
_LIMIT = 8192


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """A scheme, ``bearer`` or ``basic``, and its parameters with lower-case keys."""

    scheme: str
    parameters: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def realm(self) -> str:
        """For Bearer the URL of the token service; for Basic a label that means nothing."""
        return self.parameters.get("realm", "")

    @property
    def service(self) -> str:
        """The name the token service knows the registry by."""
        return self.parameters.get("service", "")

    @property
    def scope(self) -> str:
        """The scope that the registry asks for."""
        return self.parameters.get("scope", "")


def parse(headers: Iterable[str]) -> Challenge | None:
    """Return the first challenge whose scheme is known, of all in ``headers``; None where there is none."""
    return next((challenge for header in headers for challenge in _challenges(header[:_LIMIT])), None)


def _challenges(header: str) -> Iterable[Challenge]:
    position = 0
    scheme = ""
    parameters: dict[str, str] = {}
    while position < len(header):
        if (result := _PARAMETER.match(header, position)) and scheme:
            quoted, plain = result.group(2), result.group(3)
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
            parameters.setdefault(result.group(1).lower(), value)
            position = result.end()
        elif result := _SCHEME.match(header, position):
            if scheme in _SCHEMES:
                yield Challenge(scheme=scheme, parameters=parameters)
            scheme, parameters = result.group(1).lower(), {}
            position = result.end()
        else:
            position += 1
    if scheme in _SCHEMES:
        yield Challenge(scheme=scheme, parameters=parameters)
