"""Uploading blobs: where the upload is, what the final answer says, and how a host is learned."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.fakes.clients import ALICE, USERS, Client
from tests.fakes.registry import FakeRegistry, Quirks
from tests.fakes.wire import Reply, Seen, WireServer, refusal

from oci_chart_publish.errors import RegistryError
from oci_chart_publish.http.answer import ConnectionFailed
from oci_chart_publish.http.tls import Trust
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.registry import profiles as hints
from oci_chart_publish.registry.connect import Registries

Fake = Callable[..., FakeRegistry]
Serve = Callable[..., WireServer]

DATA = b"some bytes"
BLOB = Descriptor.of("application/octet-stream", DATA)
LARGE_DATA = b"x" * 50_000
LARGE = Descriptor.of("application/octet-stream", LARGE_DATA)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_the_final_put_may_answer_in_several_ways(fake: Fake, client: Client, status: int) -> None:
    registry = fake(Quirks(put_status=status))
    store = client(registry)
    store.put_blob(BLOB, DATA)
    assert registry.stores["charts/web"].blobs == {str(BLOB.digest): DATA}
    assert len(registry.seen) == 2


def test_a_202_to_the_final_put_is_believed_only_after_a_look(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(put_status=202))
    client(registry).put_blob(BLOB, DATA)
    assert registry.lines()[-1] == "HEAD /v2/charts/web/blobs/DIGEST"
    registry.next("HEAD", refusal(404, "BLOB_UNKNOWN", "no"))
    with pytest.raises(RegistryError, match="202"):
        client(registry).put_blob(BLOB, DATA)


@pytest.mark.parametrize(
    "location",
    [
        lambda _base, path: path,
        lambda base, path: base + path,
        lambda base, path: base.replace("http:", "HTTP:") + path,
        lambda base, path: base.removeprefix("http:") + path,
        lambda _base, path: re.sub(r".*/uploads/", "", path),
        lambda base, path: base + path.replace("/uploads/", "/uploads/x/../"),
    ],
    ids=["relative", "absolute", "upper case", "without scheme", "beside", "dot segments"],
)
def test_every_legal_location_is_followed_as_it_is(
    fake: Fake, client: Client, location: Callable[[str, str], str]
) -> None:
    registry = fake(Quirks(location=location))
    client(registry).put_blob(BLOB, DATA)
    assert "?_state=a%7Eb%2Fc%2B%20d&digest=sha256:" in registry.seen[-1].target
    assert registry.stores["charts/web"].blobs == {str(BLOB.digest): DATA}


@pytest.mark.parametrize(
    "location", ["", "http://[bad/", "ftp://x/y", "http://user:pw@127.0.0.1/x", "/a b", "http://a..b/"]
)
def test_a_location_that_cannot_be_followed_is_an_error(fake: Fake, client: Client, location: str) -> None:
    registry = fake(Quirks(location=lambda _base, _path: location))
    with pytest.raises(RegistryError, match="with a Location that is refused") as caught:
        client(registry).put_blob(BLOB, DATA)
    assert "pw" not in str(caught.value)
    assert len(registry.seen) == 1


def test_no_credentials_follow_a_location_to_another_host(fake: Fake, serve: Serve, client: Client) -> None:
    elsewhere = serve(lambda _seen: Reply(status=201))
    registry = fake(Quirks(location=lambda _base, path: elsewhere.url + path), users=USERS, auth="basic")
    client(registry, credential=ALICE).put_blob(BLOB, DATA)
    assert [seen.method for seen in elsewhere.seen] == ["PUT"]
    assert "authorization" not in elsewhere.seen[0].headers
    assert elsewhere.seen[0].body == DATA


def test_a_location_on_another_host_can_be_forbidden(fake: Fake, serve: Serve, client: Client) -> None:
    elsewhere = serve(lambda _seen: Reply(status=201))
    registry = fake(Quirks(location=lambda _base, path: elsewhere.url + path))
    with pytest.raises(RegistryError, match="with an upload Location on another host"):
        client(registry, cross_host_uploads=False).put_blob(BLOB, DATA)
    assert elsewhere.seen == []


def test_an_http_location_of_a_tls_registry_becomes_https(
    fake: Fake, client: Client, authority: tuple[Path, ssl.SSLContext], trusting: Callable[..., Trust]
) -> None:
    quirks = Quirks(location=lambda base, path: base.replace("https:", "http:") + path)
    registry = fake(quirks, tls=authority[1], users=USERS, auth="basic")
    client(registry, credential=ALICE, trust=trusting(registry.host)).put_blob(BLOB, DATA)
    assert registry.stores["charts/web"].blobs == {str(BLOB.digest): DATA}


def test_an_http_location_on_another_host_of_a_tls_registry_is_refused(
    fake: Fake, client: Client, authority: tuple[Path, ssl.SSLContext], trusting: Callable[..., Trust]
) -> None:
    quirks = Quirks(location=lambda _base, path: "http://localhost:1" + path)
    registry = fake(quirks, tls=authority[1])
    with pytest.raises(RegistryError, match="it goes from https to http://localhost:1"):
        client(registry, trust=trusting(registry.host)).put_blob(BLOB, DATA)


def test_one_small_blob_finds_out_about_single_post(fake: Fake, client: Client) -> None:
    registry = fake()
    store = client(registry)
    learned = []
    for blob, data in ((LARGE, LARGE_DATA), (BLOB, DATA), (BLOB, DATA)):
        store.put_blob(blob, data)
        learned.append(store.host.features.single_post)
    assert learned == [None, False, False]
    posts = [
        (seen.target.partition("/uploads/")[2][:8], seen.body)
        for seen in registry.seen
        if seen.method == "POST"
    ]
    assert posts == [("", b""), ("?digest=", DATA), ("", b"")]


def test_the_large_blob_goes_by_single_post_once_that_is_known(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(single_post=True))
    store = client(registry)
    store.put_blob(BLOB, DATA)
    store.put_blob(LARGE, LARGE_DATA)
    assert [seen.method for seen in registry.seen] == ["POST", "POST"]
    assert len(registry.stores["charts/web"].blobs) == 2


def test_many_threads_make_one_trial(fake: Fake, registries: Callable[..., Registries]) -> None:
    registry = fake()
    made = registries(jobs=16)
    gate = threading.Barrier(8)

    def upload(number: int) -> None:
        data = b"%d" % number
        store = made.repository(Repository(registry.host, f"charts/c{number}"))
        gate.wait()
        store.put_blob(Descriptor.of("x/y", data), data)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(upload, range(8)))
    assert sum(line.startswith("POST") and "digest=" in line for line in registry.lines()) == 1
    assert len(registry.seen) == 16


@pytest.mark.parametrize("reply", [refusal(400, "X", "no"), refusal(405, "X", "no"), Reply(drop=True)])
def test_a_registry_that_refuses_a_single_post_gets_the_plain_one(
    fake: Fake, client: Client, reply: Reply
) -> None:
    registry = fake()
    registry.next("POST .*digest=", reply)
    store = client(registry)
    store.put_blob(BLOB, DATA)
    assert [seen.method for seen in registry.seen] == ["POST", "POST", "PUT"]
    assert store.host.features.single_post is False


@pytest.mark.parametrize("status", [404, 416])
def test_an_upload_that_is_gone_starts_again(fake: Fake, client: Client, status: int) -> None:
    registry = fake(Quirks(forget_uploads=1, gone_status=status))
    client(registry).put_blob(BLOB, DATA)
    assert [seen.method for seen in registry.seen] == ["POST", "PUT", "POST", "PUT"]
    assert registry.stores["charts/web"].blobs == {str(BLOB.digest): DATA}


def test_an_upload_that_is_always_gone_ends_as_an_error(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(forget_uploads=99))
    with pytest.raises(RegistryError, match="404 BLOB_UPLOAD_UNKNOWN"):
        client(registry).put_blob(BLOB, DATA)
    assert [seen.method for seen in registry.seen] == ["POST", "PUT"] * 3


def test_a_dropped_post_is_sent_again(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(drop_posts=2))
    client(registry).put_blob(LARGE, LARGE_DATA)
    assert [seen.method for seen in registry.seen] == ["POST", "POST", "POST", "PUT"]


def test_a_post_that_is_always_dropped_is_an_error_after_six_tries(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(drop_posts=99))
    with pytest.raises(ConnectionFailed, match="the connection broke"):
        client(registry).put_blob(LARGE, LARGE_DATA)
    assert len(registry.seen) == 6


def test_the_dropped_post_of_ecr_is_explained(fake: Fake, client: Client) -> None:
    store = client(fake(Quirks(drop_posts=99)))
    store.host.kind = hints.kind_of("123456789012.dkr.ecr.eu-west-1.amazonaws.com")
    with pytest.raises(ConnectionFailed) as caught:
        store.put_blob(LARGE, LARGE_DATA)
    assert caught.value.hint.startswith("the repository has to exist: create it")


def test_a_401_in_the_middle_of_an_upload_refreshes_the_token_once(fake: Fake, client: Client) -> None:
    registry = fake(users=USERS, auth="token")
    store = client(registry, credential=ALICE)
    store.put_blob(LARGE, LARGE_DATA)
    registry.seen.clear()

    def forget(base: str, path: str) -> str:
        registry.tokens.clear()
        return base + path

    registry.quirks = Quirks(location=forget)
    store.put_blob(LARGE, LARGE_DATA)
    assert [seen.line.partition("?")[0][:20] for seen in registry.seen] == [
        "POST /v2/charts/web/",
        "PUT /v2/charts/web/b",
        "GET /token",
        "PUT /v2/charts/web/b",
    ]


def test_a_refused_zero_byte_blob_is_an_error_in_words(serve: Serve, client: Client) -> None:
    def answer(seen: Seen) -> Reply:
        if seen.method == "POST":
            return Reply(status=202, headers=[("Location", "/v2/charts/web/blobs/uploads/1")])
        return refusal(400, "SIZE_INVALID", "empty blob")

    with pytest.raises(RegistryError) as caught:
        client(serve(answer)).put_blob(Descriptor.of("x/y", b""), b"")
    assert caught.value.codes == ("SIZE_INVALID",)


def test_a_final_put_has_no_content_range_and_its_type_is_octets(fake: Fake, client: Client) -> None:
    registry = fake()
    client(registry).put_blob(LARGE, LARGE_DATA)
    put = registry.seen[-1].headers
    assert (put["content-type"], put["content-length"]) == ("application/octet-stream", "50000")
    assert "content-range" not in put
    post = registry.seen[0].headers
    assert post["content-length"] == "0"
    assert "content-type" not in post
