from __future__ import annotations

import pytest

from oci_chart_publish.errors import ForgeError
from oci_chart_publish.github import response as answer

DATA = {"text": "a", "number": 5, "flag": True, "none": None, "object": {"a": 1}, "list": [{"a": 1}]}


def test_what_is_there_is_read() -> None:
    assert answer.text(DATA, "text") == "a"
    assert answer.integer(DATA, "number") == 5
    assert answer.flag(DATA, "flag") is True
    assert answer.mapping(DATA, "object") == {"a": 1}
    assert answer.objects(DATA, "list") == [{"a": 1}]


def test_null_and_nothing_are_the_default() -> None:
    assert answer.text(DATA, "none", "x") == "x"
    assert answer.flag(DATA, "none") is False
    assert answer.mapping(DATA, "gone") == {}
    assert answer.objects(DATA, "none") == []


@pytest.mark.parametrize(
    ("read", "key", "message"),
    [
        (answer.text, "none", "'none': expected a string, got nothing"),
        (answer.text, "number", "'number': expected a string, got int '5'"),
        (answer.integer, "flag", "'flag': expected a number, got bool 'True'"),
        (answer.mapping, "list", "'list': expected an object, got list"),
        (answer.objects, "text", "'text': expected a list, got str 'a'"),
    ],
)
def test_what_is_something_else_is_an_error(read: object, key: str, message: str) -> None:
    assert callable(read)
    with pytest.raises(ForgeError) as caught:
        read(DATA, key)
    assert caught.value.message.startswith(f"GitHub's answer: {message}")
