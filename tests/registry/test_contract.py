"""What every registry has to do for this client, asked of the fake and of real ones: the fake may not be kinder.

The fake is also asked directly, below, for the refusals that a registry owes its clients.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest
from tests.fakes.registry import FakeRegistry, Quirks
from tests.real.registries import Registry, olareg
from tests.registry.artifacts import OCI_MANIFEST, chart, referrer

from oci_chart_publish.errors import AuthError, NotFoundError, RegistryError
from oci_chart_publish.http.credentials import Credential
from oci_chart_publish.http.tls import Trust
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.oci.store import copy
from oci_chart_publish.registry.client import RegistryRepository
from oci_chart_publish.registry.connect import Registries

Ask = Callable[..., tuple[int, str, str]]

MANIFEST, BLOBS = chart()
EMPTY = Descriptor.of("application/vnd.oci.empty.v1+json", b"{}")


@dataclass(frozen=True, kw_only=True)
class Running:
    """A registry that runs: where, for whom, and what it is known to do."""

    host: str
    credential: Credential | None = None
    ca_file: Path | None = None
    deletes_tags: bool = True
    checks_blobs: bool = True
    forgets_tags: bool = True

    def clients(self, registries: Callable[..., Registries]) -> Registries:
        explicit = {self.host: self.credential} if self.credential else None
        trust = Trust(ca_files={self.host: self.ca_file} if self.ca_file else {})
        return registries(explicit, trust=trust)


FAKES = {
    "fake": Quirks(),
    "fake with everything": Quirks(single_post=True, referrers=True, page=1),
    "fake with little": Quirks(digest_header=False, api_header=False, mount=False),
}
REAL = {
    "plain_registry": {"deletes_tags": False},
    "htpasswd_registry": {"deletes_tags": False},
    "token_registry": {"deletes_tags": False},
    "tls_registry": {"deletes_tags": False},
    "olareg": {},
    "olareg_no_referrers": {},
    "crane_registry": {"checks_blobs": False, "forgets_tags": False},
}


@pytest.fixture(params=[*FAKES, *REAL])
def running(request: pytest.FixtureRequest) -> Iterator[Running]:
    kind: str = request.param
    if kind in FAKES:
        fake = FakeRegistry(FAKES[kind])
        yield Running(host=fake.host)
        fake.close()
        return
    registry: Registry = request.getfixturevalue(kind)
    credential = (
        Credential(username=registry.username, password=registry.password) if registry.username else None
    )
    yield Running(host=registry.host, credential=credential, ca_file=registry.ca_file, **REAL[kind])


@pytest.fixture
def store(
    running: Running, registries: Callable[..., Registries], request: pytest.FixtureRequest
) -> RegistryRepository:
    """Return a repository of its own for each test."""
    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]
    return running.clients(registries).repository(Repository(running.host, f"charts/{name}"))


def push(store: RegistryRepository, *names: str) -> None:
    for descriptor, data in BLOBS:
        store.put_blob(descriptor, data)
    for name in names or ("1.0.0",):
        store.put_manifest(MANIFEST, name)


def test_a_chart_makes_the_round_trip(store: RegistryRepository) -> None:
    assert store.resolve("1.0.0") is None
    push(store, "1.0.0", "1.0.0_build.5")
    assert store.resolve("1.0.0") == store.resolve("1.0.0_build.5") == MANIFEST.descriptor
    assert store.manifest("1.0.0") == MANIFEST
    assert store.manifest(MANIFEST.descriptor.digest) == MANIFEST
    assert [store.blob(descriptor) for descriptor, _ in BLOBS] == [data for _, data in BLOBS]
    assert sorted(store.tags()) == ["1.0.0", "1.0.0_build.5"]


def test_what_is_not_there_is_absent(store: RegistryRepository) -> None:
    assert store.resolve("1.0.0") is None
    assert store.manifest("1.0.0") is None
    assert store.tags() == ()
    assert not store.has(MANIFEST.descriptor)
    assert not store.has(Descriptor.of("x/y", b"never stored"))
    push(store)
    assert store.resolve("2.0.0") is None
    assert store.manifest(chart("other")[0].descriptor.digest) is None
    with pytest.raises(NotFoundError):
        store.blob(Descriptor.of("x/y", b"never stored"))


def test_everything_can_be_pushed_again(store: RegistryRepository) -> None:
    push(store)
    push(store)
    assert store.resolve("1.0.0") == MANIFEST.descriptor
    assert store.tags() == ("1.0.0",)


def test_a_large_blob_and_an_empty_one_are_stored(store: RegistryRepository) -> None:
    for data in (b"x" * 3_000_000, b""):
        descriptor = Descriptor.of("application/octet-stream", data)
        store.put_blob(descriptor, data)
        assert store.has(descriptor)
        assert store.blob(descriptor) == data


def test_an_upload_with_another_digest_is_refused(store: RegistryRepository) -> None:
    with pytest.raises(RegistryError) as caught:
        store.put_blob(Descriptor.of("x/y", b"one"), b"two")
    assert caught.value.status == 400


def test_a_manifest_without_its_blobs_is_refused(store: RegistryRepository, running: Running) -> None:
    other, _ = chart("never pushed")
    if running.checks_blobs:
        with pytest.raises(RegistryError) as caught:
            store.put_manifest(other, "1.0.0")
        assert "MANIFEST_BLOB_UNKNOWN" in caught.value.codes


def test_a_blob_comes_over_from_a_sibling(
    store: RegistryRepository, running: Running, registries: Callable[..., Registries]
) -> None:
    push(store)
    sibling = running.clients(registries).repository(
        Repository(running.host, f"{store.repository.path}-copy")
    )
    descriptor, data = BLOBS[1]
    if not sibling.mount(descriptor, store.repository):
        sibling.put_blob(descriptor, data)
    assert sibling.blob(descriptor) == data


def test_an_artifact_is_copied_whole(
    store: RegistryRepository, running: Running, registries: Callable[..., Registries]
) -> None:
    push(store)
    target = running.clients(registries).repository(Repository(running.host, f"{store.repository.path}-copy"))
    copy(store, target, MANIFEST, name="1.0.0")
    assert target.manifest("1.0.0") == MANIFEST


def test_referrers_are_found_whatever_the_registry_offers(store: RegistryRepository) -> None:
    push(store)
    store.put_blob(EMPTY, b"{}")
    assert store.referrers(MANIFEST.descriptor.digest) == ()
    first, second = referrer(MANIFEST, "application/vnd.a", "1"), referrer(MANIFEST, "application/vnd.b", "2")
    store.put_referrer(first)
    store.put_referrer(second)
    found = store.referrers(MANIFEST.descriptor.digest)
    assert {entry.digest for entry in found} == {first.descriptor.digest, second.descriptor.digest}
    (only,) = store.referrers(MANIFEST.descriptor.digest, "application/vnd.b")
    assert (only.digest, only.annotations) == (second.descriptor.digest, {"note": "2"})
    assert store.tags() == ("1.0.0",)


def test_deletion(store: RegistryRepository, running: Running) -> None:
    push(store)
    if running.deletes_tags:
        assert store.delete("1.0.0")
        assert store.resolve("1.0.0") is None
        store.put_manifest(MANIFEST, "1.0.0")
    assert store.delete(MANIFEST.descriptor.digest)
    assert store.manifest(MANIFEST.descriptor.digest) is None
    if running.forgets_tags:
        assert store.resolve("1.0.0") is None


def test_wrong_credentials_are_told_apart_from_absent(
    running: Running, registries: Callable[..., Registries]
) -> None:
    if running.credential is None:
        return
    wrong = Credential(username="alice", password="wrong")
    store = registries({running.host: wrong}).repository(Repository(running.host, "charts/web"))
    with pytest.raises(AuthError, match="401"):
        store.resolve("1.0.0")
    with pytest.raises(AuthError, match="401 UNAUTHORIZED: authentication required"):
        push(registries().repository(Repository(running.host, "charts/web")))


# How much it costs, by the access log of a real one


def test_a_chart_costs_six_requests_and_an_unchanged_one_costs_one(
    plain_registry: Registry, registries: Callable[..., Registries]
) -> None:
    made = registries()
    first, second = (made.repository(Repository(plain_registry.host, f"cost/{name}")) for name in "ab")
    for store in (first, second):
        plain_registry.clear()
        assert store.resolve("1.0.0") is None
        push(store)
        shown = [(method, status) for method, _path, status in plain_registry.requests()]
        assert shown == [
            ("GET", 404),
            ("POST", 202),
            ("PUT", 201),
            ("POST", 202),
            ("PUT", 201),
            ("PUT", 201),
        ]
    plain_registry.clear()
    assert second.resolve("1.0.0") == MANIFEST.descriptor
    assert [(method, status) for method, _path, status in plain_registry.requests()] == [("GET", 200)]
    plain_registry.clear()
    assert second.resolve("1.0.0") == MANIFEST.descriptor
    assert [(method, status) for method, _path, status in plain_registry.requests()] == [("HEAD", 200)]


def test_tokens_are_fetched_ahead_and_one_401_is_all_there_is(
    token_registry: Registry, registries: Callable[..., Registries]
) -> None:
    credential = Credential(username=token_registry.username, password=token_registry.password)
    made = registries({token_registry.host: credential})
    token_registry.clear()
    for number in range(5):
        push(made.repository(Repository(token_registry.host, f"tokens/c{number}")))
    statuses = [status for _method, _path, status in token_registry.requests()]
    assert statuses == [401] + [202, 201, 202, 201, 201] * 5


def test_a_registry_without_uploads_says_so(
    readonly_registry: Registry, registries: Callable[..., Registries]
) -> None:
    store = registries().repository(Repository(readonly_registry.host, "charts/web"))
    with pytest.raises(RegistryError) as caught:
        push(store)
    assert caught.value.status == 405
    assert caught.value.hint == "the registry is read-only, or a mirror"


def test_a_rate_limit_of_a_real_registry_is_kept(
    tmp_path: Path, registries: Callable[..., Registries]
) -> None:
    with olareg(tmp_path, "--rate-limit", "20") as registry:
        made = registries(jobs=16)

        def publish(number: int) -> bool:
            store = made.repository(Repository(registry.host, f"charts/c{number}"))
            push(store)
            return store.resolve("1.0.0") == MANIFEST.descriptor

        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(publish, range(12)))


# The fake, asked without the client


@pytest.fixture
def ask() -> Iterator[Ask]:
    fake = FakeRegistry()

    def exchange(method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str, str]:
        connection = HTTPConnection(fake.host, timeout=5)
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        response = connection.getresponse()
        data = response.read()
        code = json.loads(data)["errors"][0]["code"] if response.status >= 400 and data else ""
        connection.close()
        return response.status, code, response.headers.get("Location", "")

    yield exchange
    fake.close()


OCTETS = "application/octet-stream"
ZEROS = f"sha256:{'0' * 64}"


def test_the_fake_refuses_what_a_registry_refuses(ask: Ask) -> None:
    missing = json.dumps({"config": BLOBS[0][0].document(), "layers": []}).encode()
    typed = json.dumps({"mediaType": OCI_MANIFEST}).encode()
    path = "/v2/" + ask("POST", "/v2/a/b/blobs/uploads/")[2].partition("/v2/")[2]
    wrong = f"{path}&digest={ZEROS}"
    manifest = {"Content_Type": OCI_MANIFEST}
    table = [
        (ask("PUT", "/v2/a/b/manifests/1", b"no JSON", **manifest), 400, "MANIFEST_INVALID"),
        (ask("PUT", "/v2/a/b/manifests/1", missing, **manifest), 404, "MANIFEST_BLOB_UNKNOWN"),
        (ask("PUT", f"/v2/a/b/manifests/{ZEROS}", b"{}", **manifest), 400, "DIGEST_INVALID"),
        (ask("PUT", "/v2/a/b/manifests/1.0+x", b"{}", **manifest), 404, "MANIFEST_UNKNOWN"),
        (ask("PUT", "/v2/a/b/manifests/1", typed, Content_Type="application/json"), 400, "MANIFEST_INVALID"),
        (ask("GET", "/v2/A/b/manifests/1"), 404, "NAME_INVALID"),
        (ask("PUT", path.replace("%7E", "~"), b"x", Content_Type=OCTETS), 400, "BLOB_UPLOAD_INVALID"),
        (ask("PUT", wrong, b"x", Content_Type="text/plain"), 400, "BLOB_UPLOAD_INVALID"),
        (ask("PUT", wrong, b"x", Content_Type=OCTETS), 400, "DIGEST_INVALID"),
        (ask("PUT", wrong, b"x", Content_Type=OCTETS), 404, "BLOB_UPLOAD_UNKNOWN"),
        (ask("GET", f"/v2/a/b/blobs/{ZEROS}"), 404, "BLOB_UNKNOWN"),
        (ask("GET", "/v2/never/tags/list"), 404, "NAME_UNKNOWN"),
    ]
    assert [found[:2] for found, _status, _code in table] == [
        (status, code) for _found, status, code in table
    ]


def test_the_fake_shows_a_manifest_only_to_those_who_accept_it(ask: Ask) -> None:
    assert ask("PUT", "/v2/a/b/manifests/1", b"{}", Content_Type=OCI_MANIFEST)[0] == 201
    assert ask("HEAD", "/v2/a/b/manifests/1", Accept=OCI_MANIFEST)[0] == 200
    assert ask("HEAD", "/v2/a/b/manifests/1", Accept="*/*")[0] == 404
