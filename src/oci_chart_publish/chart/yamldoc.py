"""YAML as Helm reads it: sigs.k8s.io/yaml over yaml.v2, that is YAML 1.1 with Go's idea of numbers.

The first document counts, of duplicate keys the last one wins, dates stay text, and what comes out are JSON values.
libyaml does the parsing; the meaning of scalars is ours, because PyYAML's differs (``y``, ``1_000``, ``08``, base 60).
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from oci_chart_publish.errors import ChartError

NODE_LIMIT = 200_000
"""Values in one document once aliases are followed; more is an alias bomb."""
DEPTH_LIMIT = 200
_BOM = b"\xef\xbb\xbf"

# yaml.v2, resolve.go
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_NUMERIC = frozenset("0123456789+-.")
_INT = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_MERGE = "tag:yaml.org,2002:merge"
_PREFIX = "tag:yaml.org,2002:"


class _Parser:
    """Composes nodes without resolving scalars; made once for libyaml and once for the pure reader."""

    @staticmethod
    def descend_resolver(*_: object) -> None:
        """Skip PyYAML's path resolvers."""

    @staticmethod
    def ascend_resolver(*_: object) -> None:
        """Skip PyYAML's path resolvers."""

    @staticmethod
    def resolve(kind: type[Node], _value: object, implicit: object) -> str:
        """Tell only whether a scalar is plain, and so may be something else than text."""
        if kind is ScalarNode:
            return "plain" if isinstance(implicit, tuple) and implicit[0] else "text"
        return "collection"


if hasattr(yaml, "CSafeLoader"):
    from yaml.cyaml import CParser  # type: ignore[attr-defined]

    class _Loader(_Parser, CParser):
        def __init__(self, data: bytes) -> None:
            CParser.__init__(self, data)
else:  # PyYAML built without libyaml
    from yaml.composer import Composer
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class _Loader(_Parser, Reader, Scanner, Parser, Composer):  # type: ignore[no-redef]
        def __init__(self, data: bytes) -> None:
            Reader.__init__(self, data)
            Scanner.__init__(self)
            Parser.__init__(self)
            Composer.__init__(self)


def load_document(data: bytes, *, path: str) -> Any:  # noqa: ANN401  (JSON values)
    """Return the first document as JSON values; None for an empty one. ChartError with the line of what is wrong."""
    node = compose(data, path=path)
    return None if node is None else _Builder(path).value(node, 0)


def compose(data: bytes, *, path: str) -> Node | None:
    """Return the node tree of the first document, scalars tagged ``plain`` or ``text`` unless tagged by hand."""
    text = data.removeprefix(_BOM)
    try:
        loader = _Loader(text)
        return loader.get_node() if loader.check_node() else None
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text, path) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ChartError(f"not YAML: {_one_line(str(error))}", path=path) from error


def check_document(data: bytes, *, path: str) -> None:
    """Raise ChartError unless ``data`` is YAML whose documents are mappings or empty, without building values."""
    text = data.removeprefix(_BOM)
    try:
        loader = _Loader(text)
        event = loader.get_event()
        while event is not None and not isinstance(event, yaml.StreamEndEvent):
            starts = isinstance(event, yaml.DocumentStartEvent)
            event = loader.get_event()
            if starts and event is not None and not _is_mapping(event):
                line = event.start_mark.line + 1 if event.start_mark else None
                raise ChartError("expected a mapping", path=path, line=line)
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text, path) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ChartError(f"not YAML: {_one_line(str(error))}", path=path) from error


def _is_mapping(event: yaml.Event) -> bool:
    """Tell whether a document begins a mapping, or is null and so an empty one."""
    if isinstance(event, yaml.ScalarEvent):
        return event.implicit[0] and _WORDS.get(event.value, "") is None
    return isinstance(event, yaml.MappingStartEvent)


def line_of(data: bytes, key: str) -> int | None:
    """Return the line, counted from 1, of a dotted key (``dependencies.0.version``), None where it is not there."""
    try:
        node = compose(data, path="")
    except ChartError:
        return None
    line = None
    for part in key.split("."):
        node, line = _step(node, part)
        if node is None:
            return None
    return line


def _step(node: Node | None, part: str) -> tuple[Node | None, int | None]:
    if isinstance(node, MappingNode):
        matches = [
            (k, v) for k, v in node.value if isinstance(k, ScalarNode) and k.value.lower() == part.lower()
        ]
        if matches:
            key, value = matches[-1]
            return value, key.start_mark.line + 1
    if isinstance(node, SequenceNode) and part.isdecimal() and int(part) < len(node.value):
        child = node.value[int(part)]
        return child, child.start_mark.line + 1
    return None, None


