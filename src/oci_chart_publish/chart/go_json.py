"""JSON byte for byte as Go's ``encoding/json`` writes it: compact, keys as given, HTML characters escaped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from json.encoder import encode_basestring
from typing import Any

from oci_chart_publish.errors import VerificationError

# Go escapes what would be markup in HTML or a line end in JavaScript; what is no text becomes U+FFFD.
_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\\ufffd")


def dumps(value: Any) -> bytes:  # noqa: ANN401  (JSON values)
    """Return ``value`` as Go's ``json.Marshal`` would; the keys of mappings keep their order, so callers sort them.

    Tuples are lists. VerificationError for what JSON lacks: infinite numbers, keys that are no text, other types.
    """
    text = "".join(_parts(value)).translate(_ESCAPES)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.translate(_SURROGATES).encode()


def _parts(value: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(value, str):
        yield encode_basestring(value)
    elif value is None or isinstance(value, bool):
        yield {None: "null", True: "true", False: "false"}[value]
    elif isinstance(value, int):
        yield str(value)
    elif isinstance(value, float):
        yield number(value)
    elif isinstance(value, dict):
        yield from _members(value)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield "," if index else "["
            yield from _parts(inner)
        yield "]" if value else "[]"
    else:
        raise VerificationError(f"not to be written as JSON: {type(value).__name__}")


def _members(value: dict[Any, Any]) -> Iterator[str]:
    for index, (key, inner) in enumerate(value.items()):
        if not isinstance(key, str):
            raise VerificationError(f"not to be written as JSON: the key {key!r}")
        yield f"{',' if index else '{'}{encode_basestring(key)}:"
        yield from _parts(inner)
    yield "}" if value else "{}"


def number(value: float) -> str:
    """Return a float as Go writes it: no exponent from 1e-6 up to 1e21, and never ``.0`` (``encode.go``)."""
    if not math.isfinite(value):
        raise VerificationError(f"not to be written as JSON: {value}")
    size = abs(value)
    if size != 0 and (size < 1e-6 or size >= 1e21):
        mantissa, _, exponent = f"{value!r}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0')}"
    text = f"{value!r}"
    if "e" in text:  # Python writes an exponent below 1e-4 and from 1e16 on
        text = _without_exponent(text)
    return text.removesuffix(".0")


def _without_exponent(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    sign, mantissa = ("-", mantissa[1:]) if mantissa[0] == "-" else ("", mantissa)
    whole, _, fraction = mantissa.partition(".")
    shift = int(exponent)
    if shift < 0:
        return f"{sign}0.{'0' * (-shift - 1)}{whole}{fraction}"
    return sign + (whole + fraction).ljust(shift + 1, "0")
