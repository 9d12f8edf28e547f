"""JSON byte for byte as Go's ``encoding/json`` writes it: compact, keys as given, HTML characters escaped."""

from __future__ import annotations

import json
import math
from typing import Any

from oci_chart_publish.errors import VerificationError

_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
# Go writes these two as \u0008 and \u000c only before 1.22; both forms are the same text to every reader.
_PLAIN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def dumps(value: Any) -> bytes:  # noqa: ANN401  (JSON values)
    """Return ``value`` as Go's ``json.Marshal`` would; callers sort the keys of maps."""
    try:
        text = _PLAIN.encode(_numbers(value))
    except ValueError as error:
        raise VerificationError(f"not to be written as JSON: {error}") from error
    return text.translate(_ESCAPES).encode("utf-8", "surrogatepass")


def _numbers(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dict):
        return {key: _numbers(inner) for key, inner in value.items()}
    return [_numbers(inner) for inner in value] if isinstance(value, list | tuple) else value


def _number(value: float) -> float | int:
    # Go writes 1000.0 as 1000, and exponents only from 1e21 on.
    return int(value) if math.isfinite(value) and value == int(value) and abs(value) < 1e21 else value
