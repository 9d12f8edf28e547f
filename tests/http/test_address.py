from __future__ import annotations

import pytest

from oci_chart_publish.errors import RegistryError
from oci_chart_publish.http.address import Origin, is_private_literal, join, origin_of, redact, with_query


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port"),
    [
        ("https://example.com", "https", "example.com", 443),
        ("https://EXAMPLE.com:443/x", "https", "example.com", 443),
        ("http://example.com/", "http", "example.com", 80),
        ("http://[::1]:5000/", "http", "::1", 5000),
        ("https://a_b.example.com:8443/?x", "https", "a_b.example.com", 8443),
    ],
)
def test_default_ports_are_ports(url: str, scheme: str, host: str, port: int) -> None:
    assert origin_of(url) == Origin(scheme, host, port)


def test_an_origin_is_written_as_a_registry_is() -> None:
    assert str(origin_of("https://Example.com:443/x")) == "https://example.com"
    assert str(origin_of("http://[::1]:5000/x")) == "http://[::1]:5000"


@pytest.mark.parametrize(
    "url",
    ["", "/x", "ftp://a/", "http://", "http://u@a/", "http://u:p@a/", "http://a b/", "http://a/\n", "http://ä/",
     "http://[bad/", "http://a:0x1/", "http://a..b/", "http://a:70000/", "javascript:alert(1)"],
)  # fmt: skip
def test_anything_that_is_not_a_clean_url_is_refused(url: str) -> None:
    with pytest.raises(RegistryError):
        origin_of(url)


BASE = "https://r.test:5000/v2/a/blobs/uploads/"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/v2/a/b?_state=a%7Eb%2Fc", "https://r.test:5000/v2/a/b?_state=a%7Eb%2Fc"),
        ("https://other.test/x%2fy/../z", "https://other.test/x%2fy/../z"),
        ("HTTPS://other.test/x", "https://other.test/x"),
        ("//other.test/x", "https://other.test/x"),
        ("1234", "https://r.test:5000/v2/a/blobs/uploads/1234"),
        ("?x=1", "https://r.test:5000/v2/a/blobs/uploads/?x=1"),
        ("/x#fragment", "https://r.test:5000/x"),
    ],
)
def test_a_location_is_joined_without_being_rewritten(location: str, expected: str) -> None:
    assert join(BASE, location) == expected


@pytest.mark.parametrize(
    "location", ["", "#x", "ftp://a/", "http://[bad/", "https://u:p@a/", "/a b", "/a\tb", "data:x"]
)
def test_a_location_that_is_no_address_is_refused(location: str) -> None:
    with pytest.raises(RegistryError):
        join(BASE, location)


def test_a_query_is_appended_and_nothing_is_encoded_again() -> None:
    assert (
        with_query("https://r/u?_state=a%7E", "digest=sha256:00")
        == "https://r/u?_state=a%7E&digest=sha256:00"
    )
    assert with_query("https://r/u", "digest=sha256:00") == "https://r/u?digest=sha256:00"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "fd00::1",
     "fe80::1", "::ffff:10.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "10.1", "169.254.169.254.",
     "127.0.0.1.", "[::1]", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2002:7f00:1::",
     "2002:a00:1::", "::7f00:1", "::ffff:0:7f00:1", "2001:0:808:808::1"],
)  # fmt: skip
def test_private_addresses_are_found_in_every_spelling(host: str) -> None:
    assert is_private_literal(host)


@pytest.mark.parametrize(
    "host",
    [
        "8.8.8.8",
        "2001:4860:4860::8888",
        "64:ff9b::808:808",
        "2002:808:808::",
        "::ffff:8.8.8.8",
        "example.com",
        "10.example.com",
        "1password.com",
    ],
)
def test_public_addresses_and_names_are_not_private(host: str) -> None:
    assert not is_private_literal(host)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://r/v2/a?sig=x", "https://r/v2/a?***"),
        ("https://u:p@r/v2/a", "https://***@r/v2/a"),
        ("https://r/\x1b[31m", "https://r/?[31m"),
        ("https://r/v2/", "https://r/v2/"),
    ],
)
def test_what_may_be_secret_is_not_shown(url: str, shown: str) -> None:
    assert redact(url) == shown
