"""A digest: algorithm and hexadecimal hash of some bytes (image-spec, descriptor.md)."""

from __future__ import annotations

import hashlib
import re

import msgspec

from oci_chart_publish.errors import VerificationError

DIGEST_PATTERN = r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})"
"""What a digest is written as (a regular expression)."""
_DIGEST = re.compile(DIGEST_PATTERN)


class Digest(msgspec.Struct, frozen=True, order=True):
    """``sha256:<64 hex>`` or ``sha512:<128 hex>``; nothing else can be made with ``parse``."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read ``algorithm:hex`` and refuse anything else, so that a digest is safe in a path or URL."""
        if not _DIGEST.fullmatch(text):
            raise VerificationError(
                f"not a digest: {text[:200]!r}", hint="expected sha256: and 64 hex digits"
            )
        algorithm, _, hexadecimal = text.partition(":")
        return cls(algorithm, hexadecimal)

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview) -> Digest:
        """Return the sha256 digest of ``data``."""
        return cls("sha256", hashlib.sha256(data).hexdigest())

    def matches(self, data: bytes | bytearray | memoryview) -> bool:
        """Tell whether ``data`` has this digest."""
        return hashlib.new(self.algorithm, data).hexdigest() == self.hex

    @property
    def short(self) -> str:
        """The first 12 hexadecimal digits, for people."""
        return self.hex[:12]

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"
