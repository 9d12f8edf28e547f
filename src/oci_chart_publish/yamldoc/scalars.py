"""What a YAML scalar means to Helm: yaml.v2's ``resolve.go``, and how Go prints a number where text was wanted."""

from __future__ import annotations

import json
import math
import re
import struct
from datetime import date, time
from typing import Any

# yaml.v2, resolve.go
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_STARTS_NUMBER = frozenset("0123456789+-.")
_INT = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+)|(0|[1-9][0-9]*))")
_BASES = ((2, 16), (3, 8), (4, 2), (5, 10))
_SIGNED_BITS = re.compile(r"0b([-+][01]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
# What strconv.ParseFloat also takes after a dot: digits parted by underscores.
_DOTTED = re.compile(r"\.(?:[0-9]+(?:_[0-9]+)*)(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:[Tt]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?(?:Z|[-+](?:[01][0-9]|2[0-4]):(?:[0-5][0-9]|60))"
    r"| ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?)?"
)
_KINDS = {"bool": bool, "int": int, "float": float, "null": type(None)}


class ScalarError(ValueError):
    """A scalar that is not what its tag says."""


def plain(text: str) -> Any:  # noqa: ANN401  (JSON values)
    """Return the value of a scalar without quotes and tag: bool, None, int, float or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if first not in _STARTS_NUMBER:
        return text
    if first == ".":
        return _float(text.replace("_", ""), text) if _DOTTED.fullmatch(text) else text
    return _number(text.replace("_", "") if "_" in text else text, text)


def tagged(kind: str, text: str) -> Any:  # noqa: ANN401
    """Return the value of a scalar tagged ``!!kind``; tags that Helm does not know leave the text alone."""
    if kind == "timestamp":
        if not is_timestamp(text):
            raise ScalarError(f"{text!r} is no !!timestamp")
        return text
    expected = _KINDS.get(kind)
    if expected is None:
        return text
    value = plain(text)
    if expected is float and type(value) is int and value < 1 << 63:
        return float(value)
    if type(value) is not expected:
        raise ScalarError(f"{text!r} is no !!{kind}")
    return value


_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
# Text that every YAML 1.1 and 1.2 reader takes as a string without quotes, in block and in flow style.
_CLEAR = re.compile(
    r"[~^]?v?[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]*[0-9A-Za-z])?"
    r"|[A-Za-z](?:[0-9A-Za-z.+-]*[0-9A-Za-z])?"
    r"|sha256:[0-9a-f]+"
)
_CLEAR_TO_SOME = frozenset({"nan", "inf"})


def is_text(text: str) -> bool:
    """Tell whether Helm reads the text as itself where it stands without quotes: not ``y``, ``08``, ``1e3``, ``0o17``.

    Numbers of base 60 and dates, which Helm reads as text, count as none: Helm quotes them where it writes YAML
    (yaml.v2, ``encode.go``).
    """
    return isinstance(plain(text), str) and not is_timestamp(text) and not _BASE_60.fullmatch(text)


def written(text: str, style: str | None = None) -> str:
    """Return a text as a scalar on one line, plain only where every reader of YAML takes that for this text.

    ``style`` is the quote that the scalar had before, None for none; it is kept where it can hold the text.
    """
    if style == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    if not style and _CLEAR.fullmatch(text) and is_text(text.lower()) and text.lower() not in _CLEAR_TO_SOME:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def helm_written(text: str) -> str:
    """Return a text of a lock as a scalar on one line, as Helm writes it: quoted where it would not be read as text.

    Where nothing but the signs in it stands against it, Helm quotes singly.
    """
    if not is_text(text):
        return json.dumps(text)
    if not text.isprintable():
        return json.dumps(text, ensure_ascii=True)
    return text if _needs_no_quotes(text) else "'" + text.replace("'", "''") + "'"


def _needs_no_quotes(text: str) -> bool:
    # libyaml, yaml_emitter_analyze_scalar, for text on one line in block style
    if text[0] in "#,[]{}&*!|>'\"%@`" or text.startswith(("---", "...")) or text != text.strip():
        return False
    if text[0] in "-?:" and (len(text) == 1 or text[1] == " "):
        return False
    return ": " not in text and " #" not in text and not text.endswith(":")


def is_timestamp(text: str) -> bool:
    """Tell whether yaml.v2 takes the text for a date or a time."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return False
    year, month, day, *clock = [int(part or 0) for part in match.groups()]
    try:
        date(year or 4, month, day)
        hour, minute, second = clock[:3] if match[4] else clock[3:]
        time(hour, minute, second)
    except ValueError:
        return False
    return True


def _number(bare: str, text: str) -> Any:  # noqa: ANN401
    match = _INT.fullmatch(bare)
    if match:
        group, base = next(pair for pair in _BASES if match[pair[0]] is not None)
        number = int(match[1] + match[group], base)
        # strconv.ParseInt takes a sign and 63 bits, ParseUint no sign and 64.
        if -(1 << 63) <= number < 1 << (63 if match[1] else 64):
            return number
    if _FLOAT.fullmatch(bare):
        return _float(bare, text)
    match = _SIGNED_BITS.fullmatch(bare)
    return int(match[1], 2) if match and abs(int(match[1], 2)) < 1 << 63 else text


def _float(bare: str, text: str) -> float | str:
    number = float(bare)
    return text if math.isinf(number) else number


def go_text(value: object) -> str:
    """Return a scalar as Helm has it where text was wanted: ``1.10`` is "1.1", ``yes`` is "true", null is ""."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return go_float(value) if isinstance(value, float) else str(value)


def go_key(value: object) -> str:
    """Return a scalar as Helm has it where it is the key of a mapping."""
    text = go_text(value)
    return (
        {"+Inf": ".inf", "-Inf": "-.inf", "NaN": ".nan"}.get(text, text) if isinstance(value, float) else text
    )


def go_float(value: float) -> str:
    """Return a float as Go's ``strconv.FormatFloat(value, 'g', -1, 32)``: the fewest digits of single precision."""
    if math.isnan(value):
        return "NaN"
    try:
        single = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        single = math.copysign(math.inf, value)
    if math.isinf(single):
        return "+Inf" if single > 0 else "-Inf"
    sign = "-" if math.copysign(1, single) < 0 else ""
    if single == 0:
        return f"{sign}0"
    digits, exponent = _shortest(abs(single))
    return sign + _layout(digits, exponent)


def _layout(digits: str, exponent: int) -> str:
    # strconv/ftoa.go, formatDigits: %g with the shortest digits is %e below 1e-4 and from 1e6 on.
    if exponent < -4 or exponent >= 6:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{digits[0]}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):02}"
    if exponent < 0:
        return f"0.{'0' * (-exponent - 1)}{digits}"
    whole, fraction = digits[: exponent + 1].ljust(exponent + 1, "0"), digits[exponent + 1 :]
    return f"{whole}.{fraction}" if fraction else whole


def _shortest(single: float) -> tuple[str, int]:
    """Return the fewest decimal digits that read back as the same single, and the exponent of the first."""
    for places in range(9):
        mantissa, _, exponent = f"{single:.{places}e}".partition("e")
        if _same_single(f"{mantissa}e{exponent}", single):
            return mantissa.replace(".", "").rstrip("0"), int(exponent)
    raise AssertionError("nine digits name every single")


def _same_single(text: str, single: float) -> bool:
    try:
        return bool(struct.unpack("<f", struct.pack("<f", float(text)))[0] == single)
    except OverflowError:
        return False
