from __future__ import annotations

import pytest

from oci_chart_publish.errors import VerificationError
from oci_chart_publish.oci.digest import Digest

EMPTY = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_digest_of_bytes_is_their_sha256() -> None:
    assert str(Digest.of(b"{}")) == EMPTY


def test_parsed_digest_prints_as_it_was_written() -> None:
    assert str(Digest.parse(EMPTY)) == EMPTY
    assert str(Digest.parse("sha512:" + "0" * 128)) == "sha512:" + "0" * 128


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        "sha256:" + "0" * 63,
        "sha256:" + "0" * 65,
        "sha256:" + "A" * 64,
        "sha256:" + "0" * 64 + "\n",
        "sha512:" + "0" * 64,
        "md5:" + "0" * 32,
        "sha256:../../" + "0" * 58,
        "0" * 64,
    ],
)
def test_anything_else_is_no_digest(text: str) -> None:
    with pytest.raises(VerificationError, match="not a digest"):
        Digest.parse(text)


def test_digest_tells_whether_bytes_match() -> None:
    assert Digest.parse(EMPTY).matches(b"{}")
    assert not Digest.parse(EMPTY).matches(b"{ }")


def test_short_digest_has_twelve_digits() -> None:
    assert Digest.parse(EMPTY).short == "44136fa355b3"
