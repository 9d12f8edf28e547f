"""TLS settings and proxies, host by host."""

from __future__ import annotations

from pathlib import Path

import pytest

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.http.address import origin_of
from oci_chart_publish.http.tls import Trust, certificate_folders, check_proxies, is_http_allowed, proxy_for

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


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    "value",
    ["::::", "ftp://p.test", "http://us:s3cret#PW@p.test", "http://us:s3cret@", "http://p.test:99999", "http://p.test:x",
     "http://us:s3cret/PW@p.test", "p.test:3128:s3cret", "http://us:s3 cret@p.test", "://s3cret", "http://[bad:3128",
     "socks6://us:s3cret@p.test"],
)  # fmt: skip
def test_a_malformed_proxy_is_a_usage_error_without_its_secret(name: str, value: str) -> None:
    for check in (
        lambda: proxy_for(origin_of("https://r.test/"), {name: value}),
        lambda: check_proxies({name: value}),
    ):
        with pytest.raises(ConfigError, match=rf"{name}: not ") as caught:
            check()
        assert not any(part in str(caught.value) for part in ("s3cret", "PW", "cret"))


@pytest.mark.parametrize(
    "value",
    ["http://us:s3cret%23PW@p.test:3128", "https://p.test", "socks5h://127.0.0.1:1080", "socks4://p.test", "http://[::1]:3128",
     "http://p.test/", "SOCKS5://p.test"],
)  # fmt: skip
def test_the_proxies_that_can_be_used(value: str) -> None:
    scheme, _, rest = value.rstrip("/").partition("://")
    assert proxy_for(origin_of("https://r.test/"), {"ALL_PROXY": value}) == f"{scheme.lower()}://{rest}"
    check_proxies({"ALL_PROXY": value, "HTTPS_PROXY": ""})


@pytest.mark.parametrize("name", ["r.test", "r.test:443"])
def test_the_folders_of_docker_and_containers_name_authorities_and_client_certificates(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / ".docker" / "certs.d" / "r.test"
    folder.mkdir(parents=True)
    for file in ("ca.crt", "client.cert", "client.key"):
        (folder / file).write_text("-----BEGIN X-----")
    folders = certificate_folders({"HOME": str(tmp_path)})
    assert folders[0] == tmp_path / ".docker" / "certs.d"
    assert Path("/etc/docker/certs.d") in folders
    trust = Trust(folders=folders[:1])
    assert trust.authorities(name) == ((str(folder), folder / "ca.crt"),)
    assert trust.client_certificate(name) == (folder / "client.cert", folder / "client.key")
    assert (trust.knows(name), trust.knows("r.test:444")) == (True, False)
    (folder / "client.key").unlink()
    with pytest.raises(ConfigError, match=r"without its key client\.key"):
        trust.client_certificate(name)


def test_the_file_for_every_connection_is_beside_that_of_a_host(tmp_path: Path) -> None:
    for file in ("all.pem", "own.pem"):
        (tmp_path / file).write_text("")
    trust = Trust(everywhere=tmp_path / "all.pem", ca_files={"r.test": tmp_path / "own.pem"})
    assert [path.name for _, path in trust.authorities("r.test")] == ["own.pem", "all.pem"]
    assert [path.name for _, path in trust.authorities("other.test")] == ["all.pem"]


def test_what_the_environment_names_is_read_instead_of_the_systems_store(tmp_path: Path) -> None:
    environment = {"SSL_CERT_FILE": "/a.pem", "SSL_CERT_DIR": f"{tmp_path}:/missing"}
    assert Trust(environment=environment).named_bundles() == (
        ("SSL_CERT_FILE", Path("/a.pem")),
        ("SSL_CERT_DIR", tmp_path),
    )
    assert Trust().named_bundles() == ()
