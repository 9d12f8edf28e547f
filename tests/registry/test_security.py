"""What became an advisory in other clients, tried on this one (oras-go 2.6, go-containerregistry, oras-py)."""

from __future__ import annotations

import logging
import resource
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.fakes.clients import ALICE, USERS, Client
from tests.fakes.registry import FakeRegistry, Quirks
from tests.fakes.wire import Reply, Seen, WireServer, refusal
from tests.registry.artifacts import chart

from oci_chart_publish.errors import AuthError, PublishError, RegistryError, VerificationError
from oci_chart_publish.http.answer import Answer, Headers
from oci_chart_publish.http.credentials import Credential
from oci_chart_publish.http.limiter import ConcurrencyLimiter
from oci_chart_publish.http.retry import Budget, RetryPolicy
from oci_chart_publish.http.tls import Trust
from oci_chart_publish.http.tokens import Scope
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.registry.connect import Registries
from oci_chart_publish.registry.host import Host

Fake = Callable[..., FakeRegistry]
Serve = Callable[..., WireServer]
Tls = tuple[Path, ssl.SSLContext]

MANIFEST, BLOBS = chart()
DATA = b"some bytes"
BLOB = Descriptor.of("application/octet-stream", DATA)
SCOPE = Scope("charts/web", "pull,push")


# Authorization on a Location of another host: CVE-2026-50151, GHSA-jxpm-75mh-9fp7


@pytest.mark.parametrize("auth", ["basic", "token"])
@pytest.mark.parametrize("single", [True, False])
def test_an_upload_location_on_another_host_sees_no_authorization(
    fake: Fake, serve: Serve, client: Client, auth: str, *, single: bool
) -> None:
    other = serve(lambda _seen: Reply(status=201))
    registry = fake(Quirks(location=lambda _base, path: other.url + path), users=USERS, auth=auth)
    store = client(registry, credential=ALICE)
    store.host.features.single_post = single or None
    store.put_blob(BLOB, DATA)
    assert [(seen.method, seen.headers.get("authorization")) for seen in other.seen] == [("PUT", None)]


def test_a_redirected_post_sees_no_authorization_and_neither_does_its_put(
    fake: Fake, serve: Serve, client: Client
) -> None:
    other = serve(lambda _seen: Reply(status=202, headers=[("Location", "/upload/1")]))
    registry = fake(users=USERS, auth="basic")
    registry.next("POST", Reply(status=307, headers=[("Location", f"{other.url}/start")]))
    with pytest.raises(PublishError):
        client(registry, credential=ALICE).put_blob(BLOB, DATA)
    assert [seen.line.partition("?")[0] for seen in other.seen] == ["POST /start", "PUT /upload/1"]
    assert other.seen
    assert all("authorization" not in seen.headers for seen in other.seen)


# A realm that a server names: CVE-2026-48978, GHSA-xf85-363p-868w, GHSA-28r5-37g7-p6mp


class Wire:
    """A sender that answers as a public https registry does and keeps what was sent."""

    def __init__(self, realm: str) -> None:
        self.realm = realm
        self.urls: list[str] = []

    def send(
        self, method: str, url: str, headers: object, body: object, *, limit: int, sink: object = None
    ) -> Answer:
        del headers, body, limit, sink
        self.urls.append(url)
        fields = Headers([("WWW-Authenticate", f'Bearer realm="{self.realm}",service="s"')])
        return Answer(method=method, url=url, status=401, headers=fields)

    def close(self) -> None:
        """Nothing is open."""


def public(wire: Wire, trusted: frozenset[str] = frozenset()) -> Host:
    """Return a public https registry: its address cannot be served from this machine, so its wire is a stand-in."""
    return Host(
        "registry.example.com",
        sender=lambda: wire,
        plain_http=False,
        prefer_https=False,
        credentials_in_clear=False,
        pace=ConcurrencyLimiter(4),
        patience=RetryPolicy(tries=1),
        budget=Budget(1),
        on_wait=lambda _text: None,
        on_warning=lambda _text: None,
        on_secret=lambda _text: None,
        trusted_realms=trusted,
    )


@pytest.mark.parametrize(
    "realm",
    [
        "http://auth.example.com/token",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/token",
        "https://192.168.0.1:8443/token",
        "https://127.0.0.1/token",
        "https://127.1/token",
        "https://2130706433/token",
        "https://0x7f.1/token",
        "https://[fd00::1]/token",
        "https://[::ffff:169.254.169.254]/token",
        "https://[::1]/token",
        "https://localhost./token",
        "https://127.0.0.1./token",
        "https://[64:ff9b::7f00:1]/token",
        "https://[64:ff9b:1::a00:1]/token",
        "https://[2002:7f00:1::]/token",
        "https://[2002:a00:1::]/token",
        "https://[::7f00:1]/token",
        "https://[::ffff:0:7f00:1]/token",
        "https://[fe80::1%25eth0]/token",
        "https://0177.0.0.1/token",
        "https://localhost/token",
        "https://evil.localhost:1/token",
        "https://user:pw@auth.example.com/token",
        "ftp://auth.example.com/token",
        "file:///etc/passwd",
        "https://au th.example.com/",
        "https://[bad/",
        "",
        "A Label And Not A URL",
    ],
)
def test_a_hostile_realm_is_refused_before_a_byte_is_sent_to_it(realm: str) -> None:
    wire = Wire(realm)
    host = public(wire)
    auth = host.authorizer(ALICE)
    with pytest.raises(AuthError, match="its token service"):
        auth.grant(SCOPE)
    assert wire.urls == ["https://registry.example.com/v2/"]


