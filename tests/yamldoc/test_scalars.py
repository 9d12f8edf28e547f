from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.real.helm import HELM3, HELM4, helm

from oci_chart_publish.yamldoc.reader import load_document
from oci_chart_publish.yamldoc.scalars import (
    go_float,
    go_key,
    go_text,
    helm_written,
    is_timestamp,
    plain,
    written,
)


# What Go 1.26 prints with strconv.FormatFloat(x, 'g', -1, 32).
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (1.1, "1.1"),
        (0.1, "0.1"),
        (0.0, "0"),
        (-0.0, "-0"),
        (-1.5, "-1.5"),
        (100000.0, "100000"),
        (1000000.0, "1e+06"),
        (1234567.8, "1.2345678e+06"),
        (123456.78, "123456.78"),
        (16777217.0, "1.6777216e+07"),
        (123456789.5, "1.2345679e+08"),
        (1.23456789, "1.2345679"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1e21, "1e+21"),
        (3.4e38, "3.4e+38"),
        (1e39, "+Inf"),
        (-1e39, "-Inf"),
        (1e-46, "0"),
        (float("nan"), "NaN"),
    ],
)
def test_floats_become_text_in_single_precision(value: float, text: str) -> None:
    assert go_float(value) == text


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_the_text_of_a_single_reads_back_as_the_same_single(value: float) -> None:
    assert struct.pack("<f", float(go_float(value))) == struct.pack("<f", value)


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (True, "true"), (False, "false"), (511, "511"), ("x", "x"), (1.5, "1.5")]
)
def test_scalars_become_text(value: object, text: str) -> None:
    assert go_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(float("inf"), ".inf"), (float("-inf"), "-.inf"), (float("nan"), ".nan"), (True, "true"), (1.0, "1")],
)
def test_scalars_become_keys(value: object, text: str) -> None:
    assert go_key(value) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x1F", 31),
        ("0o17", 15),
        ("0777", 511),
        ("08", 8.0),
        ("1__0", 10),
        ("1_", 1),
        ("-0b11", -3),
        ("0b-11", -3),
        ("18446744073709551615", 18446744073709551615),
        ("18446744073709551616", 18446744073709551616.0),
        ("0xFFFFFFFFFFFFFFFFFF", "0xFFFFFFFFFFFFFFFFFF"),
        ("+9223372036854775808", 9223372036854775808.0),
        ("1e400", "1e400"),
        ("1:30", "1:30"),
        ("1.2.3", "1.2.3"),
        ("-", "-"),
        ("٣", "٣"),
        ("infinity", "infinity"),
    ],
)
def test_plain_scalars_are_what_yaml_v2_resolves(text: str, value: object) -> None:
    assert plain(text) == value
    assert type(plain(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-01-01", True),
        ("2020-1-1", True),
        ("2020-02-30", False),
        ("2020-01-01T00:00:00Z", True),
        ("2020-01-01 00:00:00", True),
        ("2020-01-01T00:00:00", False),
        ("2020-01-01T00:00:61Z", False),
        ("0000-02-29", True),
        ("20-01-01", False),
    ],
)
def test_timestamps_are_told_as_yaml_v2_tells_them(text: str, expected: bool) -> None:  # noqa: FBT001
    assert is_timestamp(text) is expected


SCALARS = [
    *(
        "y",
        "Y",
        "n",
        "on",
        "off",
        "yes",
        "08",
        "1e3",
        "0o17",
        "0x1f",
        "0b1",
        "1_000",
        "1.20",
        ".5",
        "1.",
        "+1",
        "-1",
    ),
    *(
        "",
        "~",
        "null",
        "true",
        ".inf",
        ".nan",
        "nan",
        "inf",
        "1:20",
        "1:20:30",
        "12:60",
        "2001-01-01",
        "2001-13-01",
    ),
    *(
        "1.2.3",
        "v1.2.3",
        ">=1.0.0 <2.0.0",
        "^1.0.0",
        "~1.2",
        "~1.2.0",
        "*",
        "1.x",
        "x",
        "-",
        "- a",
        "-a",
        "?",
        "? a",
    ),
    *(
        "a: b",
        "a:b",
        "a:",
        ":a",
        "a #b",
        "a#b",
        "#a",
        "[a",
        "a]",
        "{a",
        "a}",
        "&a",
        "!a",
        "|a",
        ">a",
        "'a",
        'a"',
        '"a',
    ),
    *(
        "%a",
        "@a",
        "`a",
        "a,b",
        ",a",
        "=",
        "<<",
        "---",
        "--- a",
        "...",
        "a'b",
        "it's: so",
        "https://x.org/a?b=c#d",
    ),
    *(
        "oci://x/y",
        "file://../x",
        "alias:x",
        "@x",
        " a",
        "a ",
        "a  b",
        "\u00e9",
        "1e",
        "1e400",
        "0o8",
        "0x",
        "_1",
        "1__0",
    ),
]


@pytest.mark.parametrize("program", [HELM3, HELM4])
def test_texts_are_written_as_helm_writes_them(program: str, tmp_path: Path) -> None:
    chart = tmp_path / "x"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: x\nversion: 1.0.0\n")
    (chart / "values.yaml").write_text(json.dumps({"texts": SCALARS}))
    (chart / "templates" / "x.yaml").write_text(
        "texts:\n{{ range .Values.texts }}- {{ toYaml . }}\n{{ end }}"
    )
    _, _, listed = helm(tmp_path / "helm", program).template(chart).partition("texts:\n")
    written = [line.removeprefix("- ") for line in listed.splitlines()]
    assert written == [helm_written(text) for text in SCALARS]


@given(st.text(st.sampled_from("yn01.:_-eExo+ ~#'\"[]{}&*!|>%@`,a"), max_size=6))
def test_what_is_written_is_read_back_as_the_text(text: str) -> None:
    for line in (helm_written(text), written(text), written(text, "'")):
        assert load_document(b"- " + line.encode(), path="x") == [text]
