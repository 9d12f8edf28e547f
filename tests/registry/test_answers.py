"""What an answer counts for: never for more than it is, whoever gave it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.fakes.clients import Client
from tests.fakes.registry import FakeRegistry, Quirks
from tests.fakes.wire import Reply, WireServer, refusal
from tests.registry.artifacts import OCI_MANIFEST, chart, referrer

from oci_chart_publish.commands.prune import stale
from oci_chart_publish.errors import ExitCode, NotFoundError, RegistryError, VerificationError
from oci_chart_publish.oci.attachments import copy_attachments
from oci_chart_publish.oci.descriptor import OCI_EMPTY, OCI_INDEX, Descriptor
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.oci.store import Target, copy
from oci_chart_publish.registry.client import RegistryRepository

Fake = Callable[..., FakeRegistry]
Serve = Callable[..., WireServer]

MANIFEST, BLOBS = chart()
EMPTY = Descriptor.of(OCI_EMPTY, b"{}")
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGNATURE = referrer(MANIFEST, BUNDLE, "first")
TAG = f"sha256-{MANIFEST.descriptor.digest.hex}"
PAGE = Reply(
    status=404,
    headers=[("Content-Type", "text/html")],
    body=b"<html><head><title>404 Not Found</title></head><body>nginx</body></html>",
)
LOGIN = Reply(
    headers=[("Content-Type", "text/html; charset=utf-8")],
    body=b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>",
)
GATEWAY = Reply(
    status=404, headers=[("Content-Type", "application/json")], body=b'{"message":"no Route matched"}'
)


def push(store: Target, name: str = "1.0.0") -> None:
    for descriptor, data in BLOBS:
        store.put_blob(descriptor, data)
    store.put_manifest(MANIFEST, name)


def proven(store: RegistryRepository) -> RegistryRepository:
    """Let the client learn that HEADs of this host tell the truth."""
    assert store.resolve("1.0.0") == store.resolve("1.0.0") == MANIFEST.descriptor
    assert store.features.heads is True
    return store


@pytest.mark.parametrize("status", [404, 405, 400, 501, 403])
def test_a_head_that_says_no_is_not_believed_where_a_get_shows_the_manifest(
    fake: Fake, client: Client, status: int
) -> None:
    registry = fake()
    push(client(registry))
    registry.quirks = Quirks(head_status=status)
    store = client(registry)
    for _ in range(3):
        assert store.resolve("1.0.0") == MANIFEST.descriptor
    assert store.has(MANIFEST.descriptor)


@pytest.mark.parametrize("status", [404, 405, 400, 501])
def test_a_head_of_a_blob_that_is_refused_lets_a_get_decide(fake: Fake, client: Client, status: int) -> None:
    registry = fake()
    store = client(registry)
    push(store)
    registry.next("HEAD .*/blobs/", Reply(status=status, headers=[("Content-Type", "text/html")]))
    assert store.has(BLOBS[1][0])


def test_a_look_up_costs_one_request_whatever_is_there(fake: Fake, client: Client) -> None:
    registry = fake()
    push(client(registry))
    for names in (["1.0.0"] * 4, ["2.0.0"] * 4):
        store = client(registry)
        registry.seen.clear()
        for name in names:
            store.resolve(name)
        assert len(registry.seen) == len(names)


@pytest.mark.parametrize("reply", [PAGE, GATEWAY, Reply(status=404)], ids=["page", "gateway", "empty"])
def test_one_404_of_something_between_is_never_absent(fake: Fake, client: Client, reply: Reply) -> None:
    registry = fake()
    store = client(registry)
    push(store)
    assert store.resolve("9.9.9") is None  # this registry says "not there" in words
    gets = [reply] * (1 if reply.body else 2)  # what says nothing at all is asked again
    registry.next("GET .*/manifests/", *gets)
    with pytest.raises(RegistryError, match="nothing there speaks the registry API") as caught:
        store.resolve("1.0.0")
    assert not isinstance(caught.value, NotFoundError)
    proven(store)
    registry.next("HEAD .*/manifests/", reply)
    registry.next("GET .*/manifests/", *gets)
    with pytest.raises(RegistryError, match="nothing there speaks the registry API"):
        store.resolve("1.0.0")


def test_one_empty_404_of_a_host_that_nothing_is_known_of_is_asked_again(fake: Fake, client: Client) -> None:
    registry = fake()
    push(client(registry))
    registry.next("GET .*/manifests/", Reply(status=404))
    assert client(registry).resolve("1.0.0") == MANIFEST.descriptor


def test_a_404_of_a_proven_head_needs_no_second_request(fake: Fake, client: Client) -> None:
    registry = fake()
    push(client(registry))
    store = proven(client(registry))
    registry.seen.clear()
    assert store.resolve("2.0.0") is None
    assert registry.lines() == ["HEAD /v2/charts/web/manifests/2.0.0"]


@pytest.mark.parametrize("ask", ["manifest", "tags", "blob", "referrers"])
def test_a_login_page_with_200_is_said_to_be_one_with_its_url(fake: Fake, client: Client, ask: str) -> None:
    registry = fake()
    store = client(registry)
    push(store)
    registry.next("GET ", LOGIN)
    calls: dict[str, Callable[[], object]] = {
        "manifest": lambda: store.resolve("1.0.0"),
        "tags": store.tags,
        "blob": lambda: store.blob(BLOBS[1][0]),
        "referrers": lambda: store.referrers(MANIFEST.descriptor.digest),
    }
    with pytest.raises(RegistryError, match=r"GET http://.*/v2/charts/web/.*'Sign in'") as caught:
        calls[ask]()
    assert caught.value.exit_code == ExitCode.REGISTRY


def test_a_page_is_no_list_of_tags_and_no_deletion(fake: Fake, client: Client) -> None:
    registry = fake()
    store = client(registry)
    push(store)
    registry.next("GET .*/tags/list", PAGE)
    with pytest.raises(RegistryError, match="nothing there speaks the registry API"):
        store.tags()
    for reply in (PAGE, LOGIN):
        registry.next("DELETE ", reply)
        with pytest.raises(RegistryError, match="nothing there speaks the registry API"):
            store.delete("1.0.0")
    assert registry.stores["charts/web"].tags.keys() == {"1.0.0"}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=500),
        refusal(403, "DENIED", "no"),
        Reply(status=403, body=b"<html>blocked</html>"),
        Reply(status=429),
        LOGIN,
        PAGE,
        refusal(401, "UNAUTHORIZED", "no"),
    ],
    ids=["500", "403", "firewall", "429", "login", "404 page", "401"],
)
@pytest.mark.parametrize("side", ["source", "target"])
def test_signatures_are_never_left_behind_because_the_referrers_api_did_not_answer(
    fake: Fake, client: Client, reply: Reply, side: str
) -> None:
    origin, destination = fake(Quirks(referrers=True)), fake(Quirks(referrers=True))
    source, target = client(origin), client(destination)
    for store in (source, target):
        push(store)
        store.put_blob(EMPTY, b"{}")
    source.put_referrer(SIGNATURE)
    source, target = client(origin), client(destination)
    answering = {"source": origin, "target": destination}[side]
    answering.next("GET .*/referrers/", *[reply] * 10)
    with pytest.raises(RegistryError):
        copy_attachments(source, target, MANIFEST)
    answering.script.clear()
    assert copy_attachments(client(origin), client(destination), MANIFEST) == 1


@pytest.mark.parametrize("reply", [PAGE, GATEWAY], ids=["page", "gateway"])
def test_an_index_of_referrers_that_was_not_shown_is_not_written_anew(
    fake: Fake, client: Client, reply: Reply
) -> None:
    registry = fake()
    store = client(registry)
    push(store)
    store.put_blob(EMPTY, b"{}")
    store.put_referrer(SIGNATURE)
    held = registry.stores["charts/web"].tags[TAG]
    registry.next(f"GET .*/manifests/{TAG}", reply)
    with pytest.raises(RegistryError, match="nothing there speaks the registry API"):
        store.put_referrer(referrer(MANIFEST, BUNDLE, "second"))
    assert registry.stores["charts/web"].tags[TAG] == held


@pytest.mark.parametrize(
    "reply", [refusal(404, "NAME_UNKNOWN", "no"), Reply(status=404), refusal(405, "UNSUPPORTED", "no")]
)
def test_a_registry_without_the_api_is_asked_by_the_tag(fake: Fake, client: Client, reply: Reply) -> None:
    registry = fake()
    push(client(registry))
    client(registry).put_blob(EMPTY, b"{}")
    client(registry).put_referrer(SIGNATURE)
    registry.next("GET .*/referrers/", reply)
    found = client(registry).referrers(MANIFEST.descriptor.digest)
    assert [each.digest for each in found] == [SIGNATURE.descriptor.digest]


def test_a_referrer_that_is_an_index_is_copied_with_what_it_holds(fake: Fake, client: Client) -> None:
    source, target = client(fake(Quirks(referrers=True))), client(fake(Quirks(referrers=True)))
    for store in (source, target):
        push(store)
    source.put_blob(EMPTY, b"{}")
    child = Manifest.parse(
        json.dumps({"schemaVersion": 2, "config": EMPTY.document()}).encode(), OCI_MANIFEST
    )
    source.put_manifest(child)
    index = Manifest.parse(
        json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": OCI_INDEX,
                "artifactType": BUNDLE,
                "manifests": [child.descriptor.document()],
                "subject": MANIFEST.descriptor.document(),
            }
        ).encode(),
        OCI_INDEX,
    )
    source.put_referrer(index)
    assert copy_attachments(source, target, MANIFEST) == 1
    assert [each.digest for each in target.referrers(MANIFEST.descriptor.digest)] == [index.descriptor.digest]
    assert target.manifest(child.descriptor.digest) == child


def test_nothing_is_pruned_where_a_tag_that_stays_is_listed_and_not_shown(fake: Fake, client: Client) -> None:
    registry = fake()
    store = client(registry)
    push(store)
    push(store, "0.0.0-pr.7.gabc1234")
    registry.next("GET .*/manifests/1.0.0", refusal(404, "MANIFEST_UNKNOWN", "manifest unknown"))
    repository = Repository(registry.host, "charts/web")
    with pytest.raises(RegistryError, match=r"1\.0\.0 is listed, and not there"):
        list(stale(repository, store, "0.0.0-pr.{number}.g{sha7}", lambda _number: True))


@pytest.mark.parametrize("status", [400, 409, 410])
@pytest.mark.parametrize("code", ["BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "UNKNOWN"])
def test_an_upload_whose_answer_was_lost_is_started_anew_whatever_it_is_called(
    fake: Fake, client: Client, status: int, code: str
) -> None:
    registry = fake()
    registry.next("PUT .*/uploads/", Reply(drop=True), refusal(status, code, "no such upload"))
    descriptor, data = BLOBS[1]
    client(registry).put_blob(descriptor, data)
    assert [seen.method for seen in registry.seen] == ["POST", "PUT", "PUT", "POST", "PUT"]
    assert registry.stores["charts/web"].blobs == {str(descriptor.digest): data}


@pytest.mark.parametrize(
    "text",
    [
        '{"layers":[%s],"Layers":[%s]}',
        '{"layers":[%s],"layers":[%s]}',
        '{"layers":[%s],"layer\\u017f":[%s]}',
        '{"LAYERS":[%s], "x": %s}',
        '{"layers":[{"digest":"sha256:0","size":1,"mediaType":"a","Digest":"b"}], "x": "%s%s"}',
        '{"x":{"y":1,"y":2}, "z": "%s%s"}',
    ],
)
def test_a_manifest_that_readers_read_differently_is_refused(text: str) -> None:
    layer = json.dumps(BLOBS[1][0].document())
    filled = text % (("", "") if '"%s%s"' in text else (layer, layer))
    with pytest.raises(VerificationError, match="a manifest with the key"):
        Manifest.parse(filled.encode(), OCI_MANIFEST)


def test_annotations_that_differ_in_case_are_two_annotations() -> None:
    document = {"schemaVersion": 2, "annotations": {"a": "1", "A": "2"}, "unknown": {"Layers": []}}
    assert Manifest.parse(json.dumps(document).encode()).annotations == {"a": "1", "A": "2"}


def test_a_registry_in_words_other_than_not_there_is_an_error(serve: Serve, client: Client) -> None:
    server = serve(lambda _seen: refusal(404, "DENIED", "requested access to the resource is denied"))
    with pytest.raises(RegistryError, match="nothing there speaks the registry API"):
        client(server).resolve("1.0.0")


def test_a_copy_visits_each_child_once_to_any_depth(fake: Fake, client: Client) -> None:
    registry = fake()
    source, target = client(registry, "charts/deep"), client(fake())
    push(source)
    current = MANIFEST
    for level in range(60):
        entries = [{**current.descriptor.document(), "annotations": {"n": str(n)}} for n in range(2)]
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": entries,
            "annotations": {"l": str(level)},
        }
        current = Manifest.parse(json.dumps(document).encode(), OCI_INDEX)
        source.put_manifest(current)
    registry.seen.clear()
    copy(source, target, current, name="1.0.0")
    assert target.manifest("1.0.0") == current
    assert len(registry.seen) == 60 + len(BLOBS)
