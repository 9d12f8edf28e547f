from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from oci_chart_publish.chart.metadata import go_value
from oci_chart_publish.errors import ChartError
from oci_chart_publish.yamldoc.reader import DEPTH_LIMIT, check_document, line_of, load_document

HELM = Path(__file__).parents[1] / "vectors" / "helm-4.3.1"
CASES: list[dict[str, Any]] = json.loads((HELM / "yaml.json").read_text(), parse_int=float)

_MISSING = object()


def source(case: dict[str, Any]) -> bytes:
    text = case.get("yaml")
    return base64.b64decode(case["base64"]) if text is None else text.encode()


@pytest.mark.parametrize(
    "case", [case for case in CASES if "json" in case], ids=lambda case: repr(source(case))
)
def test_documents_decode_as_helm_decodes_them(case: dict[str, Any]) -> None:
    assert go_value(load_document(source(case), path="values.yaml")) == case["json"]


@pytest.mark.parametrize(
    "case", [case for case in CASES if "error" in case], ids=lambda case: repr(source(case))
)
def test_what_helm_cannot_decode_is_refused_with_its_path(case: dict[str, Any]) -> None:
    with pytest.raises(ChartError) as caught:
        load_document(source(case), path="values.yaml")
    assert caught.value.path == "values.yaml"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            b"a: b\n\tc: d\n",
            (
                "Chart.yaml:2: not YAML: a tab in the indentation (found a tab character that violates indentation) "
                "while scanning a plain scalar that began in line 1\nYAML is indented with blanks; replace the tab"
            ),
        ),
        (
            b"a: b: c\n",
            (
                "Chart.yaml:1: not YAML: mapping values are not allowed in this context\n"
                "a value with ': ' in it has to be quoted"
            ),
        ),
        (
            b"a:\n  - b\n c: 1\n",
            (
                "Chart.yaml:3: not YAML: did not find expected key while parsing a block mapping that began in line 1\n"
                "the line is indented otherwise than its neighbours, or a quote is left open"
            ),
        ),
        (
            b"a: 1\nb: 'x\n",
            (
                "Chart.yaml:3: not YAML: found unexpected end of stream while scanning a quoted scalar "
                "that began in line 2\na quote is left open"
            ),
        ),
        (
            b"a: @x\n",
            (
                "Chart.yaml:1: not YAML: found character that cannot start any token while scanning for the next token"
                "\nquote a value that starts with @, ` or %; never indent with tabs"
            ),
        ),
        (
            b"a: 1\nb: \x00\n",
            "Chart.yaml:2: not YAML: the control character U+0000 is not allowed (control characters are not allowed)",
        ),
        (
            b"a: 1\nb: \xff\n",
            "Chart.yaml:2: not YAML: the file is not UTF-8 (invalid leading UTF-8 octet)\nsave it as UTF-8",
        ),
        (b"a: 1\nb: *x\n", "Chart.yaml:2: unknown anchor: *x needs an &x before it"),
        (b"a: &x\n  b: *x\n", "Chart.yaml:2: the anchor &x contains itself"),
        (b"a: 1\nb: {<<: 5}\n", "Chart.yaml:2: a merge (<<) needs a mapping, or a list of them"),
        (b"a: 1\n[b]: 2\n", "Chart.yaml:2: a key has to be text, got a list\nquote it"),
        (b"a: 1\n~: 2\n", "Chart.yaml:2: a key has to be text, got null\nquote it"),
        (b"a: 1\nb: .inf\n", "Chart.yaml:2: +Inf is a number that JSON lacks\nquote it"),
        (b"a: !!int x\n", "Chart.yaml:1: 'x' is no !!int"),
        (b"a: !!binary '%'\n", "Chart.yaml:1: !!binary with text that is no base64"),
        (
            b'a: "b\\/c"\n',
            "Chart.yaml:1: found the unknown escape \\/ in a quoted text\nwrite / without the backslash",
        ),
        (
            b"%YAML 1.2\n---\na: 1\n",
            "Chart.yaml:1: a document of YAML 1.2\nleave the %YAML line out; Helm reads YAML 1.1",
        ),
    ],
)
def test_messages_say_where_what_and_how_to_mend_it(document: bytes, message: str) -> None:
    with pytest.raises(ChartError) as caught:
        load_document(document, path="Chart.yaml")
    assert str(caught.value) == message


WITHOUT_LIBYAML = """
import json, sys
sys.modules["yaml._yaml"] = None
import yaml
from oci_chart_publish.yamldoc.reader import load_document
from oci_chart_publish.errors import ChartError
assert not yaml.__with_libyaml__
for line in sys.stdin:
    try:
        print(json.dumps({"json": load_document(json.loads(line).encode(), path="")}))
    except ChartError as error:
        print(json.dumps({"error": str(error)}))
"""
# What PyYAML's own scanner reads otherwise than Helm: a tab after the colon, halves of surrogate pairs.
OTHERWISE = ["a:\tb\n", 'a: "\\ud83d\\ude00"\n', 'a: "\\ud800"\n']


def test_without_libyaml_documents_decode_the_same() -> None:
    cases = [case for case in CASES if "yaml" in case and case["yaml"] not in OTHERWISE]
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_LIBYAML],
        input="".join(json.dumps(case["yaml"]) + "\n" for case in cases),
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
        text=True,
    )
    answers = [json.loads(line, parse_int=float) for line in ran.stdout.splitlines()]
    differing = [
        case["yaml"]
        for case, answer in zip(cases, answers, strict=True)
        if case.get("json", _MISSING) != answer.get("json", _MISSING)
    ]
    assert differing == []


