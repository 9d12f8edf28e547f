"""Which files git writes otherwise on checkout than their blobs are: by filters, encodings and rules for line ends."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from oci_chart_publish.git.repository import Git

_ATTRIBUTES = ("text", "eol", "filter", "ident", "working-tree-encoding")
_OFF = frozenset({"unspecified", "unset"})


def conversions(
    git: Git, paths: Iterable[str], *, commit: str = "", resolved: frozenset[str] = frozenset()
) -> Mapping[str, str]:
    """Return those of ``paths`` whose bytes a checkout may change, with the filter that does ("" for git itself).

    Attributes are those of ``commit`` where one is given, else of the work tree. Filters in ``resolved`` do not count:
    the caller knows what they make.
    """
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    listing = git.output("check-attr", "-z", "--stdin", *_ATTRIBUTES, stdin=names, attributes=commit)
    fields = [os.fsdecode(field) for field in listing.split(b"\0")[:-1]]
    by_path: dict[str, dict[str, str]] = {}
    for path, name, value in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
        by_path.setdefault(path, {})[name] = value
    crlf = _crlf_by_default(git)
    return {
        path: "" if attributes["filter"] in _OFF else attributes["filter"]
        for path, attributes in by_path.items()
        if _converts(attributes, crlf=crlf, resolved=resolved)
    }


def _converts(attributes: Mapping[str, str], *, crlf: bool, resolved: frozenset[str]) -> bool:
    """Tell whether a checkout may change the bytes of a file with these attributes."""
    if attributes["filter"] not in _OFF | resolved:
        return True
    if any(attributes[name] not in _OFF for name in ("ident", "working-tree-encoding")):
        return True
    return attributes["eol"] == "crlf" or (crlf and attributes["text"] != "unset")


def _crlf_by_default(git: Git) -> bool:
    listing = git.run("config", "-z", "--get-regexp", r"^core\.(autocrlf|eol)$").stdout
    records = (record.partition("\n") for record in os.fsdecode(listing).split("\0"))
    settings = {name.lower(): value for name, _, value in records}
    return (
        settings.get("core.autocrlf", "").lower() in {"true", "yes", "on", "1"}
        or settings.get("core.eol") == "crlf"
    )