def test_a_private_realm_can_be_trusted_by_name() -> None:
    wire = Wire("https://10.0.0.1/token")
    with pytest.raises(AuthError, match="the token service answered 401"):
        public(wire, frozenset({"10.0.0.1"})).authorizer(ALICE).grant(SCOPE)
    assert wire.urls == [
        "https://registry.example.com/v2/",
        "https://10.0.0.1/token?service=s&scope=repository:charts/web:pull,push",
    ]


def test_an_https_registry_may_not_send_its_users_to_an_http_realm(
    fake: Fake, serve: Serve, client: Client, authority: Tls, trusting: Callable[..., Trust]
) -> None:
    thief = serve(lambda _seen: Reply(body=b'{"token": "t"}'))
    registry = fake(Quirks(realm=f"{thief.url}/token"), tls=authority[1], users=USERS, auth="token")
    with pytest.raises(AuthError, match="it is plain http, and the registry is https"):
        client(registry, credential=ALICE, trust=trusting(registry.host)).resolve("1")
    assert thief.seen == []


def test_a_token_service_may_not_redirect(fake: Fake, serve: Serve, client: Client) -> None:
    thief = serve(lambda _seen: Reply(body=b'{"token": "t"}'))
    registry = fake(users=USERS, auth="token")
    registry.next("GET /token", Reply(status=307, headers=[("Location", f"{thief.url}/token")]))
    with pytest.raises(AuthError, match="a token service may not redirect"):
        client(registry, credential=ALICE).resolve("1")
    assert thief.seen == []


def test_the_bearer_token_is_never_sent_to_the_token_service(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(token_lifetime=-1), users=USERS, auth="token")
    with pytest.raises(AuthError):
        client(registry, credential=ALICE).resolve("1")
    tokens = [seen.headers["authorization"] for seen in registry.seen if seen.path == "/token"]
    assert len(tokens) == 2
    assert all(value.startswith("Basic ") for value in tokens)


# Redirects: GHSA-vh4v-2xq2-g5cg and the rules of go-containerregistry


@pytest.mark.parametrize(
    "location",
    ["https://169.254.169.254/x", "https://10.0.0.1/x", "https://[fd00::1]/x", "https://localhost/x", "https://0x7f000001/x"],
)  # fmt: skip
def test_a_public_registry_may_not_point_to_a_private_address(location: str) -> None:
    host = public(Wire("https://auth.example.com/token"))
    answer = Answer(method="GET", url="https://registry.example.com/v2/a", status=307, headers=Headers())
    with pytest.raises(RegistryError, match="it is the private address"):
        host.allowed(location, answer)


def test_a_public_registry_may_point_to_another_public_host() -> None:
    host = public(Wire("https://auth.example.com/token"))
    answer = Answer(method="GET", url="https://registry.example.com/v2/a", status=307, headers=Headers())
    assert host.allowed("https://cdn.example.net/x?sig=1", answer) == "https://cdn.example.net/x?sig=1"
    # behind a TLS proxy, with the port written or not
    assert host.allowed("http://registry.example.com:80/x", answer) == "https://registry.example.com/x"


# Sizes: GHSA-f36w-mj3v-6jqv


def test_a_huge_size_is_refused_without_allocating(serve: Serve, client: Client) -> None:
    server = serve(lambda _seen: Reply(endless=True))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for size in (1 << 62, -1):
        body = b'{"schemaVersion":2,"layers":[{"mediaType":"x","size":%d,"digest":"sha256:%s"}]}' % (
            size,
            b"0" * 64,
        )
        index = serve(lambda _seen, body=body: Reply(body=body))
        with pytest.raises(VerificationError, match="impossible size"):
            client(index).manifest("1")
    with pytest.raises(VerificationError, match="has more than its 10 bytes"):
        client(server).blob(replace(BLOB, size=10))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


@pytest.mark.parametrize(
    "digest", ["sha256:../../x", "sha256:" + "0" * 63, "md5:" + "0" * 32, "sha256:" + "A" * 64, "x"]
)
def test_a_malicious_digest_never_becomes_a_path(serve: Serve, client: Client, digest: str) -> None:
    body = b'{"schemaVersion":2,"config":{"mediaType":"x","size":1,"digest":"%s"}}' % digest.encode()
    server = serve(lambda _seen: Reply(body=body))
    with pytest.raises(VerificationError, match="not a digest"):
        client(server).manifest("1")
    with pytest.raises(VerificationError):
        Digest.parse(digest)
    assert len(server.seen) == 1