def _syntax(error: yaml.MarkedYAMLError, text: bytes, path: str) -> ChartError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    problem = _one_line(error.problem or "not YAML")
    hint = ""
    lines = text.split(b"\n")
    if (
        line
        and line <= len(lines)
        and lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())].count(b"\t")
    ):
        hint = "YAML is indented with blanks; replace the tab"
    context = f" {_one_line(error.context)}" if error.context else ""
    return ChartError(f"not YAML: {problem}{context}", path=path, line=line, hint=hint)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


class _Builder:
    """Turns nodes into JSON values, counting what aliases multiply."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._count = 0

    def value(self, node: Node, depth: int) -> Any:  # noqa: ANN401
        self._count += 1
        if self._count > NODE_LIMIT or depth > DEPTH_LIMIT:
            raise ChartError(
                f"more than {NODE_LIMIT} values or {DEPTH_LIMIT} levels, aliases followed",
                path=self._path,
                line=node.start_mark.line + 1,
            )
        if isinstance(node, ScalarNode):
            return scalar(node, self._path)
        if isinstance(node, SequenceNode):
            return [self.value(child, depth + 1) for child in node.value]
        return self._mapping(node, depth) if isinstance(node, MappingNode) else {}

    def _mapping(self, node: MappingNode, depth: int) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.value == "<<" and key.tag in {"plain", _MERGE}:
                merged = {**self._merge(value, depth), **merged}
            else:
                own[self._key(key)] = self.value(value, depth + 1)
        return {**merged, **own}

    def _merge(self, node: Node, depth: int) -> dict[str, Any]:
        nodes = node.value if isinstance(node, SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for one in nodes:
            if not isinstance(one, MappingNode):
                raise self._error("a merge (<<) needs a mapping", node)
            merged = {**self._mapping(one, depth + 1), **merged}
        return merged

    def _key(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            raise self._error("a mapping key has to be a scalar", node)
        key = scalar(node, self._path)
        return key if isinstance(key, str) else go_text(key)

    def _error(self, message: str, node: Node) -> ChartError:
        return ChartError(message, path=self._path, line=node.start_mark.line + 1)


def scalar(node: ScalarNode, path: str) -> Any:  # noqa: ANN401
    """Return the JSON value of a scalar node."""
    text: str = node.value
    if node.tag == "plain":
        return _plain(text)
    if node.tag in {"text", _PREFIX + "str", "!"} or not node.tag.startswith(_PREFIX):
        return text
    if node.tag == _PREFIX + "binary":
        return text
    value = _plain(text)
    kind = node.tag.removeprefix(_PREFIX)
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    fits = {"int": int, "float": float, "bool": bool, "null": type(None)}.get(kind)
    if fits is not None and type(value) is not fits:
        raise ChartError(f"{text!r} is no {kind}", path=path, line=node.start_mark.line + 1)
    return text if kind == "timestamp" else value


def _plain(text: str) -> Any:  # noqa: ANN401
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    bare = text.replace("_", "")
    if _INT.fullmatch(bare):
        return _integer(bare)
    return float(bare) if _FLOAT.fullmatch(bare) else text


def _integer(text: str) -> int | float:
    digits = text.lstrip("+-").lower()
    base = {"0x": 16, "0o": 8, "0b": 2}.get(digits[:2], 8 if len(digits) > 1 and digits[0] == "0" else 10)
    number = int(digits[2:] if digits[:2] in {"0x", "0o", "0b"} else digits, base)
    number = -number if text[0] == "-" else number
    return number if -(1 << 63) <= number < 1 << 64 else float(number)


def go_text(value: Any) -> str:  # noqa: ANN401
    """Return a scalar as Go prints it where text was wanted: ``1.10`` is "1.1", ``yes`` is "true", null is ""."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return go_float(value) if isinstance(value, float) else str(value)


def go_float(value: float) -> str:
    """Return a float as Go's ``strconv.FormatFloat(value, 'g', -1, 64)``."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    digits, exponent = _shortest(value)
    sign = "-" if value < 0 else ""
    if exponent < -4 or exponent >= 6:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{fraction}e{'+' if exponent >= 0 else '-'}{abs(exponent):02}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    fraction = digits[exponent + 1 :]
    return f"{sign}{whole}{'.' + fraction if fraction else ''}"


def _shortest(value: float) -> tuple[str, int]:
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    lead = len(whole) - 1 if whole.strip("0") else -(len(fraction) - len(fraction.lstrip("0")) + 1)
    return digits.rstrip("0") or "0", lead + int(exponent or 0)
