"""Charts copied between registries, and out of the cache, with what refers to them."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from tests.fakes.registry import FakeRegistry
from tests.fakes.wire import Reply, Seen
from tests.flow.asking import MANIFEST, asked, manifest, tags
from tests.flow.charts import chart
from tests.flow.command import Command, Done, credentials
from tests.real.registries import Registry

EMPTY = {
    "mediaType": "application/vnd.oci.empty.v1+json",
    "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    "size": 2,
}


SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"


def described(data: bytes, media_type: str) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


class Charts:
    """A chart in a staging repository, to be promoted to another place."""

    def __init__(self, tmp_path: Path, registry: Registry) -> None:
        self.registry = registry
        self.path = tmp_path.name.replace("_", "-").strip("-")
        self.folder = tmp_path / "repo"
        (tmp_path / "home").mkdir()
        self.command = Command(folder=self.folder, home=tmp_path / "home")

    @property
    def staging(self) -> str:
        return f"oci://{self.registry.host}/{self.path}/staging/web"

    def place(self, registry: Registry | None = None) -> str:
        return f"oci://{(registry or self.registry).host}/{self.path}/stable"

    def publish(self, *versions: str, values: str = "a: 1\n") -> None:
        for version in versions:
            (chart(self.folder, "web", version) / "values.yaml").write_text(values)
            place = f"{self.registry.host}/{self.path}/staging"
            done = self.command.publish(place, options=credentials(self.registry))
            assert done.code == 0, done.err

    def promote(self, source: str, *options: str, to: str = "") -> Done:
        return self.command.run("promote", source, to or self.place(), *options)

    def held(self, registry: Registry | None = None, place: str = "stable") -> list[str]:
        return tags(registry or self.registry, f"{self.path}/{place}/web")

    def digest(self, tag: str, registry: Registry | None = None, place: str = "stable") -> str:
        data = asked(registry or self.registry, f"{self.path}/{place}/web/manifests/{tag}", MANIFEST)
        assert data is not None
        return "sha256:" + hashlib.sha256(data).hexdigest()

    def refer(self, digest: str, kind: str) -> str:
        """Push a manifest that refers to another one, to a registry with the referrers API; return its digest."""
        subject = {"mediaType": MANIFEST, "digest": digest, "size": self._size(digest)}
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": EMPTY,
            "layers": [EMPTY],
            "subject": subject,
        }
        data = json.dumps(document).encode()
        found = "sha256:" + hashlib.sha256(data).hexdigest()
        base = f"{self.registry.url}/v2/{self.path}/staging/web"
        upload = urllib.request.Request(f"{base}/blobs/uploads/?digest={EMPTY['digest']}", data=b"{}")
        upload.add_header("Content-Type", "application/octet-stream")
        put = urllib.request.Request(f"{base}/manifests/{found}", data=data, method="PUT")
        put.add_header("Content-Type", MANIFEST)
        for request in (upload, put):
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.status == 201
        return found

    def attach(self, digest: str, kind: str, *signatures: str, place: str = "staging") -> str:
        """Attach as cosign does, under a tag, a layer for each signature; return the manifest's digest."""
        base = f"{self.registry.url}/v2/{self.path}/{place}/web"
        config, payload = b'{"architecture":"","rootfs":{"type":"layers"}}', b'{"critical":{}}'
        for blob in (config, payload):
            opened = urllib.request.Request(f"{base}/blobs/uploads/", data=b"", method="POST")
            with urllib.request.urlopen(opened, timeout=10) as answer:
                location = urljoin(base, answer.headers["Location"])
            mark = "&" if "?" in location else "?"
            place_of_it = f"{location}{mark}digest=sha256:{hashlib.sha256(blob).hexdigest()}"
            self.put(place_of_it, blob, "application/octet-stream")
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [
                {
                    **described(payload, SIMPLE_SIGNING),
                    "annotations": {"dev.cosignproject.cosign/signature": one},
                }
                for one in signatures
            ],
        }
        data = json.dumps(document).encode()
        self.put(f"{base}/manifests/{digest.replace(':', '-')}.{kind}", data, MANIFEST)
        return f"sha256:{hashlib.sha256(data).hexdigest()}"

    def put(self, url: str, data: bytes, media_type: str) -> None:
        put = urllib.request.Request(url, data=data, method="PUT", headers={"Content-Type": media_type})
        with urllib.request.urlopen(put, timeout=10) as answer:
            assert answer.status == 201

    def _size(self, digest: str) -> int:
        return len(asked(self.registry, f"{self.path}/staging/web/manifests/{digest}", MANIFEST) or b"")