def test_an_endless_error_or_token_is_read_to_its_cap(fake: Fake, client: Client) -> None:
    registry = fake(users=USERS, auth="token")
    registry.next("GET /token", Reply(endless=True))
    with pytest.raises(AuthError):
        client(registry, credential=ALICE).resolve("1")
    registry.next("GET .*manifests", Reply(status=400, endless=True))
    before = registry.server.sent
    with pytest.raises(RegistryError, match="400"):
        client(registry, credential=ALICE).resolve("1")
    assert registry.server.sent - before < 20_000_000


# Hosts: the substring match of sigstore-js


@pytest.mark.parametrize("host", ["ghcr.io.evil.test", "evilghcr.io", "ghcr.io:444"])
def test_credentials_stay_with_their_host(registries: Callable[..., Registries], host: str) -> None:
    made = registries({"ghcr.io": ALICE})
    assert made.repository(Repository(host, "a/b")).asking.auth.credential is None
    assert made.repository(Repository("ghcr.io", "a/b")).asking.auth.credential is ALICE


def test_one_registry_never_sees_the_secrets_of_another(
    fake: Fake, registries: Callable[..., Registries]
) -> None:
    first, second = fake(users=USERS, auth="token"), fake(users={"bob": "b"}, auth="token")
    made = registries({first.host: ALICE, second.host: Credential(username="bob", password="b")})
    for registry in (first, second):
        made.repository(Repository(registry.host, "charts/web")).resolve("1")
    sent = [
        {seen.headers.get("authorization") for seen in registry.seen} - {None} for registry in (first, second)
    ]
    assert sent[0].isdisjoint(sent[1])


# What is shown


def test_no_secret_is_in_any_log_message_or_error(
    fake: Fake, serve: Serve, registries: Callable[..., Registries], caplog: pytest.LogCaptureFixture
) -> None:
    cdn = serve(lambda _seen: Reply(status=403, body=b""))
    quirks = Quirks(cookie="sid=hunter-cookie")
    registry = fake(quirks, users={"alice": "hunter-password"}, auth="token")
    credential = Credential(username="alice", password="hunter-password")
    shown: list[str] = []
    with caplog.at_level(logging.DEBUG):
        made = registries({registry.host: credential}, on_wait=shown.append, on_warning=shown.append)
        store = made.repository(Repository(registry.host, "charts/web"))
        store.put_blob(BLOB, DATA)
        registry.next(
            "GET .*/blobs/", Reply(status=307, headers=[("Location", f"{cdn.url}/x?sig=hunter-query")])
        )
        registry.next("PUT", Reply(status=503), Reply(drop=True))
        store.put_blob(BLOB, DATA)
        with pytest.raises(AuthError) as caught:
            store.blob(BLOB)
    (token,) = {text.removeprefix("Bearer ") for text in _bearers(registry)}
    everything = "\n".join(
        [caplog.text, *shown, str(caught.value), repr(caught.value), repr(store), repr(made)]
    )
    everything += repr(store.asking.auth._tokens) + repr(credential) + repr(store.host)
    for secret in ("hunter", token, "YWxpY2U6aHVudGVyLXBhc3N3b3Jk", "_state=a"):
        assert secret not in everything


@pytest.mark.parametrize("auth", ["basic", "token"])
@pytest.mark.parametrize("where", ["json", "page", "header", "warning"])
def test_a_registry_that_echoes_the_authorization_header_puts_it_into_no_message(
    fake: Fake, registries: Callable[..., Registries], auth: str, where: str
) -> None:
    shown: list[str] = []
    registry = fake(users=USERS, auth=auth)

    def echo(seen: Seen) -> Reply:
        sent = seen.headers.get("authorization", "")
        if not seen.path.startswith("/v2/charts") or not sent:
            return registry.answer(seen)
        if where == "json":
            return refusal(400, "DENIED", f"you sent {sent}")
        if where == "page":
            return Reply(status=400, body=f"you sent {sent}: {sent.encode().hex()}".encode())
        name, text = (
            ("Warning", f'299 - "{sent}"')
            if where == "warning"
            else ("Location", f"/x/{sent.split()[1]}/y z")
        )
        return Reply(status=400 if where == "warning" else 307, headers=[(name, text)])

    registry.server.answer = echo
    made = registries({registry.host: ALICE}, on_warning=shown.append)
    with pytest.raises(RegistryError) as caught:
        made.repository(Repository(registry.host, "charts/web")).manifest("1")
    everything = "\n".join([*shown, str(caught.value)])
    sent = {seen.headers.get("authorization", "").partition(" ")[2] for seen in registry.seen} - {""}
    assert sent
    assert not any(secret in everything for secret in (*sent, "s3cret"))
    if where in ("json", "page"):
        assert "you sent" in everything


def _bearers(registry: FakeRegistry) -> list[str]:
    values = [seen.headers.get("authorization", "") for seen in registry.seen]
    return [value for value in values if value.startswith("Bearer ")]
