from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci_chart_publish.chart import go_json as gojson
from oci_chart_publish.errors import VerificationError


# What Go 1.26 prints with json.Marshal.
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, False, None]}, b'{"b":1,"a":[true,false,null]}'),
        ({}, b"{}"),
        ([], b"[]"),
        ((), b"[]"),
        ((1, (2,)), b"[1,[2]]"),
        ("<a> & b", rb'"\u003ca\u003e \u0026 b"'),
        ("\u2028\u2029", rb'"\u2028\u2029"'),
        ("\b\f\n\r\t\x00\x1f\x7f", b'"\\b\\f\\n\\r\\t\\u0000\\u001f\x7f"'),
        ('"\\/', rb'"\"\\/"'),
        ("é 日本 \U0001f389", '"é 日本 \U0001f389"'.encode()),
        ("a\ud800b", rb'"a\ufffdb"'),
        ({"<": "&"}, rb'{"\u003c":"\u0026"}'),
        (1.0, b"1"),
        (1.5, b"1.5"),
        (-0.0, b"-0"),
        (0.00001, b"0.00001"),
        (0.000001, b"0.000001"),
        (0.00000123, b"0.00000123"),
        (0.0000001, b"1e-7"),
        (1.5e-7, b"1.5e-7"),
        (1e20, b"100000000000000000000"),
        (1.5e20, b"150000000000000000000"),
        (-1.25e17, b"-125000000000000000"),
        (1e21, b"1e+21"),
        (1.5e300, b"1.5e+300"),
        (9007199254740993.0, b"9007199254740992"),
        (18446744073709551615, b"18446744073709551615"),
    ],
)
def test_values_are_written_as_go_writes_them(value: object, expected: bytes) -> None:
    assert gojson.dumps(value) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, {1, 2}, b"x"])
def test_what_json_lacks_is_refused(value: object) -> None:
    with pytest.raises(VerificationError, match="not to be written as JSON"):
        gojson.dumps(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_what_is_written_reads_back_the_same(value: object) -> None:
    assert json.loads(gojson.dumps(value), parse_int=float) == value


@given(st.integers())
def test_whole_numbers_read_back_exactly(value: int) -> None:
    assert json.loads(gojson.dumps(value)) == value