@pytest.fixture
def charts(tmp_path: Path, plain_registry: Registry) -> Charts:
    return Charts(tmp_path, plain_registry)


def test_one_version_is_copied_unchanged_and_then_left_alone(charts: Charts) -> None:
    charts.publish("1.0.0", "1.1.0")
    digest = charts.digest("1.0.0", place="staging")
    where = f"{charts.registry.host}/{charts.path}/stable/web:1.0.0@{digest}"
    done = charts.promote(f"{charts.staging}:1.0.0")
    assert (done.code, done.out) == (0, f"{where}: copied\n"), done.err
    assert (charts.held(), charts.digest("1.0.0")) == (["1.0.0"], digest)
    charts.registry.clear()
    done = charts.promote(f"{charts.staging}:1.0.0")
    assert (done.code, done.out) == (0, f"{where}: unchanged\n"), done.err
    assert set() < {method for method, _, _ in charts.registry.requests()} <= {"GET", "HEAD"}


def test_bytes_stay_in_the_registry_where_both_places_are_in_it(charts: Charts) -> None:
    charts.publish("1.0.0")
    charts.registry.clear()
    assert charts.promote(f"{charts.staging}:1.0.0").code == 0
    sent = [(method, path) for method, path, _ in charts.registry.requests()]
    assert [method for method, path in sent if "/blobs/" in path and method != "HEAD"] == ["POST", "POST"]
    assert {path.split("/")[-2] for method, path in sent if method == "PUT"} == {"manifests"}


@pytest.mark.parametrize("fixture", ["token_registry", "olareg"])
def test_blobs_arrive_whatever_the_registry_makes_of_a_mount(
    tmp_path: Path, fixture: str, request: pytest.FixtureRequest
) -> None:
    charts = Charts(tmp_path, request.getfixturevalue(fixture))
    charts.publish("1.0.0")
    done = charts.promote(f"{charts.staging}:1.0.0", *credentials(charts.registry))
    assert (done.code, done.out.endswith(": copied\n")) == (0, True), done.err


def test_every_version_is_copied_where_no_tag_is_named(charts: Charts) -> None:
    charts.publish("1.0.0", "1.1.0", "2.0.0-rc.1+build.5")
    done = charts.promote(charts.staging)
    assert done.code == 0, done.err
    assert charts.held() == ["1.0.0", "1.1.0", "2.0.0-rc.1_build.5"]


@pytest.mark.parametrize("written", ["1.0.0+build.5", "1.0.0_build.5"])
def test_version_with_build_metadata_is_found_as_it_is_written(charts: Charts, written: str) -> None:
    charts.publish("1.0.0+build.5")
    done = charts.promote(f"{charts.staging}:{written}")
    assert done.code == 0, done.err
    assert charts.held() == ["1.0.0_build.5"]


@pytest.mark.parametrize("version", ["1.0.0", "1.0.0+build.5"])
def test_chart_of_the_cache_is_copied(charts: Charts, version: str) -> None:
    chart(charts.folder, "web", version)
    assert charts.command.run("publish").code == 0
    done = charts.promote(f"web:{version}")
    assert done.code == 0, done.err
    assert charts.held() == [version.replace("+", "_")]


