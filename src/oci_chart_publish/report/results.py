"""What ``--json`` prints for commands that have no report: one document each, and one for what ends any of them.

``bump`` prints an array of ``BumpedChart``; every other command prints the object of its name.
"""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
from msgspec import Struct

from oci_chart_publish.chart.diff import ValueChange
from oci_chart_publish.report.document import Problem


class Errors(Struct, frozen=True, kw_only=True):
    """What ended a command before it had anything to print: usage, settings, a chart that there is not."""

    errors: tuple[Problem, ...]
    exit_code: int


class BumpedChart(Struct, frozen=True, kw_only=True):
    """The version of a chart now and next; ``files`` are those that change, below the chart's folder."""

    name: str
    path: str
    version: str
    next: str
    previous: str | None
    level: str
    reason: str
    warning: str
    files: tuple[str, ...]


class DiffResult(Struct, frozen=True, kw_only=True):
    """Two charts compared: paths inside the chart, values that changed, and sizes in bytes as packed."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    values: tuple[ValueChange, ...]
    old_size: int
    new_size: int


class PromotedArtifact(Struct, frozen=True, kw_only=True):
    """One artifact: ``copied``, ``unchanged``, ``would-copy`` or ``failed``; ``referrers`` were copied with it."""

    reference: str
    status: str
    digest: str | None
    referrers: int
    error: Problem | None = None


class PromoteResult(Struct, frozen=True, kw_only=True):
    """What became of each artifact that was to be promoted."""

    artifacts: tuple[PromotedArtifact, ...]
    exit_code: int


class DoctorAnswer(Struct, frozen=True, kw_only=True):
    """One question answered; with an ``exit_code`` other than 0 nothing can be published until that is mended."""

    question: str
    well: bool
    answer: str
    hint: str
    exit_code: int


class DoctorResult(Struct, frozen=True, kw_only=True):
    """Whether this configuration can publish."""

    answers: tuple[DoctorAnswer, ...]
    exit_code: int


class PrunedPreview(Struct, frozen=True, kw_only=True):
    """A preview of a closed pull request, and what came of deleting it, as a person would read it."""

    reference: str
    pull_request: int
    outcome: str


class PruneResult(Struct, frozen=True, kw_only=True):
    """The previews that were to go, and what could not be done."""

    previews: tuple[PrunedPreview, ...]
    errors: tuple[Problem, ...]
    exit_code: int


_DOCUMENTS = (Errors, BumpedChart, DiffResult, PromoteResult, DoctorResult, PruneResult)


def encode(result: object) -> str:
    """Return a document, or a list of them, as indented JSON with a final line feed."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of what the commands print: any one of the documents, or an array for ``bump``."""
    schemas, components = msgspec.json.schema_components(_DOCUMENTS, ref_template="#/$defs/{name}")
    for definition in components.values():  # since Python 3.13 docstrings come without their indentation
        definition["description"] = inspect.cleandoc(definition["description"])
    array = {"type": "array", "items": {"$ref": "#/$defs/BumpedChart"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "oci-chart-publish results, schema 1",
        "anyOf": [*(schema for schema in schemas if not schema["$ref"].endswith("BumpedChart")), array],
        "$defs": components,
    }
