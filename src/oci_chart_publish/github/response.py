"""Typed reads of GitHub's JSON. An answer that lacks what it must have (a proxy's page, say) is a ForgeError."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oci_chart_publish.errors import ForgeError

Json = Mapping[str, Any]


def text(data: Json, key: str, default: str | None = None) -> str:
    """Return the string at ``key``; where it is missing or null, ``default`` unless that is None."""
    value = data.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise _unexpected(key, "a string", value)
    return value


def integer(data: Json, key: str) -> int:
    """Return the whole number at ``key``."""
    value = data.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unexpected(key, "a number", value)
    return value


def flag(data: Json, key: str) -> bool:
    """Tell whether ``key`` is true; missing and null are not."""
    return data.get(key) is True


def mapping(data: Json, key: str) -> Json:
    """Return the object at ``key``, an empty one where it is missing or null."""
    value = data.get(key)
    if value is None:
        return {}
    return whole(value, key)


def objects(data: Json, key: str) -> Sequence[Json]:
    """Return the list of objects at ``key``, an empty one where it is missing or null."""
    return listed(data.get(key) or [], key)


def whole(value: object, what: str) -> Json:
    """Return a value that has to be an object."""
    if not isinstance(value, dict):
        raise _unexpected(what, "an object", value)
    return value


def listed(value: object, what: str) -> Sequence[Json]:
    """Return a value that has to be a list of objects."""
    if not isinstance(value, list):
        raise _unexpected(what, "a list", value)
    return [whole(item, what) for item in value]


def _unexpected(what: str, expected: str, value: object) -> ForgeError:
    result = "nothing" if value is None else f"{type(value).__name__} {str(value)[:80]!r}"
    return ForgeError(
        f"GitHub's answer: {what!r}: expected {expected}, got {result}",
        hint="Something between here and GitHub (a proxy, a login page) may have answered in its place.",
    )
