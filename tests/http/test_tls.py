"""TLS settings and proxies, host by host."""

from __future__ import annotations

from pathlib import Path

import pytest

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.http.address import origin_of
from oci_chart_publish.http.tls import Trust, is_http_allowed, proxy_for

PROXY = "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("https://r.test/", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://r.test/", {"https_proxy": PROXY, "HTTPS_PROXY": "http://other"}, PROXY),
        ("https://r.test/", {"HTTPS_PROXY": "proxy.test:3128"}, PROXY),
        ("https://r.test/", {"HTTP_PROXY": PROXY}, ""),
        ("https://r.test/", {"ALL_PROXY": PROXY}, PROXY),
        ("http://r.test/", {"HTTP_PROXY": PROXY}, PROXY),
        ("http://r.test/", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, ""),
        ("https://r.test/", {}, ""),
        ("https://localhost:5000/", {"ALL_PROXY": PROXY}, ""),
        ("https://127.0.0.1/", {"ALL_PROXY": PROXY}, ""),
        ("https://[::1]:5000/", {"ALL_PROXY": PROXY}, ""),
    ],
)
def test_the_proxy_follows_the_environment(url: str, environment: dict[str, str], proxy: str) -> None:
    assert proxy_for(origin_of(url), environment) == proxy


@pytest.mark.parametrize(
    ("url", "listed", "bypassed"),
    [
        ("https://r.test/", "*", True),
        ("https://r.test/", "r.test", True),
        ("https://r.test/", "a.test, R.test ,b.test", True),
        ("https://sub.r.test/", "r.test", True),
        ("https://sub.r.test/", ".r.test", True),
        ("https://sub.r.test/", "*.r.test", True),
        ("https://evilr.test/", "r.test", False),
        ("https://r.test.evil/", "r.test", False),
        ("https://r.test:5000/", "r.test:5000", True),
        ("https://r.test:5001/", "r.test:5000", False),
        ("https://10.1.2.3/", "10.0.0.0/8", True),
        ("https://11.1.2.3/", "10.0.0.0/8", False),
        ("https://10.1.2.3/", "10.1.2.3", True),
        ("https://[fd00::1]/", "fd00::/8", True),
        ("https://[fd00::1]:5000/", "[fd00::1]:5000", True),
        ("https://r.test/", "", False),
        ("https://r.test/", ",,", False),
    ],
)
def test_no_proxy_is_kept(url: str, listed: str, *, bypassed: bool) -> None:
    found = proxy_for(origin_of(url), {"HTTPS_PROXY": PROXY, "NO_PROXY": listed})
    assert (found == "") is bypassed


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("docker.io", "registry-1.docker.io"),
        ("r.test:443", "r.test"),
        ("r.test", "r.test:443"),
        ("R.test", "r.test"),
    ],
)
def test_a_host_has_one_spelling(tmp_path: Path, given: str, name: str) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("")
    trust = Trust(
        ca_files={given: file}, insecure=frozenset({given}), client_certificates={given: (file, None)}
    )
    assert trust.bundle(name) == str(file)
    assert trust.client_certificate(name) == (file, None)
    assert (trust.knows(name), trust.checks(name)) == (True, False)
    assert (trust.knows("other.test"), trust.checks("other.test"), trust.bundle("other.test")) == (
        False,
        True,
        "",
    )


def test_a_ca_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    trust = Trust(ca_files={"r.test": tmp_path / "none.pem"})
    with pytest.raises(ConfigError, match=r"the CA file of r\.test: .*none\.pem does not exist"):
        trust.bundle("r.test")


def test_plain_http_is_for_loopback_and_for_those_asked_for() -> None:
    asked = frozenset({"r.test"})
    allowed = {
        name: is_http_allowed(name, asked, everywhere=False)
        for name in (
            "localhost",
            "a.localhost:5000",
            "127.8.9.1",
            "[::1]:5000",
            "r.test",
            "r.test:80",
            "10.0.0.1",
        )
    }
    assert [name for name, found in allowed.items() if found] == [
        "localhost",
        "a.localhost:5000",
        "127.8.9.1",
        "[::1]:5000",
        "r.test",
    ]
    assert is_http_allowed("10.0.0.1", frozenset(), everywhere=True)
