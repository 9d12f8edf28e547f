from __future__ import annotations

import unicodedata

import pytest

from oci_chart_publish.chart.metadata import is_printable, sanitise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text", "plain text"),
        ("a\nb\tc\r\v\fd", "a b c   d"),
        ("\x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000", " " * 10),
        ("a\x00\x07\x1c\x1f\x7fb", "ab"),
        ("a\u200bb\ufeffc\u00add", "abcd"),
        ("é 日本 \U0001f389", "é 日本 \U0001f389"),
        ("\ue000\U000f0000", ""),
    ],
)
def test_white_space_becomes_blanks_and_the_unprintable_goes(text: str, expected: str) -> None:
    assert sanitise(text) == expected


@pytest.mark.parametrize(
    ("char", "printed"),
    [
        ("\U0001fae8", True),  # Unicode 15.0, unknown to Python 3.11
        ("\U00031350", True),  # Unicode 15.0
        ("\u0cf3", True),  # Unicode 15.0
        ("\U0002ebf0", False),  # Unicode 15.1, known to Python 3.13
        ("\u2ffc", False),  # Unicode 15.1
        ("\U0001fae9", False),  # Unicode 16.0, known to Python 3.14
        ("\ud800", False),
        ("\U0010ffff", False),
    ],
)
def test_the_version_of_unicode_is_that_of_go_and_not_of_python(char: str, printed: bool) -> None:  # noqa: FBT001
    assert is_printable(char) is printed
    assert sanitise(char) == (char if printed else "")


def test_what_unicode_3_2_knew_is_printed_as_python_prints_it() -> None:
    old = [chr(code) for code in range(0x110000) if unicodedata.ucd_3_2_0.category(chr(code)) != "Cn"]
    differing = [char for char in old if is_printable(char) is not char.isprintable()]
    assert differing == []