def test_an_escaped_backslash_before_a_slash_is_no_unknown_escape() -> None:
    assert load_document(b'a: "b\\\\/c"\nd: b\\/c\n', path="") == {"a": "b\\/c", "d": "b\\/c"}


def billion_laughs(levels: int) -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, levels)]
    return "\n".join(lines).encode()


def test_aliases_that_multiply_are_refused_at_once() -> None:
    began = time.thread_time()
    with pytest.raises(
        ChartError, match=r"too much of the document comes from aliases \(excessive aliasing\)"
    ):
        load_document(billion_laughs(30), path="values.yaml")
    assert time.thread_time() - began < 1


def test_aliases_that_helm_expands_are_expanded() -> None:
    document = load_document(billion_laughs(2), path="values.yaml")
    assert document["a1"] == [["x"] * 10] * 10


@pytest.mark.parametrize("document", [b"[" * 100_000, b"- " * 20_000 + b"a", b"{a: " * 50_000])
def test_deep_nesting_is_refused_without_exhausting_the_stack(document: bytes) -> None:
    with pytest.raises(ChartError, match="nested deeper than 200 levels"):
        load_document(document, path="values.yaml")


def test_nesting_up_to_the_limit_is_read() -> None:
    document = load_document(b"[" * DEPTH_LIMIT + b"]" * DEPTH_LIMIT, path="values.yaml")
    for _ in range(DEPTH_LIMIT - 1):
        (document,) = document
    assert document == []


@pytest.mark.parametrize(
    "document", [b"", b"# nothing\n", b"~\n", b"{}\n", b"a: 1\n", b"a: 1\n---\nb: 2\n", b"a: 1\n---\n"]
)
def test_values_of_mappings_or_nothing_pass_the_check(document: bytes) -> None:
    check_document(document, path="values.yaml")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"# c\n- a\n", "values.yaml:2: expected a mapping, got a list"),
        (b"a: 1\n---\ntext\n", "values.yaml:3: expected a mapping, got text"),
        (b"a: 1\n---\nb: *x\n", "values.yaml:3: unknown anchor: *x needs an &x before it"),
        (b"true\n", "values.yaml:1: expected a mapping, got true"),
    ],
)
def test_every_document_of_values_has_to_be_a_mapping(document: bytes, message: str) -> None:
    with pytest.raises(ChartError) as caught:
        check_document(document, path="values.yaml")
    assert str(caught.value) == message


CHART = b"""# comment
name: web
Version: 1.0.0
dependencies:
  - name: a
    version: 1.x

  - name: b
    tags: [x,
           y]
base: &base
  deep: 1
merged:
  <<: {deep: 2}
name: again
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("", 2),
        ("name", 15),
        ("version", 3),
        ("dependencies", 4),
        ("dependencies.0", 5),
        ("dependencies.0.version", 6),
        ("dependencies.1.tags.1", 10),
        ("base.deep", 12),
        ("merged.deep", None),
        ("dependencies.2", None),
        ("other", None),
    ],
)
def test_lines_of_dotted_keys(key: str, line: int | None) -> None:
    assert line_of(CHART, key) == line
    assert line_of(b"\xef\xbb\xbf" + CHART, key) == line


def test_lines_are_known_up_to_an_error() -> None:
    assert line_of(b"a: 1\nb: [\n", "a") == 1


def test_a_chart_is_read_in_less_than_a_millisecond_and_values_fast() -> None:
    values = b"".join(b"key%d:\n  sub: value # c\n  list: [a, b, 1]\n  text: 'x'\n" % i for i in range(1800))
    began = time.thread_time()
    check_document(values, path="values.yaml")
    assert time.thread_time() - began < 1  # some 30 ms of the processor, however busy the machine is


def nested_aliases(levels: int, times: int) -> bytes:
    """Return values in which aliases of aliases nest ``levels`` a ``times`` over, in few lines."""
    lines = [f"a0: &a0 {'[' * levels}x{']' * levels}"]
    lines += [f"a{i}: &a{i} {'[' * levels}*a{i - 1}{']' * levels}" for i in range(1, times)]
    return "\n".join(lines).encode()


def test_aliases_that_nest_too_deep_are_refused_and_others_are_not() -> None:
    with pytest.raises(ChartError, match="nested deeper than 200 levels, by aliases of aliases") as caught:
        load_document(nested_aliases(150, 8), path="values.yaml")
    assert caught.value.line == 2
    assert load_document(nested_aliases(49, 4), path="values.yaml")["a0"][0]
    with pytest.raises(ChartError, match="nested deeper"):
        load_document(nested_aliases(50, 4), path="values.yaml")


@pytest.mark.parametrize(
    "values",
    [
        b"a: 1\n...\nb: 2\n",
        b"a: 1\n...\nb: [\n",
        b"a: 1\n...\nb: 2\n---\nc: 3\n",
        b"a: 1\n...\n%YAML 1.1\n---\nb: 2\n",
    ],
)
def test_what_follows_the_end_of_a_document_is_not_looked_at(values: bytes) -> None:
    check_document(values, path="values.yaml")
    assert load_document(values, path="values.yaml") == {"a": 1}


@pytest.mark.parametrize(
    ("values", "line"), [(b"a: 1\n...\nb: 2\n---\n- 1\n", 5), (b"a: 1\n...\nb: 2\n---\nc: [\n", 6)]
)
def test_documents_behind_it_are_checked_and_lines_are_those_of_the_file(values: bytes, line: int) -> None:
    with pytest.raises(ChartError) as caught:
        check_document(values, path="values.yaml")
    assert caught.value.line == line
