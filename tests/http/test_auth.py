"""Who gets which Authorization, and how many requests it costs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.fakes.clients import ALICE, USERS, Client
from tests.fakes.registry import FakeRegistry, Quirks
from tests.fakes.wire import Reply, Seen, WireServer, json_reply, refusal
from tests.registry.artifacts import chart

from oci_chart_publish.errors import AuthError, RegistryError
from oci_chart_publish.http.credentials import Credential
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.registry.connect import PULL, Registries

Fake = Callable[..., FakeRegistry]
Serve = Callable[..., WireServer]

MANIFEST, BLOBS = chart()
ALICE_BASIC = "Basic YWxpY2U6czNjcmV0OndpdGgtY29sb24="


def push(store: Any, name: str = "1.0.0") -> None:
    for descriptor, data in BLOBS:
        store.put_blob(descriptor, data)
    store.put_manifest(MANIFEST, name)


def statuses(registry: FakeRegistry, tokens: int, refused: int = 1) -> None:
    """Check the number of token requests, and of requests that carried nothing or something wrong."""
    lines = registry.lines()
    assert sum("/token" in line for line in lines) == tokens
    bare = [seen for seen in registry.seen if "authorization" not in seen.headers and seen.path != "/token"]
    assert [seen.line for seen in bare] == ["GET /v2/"] * refused


def test_basic_is_used_from_the_start_after_one_question(fake: Fake, client: Client) -> None:
    registry = fake(users=USERS, auth="basic")
    push(client(registry, credential=ALICE))
    assert [seen.headers.get("authorization") for seen in registry.seen] == [None, *[ALICE_BASIC] * 5]
    assert registry.lines()[0] == "GET /v2/"


def test_a_password_is_sent_as_utf8(fake: Fake, client: Client) -> None:
    registry = fake(users={"jürgen": "pä€ss"}, auth="basic")
    assert client(registry, credential=Credential(username="jürgen", password="pä€ss")).resolve("1") is None


def test_a_token_is_fetched_ahead_and_serves_the_whole_push(fake: Fake, client: Client) -> None:
    registry = fake(users=USERS, auth="token")
    push(client(registry, credential=ALICE))
    statuses(registry, tokens=1)
    assert registry.seen[1].target == "/token?service=fake&scope=repository:charts/web:pull,push"
    assert registry.seen[1].headers["authorization"] == ALICE_BASIC


def test_a_plan_asks_for_pull_only(fake: Fake, client: Client) -> None:
    registry = fake(users=USERS, auth="token")
    assert client(registry, credential=ALICE, actions=PULL).resolve("1") is None
    assert registry.seen[1].target == "/token?service=fake&scope=repository:charts/web:pull"


def test_an_anonymous_client_gets_a_token_without_a_password(fake: Fake, client: Client) -> None:
    registry = fake(users=USERS, auth="token")
    assert client(registry, actions=PULL).resolve("1") is None
    token = next(seen for seen in registry.seen if seen.path == "/token")
    assert "authorization" not in token.headers
    with pytest.raises(AuthError, match="401 UNAUTHORIZED: authentication required"):
        push(client(registry))


def several(registry: FakeRegistry, made: Registries, number: int) -> None:
    for index in range(number):
        made.repository(Repository(registry.host, f"charts/c{index}")).resolve("1.0.0")


def filled(registry: FakeRegistry, client: Client, number: int) -> None:
    for index in range(number):
        push(client(registry, f"charts/c{index}", credential=ALICE))
    registry.seen.clear()


def test_one_token_serves_a_host_whose_tokens_are_alike(
    fake: Fake, client: Client, registries: Callable[..., Registries]
) -> None:
    registry = fake(Quirks(token_kind="same", token_scope="host"), users=USERS, auth="token")
    several(registry, registries({registry.host: ALICE}), 10)
    lines = registry.lines()
    assert sum("/token" in line for line in lines) <= 3
    filled(registry, client, 5)
    several(registry, registries({registry.host: ALICE}), 5)
    statuses(registry, tokens=1)


def test_one_token_serves_a_host_where_it_proves_reusable(
    fake: Fake, client: Client, registries: Callable[..., Registries]
) -> None:
    registry = fake(Quirks(token_scope="host"), users=USERS, auth="token")
    filled(registry, client, 10)
    several(registry, registries({registry.host: ALICE}), 10)
    statuses(registry, tokens=1)
    assert len(registry.seen) == 12


def test_a_token_that_says_what_it_is_for_is_never_tried_elsewhere(
    fake: Fake, client: Client, registries: Callable[..., Registries]
) -> None:
    registry = fake(Quirks(token_kind="jwt"), users=USERS, auth="token")
    filled(registry, client, 10)
    several(registry, registries({registry.host: ALICE}), 10)
    statuses(registry, tokens=10)
    assert len(registry.seen) == 21


def test_an_opaque_token_bound_to_a_repository_costs_one_trial(
    fake: Fake, client: Client, registries: Callable[..., Registries]
) -> None:
    registry = fake(users=USERS, auth="token")
    filled(registry, client, 10)
    made = registries({registry.host: ALICE})
    several(registry, made, 10)
    statuses(registry, tokens=10)
    assert len(registry.seen) == 22


def test_a_trial_proves_nothing_by_a_404(fake: Fake, registries: Callable[..., Registries]) -> None:
    """A registry that hides what a token may not see: the tag is there, and must not be taken for absent."""
    registry = fake(Quirks(refusal_status=404, challenge=[]), users=USERS, auth="token")
    registry.next(
        "GET /v2/$", refusal(401, "X", "x", ("WWW-Authenticate", f'Bearer realm="{registry.url}/token"'))
    )
    made = registries({registry.host: ALICE})
    stores = [made.repository(Repository(registry.host, f"charts/c{index}")) for index in range(3)]
    for store in stores:
        push(store)
    registry.tokens.clear()
    for store in stores:
        store.asking.auth._tokens.clear()
    assert [store.resolve("1.0.0") for store in stores] == [MANIFEST.descriptor] * 3


def test_a_token_that_may_read_what_is_public_is_not_believed_when_it_sees_nothing(
    fake: Fake, client: Client, registries: Callable[..., Registries]
) -> None:
    registry = fake(Quirks(token_scope="host"), users=USERS, auth="token")
    filled(registry, client, 4)
    made = registries({registry.host: ALICE})
    several(registry, made, 3)
    registry.quirks = Quirks(refusal_status=404, challenge=[])
    registry.seen.clear()
    assert made.repository(Repository(registry.host, "charts/c3")).resolve("1.0.0") == MANIFEST.descriptor
    assert [seen.path for seen in registry.seen] == [
        "/v2/charts/c3/manifests/1.0.0",
        "/token",
        "/v2/charts/c3/manifests/1.0.0",
    ]


def test_a_shared_token_that_is_refused_later_gives_way_to_an_own_one(
    fake: Fake, client: Client, registries: Callable[..., Registries]
) -> None:
    for status in (401, 403):
        registry = fake(Quirks(token_scope="host"), users=USERS, auth="token")
        filled(registry, client, 4)
        made = registries({registry.host: ALICE})
        several(registry, made, 3)
        registry.quirks = Quirks(refusal_status=status, challenge=[])
        push(made.repository(Repository(registry.host, "charts/c3")), "2.0.0")
        assert "2.0.0" in registry.stores["charts/c3"].tags


@pytest.mark.parametrize("kind", ["opaque", "jwt", "same"])
@pytest.mark.parametrize("scope", ["repository", "host"])
def test_many_threads_ask_for_each_token_once(
    fake: Fake, registries: Callable[..., Registries], kind: str, scope: str
) -> None:
    if (kind, scope) == ("same", "repository"):
        scope = "host"
    registry = fake(Quirks(token_kind=kind, token_scope=scope), users=USERS, auth="token")
    made = registries({registry.host: ALICE}, jobs=16)
    gate = threading.Barrier(16)

    def work(number: int) -> None:
        store = made.repository(Repository(registry.host, f"charts/c{number % 8}"))
        gate.wait()
        push(store, f"1.0.{number}")
        assert store.resolve(f"1.0.{number}") == MANIFEST.descriptor

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    tokens = [seen.target for seen in registry.seen if seen.path == "/token"]
    assert len(tokens) == len(set(tokens)) <= 8
    assert sum(seen.path == "/v2/" for seen in registry.seen) == 1
    if (kind, scope) in (("opaque", "host"), ("same", "host")):
        assert len(tokens) <= 2


@pytest.mark.parametrize("expires_in", [None, 5, 59, 0])
def test_a_short_or_missing_lifetime_counts_as_a_minute(
    fake: Fake, client: Client, expires_in: int | None
) -> None:
    registry = fake(Quirks(expires_in=expires_in), users=USERS, auth="token")
    store = client(registry, credential=ALICE)
    for _ in range(3):
        store.resolve("1")
    statuses(registry, tokens=1)


def test_a_token_is_renewed_before_it_ends(
    fake: Fake, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = fake(Quirks(token_lifetime=9e9), users=USERS, auth="token")
    store = client(registry, credential=ALICE)
    store.resolve("1")
    real = time.monotonic
    monkeypatch.setattr("oci_chart_publish.http.tokens.time.monotonic", lambda: real() + 275)
    store.resolve("1")
    statuses(registry, tokens=2)


def test_a_token_that_ended_early_is_renewed_once_on_a_401(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(token_lifetime=0.2), users=USERS, auth="token")
    store = client(registry, credential=ALICE)
    store.resolve("1")
    time.sleep(0.25)
    registry.quirks = Quirks()
    assert store.resolve("1") is None
    statuses(registry, tokens=2)


def test_a_token_that_never_works_ends_as_an_error_after_one_renewal(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(token_lifetime=-1), users=USERS, auth="token")
    with pytest.raises(AuthError, match="401 UNAUTHORIZED"):
        client(registry, credential=ALICE).resolve("1")
    assert [line.partition("?")[0] for line in registry.lines()] == [
        "GET /v2/",
        "GET /token",
        "GET /v2/charts/web/manifests/1",
        "GET /token",
        "GET /v2/charts/web/manifests/1",
    ]


def test_access_token_is_as_good_as_token(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(token_key="access_token"), users=USERS, auth="token")
    push(client(registry, credential=ALICE))
    assert registry.stores["charts/web"].tags == {"1.0.0": str(MANIFEST.descriptor.digest)}


def test_a_relative_realm_is_resolved(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(realm="/token"), users=USERS, auth="token")
    push(client(registry, credential=ALICE))
    statuses(registry, tokens=1)


def test_of_several_challenges_the_first_known_counts(fake: Fake, client: Client) -> None:
    registry = fake(users=USERS, auth="token")
    bearer = f'Bearer realm="{registry.url}/token",service="fake"'
    registry.quirks = Quirks(challenge=["Negotiate", 'Digest realm="x", nonce="y"', bearer])
    push(client(registry, credential=ALICE))
    assert registry.stores["charts/web"].tags == {"1.0.0": str(MANIFEST.descriptor.digest)}


def test_a_403_without_credentials_is_taken_as_a_challenge(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(refusal_status=403), users=USERS, auth="token")
    assert client(registry, actions=PULL).resolve("1") is None


def test_an_open_door_for_reading_does_not_hide_the_credentials(fake: Fake, client: Client) -> None:
    """Zot and Harbor: 200 to an anonymous GET, 403 or 401 to the first write, here without a challenge."""
    for status in (401, 403):
        registry = fake(
            Quirks(anonymous_read=True, refusal_status=status, challenge=[]), users=USERS, auth="basic"
        )
        push(client(registry, credential=ALICE))
        assert registry.stores["charts/web"].tags == {"1.0.0": str(MANIFEST.descriptor.digest)}


def test_reading_is_open_and_writing_wants_a_token(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(anonymous_read=True), users=USERS, auth="token")
    push(client(registry, credential=ALICE))
    assert registry.stores["charts/web"].tags == {"1.0.0": str(MANIFEST.descriptor.digest)}


def test_a_401_without_a_challenge_makes_us_ask_for_one(fake: Fake, client: Client) -> None:
    registry = fake(users=USERS, auth="token")
    registry.next("GET .*/manifests/", refusal(401, "UNAUTHORIZED", "no"))
    assert client(registry, actions=PULL).resolve("1") is None
    assert [line.partition("?")[0] for line in registry.lines()] == [
        "GET /v2/charts/web/manifests/1",
        "GET /v2/",
        "GET /token",
        "GET /v2/charts/web/manifests/1",
    ]


def test_the_first_scope_holds_push_so_that_a_new_repository_is_found_absent(
    fake: Fake, client: Client
) -> None:
    registry = fake(Quirks(new_needs_push=True), users=USERS, auth="token")
    assert client(registry, credential=ALICE).resolve("1") is None
    with pytest.raises(AuthError):
        client(registry, credential=ALICE, actions=PULL).resolve("1")


def test_a_scope_that_is_no_repository_is_asked_as_the_registry_wants_it(
    serve: Serve, client: Client
) -> None:
    def public(seen: Seen) -> Reply:
        if seen.path == "/token":
            return json_reply(200, '{"token": "t"}')
        if "authorization" not in seen.headers:
            realm = f'Bearer realm="http://{seen.headers["host"]}/token",service="public.ecr.aws",scope="aws"'
            return refusal(401, "X", "x", ("WWW-Authenticate", realm))
        return refusal(404, "NAME_UNKNOWN", "no")

    server = serve(public)
    assert client(server).resolve("1") is None
    assert "GET /token?service=public.ecr.aws&scope=aws" in server.lines()


def test_an_identity_token_is_posted_and_not_used_as_a_password(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(oauth=True), auth="token", identity_tokens=["long-lived"])
    push(client(registry, credential=Credential(identity_token="long-lived")))
    (token,) = [seen for seen in registry.seen if seen.path == "/token"]
    assert (token.method, "authorization" in token.headers) == ("POST", False)
    assert token.headers["content-type"] == "application/x-www-form-urlencoded"
    assert token.body == (
        b"grant_type=refresh_token&service=fake&client_id=oci-chart-publish"
        b"&scope=repository%3Acharts%2Fweb%3Apull%2Cpush&refresh_token=long-lived"
    )


@pytest.mark.parametrize("status", [400, 401, 404, 405])
def test_a_token_service_without_post_gets_a_get(fake: Fake, client: Client, status: int) -> None:
    registry = fake(Quirks(post_token_status=status), auth="token", identity_tokens=["long-lived"])
    push(client(registry, credential=Credential(identity_token="long-lived")))
    assert [seen.method for seen in registry.seen if seen.path == "/token"] == ["POST", "GET"]


@pytest.mark.parametrize(
    ("auth", "said"),
    [("token", "/token?***: the token service answered 401"), ("basic", "/manifests/1: 401 UNAUTHORIZED")],
)
def test_wrong_credentials_are_an_error_that_names_their_origin_and_no_secret(
    fake: Fake, client: Client, auth: str, said: str
) -> None:
    registry = fake(users=USERS, auth=auth)
    wrong = Credential(username="alice", password="hunter2", origin="~/.docker/config.json")
    with pytest.raises(AuthError) as caught:
        client(registry, credential=wrong).resolve("1")
    assert said in caught.value.message
    assert caught.value.hint == "the credentials from ~/.docker/config.json are not accepted"
    assert "hunter2" not in str(caught.value)


def test_stale_credentials_answered_with_400_are_an_authorization_error(fake: Fake, client: Client) -> None:
    registry = fake(users=USERS, auth="token")
    registry.next("GET /token", refusal(400, "X", "expired"))
    with pytest.raises(AuthError):
        client(registry, credential=ALICE).resolve("1")


def test_a_busy_token_service_is_asked_again(fake: Fake, client: Client) -> None:
    registry = fake(users=USERS, auth="token")
    registry.next("GET /token", Reply(status=503), Reply(status=429), Reply(drop=True))
    push(client(registry, credential=ALICE))
    assert registry.stores["charts/web"].tags == {"1.0.0": str(MANIFEST.descriptor.digest)}


def test_a_dead_token_service_is_no_authorization_error(fake: Fake, client: Client) -> None:
    registry = fake(users=USERS, auth="token")
    registry.next("GET /token", *[Reply(status=500)] * 6)
    with pytest.raises(RegistryError, match="the token service answered 500") as caught:
        client(registry, credential=ALICE).resolve("1")
    assert not isinstance(caught.value, AuthError)
    assert caught.value.temporary


@pytest.mark.parametrize(
    "reply",
    [
        json_reply(200, "[]"),
        json_reply(200, "{}"),
        json_reply(200, '{"token": 5}'),
        json_reply(200, '{"token": "a\\nb"}'),
        Reply(body=b"<html>"),
        Reply(body=b'{"token": "' + b"x" * 70_000 + b'"}'),
        Reply(endless=True),
    ],
    ids=["list", "empty", "number", "newline", "html", "large", "endless"],
)
def test_a_token_answer_of_another_shape_is_an_error(fake: Fake, client: Client, reply: Reply) -> None:
    registry = fake(users=USERS, auth="token")
    registry.next("GET /token", reply)
    with pytest.raises(AuthError, match="without a token"):
        client(registry, credential=ALICE).resolve("1")


def test_two_repositories_of_a_host_may_have_credentials_of_their_own(
    fake: Fake, registries: Callable[..., Registries]
) -> None:
    registry = fake(users={"alice": "a", "bob": "b"}, auth="basic")
    made = registries(
        {
            f"{registry.host}/charts": Credential(username="alice", password="a"),
            registry.host: Credential(username="bob", password="b"),
        }
    )
    made.repository(Repository(registry.host, "charts/web")).resolve("1")
    made.repository(Repository(registry.host, "other/web")).resolve("1")
    sent = [seen.headers["authorization"] for seen in registry.seen if "manifests" in seen.target]
    assert sent == ["Basic YWxpY2U6YQ==", "Basic Ym9iOmI="]


def test_every_secret_is_listed_for_masking_and_told_once(
    fake: Fake, registries: Callable[..., Registries]
) -> None:
    registry = fake(users={"alice": "line one\nline two"}, auth="token")
    told: list[str] = []
    credential = Credential(username="alice", password="line one\nline two")
    made = registries({registry.host: credential}, on_secret=told.append)
    made.repository(Repository(registry.host, "charts/web")).resolve("1")
    (token,) = registry.tokens
    assert made.secrets() == {
        "line one",
        "line two",
        "line one\nline two",
        "YWxpY2U6bGluZSBvbmUKbGluZSB0d28=",
        token,
    }
    assert sorted(told) == sorted(made.secrets())
