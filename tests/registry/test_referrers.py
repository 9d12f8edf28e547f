"""Signatures and the like find their subject: by the API where there is one, else by an index under a tag."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.fakes.clients import Client
from tests.fakes.registry import FakeRegistry, Quirks
from tests.fakes.wire import Reply, WireServer, refusal
from tests.registry.artifacts import chart, referrer

from oci_chart_publish.errors import VerificationError
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.manifest import Manifest
from oci_chart_publish.registry.client import RegistryRepository

Fake = Callable[..., FakeRegistry]
Serve = Callable[..., WireServer]

MANIFEST, BLOBS = chart()
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
OTHER = "application/vnd.example.sbom+json"
FIRST, SECOND = referrer(MANIFEST, BUNDLE, "first"), referrer(MANIFEST, OTHER, "second")
EMPTY = Descriptor.of("application/vnd.oci.empty.v1+json", b"{}")
TAG = f"sha256-{MANIFEST.descriptor.digest.hex}"
INDEX = "application/vnd.oci.image.index.v1+json"


def subject(store: RegistryRepository) -> RegistryRepository:
    for descriptor, data in [*BLOBS, (EMPTY, b"{}")]:
        store.put_blob(descriptor, data)
    store.put_manifest(MANIFEST, "1.0.0")
    return store


def found(store: RegistryRepository, artifact_type: str = "") -> list[Descriptor]:
    return list(store.referrers(MANIFEST.descriptor.digest, artifact_type))


def described(manifest: Manifest, artifact_type: str, note: str) -> Descriptor:
    return Descriptor(
        media_type="application/vnd.oci.image.manifest.v1+json",
        digest=manifest.descriptor.digest,
        size=manifest.descriptor.size,
        annotations={"note": note},
        artifact_type=artifact_type,
    )


@pytest.mark.parametrize("native", [True, False])
def test_referrers_are_found_with_type_and_annotations(fake: Fake, client: Client, *, native: bool) -> None:
    registry = fake(Quirks(referrers=native))
    store = subject(client(registry))
    assert found(store) == []
    store.put_referrer(FIRST)
    store.put_referrer(SECOND)
    assert found(store) == [described(FIRST, BUNDLE, "first"), described(SECOND, OTHER, "second")]
    assert found(store, OTHER) == [described(SECOND, OTHER, "second")]
    assert (TAG in registry.stores["charts/web"].tags) is not native


def test_the_api_is_asked_once_a_host_after_a_push(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(referrers=True))
    store = subject(client(registry))
    registry.seen.clear()
    store.put_referrer(FIRST)
    store.put_referrer(SECOND)
    assert registry.lines() == [
        "PUT /v2/charts/web/manifests/DIGEST",
        f"GET /v2/charts/web/referrers/{'DIGEST'}",
        "PUT /v2/charts/web/manifests/DIGEST",
        "GET /v2/charts/web/referrers/DIGEST",
    ]


def test_pushing_a_referrer_twice_lists_it_once(fake: Fake, client: Client) -> None:
    store = subject(client(fake()))
    store.put_referrer(FIRST)
    store.put_referrer(FIRST)
    assert found(store) == [described(FIRST, BUNDLE, "first")]


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(subject_header=True),
        Quirks(referrers=True, subject_header=False),
        Quirks(
            subject_header=True,
            referrers_reply=Reply(headers=[("Content-Type", INDEX)], body=b'{"manifests":[]}'),
        ),
        Quirks(subject_header=True, referrers_reply=Reply(body=b"<html>welcome</html>")),
        Quirks(
            subject_header=True, referrers_reply=Reply(headers=[("Content-Type", INDEX)], body=b"not JSON")
        ),
        Quirks(subject_header=True, referrers_reply=refusal(405, "UNSUPPORTED", "no")),
        Quirks(subject_header=True, referrers_reply=Reply(status=429)),
    ],
    ids=["header without API", "API without header", "always empty", "page", "rubbish", "405", "always 429"],
)
def test_a_registry_that_only_claims_to_list_referrers_gets_the_index(
    fake: Fake, client: Client, quirks: Quirks
) -> None:
    registry = fake(quirks)
    store = subject(client(registry))
    store.put_referrer(FIRST)
    assert TAG in registry.stores["charts/web"].tags
    assert found(store) == [described(FIRST, BUNDLE, "first")]


def test_a_redirect_to_a_web_page_is_no_answer_and_is_not_followed(
    fake: Fake, serve: Serve, client: Client
) -> None:
    page = serve(lambda _seen: Reply(status=429))
    reply = Reply(status=303, headers=[("Location", f"{page.url}/acme/web")])
    store = subject(client(fake(Quirks(subject_header=True, referrers_reply=reply))))
    store.put_referrer(FIRST)
    assert found(store) == [described(FIRST, BUNDLE, "first")]
    assert page.seen == []


def test_an_index_keeps_what_others_wrote_in_it(fake: Fake, client: Client) -> None:
    registry = fake()
    store = subject(client(registry))
    store.put_manifest(SECOND)
    foreign = {**described(SECOND, OTHER, "second").document(), "platform": {"os": "x", "architecture": "y"}}
    document = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [foreign],
        "annotations": {"kept": "yes"},
    }
    store.put_manifest(Manifest.parse(json.dumps(document).encode(), INDEX), TAG)
    store.put_referrer(FIRST)
    index = store.manifest(TAG)
    assert index is not None
    stored = json.loads(index.data)
    assert stored["annotations"] == {"kept": "yes"}
    assert stored["manifests"][0] == foreign
    assert stored["manifests"][1]["artifactType"] == BUNDLE


def test_an_index_that_changed_meanwhile_is_read_and_written_again(fake: Fake, client: Client) -> None:
    registry = fake()
    store = subject(client(registry))
    registry.next(f"PUT .*/{TAG}", refusal(412, "DENIED", "changed"))
    store.put_referrer(FIRST)
    assert found(store) == [described(FIRST, BUNDLE, "first")]


def test_an_etag_makes_the_write_conditional(fake: Fake, client: Client) -> None:
    registry = fake()
    store = subject(client(registry))
    store.put_referrer(FIRST)
    index = store.manifest(TAG)
    assert index is not None
    headers = [("Content-Type", INDEX), ("Etag", '"the-tag"')]
    registry.next(f"GET .*/{TAG}", Reply(headers=headers, body=index.data))
    store.put_referrer(SECOND)
    put = [seen for seen in registry.seen if seen.method == "PUT" and TAG in seen.target]
    assert [seen.headers.get("if-match") for seen in put] == [None, '"the-tag"']


def test_many_referrers_at_once_are_all_kept(fake: Fake, client: Client) -> None:
    store = subject(client(fake()))
    several = [referrer(MANIFEST, BUNDLE, str(number)) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store.put_referrer, several))
    assert {entry.digest for entry in found(store)} == {manifest.descriptor.digest for manifest in several}


@pytest.mark.parametrize("written", ["", "application/vnd.oci.empty.v1+json"])
def test_an_entry_without_a_useful_type_is_looked_into(fake: Fake, client: Client, written: str) -> None:
    store = subject(client(fake()))
    store.put_manifest(FIRST)
    entry = {**FIRST.descriptor.document(), **({"artifactType": written} if written else {})}
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
    store.put_manifest(Manifest.parse(json.dumps(document).encode(), INDEX), TAG)
    assert [each.digest for each in found(store, BUNDLE)] == [FIRST.descriptor.digest]
    assert found(store, OTHER) == []


def test_all_pages_of_the_api_are_read(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(referrers=True))
    store = subject(client(registry))
    pages = []
    for manifest, kind, note, link in (
        (FIRST, BUNDLE, "first", [("Link", '</v2/charts/web/referrers/next>; rel="next"')]),
        (SECOND, OTHER, "second", []),
    ):
        body = json.dumps({"manifests": [described(manifest, kind, note).document()]}).encode()
        pages.append(Reply(headers=[("Content-Type", INDEX), *link], body=body))
    registry.next("/referrers/", *pages)
    assert found(store) == [described(FIRST, BUNDLE, "first"), described(SECOND, OTHER, "second")]


def test_a_manifest_without_a_subject_is_no_referrer(fake: Fake, client: Client) -> None:
    with pytest.raises(VerificationError, match="has no subject"):
        client(fake()).put_referrer(MANIFEST)
