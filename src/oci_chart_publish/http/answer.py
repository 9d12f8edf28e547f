"""What a server answered, read in full under a limit; and the failure to get any answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from oci_chart_publish.errors import RegistryError
from oci_chart_publish.http.address import redact
from oci_chart_publish.oci.content import Content


class Headers:
    """Header fields by name, upper or lower case."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self._fields.setdefault(name.lower(), []).append(value)

    def get(self, name: str) -> str:
        """Return the value of a field, several joined by a comma, or nothing."""
        result = self._fields.get(name.lower())
        return "" if result is None else result[0] if len(result) == 1 else ", ".join(result)

    def all(self, name: str) -> tuple[str, ...]:
        """Return the values of a field, one an occurrence."""
        return tuple(self._fields.get(name.lower(), ()))

    def mapped(self, change: Callable[[str], str]) -> Headers:
        """Return the same fields with every value changed."""
        return Headers((name, change(value)) for name, values in self._fields.items() for value in values)

    def __repr__(self) -> str:
        return f"Headers({', '.join(self._fields)})"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Status, headers and body of one exchange; ``whole`` is False where the body went past the limit.

    The body is what was on the wire: no ``Content-Encoding`` is undone.
    """

    method: str
    url: str
    status: int
    headers: Headers
    body: bytes = b""
    whole: bool = True

    def header(self, name: str) -> str:
        """Return the value of a header field, or nothing."""
        return self.headers.get(name)

    def masked(self, mask: Callable[[str], str]) -> Answer:
        """Return the answer without the secrets that it may echo: ``mask`` takes them out of a text."""
        text = self.body.decode("utf-8", "surrogateescape")
        changed = mask(text)
        body = changed.encode("utf-8", "surrogateescape") if changed != text else self.body
        return msgspec.structs.replace(self, body=body, headers=self.headers.mapped(mask))

    @property
    def encoded(self) -> bool:
        """Whether the body is compressed although it was not asked to be."""
        return self.header("Content-Encoding").strip().lower() not in ("", "identity")


class ConnectionFailed(RegistryError):  # noqa: N818 - it says what happened
    """There was no usable answer: no connection, a broken one, a time limit, a bad certificate.

    ``unreachable`` where there was not even a connection: nothing listens, no way leads there, no address is found.
    ``final`` where the host was given up: this run does not ask it again.
    """

    def __init__(
        self,
        method: str,
        url: str,
        reason: str,
        *,
        hint: str = "",
        temporary: bool = True,
        unreachable: bool = False,
        final: bool = False,
    ) -> None:
        super().__init__(f"{method} {redact(url)}: {reason}", hint=hint, temporary=temporary)
        self.reason = reason
        self.unreachable = unreachable
        self.final = final


class Deferred(RegistryError):  # noqa: N818 - it says what happened
    """A question that had to be answered first, for the challenge or for a token, was put off by ``answer``."""

    def __init__(self, message: str, answer: Answer) -> None:
        super().__init__(message, status=answer.status, temporary=True)
        self.answer = answer


class Sink(Protocol):
    """Takes the body of an answer piece by piece, over several answers where one breaks off."""

    def headers(self) -> Mapping[str, str]:
        """Return what to ask with: a ``Range`` once a part has arrived."""

    def begin(self, answer: Answer) -> bool:
        """Look at status and headers; False where the body is not what is waited for, and only explains."""

    def write(self, piece: bytes) -> bool:
        """Take a piece; False where it is too much, and the rest need not come."""


class Transporting(Protocol):
    """Sends one request and nothing more: no redirect, no retry, no credentials of its own."""

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Content | None,
        *,
        limit: int,
        sink: Sink | None = None,
    ) -> Answer:
        """Send and return the answer with at most ``limit`` bytes of body; ConnectionFailed where there is none.

        What ``sink`` takes is not in the answer, and does not count for ``limit``.
        """

    def close(self) -> None:
        """Close all connections."""
