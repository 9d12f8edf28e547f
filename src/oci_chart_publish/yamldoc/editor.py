"""Replace single scalars of a YAML file and keep every other byte.

Comments, quotes, indentation, line ends and a byte order mark stay: the scalar is found by the marks of libyaml's
events and spliced. What cannot be done safely is refused: anchors, aliases, tags, block scalars, merge keys, and keys
that are written twice. Afterwards the text is parsed again, and exactly the wanted events may differ.
"""

from __future__ import annotations

import codecs
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from oci_chart_publish.errors import ChartError
from oci_chart_publish.yamldoc import events as yaml
from oci_chart_publish.yamldoc import scalars
from oci_chart_publish.yamldoc.events import Event, line_in
from oci_chart_publish.yamldoc.reader import Key, Spot, Written, read_written

_PLEASE = "write it once, as a plain or quoted value on its own line"


def replace_scalars(data: bytes, changes: Mapping[str, str], *, path: str) -> bytes:
    """Return ``data`` with the scalars at dotted keys ("version", "dependencies.0.version") replaced.

    Keys match as Helm matches them: without regard to case. Only the first document of the file is edited. A value
    keeps its quotes, and gets some where it would not be read as a string without. ChartError names ``path``, key and
    line of what is missing or cannot be edited safely.
    """
    text, bom = _decode(data, path)
    before = read_written(data, path=path)
    edits = {key: (_find(before, key, path), value) for key, value in changes.items()}
    edited = text
    for spot, value in sorted(edits.values(), key=lambda edit: edit[0].number, reverse=True):
        event = spot.event
        quoted = scalars.written(value, event.style)
        edited = edited[: event.start_mark.index] + quoted + edited[event.end_mark.index :]
    changed = bom + edited.encode()
    after = read_written(changed, path=path)
    _check(before.events, after.events, {spot.number: value for spot, value in edits.values()}, path)
    return changed


def refuse_link(path: Path) -> None:
    """Refuse a symbolic link, which stands for another file; ChartError."""
    if path.is_symlink():
        raise ChartError(
            "is a symbolic link: another file would change", path=str(path), hint="edit the file it points to"
        )


def write_file(path: Path, data: bytes, *, create: bool = False) -> None:
    """Replace a regular file by ``data`` in one step, keeping its mode and, where permitted, its owner.

    With ``create`` the file need not be there before.
    """
    refuse_link(path)
    try:
        before = None if create and not path.exists() else path.stat()
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(data)
                file.flush()
                if before is not None:
                    # Only root may give files away; Windows has no owner.
                    with suppress(OSError, AttributeError):
                        os.chown(temporary, before.st_uid, before.st_gid)
                temporary.chmod(before.st_mode & 0o7777 if before is not None else 0o644)
                os.fsync(file.fileno())
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ChartError(f"cannot be written: {error.strerror or error}", path=str(path)) from error


def _decode(data: bytes, path: str) -> tuple[str, bytes]:
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    try:
        return data[len(bom) :].decode(), bom
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, len(bom) + error.start) + 1
        raise ChartError("is not UTF-8", path=path, line=line, hint="save the file as UTF-8") from error


def _refusal(event: Event) -> str:
    """Say why a scalar cannot be replaced where it stands, or nothing."""
    if event.anchor is not None:
        return f"has the anchor &{event.anchor}: other places may repeat it"
    if event.tag is not None:
        return f"has the explicit type {event.tag}"
    if event.style in ("|", ">"):
        return f"is a block scalar ({event.style})"
    if event.start_mark.index == event.end_mark.index:
        return "has no value"
    if event.start_mark.line != event.end_mark.line:
        return "spans several lines"
    return ""


def _find(written: Written, key: str, path: str) -> Spot:
    """Return the scalar at a dotted key; ChartError where there is none, or none that can be replaced."""
    if () not in written.spots:
        raise ChartError("is empty", path=path)
    spot, place = written.spots[()][0], Key()
    parts = key.split(".")
    for number, part in enumerate(parts):
        where, inner = ".".join(parts[:number]), (*place, part.casefold())
        event = spot.event
        if isinstance(event, yaml.MappingStartEvent):
            spot = _member(written, inner, part, event, path=path, key=".".join(parts[: number + 1]))
        elif isinstance(event, yaml.SequenceStartEvent) and part.isascii() and part.isdigit():
            spot = _item(written, place, int(part), event, path=path, key=where)
        else:
            expected = "a list" if part.isdigit() else "a mapping"
            raise ChartError(
                f"expected {expected}, got {_kind(event)}", path=path, key=where, line=line_in(event)
            )
        place = inner
    _check_replaceable(spot.event, path, key)
    return spot


def _check_replaceable(event: Event, path: str, key: str) -> None:
    is_scalar = isinstance(event, yaml.ScalarEvent)
    refusal = _refusal(event) if is_scalar else f"is {_kind(event)}"
    if refusal:
        raise ChartError(
            f"cannot be edited in place: it {refusal}", path=path, key=key, line=line_in(event), hint=_PLEASE
        )


def _item(written: Written, place: Key, number: int, event: Event, *, path: str, key: str) -> Spot:
    spots = written.spots.get((*place, str(number)))
    if spots is None:
        count = 0
        while (*place, str(count)) in written.spots:
            count += 1
        raise ChartError(f"has {count} entries, none at {number}", path=path, key=key, line=line_in(event))
    return spots[0]


def _member(written: Written, place: Key, name: str, event: Event, *, path: str, key: str) -> Spot:
    # `version` and `Version` are one field for Go's encoding/json, which reads the chart after sigs.k8s.io/yaml.
    spots = written.spots.get(place, [])
    if len(spots) > 1:
        lines = ", ".join(str(spot.line) for spot in spots)
        raise ChartError(
            f"is written more than once (lines {lines})",
            path=path,
            key=key,
            line=spots[-1].line,
            hint="keep one of them",
        )
    merge = written.merges.get(place[:-1])
    if merge is not None:
        raise ChartError(
            f"cannot be edited in place: a merge key (<<) stands beside it on line {merge}",
            path=path,
            key=key,
            line=spots[0].line if spots else merge,
            hint=_PLEASE,
        )
    if not spots:
        raise ChartError(
            "is missing", path=path, key=key, line=line_in(event), hint=f"add `{name}:` to the file"
        )
    return spots[0]


def _kind(event: Event) -> str:
    if isinstance(event, yaml.ScalarEvent):
        return "a single value" if event.value else "nothing"
    if isinstance(event, yaml.AliasEvent):
        return f"the alias *{event.anchor}"
    return "a mapping" if isinstance(event, yaml.MappingStartEvent) else "a list"


def _check(before: Sequence[Event], after: Sequence[Event], changed: Mapping[int, str], path: str) -> None:
    """Refuse an edit after which anything but the wanted values reads differently."""
    expected = [
        (*_fact(event)[:-1], changed[number]) if number in changed else _fact(event)
        for number, event in enumerate(before)
    ]
    if expected != [_fact(event) for event in after]:
        raise ChartError("editing in place would change more than the wanted values", path=path, hint=_PLEASE)


def _fact(event: Event) -> tuple[object, ...]:
    names = ("anchor", "tag", "value")
    return (type(event), *(getattr(event, name, None) for name in names))
