"""A repository as a store: reading, writing and telling "not there" from everything else."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable

import pytest
from tests.fakes.clients import Client
from tests.fakes.registry import FakeRegistry, Quirks
from tests.fakes.wire import Reply, Seen, WireServer, refusal
from tests.registry.artifacts import OCI_MANIFEST, chart

from oci_chart_publish.errors import (
    AuthError,
    ConfigError,
    ConflictError,
    NotFoundError,
    RegistryError,
    VerificationError,
)
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.oci.store import Target, copy
from oci_chart_publish.registry.client import Presence

Fake = Callable[..., FakeRegistry]
Serve = Callable[..., WireServer]

MANIFEST, BLOBS = chart()
OTHER, OTHER_BLOBS = chart("other")


def push(store: Target, name: str = "1.0.0") -> None:
    for descriptor, data in BLOBS:
        store.put_blob(descriptor, data)
    store.put_manifest(MANIFEST, name)


def test_what_was_pushed_is_read_back(fake: Fake, client: Client) -> None:
    store = client(fake())
    push(store)
    assert store.resolve("1.0.0") == MANIFEST.descriptor
    assert store.resolve(str(MANIFEST.descriptor.digest)) == MANIFEST.descriptor
    assert store.manifest("1.0.0") == MANIFEST
    assert store.manifest(MANIFEST.descriptor.digest) == MANIFEST
    assert [store.blob(descriptor) for descriptor, _ in BLOBS] == [data for _, data in BLOBS]
    assert store.tags() == ("1.0.0",)


def test_a_new_chart_takes_five_requests_and_one_look_up(fake: Fake, client: Client) -> None:
    registry = fake()
    store = client(registry)
    assert store.resolve("1.0.0") is None
    push(store)
    assert registry.lines() == [
        "GET /v2/charts/web/manifests/1.0.0",
        "POST /v2/charts/web/blobs/uploads/?digest=DIGEST",
        "PUT /v2/charts/web/blobs/UPLOAD",
        "POST /v2/charts/web/blobs/uploads/",
        "PUT /v2/charts/web/blobs/UPLOAD",
        "PUT /v2/charts/web/manifests/1.0.0",
    ]


def test_with_single_post_it_takes_three_and_one(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(single_post=True))
    store = client(registry)
    assert store.resolve("1.0.0") is None
    push(store)
    assert registry.lines() == [
        "GET /v2/charts/web/manifests/1.0.0",
        "POST /v2/charts/web/blobs/uploads/?digest=DIGEST",
        "POST /v2/charts/web/blobs/uploads/?digest=DIGEST",
        "PUT /v2/charts/web/manifests/1.0.0",
    ]


def test_an_unchanged_chart_takes_one(fake: Fake, client: Client) -> None:
    registry = fake()
    push(client(registry))
    registry.seen.clear()
    assert client(registry).resolve("1.0.0") == MANIFEST.descriptor
    assert registry.lines() == ["GET /v2/charts/web/manifests/1.0.0"]


def test_a_copy_goes_from_store_to_store(fake: Fake, client: Client) -> None:
    source, target = client(fake()), client(fake())
    push(source)
    copy(source, target, MANIFEST, name="1.0.0")
    assert target.manifest("1.0.0") == MANIFEST


@pytest.mark.parametrize("api_header", [True, False])
def test_absent_is_none_whether_the_repository_or_the_tag_is_missing(
    fake: Fake, client: Client, *, api_header: bool
) -> None:
    registry = fake(Quirks(api_header=api_header))
    assert client(registry, "charts/none").resolve("1.0.0") is None
    assert client(registry, "charts/none").manifest("1.0.0") is None
    assert client(registry, "charts/none").tags() == ()
    store = client(registry)
    push(store)
    assert store.resolve("2.0.0") is None
    assert store.lookup("2.0.0").presence is Presence.ABSENT
    assert store.manifest(OTHER.descriptor.digest) is None
    assert not store.has(OTHER.descriptor)
    assert not store.has(OTHER_BLOBS[0][0])
    assert store.has(MANIFEST.descriptor)
    assert store.has(BLOBS[0][0])
    assert not store.delete("2.0.0")


def page(status: int) -> Callable[[Seen], Reply]:
    html = b"<html><head><title>Nothing here</title></head></html>"
    return lambda _seen: Reply(status=status, headers=[("Content-Type", "text/html")], body=html)


def test_the_404_page_of_something_else_is_an_error_and_not_absent(serve: Serve, client: Client) -> None:
    server = serve(page(404))
    for ask in (
        lambda: client(server).resolve("1.0.0"),
        lambda: client(server).manifest("1.0.0"),
        lambda: client(server).tags(),
        lambda: client(server).has(BLOBS[0][0]),
    ):
        with pytest.raises(RegistryError, match="404, and nothing there speaks the registry API") as caught:
            ask()
        assert not isinstance(caught.value, NotFoundError)
        assert caught.value.hint == f"is {server.host} the registry, and is no proxy before it?"


def test_a_page_that_answers_everything_is_no_registry(serve: Serve, client: Client) -> None:
    def portal(seen: Seen) -> Reply:
        return page(404 if "manifests" in seen.target else 200)(seen)

    with pytest.raises(RegistryError, match="nothing there speaks the registry API"):
        client(serve(portal)).resolve("1.0.0")


def test_a_registry_without_a_version_header_is_asked_once(serve: Serve, client: Client) -> None:
    def bare(seen: Seen) -> Reply:
        return Reply(body=b"{}") if seen.target == "/v2/" else Reply(status=404)

    server = serve(bare)
    store = client(server)
    assert [store.resolve(tag) for tag in ("1", "2", "3")] == [None, None, None]
    assert server.lines().count("GET /v2/") == 1


@pytest.mark.parametrize("status", [400, 405, 410, 451, 501])
def test_no_other_status_means_absent(serve: Serve, client: Client, status: int) -> None:
    server = serve(lambda _seen: refusal(status, "UNSUPPORTED", "no"))
    with pytest.raises(RegistryError) as caught:
        client(server).resolve("1.0.0")
    assert (caught.value.status, caught.value.codes) == (status, ("UNSUPPORTED",))
    assert caught.value.message == f"GET {server.url}/v2/charts/web/manifests/1.0.0: {status} UNSUPPORTED: no"


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_look_up_is_hidden_and_raises(serve: Serve, client: Client, status: int) -> None:
    server = serve(lambda _seen: refusal(status, "DENIED", "requested access is denied"))
    store = client(server)
    found = store.lookup("1.0.0")
    assert (found.presence, found.descriptor, found.maybe_absent) == (Presence.HIDDEN, None, False)
    with pytest.raises(AuthError, match=f"{status} DENIED: requested access is denied"):
        store.resolve("1.0.0")


def test_a_403_of_artifactory_may_mean_absent(serve: Serve, client: Client) -> None:
    headers = [("X-Artifactory-Id", "1"), ("Docker-Distribution-Api-Version", "registry/2.0")]
    server = serve(lambda _seen: Reply(status=403, headers=headers))
    store = client(server)
    assert store.lookup("1.0.0").maybe_absent
    assert store.resolve("1.0.0") is None


def test_without_a_digest_header_the_manifest_is_read_and_hashed(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(digest_header=False))
    store = client(registry)
    push(store)
    assert registry.lines()[-2:] == [
        "HEAD /v2/charts/web/manifests/1.0.0",
        "GET /v2/charts/web/manifests/1.0.0",
    ]
    assert store.resolve("1.0.0") == MANIFEST.descriptor


@pytest.mark.parametrize("stated", ["sha256:../../x", "rubbish", "md5:00"])
def test_a_rubbish_digest_header_is_not_believed(fake: Fake, client: Client, stated: str) -> None:
    registry = fake()
    push(client(registry))
    registry.quirks = Quirks(wrong_digest=stated)
    assert client(registry).resolve("1.0.0") == MANIFEST.descriptor


def test_a_wrong_digest_after_a_push_is_an_error(fake: Fake, client: Client) -> None:
    wrong = f"sha256:{'0' * 64}"
    with pytest.raises(VerificationError, match=f"was sent, the registry has {wrong}"):
        push(client(fake(Quirks(wrong_digest=wrong))))


def test_a_manifest_that_is_not_what_its_digest_says_is_refused(fake: Fake, client: Client) -> None:
    registry = fake()
    store = client(registry)
    push(store)
    digest = str(MANIFEST.descriptor.digest)
    registry.stores["charts/web"].manifests[digest] = (OCI_MANIFEST, MANIFEST.data + b" ")
    with pytest.raises(VerificationError, match="the bytes do not have the digest"):
        store.manifest("1.0.0")
    with pytest.raises(VerificationError):
        store.manifest(MANIFEST.descriptor.digest)


def test_a_digest_look_up_answered_with_another_digest_is_refused(fake: Fake, client: Client) -> None:
    registry = fake()
    push(client(registry))
    registry.quirks = Quirks(wrong_digest=f"sha256:{'0' * 64}")
    with pytest.raises(VerificationError, match="asked for"):
        client(registry).resolve(str(MANIFEST.descriptor.digest))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BLOBS[0][1] + b"x", "has more than its"),
        (BLOBS[0][1][:-1], "should have"),
        (BLOBS[0][1][:-1] + b"!", "have another digest"),
    ],
    ids=["longer", "shorter", "changed"],
)
def test_a_blob_that_differs_from_its_descriptor_is_refused(
    fake: Fake, client: Client, data: bytes, message: str
) -> None:
    registry = fake()
    store = client(registry)
    push(store)
    descriptor = BLOBS[0][0]
    registry.stores["charts/web"].blobs[str(descriptor.digest)] = data
    with pytest.raises(VerificationError, match=message):
        store.blob(descriptor)


def test_a_missing_blob_is_not_found(fake: Fake, client: Client) -> None:
    with pytest.raises(NotFoundError, match="404 BLOB_UNKNOWN"):
        client(fake()).blob(BLOBS[0][0])


def test_a_compressed_answer_is_refused_and_not_decoded(fake: Fake, client: Client) -> None:
    registry = fake()
    store = client(registry)
    push(store)
    descriptor, data = BLOBS[1]
    packed = Reply(headers=[("Content-Encoding", "gzip")], body=gzip.compress(data))
    registry.next("GET .*/(blobs|manifests)/", packed, packed)
    with pytest.raises(VerificationError, match="sent with Content-Encoding 'gzip', unasked"):
        store.blob(descriptor)
    with pytest.raises(VerificationError, match="sent with Content-Encoding 'gzip', unasked"):
        store.manifest("1.0.0")


def test_a_sha512_blob_is_pushed_and_read(fake: Fake, client: Client) -> None:
    data = b"some bytes"
    digest = Digest.parse(f"sha512:{hashlib.sha512(data).hexdigest()}")
    descriptor = Descriptor(media_type="application/octet-stream", digest=digest, size=len(data))
    store = client(fake())
    store.put_blob(descriptor, data)
    assert store.blob(descriptor) == data


def test_a_lost_answer_is_read_again_and_not_pushed_twice(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(lose_manifest_answers=1))
    push(client(registry))
    assert [line for line in registry.lines() if "manifests" in line] == [
        "PUT /v2/charts/web/manifests/1.0.0",
        "HEAD /v2/charts/web/manifests/1.0.0",
    ]


def test_a_lost_answer_of_an_immutable_tag_is_a_success(fake: Fake, client: Client) -> None:
    immutable = refusal(412, "DENIED", "immutable")
    registry = fake(Quirks(lose_manifest_answers=1, immutable=immutable))
    push(client(registry))
    assert registry.stores["charts/web"].tags == {"1.0.0": str(MANIFEST.descriptor.digest)}


IMMUTABLE = {
    "ECR": refusal(
        400, "TAG_INVALID", "The image tag '1.0.0' already exists and cannot be overwritten: immutable"
    ),
    "Harbor": refusal(412, "DENIED", "Failed to process request due to 'web:1.0.0' configured as immutable."),
    "Docker Hub": refusal(403, "DENIED", "the tag 1.0.0 is immutable"),
    "Artifactory": refusal(
        403, "DENIED", "not enough permissions to overwrite artifact web/1.0.0/manifest.json"
    ),
    "Artifactory, wrapped": refusal(400, "MANIFEST_INVALID", "manifest invalid: 403, may not override"),
}


@pytest.mark.parametrize("kind", IMMUTABLE)
def test_an_immutable_tag_is_a_success_with_the_same_content_and_a_conflict_with_other(
    fake: Fake, client: Client, kind: str
) -> None:
    registry = fake(Quirks(immutable=IMMUTABLE[kind]))
    store = client(registry)
    push(store)
    push(store)
    for descriptor, data in OTHER_BLOBS:
        store.put_blob(descriptor, data)
    with pytest.raises(ConflictError) as caught:
        store.put_manifest(OTHER, "1.0.0")
    assert caught.value.message.endswith(
        f"; {registry.host}/charts/web:1.0.0 is {MANIFEST.descriptor.digest}, not {OTHER.descriptor.digest}"
    )
    assert caught.value.hint == "the tag is immutable: publish the content as a new version"


def test_a_refusal_for_another_reason_is_no_conflict(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(immutable=refusal(403, "DENIED", "permission_denied: write_package")))
    store = client(registry)
    push(store)
    for descriptor, data in OTHER_BLOBS:
        store.put_blob(descriptor, data)
    with pytest.raises(AuthError, match="permission_denied: write_package"):
        store.put_manifest(OTHER, "1.0.0")


def test_a_lost_request_is_sent_again(fake: Fake, client: Client) -> None:
    registry = fake()
    registry.next("PUT .*/manifests/", Reply(drop=True), Reply(status=502))
    store = client(registry)
    push(store)
    assert [line for line in registry.lines() if "manifests" in line] == [
        "PUT /v2/charts/web/manifests/1.0.0",
        "HEAD /v2/charts/web/manifests/1.0.0",
        "PUT /v2/charts/web/manifests/1.0.0",
        "HEAD /v2/charts/web/manifests/1.0.0",
        "PUT /v2/charts/web/manifests/1.0.0",
    ]
    assert store.resolve("1.0.0") == MANIFEST.descriptor


def test_a_manifest_that_is_not_readable_at_once_is_waited_for(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(digest_header=False, unread_after_write=2))
    push(client(registry))
    assert registry.lines().count("HEAD /v2/charts/web/manifests/1.0.0") == 3


def test_a_missing_blob_refuses_the_manifest_with_its_code(fake: Fake, client: Client) -> None:
    with pytest.raises(NotFoundError) as caught:
        client(fake()).put_manifest(MANIFEST, "1.0.0")
    assert caught.value.codes == ("MANIFEST_BLOB_UNKNOWN",)


def test_a_blob_that_another_writer_is_storing_again_is_waited_for(fake: Fake, client: Client) -> None:
    registry = fake()
    lacking = refusal(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")
    registry.next("PUT .*/manifests/", lacking, lacking)
    store = client(registry)
    push(store)
    assert registry.lines().count("PUT /v2/charts/web/manifests/1.0.0") == 3
    assert store.manifest("1.0.0") == MANIFEST


def test_a_blob_is_mounted_from_a_sibling(fake: Fake, client: Client) -> None:
    registry = fake()
    push(client(registry, "charts/web"))
    store = client(registry, "charts/copy")
    registry.seen.clear()
    assert store.mount(BLOBS[0][0], Repository(registry.host, "charts/web"))
    assert store.has(BLOBS[0][0])
    assert not store.mount(BLOBS[0][0], Repository("other.test", "charts/web"))
    assert len(registry.lines()) == 2


def test_the_upload_opened_instead_of_a_mount_is_used(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(mount=False))
    store = client(registry)
    descriptor, data = BLOBS[0]
    assert not store.mount(descriptor, Repository(registry.host, "charts/other"))
    store.put_blob(descriptor, data)
    assert registry.lines() == [
        "POST /v2/charts/web/blobs/uploads/?mount=DIGEST&from=charts/other",
        "PUT /v2/charts/web/blobs/UPLOAD",
    ]


def test_a_tag_and_a_manifest_are_deleted(fake: Fake, client: Client) -> None:
    store = client(fake())
    push(store)
    assert store.delete("1.0.0")
    assert store.resolve("1.0.0") is None
    assert store.delete(MANIFEST.descriptor.digest)
    assert store.manifest(MANIFEST.descriptor.digest) is None


@pytest.mark.parametrize("name", ["../../x", "a/b", "1.0.0+x", "a?b", "", ".a", "a b", "x" * 129])
def test_a_name_that_is_no_tag_never_reaches_the_registry(fake: Fake, client: Client, name: str) -> None:
    registry = fake()
    store = client(registry)
    for ask in (
        store.resolve,
        store.manifest,
        store.delete,
        lambda tag: store.put_manifest(MANIFEST, tag or " "),
    ):
        with pytest.raises(ConfigError, match="is not a legal tag"):
            ask(name)
    assert registry.seen == []


def test_a_manifest_above_the_limit_is_refused(serve: Serve, client: Client) -> None:
    body = json.dumps({"schemaVersion": 2, "x": "y" * (4 << 20)}).encode()
    server = serve(lambda _seen: Reply(headers=[("Content-Type", OCI_MANIFEST)], body=body))
    with pytest.raises(VerificationError, match="a manifest of more than 4194304 bytes"):
        client(server).manifest("1.0.0")


def test_a_warning_of_the_registry_is_told_once(fake: Fake, client: Client) -> None:
    told: list[str] = []
    registry = fake(Quirks(warning='299 - "this repository moves \\"soon\\""'))
    store = client(registry, on_warning=told.append)
    push(store)
    assert told == [f'{registry.host}: this repository moves "soon"']


@pytest.mark.parametrize(
    "warning", ["199 - x", '299 - "\x1b[31m"', '299 - "unclosed', '299 - "x"' + "y" * 5000]
)
def test_a_warning_of_another_shape_is_not_told(fake: Fake, client: Client, warning: str) -> None:
    told: list[str] = []
    push(client(fake(Quirks(warning=warning)), on_warning=told.append))
    assert told == []
