"""The runner's side of an action: file commands, workflow commands, masking (actions/runner, actions/toolkit).

Untrusted text gets into commands only escaped, and into outputs only between random delimiters; what else is printed
is made harmless in ``runnerlog``.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TextIO

from oci_chart_publish.report.annotations import Annotation
from oci_chart_publish.runner.log import print_command

SUMMARY_LIMIT = 900 * 1024
"""Bytes; the runner drops a summary of more than 1 MiB."""
ANNOTATIONS = 10
"""Annotations of one level that the runner shows for one step."""
MESSAGE_LIMIT = 4000
"""Characters of an annotation's message; the runner cuts at 4096."""


def command(name: str, message: str, properties: Mapping[str, str]) -> str:
    """Return a workflow command line, every value escaped (toolkit ``command.ts``)."""
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    return f"::{name}{' ' + listed if listed else ''}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def annotate(annotations: Iterable[Annotation], stream: TextIO) -> None:
    """Print annotations, at most ten of each level; the last one says how many more there are."""
    by_level: dict[str, list[Annotation]] = {}
    for annotation in annotations:
        by_level.setdefault(annotation.level, []).append(annotation)
    for level, result in by_level.items():
        shown = result if len(result) <= ANNOTATIONS else result[: ANNOTATIONS - 1]
        for item in shown:
            _print(item, stream)
        if len(result) > len(shown):
            more = f"… and {len(result) - len(shown)} more; the step summary has them all."
            print_command(command(level, more, {}), stream)


def _print(annotation: Annotation, stream: TextIO) -> None:
    properties = {
        "file": annotation.file,
        "line": str(annotation.line or ""),
        "title": annotation.title,
    }
    print_command(command(annotation.level, annotation.message[:MESSAGE_LIMIT], properties), stream)


def mask(secrets: Iterable[str], stream: TextIO) -> None:
    """Tell the runner to hide secrets that it does not know, line by line; short ones would hide innocent text."""
    lines = {line.strip() for secret in secrets for line in secret.splitlines()}
    for line in sorted(line for line in lines if len(line) >= 8):
        print_command(command("add-mask", line, {}), stream)


def heredoc(name: str, value: str) -> str:
    """Return an entry for a file command, between delimiters that the value cannot contain."""
    delimiter = f"ghadelimiter_{uuid.uuid4()}"
    while delimiter in value or delimiter in name:
        delimiter = f"ghadelimiter_{uuid.uuid4()}"
    clean = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"{name}<<{delimiter}\n{clean}\n{delimiter}\n"


def write_outputs(path: str, outputs: Mapping[str, str]) -> None:
    """Append outputs to ``$GITHUB_OUTPUT``."""
    append(path, "".join(heredoc(name, value) for name, value in outputs.items()))


def append(path: str, text: str) -> None:
    """Append to a file command's file; nothing where there is no such file command. OSError as it comes."""
    if path and text:
        # Whatever it holds: what was done has to be told.
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
