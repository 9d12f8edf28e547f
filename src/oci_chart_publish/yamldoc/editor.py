"""Replace single scalars of a YAML file and keep every other byte.

Comments, quotes, indentation, line ends and a byte order mark stay: the scalar is found by the marks of libyaml's
events and spliced. What cannot be done safely is refused: anchors, aliases, tags, block scalars, merge keys, and keys
that are written twice. Afterwards the text is parsed again, and exactly the wanted events may differ.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import msgspec
import yaml

from oci_chart_publish.errors import ChartError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH = 100
_PLEASE = "write it once, as a plain or quoted value on its own line"

# Text that every YAML 1.1 and 1.2 reader takes as a string without quotes, in block and in flow style.
_PLAIN = re.compile(
    r"[~^]?v?[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]*[0-9A-Za-z])?"
    r"|[A-Za-z](?:[0-9A-Za-z.+-]*[0-9A-Za-z])?"
    r"|sha256:[0-9a-f]+"
)
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})


class _Scalar(msgspec.Struct, frozen=True):
    value: str
    style: str | None
    start: int
    end: int
    line: int
    event: int
    refusal: str = ""


class _Mapping(msgspec.Struct, frozen=True):
    pairs: tuple[tuple[_Scalar, _Node], ...]
    line: int


class _Sequence(msgspec.Struct, frozen=True):
    items: tuple[_Node, ...]
    line: int


class _Alias(msgspec.Struct, frozen=True):
    name: str
    line: int


_Node = _Scalar | _Mapping | _Sequence | _Alias


def replace_scalars(data: bytes, changes: Mapping[str, str], *, path: str) -> bytes:
    """Return ``data`` with the scalars at dotted keys ("version", "dependencies.0.version") replaced.

    Keys match as Helm matches them: without regard to case. Only the first document of the file is edited. A value
    keeps its quotes, and gets some where it would not be read as a string without. ChartError names ``path``, key and
    line of what is missing or cannot be edited safely.
    """
    text, bom = _decode(data, path)
    events = _events(text, path)
    root = _first_document(events, path)
    edits = {key: (_find(root, key, path), value) for key, value in changes.items()}
    edited = text
    for scalar, value in sorted(edits.values(), key=lambda edit: edit[0].start, reverse=True):
        edited = edited[: scalar.start] + _written(value, scalar.style) + edited[scalar.end :]
    _check(events, _events(edited, path), {scalar.event: value for scalar, value in edits.values()}, path)
    return bom + edited.encode()


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


def _events(text: str, path: str) -> list[yaml.Event]:
    try:
        return list(yaml.parse(text, Loader=_Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        raise ChartError(
            f"is not YAML: {problem}", path=path, line=mark.line + 1 if mark is not None else None
        ) from error


def _first_document(events: Sequence[yaml.Event], path: str) -> _Node:
    stream = iter(enumerate(events))
    for _, event in stream:
        if isinstance(event, yaml.DocumentStartEvent):
            return _node(*next(stream), stream, path, 0)
    raise ChartError("is empty", path=path)


def _node(
    number: int, event: yaml.Event, stream: Iterator[tuple[int, yaml.Event]], path: str, depth: int
) -> _Node:
    line = _marks(event)[0].line + 1
    if depth > _MAX_DEPTH:
        raise ChartError(f"is nested deeper than {_MAX_DEPTH} levels", path=path, line=line)
    if isinstance(event, yaml.AliasEvent):
        return _Alias(str(event.anchor), line)
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(number, event)
    items: list[_Node] = []
    closing = yaml.SequenceEndEvent if isinstance(event, yaml.SequenceStartEvent) else yaml.MappingEndEvent
    for inner, following in stream:
        if isinstance(following, closing):
            break
        items.append(_node(inner, following, stream, path, depth + 1))
    if isinstance(event, yaml.SequenceStartEvent):
        return _Sequence(tuple(items), line)
    pairs = zip(items[::2], items[1::2], strict=True)
    return _Mapping(tuple((key, value) for key, value in pairs if isinstance(key, _Scalar)), line)


def _marks(event: yaml.Event) -> tuple[yaml.Mark, yaml.Mark]:
    """Return where an event starts and ends, counted in characters (libyaml always knows)."""
    return cast("yaml.Mark", event.start_mark), cast("yaml.Mark", event.end_mark)


def _scalar(number: int, event: yaml.ScalarEvent) -> _Scalar:
    start, end = _marks(event)
    return _Scalar(
        value=event.value,
        style=event.style,
        start=start.index,
        end=end.index,
        line=start.line + 1,
        event=number,
        refusal=_refusal(event),
    )


def _refusal(event: yaml.ScalarEvent) -> str:
    """Say why a scalar cannot be replaced where it stands, or nothing."""
    if event.anchor is not None:
        return f"has the anchor &{event.anchor}: other places may repeat it"
    if event.tag is not None:
        return f"has the explicit type {event.tag}"
    if event.style in ("|", ">"):
        return f"is a block scalar ({event.style})"
    start, end = _marks(event)
    if start.index == end.index:
        return "has no value"
    if start.line != end.line:
        return "spans several lines"
    return ""


def _find(root: _Node, key: str, path: str) -> _Scalar:
    node: _Node = root
    seen: list[str] = []
    for part in key.split("."):
        where = ".".join(seen)
        if isinstance(node, _Mapping):
            node = _member(node, part, path, ".".join((*seen, part)))
        elif isinstance(node, _Sequence) and part.isascii() and part.isdigit():
            if int(part) >= len(node.items):
                raise ChartError(
                    f"has {len(node.items)} entries, none at {part}", path=path, key=where, line=node.line
                )
            node = node.items[int(part)]
        else:
            wanted = "a list" if part.isdigit() else "a mapping"
            raise ChartError(f"expected {wanted}, got {_kind(node)}", path=path, key=where, line=node.line)
        seen.append(part)
    if not isinstance(node, _Scalar):
        raise ChartError(
            f"cannot be edited in place: it is {_kind(node)}",
            path=path,
            key=key,
            line=node.line,
            hint=_PLEASE,
        )
    if node.refusal:
        raise ChartError(
            f"cannot be edited in place: it {node.refusal}", path=path, key=key, line=node.line, hint=_PLEASE
        )
    return node


def _member(mapping: _Mapping, name: str, path: str, key: str) -> _Node:
    # `version` and `Version` are one field for Go's encoding/json, which reads the chart after sigs.k8s.io/yaml.
    found = [
        (written, value) for written, value in mapping.pairs if written.value.casefold() == name.casefold()
    ]
    if len(found) > 1:
        lines = ", ".join(str(written.line) for written, _ in found)
        raise ChartError(
            f"is written more than once (lines {lines})",
            path=path,
            key=key,
            line=found[-1][0].line,
            hint="keep one of them",
        )
    merge = next(
        (written for written, _ in mapping.pairs if written.value == "<<" and not written.style), None
    )
    if merge is not None:
        raise ChartError(
            f"cannot be edited in place: a merge key (<<) stands beside it on line {merge.line}",
            path=path,
            key=key,
            line=found[0][0].line if found else merge.line,
            hint=_PLEASE,
        )
    if not found:
        raise ChartError(
            "is missing", path=path, key=key, line=mapping.line, hint=f"add `{name}:` to the file"
        )
    return found[0][1]


def _kind(node: _Node) -> str:
    match node:
        case _Scalar():
            return "a single value" if node.value else "nothing"
        case _Mapping():
            return "a mapping"
        case _Sequence():
            return "a list"
        case _Alias():
            return f"the alias *{node.name}"


def _written(value: str, style: str | None) -> str:
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if not style and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=not value.isprintable())


def _check(
    before: Sequence[yaml.Event], after: Sequence[yaml.Event], changed: Mapping[int, str], path: str
) -> None:
    """Refuse an edit after which anything but the wanted values reads differently."""
    wanted = [
        (*_fact(event)[:-1], changed[number]) if number in changed else _fact(event)
        for number, event in enumerate(before)
    ]
    if wanted != [_fact(event) for event in after]:
        raise ChartError("editing in place would change more than the wanted values", path=path, hint=_PLEASE)


def _fact(event: yaml.Event) -> tuple[object, ...]:
    names = ("anchor", "tag", "value")
    return (type(event), *(getattr(event, name, None) for name in names))
