"""What the YAML parser complains of, in words that help to mend the file."""

from __future__ import annotations

from oci_chart_publish.errors import ChartError

# Parser problems that users meet, and what usually causes them.
_HINTS = {
    "mapping values are not allowed in this context": "a value with ': ' in it has to be quoted",
    "mapping values are not allowed here": "a value with ': ' in it has to be quoted",
    "did not find expected key": "the line is indented otherwise than its neighbours, or a quote is left open",
    "could not find expected ':'": "every line of a mapping is 'key: value'",
    "did not find expected '-' indicator": "the entries of a list have to start in one column",
    "did not find expected ',' or ']'": "close the list with ]",
    "did not find expected ',' or '}'": "close the mapping with }",
    "found unexpected end of stream": "a quote is left open",
    "found character that cannot start any token": "quote a value that starts with @, ` or %; never indent with tabs",
}


def syntax(
    text: bytes, path: str, *, problem: str, line: int | None, context: str, began: int | None
) -> ChartError:
    """Return the error for a ``problem`` in a line, found while doing ``context`` since the line ``began``."""
    problem, context = one_line(problem), one_line(context)
    hint = _HINTS.get(problem, "")
    if line and _indented_by_tab(text, line):
        problem, hint = (
            f"a tab in the indentation ({problem})",
            "YAML is indented with blanks; replace the tab",
        )
    words = ["not YAML:", problem, context]
    if context and began and line and began < line:
        words.append(f"that began in line {began}")
    return ChartError(" ".join(word for word in words if word), path=path, line=line, hint=hint)


def _indented_by_tab(text: bytes, line: int) -> bool:
    lines = text.split(b"\n", line)
    shown = lines[line - 1] if line <= len(lines) else b""
    return b"\t" in shown[: len(shown) - len(shown.lstrip())]


def character(text: bytes, path: str, *, reason: str, position: int, code: int | str | bytes) -> ChartError:
    """Return the error for bytes at a position that are no text, or text that YAML does not allow."""
    line, reason = text.count(b"\n", 0, position) + 1, one_line(reason)
    if "control characters" in reason or "special characters" in reason:
        number = code if isinstance(code, int) else ord(code[:1] or "\0")
        return ChartError(
            f"not YAML: the control character U+{number:04X} is not allowed ({reason})", path=path, line=line
        )
    return ChartError(
        f"not YAML: the file is not UTF-8 ({reason})", path=path, line=line, hint="save it as UTF-8"
    )


def one_line(text: str) -> str:
    """Return at most 300 characters of a text on one line."""
    return " ".join(text.split())[:300]