def test_other_content_under_the_version_is_never_overwritten(charts: Charts) -> None:
    charts.publish("1.0.0")
    assert charts.promote(f"{charts.staging}:1.0.0").code == 0
    held = charts.digest("1.0.0")
    other = f"{charts.registry.host}/{charts.path}/other"
    (charts.folder / "charts/web/values.yaml").write_text("a: 2\n")
    assert charts.command.publish(other).code == 0
    for options in ((), ("--dry-run",)):
        done = charts.promote(f"oci://{other}/web:1.0.0", *options)
        assert done.code == 4, done.err
        assert f"holds {held} already" in done.err
    assert charts.digest("1.0.0") == held


def test_conflict_of_one_version_does_not_stop_the_others(charts: Charts) -> None:
    charts.publish("1.0.0")
    assert charts.promote(charts.staging).code == 0
    held = charts.digest("1.0.0")
    other = f"{charts.registry.host}/{charts.path}/other"
    for version in ("1.0.0", "1.1.0"):
        (chart(charts.folder, "web", version) / "values.yaml").write_text("a: 2\n")
        assert charts.command.publish(other).code == 0
    done = charts.promote(f"oci://{other}/web")
    assert done.code == 4, done.err
    assert "web:1.1.0@" in done.out
    assert (charts.held(), charts.digest("1.0.0")) == (["1.0.0", "1.1.0"], held)


def test_dry_run_reads_and_writes_nothing(charts: Charts) -> None:
    charts.publish("1.0.0", "1.1.0")
    assert charts.promote(f"{charts.staging}:1.0.0").code == 0
    where = f"{charts.registry.host}/{charts.path}/stable/web"
    done = charts.promote(charts.staging, "--dry-run")
    assert done.code == 0, done.err
    digest = charts.digest("1.0.0")
    assert done.out == f"{where}:1.0.0@{digest}: unchanged\nwould copy {where}:1.1.0\n"
    assert charts.held() == ["1.0.0"]


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_version_that_is_not_there_fails(charts: Charts, options: tuple[str, ...]) -> None:
    charts.publish("1.0.0")
    done = charts.promote(f"{charts.staging}:9.9.9", *options)
    assert done.code == 5, done.err
    assert "there is no 9.9.9" in done.err
    assert charts.held() == []


def test_chart_that_is_nowhere_fails(charts: Charts) -> None:
    charts.publish("1.0.0")
    assert charts.promote(charts.staging.replace("web", "nothing")).code == 5
    assert charts.promote("nothing:1.0.0").code == 5


def test_name_in_the_cache_without_a_version_is_refused(charts: Charts) -> None:
    charts.publish("1.0.0")
    done = charts.promote("web")
    assert done.code == 2, done.err
    assert "NAME:VERSION" in done.err


def test_destination_that_is_no_registry_is_refused(charts: Charts) -> None:
    charts.publish("1.0.0")
    done = charts.promote(charts.staging, to="stable")
    assert done.code == 2, done.err
    assert "oci://HOST/PATH" in done.err


def test_digest_has_no_version_to_be_promoted_under(charts: Charts) -> None:
    charts.publish("1.0.0")
    done = charts.promote(f"{charts.staging}@{charts.digest('1.0.0', place='staging')}")
    assert done.code == 2, done.err
    assert "name the tag" in done.err


def test_registry_that_is_down_fails(charts: Charts) -> None:
    charts.publish("1.0.0")
    assert charts.promote(charts.staging, to="oci://127.0.0.1:1/stable").code == 5
    assert charts.promote("oci://127.0.0.1:1/staging/web").code == 5


def test_settings_file_that_is_named_counts(charts: Charts, tls_registry: Registry) -> None:
    charts.publish("1.0.0")
    settings = charts.folder / "mine.yaml"
    settings.write_text(f"ca-file: {tls_registry.ca_file}\nplain-http: [{charts.registry.host}]\n")
    source, place = f"{charts.staging}:1.0.0", charts.place(tls_registry)
    assert charts.promote(source, to=place).code == 5
    done = charts.promote(source, "--config", str(settings), to=place)
    assert done.code == 0, done.err


