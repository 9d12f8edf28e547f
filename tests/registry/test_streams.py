"""Blobs on their way: verified as they come, gone on with where they broke off, in parts where that is needed."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.clients import ALICE, USERS, Client
from tests.fakes.registry import FakeRegistry, Quirks
from tests.fakes.wire import Reply, refusal
from tests.registry.artifacts import OCI_MANIFEST, chart

from oci_chart_publish.errors import RegistryError, VerificationError
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.oci.content import InFile, InMemory
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.oci.store import copy, copy_blob

Fake = Callable[..., FakeRegistry]

DATA = bytes(range(256)) * 12_000  # 3 MB
BLOB = Descriptor.of("application/octet-stream", DATA)
MANIFEST, BLOBS = chart()


def held(registry: FakeRegistry, name: str = "charts/web") -> dict[str, bytes]:
    return registry.stores[name].blobs


def test_a_blob_goes_from_registry_to_layout_and_on_as_a_stream(
    fake: Fake, client: Client, tmp_path: Path
) -> None:
    first, second = fake(), fake()
    source, layout = client(first), ImageLayout.create(tmp_path / "layout")
    source.put_blob(BLOB, DATA)
    copy_blob(source, layout, BLOB)
    copy_blob(layout, client(second), BLOB)
    assert layout.blob(BLOB) == held(second)[str(BLOB.digest)] == DATA
    put = next(seen for seen in second.seen if seen.method == "PUT")
    assert put.headers["content-length"] == str(len(DATA))
    assert "transfer-encoding" not in put.headers


def test_a_large_blob_takes_no_memory_of_its_size(tmp_path: Path) -> None:
    path = tmp_path / "large"
    piece = bytes(1 << 20)
    found = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(64):
            file.write(piece)
            found.update(piece)
    digest = type(BLOB.digest)("sha256", found.hexdigest())
    large = Descriptor(media_type="x/y", digest=digest, size=64 << 20)
    layout = ImageLayout.create(tmp_path / "layout")
    tracemalloc.start()
    try:
        layout.put_blob(large, InFile(path=path, size=large.size))
        with layout.opened(large) as content:
            assert sum(map(len, content.pieces())) == large.size
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on_where_it_was(fake: Fake, client: Client, *, ranges: bool) -> None:
    registry = fake(Quirks(ranges=ranges))
    store = client(registry)
    store.put_blob(BLOB, DATA)
    registry.seen.clear()
    for _ in range(8):  # more often than a request is tried that brings nothing
        registry.next("GET .*/blobs/", Reply(body=DATA[: 1 << 20], length=len(DATA)))
    if ranges:
        registry.script.clear()
        registry.next("GET .*/blobs/", Reply(body=DATA[: 1 << 20], length=len(DATA)))
    with store.opened(BLOB) as content:
        assert b"".join(content.pieces()) == DATA
    asked = [seen.headers.get("range") for seen in registry.seen]
    assert asked == [None, f"bytes={1 << 20}-"] if ranges else len(asked) == 9


def test_a_range_that_does_not_fit_is_read_from_the_beginning(fake: Fake, client: Client) -> None:
    registry = fake()
    store = client(registry)
    store.put_blob(BLOB, DATA)
    wrong = Reply(status=206, headers=[("Content-Range", "bytes 5-9/10")], body=b"12345")
    for second in (wrong, refusal(416, "RANGE_INVALID", "no")):
        registry.next("GET .*/blobs/", Reply(body=DATA[: 1 << 20], length=len(DATA)), second)
        assert store.blob(BLOB) == DATA


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (DATA + b"x", "has more than its"),
        (DATA[:-1] + b"!", "have another digest"),
        (DATA[:-1], "should have"),
    ],
)
def test_a_stream_that_is_not_the_blob_is_refused_and_nothing_is_kept(
    fake: Fake, client: Client, tmp_path: Path, data: bytes, message: str
) -> None:
    registry = fake()
    store, layout = client(registry), ImageLayout.create(tmp_path / "layout")
    store.put_blob(BLOB, DATA)
    held(registry)[str(BLOB.digest)] = data
    with pytest.raises(VerificationError, match=message):
        copy_blob(store, layout, BLOB)
    with pytest.raises(VerificationError):
        layout.put_blob(BLOB, InMemory(data))
    assert not layout.has(BLOB)
    assert list((tmp_path / "layout" / "blobs" / "sha256").iterdir()) == []


def test_a_blob_that_says_it_is_larger_than_any_chart_is_not_read_into_memory(
    fake: Fake, client: Client
) -> None:
    registry = fake()
    huge = Descriptor(media_type="x/y", digest=BLOB.digest, size=1 << 40)
    with pytest.raises(RegistryError, match="at most 134217728 are read into memory"):
        client(registry).blob(huge)
    assert registry.seen == []


@pytest.mark.parametrize("least", [0, 1_500_000])
def test_a_whole_that_is_too_large_goes_in_parts_and_the_next_at_once(
    fake: Fake, client: Client, least: int
) -> None:
    registry = fake(Quirks(most_at_once=2_000_000, chunk_min=least))
    store = client(registry)
    store.put_blob(BLOB, DATA)
    assert held(registry) == {str(BLOB.digest): DATA}
    assert registry.uploads == {}  # what was given up was cancelled
    sizes = [len(seen.body) for seen in registry.seen if seen.method == "PATCH"]
    assert sizes == ([1_500_000, 1_500_000, 72_000] if least else [900_000] * 3 + [372_000])
    registry.seen.clear()
    other = DATA[::-1]
    store.put_blob(Descriptor.of("x/y", other), other)
    assert [seen.method for seen in registry.seen] == ["POST", *["PATCH"] * len(sizes), "PUT"]


def test_a_blob_that_is_too_large_in_any_way_is_an_error_and_cancelled(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(most_at_once=1000))
    with pytest.raises(RegistryError, match="413"):
        client(registry).put_blob(BLOB, DATA)
    assert registry.uploads == {}


@pytest.mark.parametrize("reply", [refusal(403, "DENIED", "no"), refusal(507, "UNKNOWN", "disk full")])
def test_an_upload_that_is_given_up_is_cancelled(fake: Fake, client: Client, reply: Reply) -> None:
    registry = fake()
    registry.next("PUT .*/uploads/", reply)
    with pytest.raises(RegistryError):
        client(registry).put_blob(BLOB, DATA)
    assert [seen.method for seen in registry.seen] == ["POST", "PUT", "DELETE"]
    assert registry.uploads == {}


@pytest.mark.parametrize("kind", ["opaque", "jwt"])
def test_a_blob_is_mounted_with_a_token_that_is_bound_to_a_repository(
    fake: Fake, client: Client, kind: str
) -> None:
    registry = fake(Quirks(token_kind=kind), users=USERS, auth="token")
    source = client(registry, "charts/web", credential=ALICE)
    source.put_blob(*BLOBS[0])
    target = client(registry, "charts/copy", credential=ALICE)
    target.resolve("1.0.0")
    target.asking.auth._reusable = False
    assert target.mount(BLOBS[0][0], Repository(registry.host, "charts/web"))
    assert held(registry, "charts/copy") == held(registry)
    asked = next(
        seen.target for seen in registry.seen if "charts/web:pull" in seen.target and "copy" in seen.target
    )
    assert "scope=repository:charts/copy:pull,push&scope=repository:charts/web:pull" in asked


def test_a_token_service_that_gives_none_for_two_repositories_costs_an_upload(
    fake: Fake, client: Client
) -> None:
    registry = fake(Quirks(token_kind="jwt"), users=USERS, auth="token")
    client(registry, "charts/web", credential=ALICE).put_blob(*BLOBS[0])
    target = client(registry, "charts/copy", credential=ALICE)
    target.resolve("1.0.0")
    target.asking.auth._reusable = False
    registry.next("GET /token.*charts/web:pull", refusal(400, "UNSUPPORTED", "exactly one scope, please"))
    assert not target.mount(BLOBS[0][0], Repository(registry.host, "charts/web"))
    target.put_blob(*BLOBS[0])


# Lists


def test_ten_thousand_tags_are_listed_in_pages_of_any_size(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(page=500))
    store = client(registry)
    for descriptor, data in BLOBS:
        store.put_blob(descriptor, data)
    store.put_manifest(MANIFEST, "0")
    tags = registry.stores["charts/web"].tags
    tags.update((f"1.0.{number}", tags["0"]) for number in range(10_000))
    assert set(store.tags()) == set(tags)


@pytest.mark.parametrize("page", [0, 2])
def test_a_number_of_entries_that_is_refused_is_left_out(fake: Fake, client: Client, page: int) -> None:
    registry = fake(Quirks(most_entries=100, page=page))
    store = client(registry)
    for descriptor, data in BLOBS:
        store.put_blob(descriptor, data)
    for tag in "abcde":
        store.put_manifest(MANIFEST, tag)
    assert store.tags() == tuple("abcde")


@pytest.mark.parametrize("loop", ["same", "circle", "repeated"])
def test_a_list_that_goes_in_circles_is_an_error(fake: Fake, client: Client, loop: str) -> None:
    registry = fake()
    client(registry).put_blob(*BLOBS[0])
    count = iter(range(100_000))

    def following() -> str:
        number = next(count)
        return {"same": "a", "circle": "ab"[number % 2], "repeated": f"x{number}"}[loop]

    def answer(_seen: object) -> Reply:
        link = f'</v2/charts/web/tags/list?last={following()}>; rel="next"'
        return Reply(
            headers=[("Content-Type", "application/json"), ("Link", link)],
            body=json.dumps({"tags": ["a", "b"]}).encode(),
        )

    registry.server.answer = answer
    with pytest.raises(RegistryError, match="the pages of the list never end"):
        client(registry).tags()


def test_a_manifest_by_sha512_is_copied_under_its_name(fake: Fake, client: Client) -> None:
    source, target = client(fake()), client(fake())
    data = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": []}).encode()
    digest = type(BLOB.digest)("sha512", hashlib.sha512(data).hexdigest())
    child = Manifest.parse(data).known_as(digest)
    source.put_manifest(child)
    index = Manifest.parse(
        json.dumps({"schemaVersion": 2, "manifests": [child.descriptor.document()]}).encode(),
        "application/vnd.oci.image.index.v1+json",
    )
    source.put_manifest(index)
    copy(source, target, index, name="1.0.0")
    assert target.manifest(digest) == child
