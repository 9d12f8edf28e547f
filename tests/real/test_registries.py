"""The real registries are what the other tests take them for."""

from __future__ import annotations

import hashlib
import json
import ssl
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

import pytest
from tests.real import registries
from tests.real.registries import Registry


def ask(
    registry: Registry, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, str]:
    """Send one request; return the status and, of what matters here, the most telling header or the body."""
    url = path if "://" in path else registry.url + path
    # Without a type of its own a body is sent as a form, which docker-registry then takes apart.
    headers = {"Content-Type": "application/octet-stream", **headers}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    context = ssl.create_default_context(cafile=registry.ca_file) if registry.ca_file else None
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), *([urllib.request.HTTPSHandler(context=context)] if context else [])
    )
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, answer.headers["Location"] or answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["WWW-Authenticate"] or error.read().decode()


def basic(registry: Registry) -> str:
    return "Basic " + b64encode(f"{registry.username}:{registry.password}".encode()).decode()


def push(registry: Registry, body: bytes, **headers: str) -> int:
    """Upload a blob in two requests and return the last status."""
    status, location = ask(registry, "POST", "/v2/charts/x/blobs/uploads/", b"", **headers)
    assert status == 202
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    return ask(
        registry, "PUT", f"{location}{'&' if '?' in location else '?'}digest={digest}", body, **headers
    )[0]


def test_plain_registry_takes_a_blob_and_logs_each_request(plain_registry: Registry) -> None:
    plain_registry.clear()
    assert push(plain_registry, b"plain") == 201
    assert [(method, status) for method, _, status in plain_registry.requests()] == [
        ("POST", 202),
        ("PUT", 201),
    ]
    plain_registry.clear()
    assert plain_registry.requests() == []
    assert ask(plain_registry, "GET", "/v2/charts/x/tags/list?n=1")[0] == 404
    assert plain_registry.requests() == [("GET", "/v2/charts/x/tags/list?n=1", 404)]


def test_htpasswd_registry_wants_its_user(htpasswd_registry: Registry) -> None:
    assert ask(htpasswd_registry, "GET", "/v2/") == (401, 'Basic realm="test-realm"')
    assert ask(htpasswd_registry, "GET", "/v2/", Authorization=basic(htpasswd_registry))[0] == 200
    assert push(htpasswd_registry, b"basic", Authorization=basic(htpasswd_registry)) == 201


def test_tls_registry_is_trusted_by_its_own_authority_alone(tls_registry: Registry) -> None:
    assert tls_registry.url.startswith("https://127.0.0.1:")
    assert ask(tls_registry, "GET", "/v2/") == (200, "{}")
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{tls_registry.url}/v2/", timeout=10)


def test_token_registry_takes_a_token_of_its_server(token_registry: Registry) -> None:
    assert token_registry.tokens is not None
    realm = token_registry.tokens.realm
    status, challenge = ask(token_registry, "GET", "/v2/")
    assert (status, challenge) == (401, f'Bearer realm="{realm}",service="test-registry"')
    url = f"{realm}?service=test-registry&scope=repository:charts/x:pull,push"
    assert (
        ask(token_registry, "GET", url, Authorization="Basic " + b64encode(b"alice:wrong").decode())[0] == 401
    )
    anonymous = json.loads(ask(token_registry, "GET", url)[1])["token"]
    status, challenge = ask(
        token_registry, "POST", "/v2/charts/x/blobs/uploads/", b"", Authorization=f"Bearer {anonymous}"
    )
    assert (status, challenge.rpartition(",")[2]) == (401, 'error="insufficient_scope"')
    granted = json.loads(ask(token_registry, "GET", url, Authorization=basic(token_registry))[1])["token"]
    assert push(token_registry, b"token", Authorization=f"Bearer {granted}") == 201
    assert token_registry.tokens.asked[-1] == ("repository:charts/x:pull,push",)


def test_readonly_registry_takes_nothing(readonly_registry: Registry) -> None:
    assert ask(readonly_registry, "GET", "/v2/")[0] == 200
    assert ask(readonly_registry, "POST", "/v2/charts/x/blobs/uploads/", b"")[0] == 405


def test_olareg_takes_a_blob_in_one_request_and_has_referrers(olareg: Registry) -> None:
    olareg.clear()
    digest = "sha256:" + hashlib.sha256(b"olareg").hexdigest()
    path = f"/v2/charts/x/blobs/uploads/?digest={digest}"
    assert ask(olareg, "POST", path, b"olareg")[0] == 201
    assert ask(olareg, "GET", f"/v2/charts/x/referrers/{digest}")[0] == 200
    # Olareg 0.1.2 answers a single POST with 201 and then logs the 202 that it tried to answer as well.
    assert [(method, path.partition("?")[0], status) for method, path, status in olareg.requests()] == [
        ("POST", "/v2/charts/x/blobs/uploads/", 202),
        ("GET", f"/v2/charts/x/referrers/{digest}", 200),
    ]


def test_olareg_can_be_without_referrers(olareg_no_referrers: Registry) -> None:
    assert ask(olareg_no_referrers, "GET", f"/v2/charts/x/referrers/sha256:{64 * 'a'}")[0] == 404


def test_crane_registry_gives_a_relative_location(crane_registry: Registry) -> None:
    crane_registry.clear()
    status, location = ask(crane_registry, "POST", "/v2/charts/x/blobs/uploads/", b"")
    assert (status, location[:27]) == (202, "/v2/charts/x/blobs/uploads/")
    assert ask(crane_registry, "GET", "/v2/charts/x/tags/list?n=5")[0] == 404
    assert crane_registry.requests() == [
        ("POST", "/v2/charts/x/blobs/uploads/", 200),
        ("GET", "/v2/charts/x/tags/list?n=5", 404),
    ]


def test_a_registry_ends_with_its_block(tmp_path: Path) -> None:
    with registries.plain(tmp_path) as registry:
        assert ask(registry, "GET", "/v2/")[0] == 200
    with pytest.raises(urllib.error.URLError, match="Connection refused"):
        ask(registry, "GET", "/v2/")
