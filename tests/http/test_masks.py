"""A secret that a server sends back, in whatever spelling, is shown to nobody."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import pytest

from oci_chart_publish.http.masks import Masks

SECRET = 'pa$s"w/r<d&\u00e9?'


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe="").lower(),
        html.escape(SECRET),
        json.dumps({"x": SECRET}),
        json.dumps({"x": SECRET}, ensure_ascii=False),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        *(base64.b64encode(f"{user}:{SECRET}".encode()).decode() for user in ("a", "bo", "eve", "robot$x")),
        *(base64.b64encode(f"{user}:{SECRET}\n".encode()).decode() for user in ("a", "bo", "eve")),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
    ],
)
def test_a_secret_is_masked_in_every_spelling(spelled: str) -> None:
    masked = Masks([SECRET]).applied(f"you sent: {spelled}, which is wrong")
    assert masked.startswith("you sent: ")
    assert masked.endswith(", which is wrong")
    assert "***" in masked
    core = base64.b64encode(SECRET.encode()).decode()[4:12]
    assert not any(part in masked for part in ("pa$s", "pa%24s", core, SECRET.encode().hex()))


def test_what_is_no_secret_stays() -> None:
    assert (
        Masks(["abc", ""]).applied("abc is too short to be taken for one")
        == "abc is too short to be taken for one"
    )
    assert Masks().applied("nothing is known") == "nothing is known"


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert Masks(["token", "token-of-alice"]).applied("a token-of-alice and a token") == "a *** and a ***"
