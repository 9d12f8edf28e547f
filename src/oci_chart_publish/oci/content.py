"""Bytes on their way from one store to another: read piece by piece and as often as need be, never held whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

PIECE = 256 * 1024
"""Bytes of a piece, at most."""


class Content(Protocol):
    """Bytes that can be read more than once."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def pieces(self) -> Iterator[bytes | memoryview]:
        """Read them from the beginning, in pieces of at most ``PIECE`` bytes."""


class InMemory(msgspec.Struct, frozen=True):
    """Bytes that are held: those of a config or manifest."""

    data: bytes

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.data)

    def pieces(self) -> Iterator[bytes | memoryview]:
        """Read them without a copy."""
        view = memoryview(self.data)
        return (view[start : start + PIECE] for start in range(0, len(view), PIECE))


class InFile(msgspec.Struct, frozen=True, kw_only=True):
    """``size`` bytes of a file, from ``start`` on."""

    path: Path
    size: int
    start: int = 0

    def pieces(self) -> Iterator[bytes | memoryview]:
        """Read them; OSError where the file has fewer by now."""
        remaining = self.size
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.start)
            while remaining:
                piece = file.read(min(PIECE, remaining))
                if not piece:
                    raise OSError(f"{self.path} lost {remaining} bytes while it was read")
                remaining -= len(piece)
                yield piece


def part(content: Content, start: int, size: int) -> Content:
    """Return ``size`` bytes of ``content`` from ``start`` on."""
    if isinstance(content, InFile):
        return InFile(path=content.path, start=content.start + start, size=size)
    if isinstance(content, InMemory):
        return InMemory(content.data[start : start + size])
    raise TypeError(f"no part of {type(content).__name__} can be read")