def test_referrers_come_along_whatever_the_registry_offers(
    tmp_path: Path, olareg: Registry, plain_registry: Registry
) -> None:
    charts = Charts(tmp_path, olareg)
    charts.publish("1.0.0")
    digest = charts.digest("1.0.0", place="staging")
    bill = charts.refer(digest, "application/spdx+json")
    done = charts.promote(f"{charts.staging}:1.0.0", to=charts.place(plain_registry))
    assert done.code == 0, done.err
    assert done.out.endswith(": copied, 1 referrers\n")
    fallback = digest.replace(":", "-")
    assert charts.held(plain_registry) == ["1.0.0", fallback]

    # A signature of the bill that is made later follows, though chart and bill are there.
    signature = charts.refer(bill, "application/vnd.example.signature")
    done = charts.promote(f"{charts.staging}:1.0.0", to=charts.place(plain_registry))
    assert done.code == 0, done.err
    assert done.out.endswith(": unchanged, 1 referrers\n")
    found = manifest(plain_registry, f"{charts.path}/stable/web", signature)
    assert found["subject"]["digest"] == bill

    # And back to a registry that lists referrers itself.
    source = charts.place(plain_registry) + "/web:1.0.0"
    done = charts.promote(source, to=f"oci://{olareg.host}/{charts.path}/back")
    assert done.code == 0, done.err
    listed = asked(olareg, f"{charts.path}/back/web/referrers/{digest}")
    assert [one["digest"] for one in json.loads(listed or b"{}")["manifests"]] == [bill]
    listed = asked(olareg, f"{charts.path}/back/web/referrers/{bill}")
    assert [one["digest"] for one in json.loads(listed or b"{}")["manifests"]] == [signature]


@pytest.mark.parametrize("fixture", ["plain_registry", "olareg", "crane_registry"])
@pytest.mark.parametrize("version", [":1.0.0", ""])
def test_what_cosign_attached_by_tag_comes_along(
    tmp_path: Path, fixture: str, version: str, request: pytest.FixtureRequest
) -> None:
    charts = Charts(tmp_path, request.getfixturevalue(fixture))
    charts.publish("1.0.0")
    digest = charts.digest("1.0.0", place="staging")
    bill = charts.attach(digest, "sbom", "none")
    attached = {digest + ".sig": charts.attach(digest, "sig", "MEUCIQ=="), digest + ".sbom": bill}
    attached |= {digest + ".att": charts.attach(digest, "att", "one", "two")}
    attached |= {bill + ".sig": charts.attach(bill, "sig", "MEQCIH==")}
    done = charts.promote(charts.staging + version)
    assert done.code == 0, done.err
    assert done.out.endswith(": copied, 4 referrers\n")
    assert {tag: charts.digest(tag.replace(":", "-")) for tag in attached} == attached
    done = charts.promote(charts.staging + version)
    assert (done.code, done.out.endswith(": unchanged\n")) == (0, True), done.err


def test_signature_that_is_appended_later_follows_and_one_that_is_only_there_stays(charts: Charts) -> None:
    charts.publish("1.0.0")
    digest = charts.digest("1.0.0", place="staging")
    tag = digest.replace(":", "-") + ".sig"
    charts.attach(digest, "sig", "first")
    assert charts.promote(f"{charts.staging}:1.0.0").code == 0
    appended = charts.attach(digest, "sig", "first", "second")
    done = charts.promote(f"{charts.staging}:1.0.0")
    assert done.out.endswith(": unchanged, 1 referrers\n"), done.err
    assert charts.digest(tag) == appended
    countersigned = charts.attach(digest, "sig", "first", "second", "third", place="stable")
    done = charts.promote(f"{charts.staging}:1.0.0")
    assert done.out.endswith(": unchanged\n"), done.err
    assert charts.digest(tag) == countersigned


