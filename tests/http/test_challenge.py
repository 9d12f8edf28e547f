from __future__ import annotations

import pytest

from oci_chart_publish.http.challenge import Challenge, parse


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], None),
        ([""], None),
        (["Negotiate", "Digest realm=x"], None),
        (
            ['Basic realm="Sonatype Nexus, the Repository"'],
            ("basic", {"realm": "Sonatype Nexus, the Repository"}),
        ),
        (["Basic"], ("basic", {})),
        (
            ['Bearer realm="https://a/token",service="s, t",scope="repository:x:pull,push"'],
            ("bearer", {"realm": "https://a/token", "service": "s, t", "scope": "repository:x:pull,push"}),
        ),
        (
            ["bearer Realm=https://a/token , Service=s"],
            ("bearer", {"realm": "https://a/token", "service": "s"}),
        ),
        (['Negotiate abc==, Basic realm="x"'], ("basic", {"realm": "x"})),
        (['Digest realm="d", nonce="n"', 'Bearer realm="r"'], ("bearer", {"realm": "r"})),
        (['Basic realm="b", Bearer realm="r"'], ("basic", {"realm": "b"})),
        (['Bearer realm="a\\"b"'], ("bearer", {"realm": 'a"b'})),
        (['Bearer realm="never closed'], ("bearer", {})),
        (["Bearer error=insufficient_scope"], ("bearer", {"error": "insufficient_scope"})),
    ],
)
def test_the_first_known_scheme_of_all_headers_counts(
    headers: list[str], expected: tuple[str, dict[str, str]] | None
) -> None:
    found = parse(headers)
    assert found == (None if expected is None else Challenge(scheme=expected[0], parameters=expected[1]))


def test_a_huge_header_is_read_quickly() -> None:
    assert parse(['Bearer realm="' + "\\" * 100_000]) is not None
    assert parse([", " * 100_000]) is None
