"""From where a challenge, a realm and a Location may come, and whereto credentials go."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.clients import ALICE, USERS, Client
from tests.fakes.registry import FakeRegistry, Quirks
from tests.fakes.wire import Reply, Seen, WireServer, json_reply
from tests.registry.artifacts import chart

from oci_chart_publish.errors import AuthError, RegistryError
from oci_chart_publish.http.credentials import Credential
from oci_chart_publish.http.tls import Trust
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.registry.connect import PULL, PULL_PUSH, Registries

Fake = Callable[..., FakeRegistry]
Serve = Callable[..., WireServer]
Tls = tuple[Path, ssl.SSLContext]
Made = Callable[..., Registries]

MANIFEST, BLOBS = chart()
DATA = b"some bytes"
BLOB = Descriptor.of("application/octet-stream", DATA)


def thief(serve: Serve, scheme: str) -> WireServer:
    """Serve a host that refuses every request with a challenge of its own, and a token service for it."""
    servers: list[WireServer] = []

    def answer(seen: Seen) -> Reply:
        if seen.path == "/token":
            return json_reply(200, '{"token": "stolen"}')
        value = (
            f'Bearer realm="{servers[0].url}/token",service="x"' if scheme == "bearer" else 'Basic realm="x"'
        )
        return Reply(status=401, headers=[("WWW-Authenticate", value)])

    servers.append(serve(answer))
    return servers[0]


@pytest.mark.parametrize("scheme", ["bearer", "basic"])
@pytest.mark.parametrize("auth", ["basic", "token"])
def test_a_challenge_of_a_redirects_target_gets_nothing_and_replaces_nothing(
    fake: Fake, serve: Serve, client: Client, auth: str, scheme: str
) -> None:
    other = thief(serve, scheme)
    registry = fake(users=USERS, auth=auth)
    store = client(registry, credential=ALICE)
    store.put_blob(BLOB, DATA)
    registry.next("GET .*/blobs/", Reply(status=307, headers=[("Location", f"{other.url}/blob")]))
    tokens = sum(seen.path == "/token" for seen in registry.seen)
    with pytest.raises(AuthError, match=f"GET {other.url}/blob: 401 unauthorized"):
        store.blob(BLOB)
    assert [(seen.line, seen.headers.get("authorization")) for seen in other.seen] == [("GET /blob", None)]
    assert store.blob(BLOB) == DATA
    assert sum(seen.path == "/token" for seen in registry.seen) == tokens


@pytest.mark.parametrize("scheme", ["bearer", "basic"])
def test_a_challenge_of_an_uploads_location_gets_nothing(
    fake: Fake, serve: Serve, client: Client, scheme: str
) -> None:
    other = thief(serve, scheme)
    registry = fake(Quirks(location=lambda _base, path: other.url + path), users=USERS, auth="token")
    with pytest.raises(AuthError, match="401 unauthorized"):
        client(registry, credential=ALICE).put_blob(BLOB, DATA)
    assert {(seen.path == "/token", seen.headers.get("authorization")) for seen in other.seen} == {
        (False, None)
    }
    assert other.seen[0].method == "PUT"


def test_a_probe_that_is_redirected_brings_no_challenge(fake: Fake, serve: Serve, client: Client) -> None:
    other = thief(serve, "bearer")
    registry = fake(users=USERS, auth="basic")
    registry.next("GET /v2/$", Reply(status=307, headers=[("Location", f"{other.url}/v2/")]))
    client(registry, credential=ALICE).resolve("1")
    assert [seen.headers.get("authorization") for seen in other.seen] == [None]


def proxied(proxy: WireServer, made: Made, **options: object) -> Registries:
    """Make clients of hosts that exist behind a proxy only, so that they are not this machine."""
    trust = Trust(environment={"HTTP_PROXY": proxy.url})
    return made({"r.test": ALICE}, trust=trust, **options)


def behind(seen: Seen) -> Reply:
    if seen.target.startswith("http://r.test/token"):
        return json_reply(200, '{"token": "t"}')
    if "authorization" in seen.headers:
        return Reply(status=404, headers=[("Docker-Distribution-Api-Version", "registry/2.0")])
    return Reply(status=401, headers=[("WWW-Authenticate", 'Bearer realm="http://r.test/token",service="s"')])


def test_plain_http_everywhere_sends_no_password_to_the_token_service_of_a_host_that_was_not_named(
    serve: Serve, registries: Made
) -> None:
    proxy = serve(behind)
    made = proxied(proxy, registries, plain_http_everywhere=True)
    with pytest.raises(AuthError, match="credentials do not go over plain http"):
        made.repository(Repository("r.test", "charts/web")).resolve("1")
    assert [seen.headers.get("authorization") for seen in proxy.seen] == [None]


def test_a_host_that_was_named_gets_its_password_over_plain_http(serve: Serve, registries: Made) -> None:
    proxy = serve(behind)
    made = proxied(proxy, registries, plain_http=frozenset({"r.test"}))
    assert made.repository(Repository("r.test", "charts/web")).resolve("1") is None
    sent = [seen.headers.get("authorization", "").partition(" ")[0] for seen in proxy.seen]
    assert sent[:3] == ["", "Basic", "Bearer"]


def test_plain_http_for_a_host_that_redirects_to_https_says_so(serve: Serve, registries: Made) -> None:
    def away(seen: Seen) -> Reply:
        return Reply(status=308, headers=[("Location", seen.target.replace("http://", "https://"))])

    proxy = serve(away)
    made = proxied(proxy, registries, plain_http=frozenset({"r.test"}))
    with pytest.raises(
        RegistryError, match=r"answers plain http with a redirect to https://r\.test"
    ) as caught:
        made.repository(Repository("r.test", "charts/web")).resolve("1")
    assert caught.value.hint == "it speaks TLS: take r.test out of plain-http"


@pytest.mark.parametrize("header", ["Location", "Link", "realm"])
def test_http_of_the_same_host_behind_tls_is_upgraded_in_every_header(
    fake: Fake, client: Client, authority: Tls, trusting: Callable[..., Trust], header: str
) -> None:
    registry = fake(Quirks(page=2), tls=authority[1], users=USERS, auth="token")
    plain = registry.url.replace("https://", "http://")
    registry.quirks = Quirks(
        page=2,
        location=lambda base, path: (plain if header == "Location" else base) + path,
        realm=f"{plain if header == 'realm' else registry.url}/token",
    )
    store = client(registry, credential=ALICE, trust=trusting(registry.host))
    for descriptor, data in BLOBS:
        store.put_blob(descriptor, data)
    for tag in "abcde":
        store.put_manifest(MANIFEST, tag)
    if header == "Link":
        more = f'<{plain}/v2/charts/web/tags/list?last=b&n=2>; rel="next"'
        registry.next("GET .*/tags/list.n=1000", json_reply(200, '{"tags": ["a", "b"]}', ("Link", more)))
    assert store.tags() == tuple("abcde")


def test_a_realm_over_plain_http_has_to_be_trusted_with_its_scheme(
    fake: Fake, serve: Serve, client: Client, authority: Tls, trusting: Callable[..., Trust]
) -> None:
    service = serve(lambda _seen: json_reply(200, '{"token": "t"}'))
    realm = f"http://localhost:{service.port}"
    registry = fake(Quirks(realm=f"{realm}/token"), tls=authority[1], users=USERS, auth="token")
    for trusted, asked in ((realm.removeprefix("http://"), 0), (realm, 1)):
        store = client(
            registry, credential=ALICE, trust=trusting(registry.host), trusted_realms=frozenset({trusted})
        )
        with pytest.raises(AuthError):
            store.resolve("1")
        assert (len(service.seen) > 0) == bool(asked)


@pytest.mark.parametrize(
    ("auth", "password", "refused"),
    [
        ("basic", "wrong", True),
        ("token", "wrong", True),
        ("basic", "", False),
    ],
)
def test_what_was_refused_says_whether_a_login_was_given(
    fake: Fake, client: Client, auth: str, password: str, *, refused: bool
) -> None:
    registry = fake(users=USERS, auth=auth)
    credential = Credential(username="alice", password=password) if password else None
    with pytest.raises(AuthError) as caught:
        client(registry, credential=credential).resolve("1")
    assert caught.value.login_refused is refused


STALE = Credential(username="alice", password="stale", origin="the job's token")


def public(fake: Fake, client: Client, auth: str) -> FakeRegistry:
    """Return a registry in which everybody may read and alice has written."""
    registry = fake(Quirks(anonymous_read=True), users=USERS, auth=auth)
    store = client(registry, credential=ALICE)
    for descriptor, data in BLOBS:
        store.put_blob(descriptor, data)
    store.put_manifest(MANIFEST, "1")
    registry.seen.clear()
    return registry


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_what_is_public_is_read_where_a_login_is_refused_and_that_is_told_once(
    fake: Fake, client: Client, registries: Made, auth: str
) -> None:
    told: list[str] = []
    registry = public(fake, client, auth)
    if auth == "basic":
        refuse(registry)
    made = registries({registry.host: STALE}, on_warning=told.append)
    reader = made.repository(Repository(registry.host, "charts/web"), actions=PULL)
    for _ in range(2):
        assert (found := reader.resolve("1")) is not None
        assert found.digest == MANIFEST.descriptor.digest
    assert told == [
        f"{registry.host}: the credentials from the job's token are not accepted; what is public is read without them"
    ]


def refuse(registry: FakeRegistry) -> None:
    """Refuse every request with a wrong login, as most registries do, even where none is needed."""
    inner = registry.server.answer

    def answer(seen: Seen) -> Reply:
        if seen.headers.get("authorization") == STALE.basic:
            return Reply(status=401, headers=[("WWW-Authenticate", 'Basic realm="x"')])
        if seen.path == "/v2/" and "authorization" not in seen.headers:
            return Reply(status=401, headers=[("WWW-Authenticate", 'Basic realm="x"')])
        return inner(seen)

    registry.server.answer = answer


@pytest.mark.parametrize("auth", ["basic", "token"])
def test_where_the_run_publishes_a_refused_login_is_an_error(
    fake: Fake, client: Client, registries: Made, auth: str
) -> None:
    registry = public(fake, client, auth)
    if auth == "basic":
        refuse(registry)
    made = registries({registry.host: STALE}, destinations=frozenset({Repository(registry.host, "charts")}))
    with pytest.raises(AuthError) as caught:
        made.repository(Repository(registry.host, "charts/web"), actions=PULL).resolve("1")
    assert caught.value.login_refused
    with pytest.raises(AuthError) as caught:
        made.repository(Repository(registry.host, "other/web"), actions=PULL_PUSH).resolve("1")
    assert caught.value.login_refused


def test_what_is_not_public_either_is_the_refusal_of_the_login(fake: Fake, registries: Made) -> None:
    registry = fake(users=USERS, auth="basic")
    made = registries({registry.host: STALE})
    with pytest.raises(AuthError) as caught:
        made.repository(Repository(registry.host, "charts/web"), actions=PULL).resolve("1")
    assert caught.value.login_refused