def test_signatures_that_cannot_be_told_apart_by_one_tag_are_a_conflict_and_nothing_is_lost(
    charts: Charts,
) -> None:
    charts.publish("1.0.0")
    digest = charts.digest("1.0.0", place="staging")
    charts.attach(digest, "sig", "ours")
    theirs = charts.attach(digest, "sig", "theirs", place="stable")
    done = charts.promote(f"{charts.staging}:1.0.0")
    assert done.code == 4, done.out
    assert ".sig holds what" in done.err
    assert charts.held() == [digest.replace(":", "-") + ".sig"]
    assert charts.digest(digest.replace(":", "-") + ".sig") == theirs


def test_attachments_in_a_circle_are_copied_once(charts: Charts) -> None:
    charts.publish("1.0.0")
    digest = charts.digest("1.0.0", place="staging")
    signature = charts.attach(digest, "sig", "one")
    base = f"{charts.registry.url}/v2/{charts.path}/staging/web/manifests"
    chart_again = asked(charts.registry, f"{charts.path}/staging/web/manifests/{digest}", MANIFEST) or b""
    charts.put(f"{base}/{signature.replace(':', '-')}.sig", chart_again, MANIFEST)
    done = charts.promote(f"{charts.staging}:1.0.0")
    assert (done.code, done.out.endswith(": copied, 2 referrers\n")) == (0, True), done.err


def test_referrers_that_the_registry_itself_lists_are_not_looked_at_again(
    tmp_path: Path, olareg: Registry
) -> None:
    charts = Charts(tmp_path, olareg)
    charts.publish("1.0.0")
    digest = charts.digest("1.0.0", place="staging")
    charts.refer(digest, "application/spdx+json")
    olareg.clear()
    assert charts.promote(f"{charts.staging}:1.0.0").out.endswith(": copied, 1 referrers\n")
    reads = [path for method, path, _ in olareg.requests() if method == "GET"]
    assert reads.count(f"/v2/{charts.path}/staging/web/referrers/{digest}") == 1


def test_referrers_that_a_second_writer_replaces_are_copied_again(tmp_path: Path, olareg: Registry) -> None:
    charts = Charts(tmp_path, olareg)
    charts.publish("1.0.0")
    digest = charts.digest("1.0.0", place="staging")
    ours = charts.refer(digest, "application/spdx+json")
    kind = "application/vnd.oci.image.index.v1+json"
    theirs = described(b"{}", MANIFEST)
    index = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": [theirs]}).encode()
    registry, fallback = FakeRegistry(), digest.replace(":", "-")
    answer = registry.server.answer
    replaced: list[Seen] = []

    def raced(seen: Seen) -> Reply:
        reply = answer(seen)
        # Whoever read the index before it had ours writes it once ours has been seen in it.
        if (
            seen.line.endswith(f"/{fallback}")
            and seen.method == "GET"
            and reply.status == 200
            and not replaced
        ):
            (store,) = registry.stores.values()
            store.manifests[theirs["digest"]] = (MANIFEST, b"{}")
            store.tags[fallback] = described(index, kind)["digest"]
            store.manifests[store.tags[fallback]] = (kind, index)
            replaced.append(seen)
        return reply

    registry.server.answer = raced
    try:
        done = charts.promote(f"{charts.staging}:1.0.0", to=f"oci://{registry.host}/stable")
        (store,) = registry.stores.values()
        _, held = store.manifests[store.tags[fallback]]
    finally:
        registry.close()
    assert (done.code, done.out.endswith(": copied, 1 referrers\n")) == (0, True), done.err
    assert len(replaced) == 1
    assert [one["digest"] for one in json.loads(held)["manifests"]] == [theirs["digest"], ours]
