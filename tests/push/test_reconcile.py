from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.fakes.registry import FakeRegistry
from tests.fakes.wire import Reply, refusal
from tests.push.packed import WEB, archive, built, stored
from tests.push.places import Place, Start

from oci_chart_publish.errors import AuthError, ConflictError, NotFoundError, RegistryError
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.model import VersionDecision
from oci_chart_publish.oci.store import copy
from oci_chart_publish.outcomes import Status
from oci_chart_publish.push.reconcile import (
    Destination,
    Observation,
    State,
    conflict,
    decide,
    look_up,
)


@pytest.fixture
def memo(tmp_path: Path) -> Memo:
    return Memo(tmp_path / "memo")


@pytest.fixture
def place(start: Start) -> Place:
    return start()


@pytest.fixture
def fake(place: Place) -> FakeRegistry:
    return place.fake


@pytest.fixture
def remote(place: Place) -> Destination:
    return place.site


def site(store: ImageLayout, name: str = "a") -> Destination:
    return Destination(registry=name, reference=f"{name}/web:1.0.0", name="1.0.0", store=store)


def test_nothing_there_is_absent(here: ImageLayout, there: ImageLayout, memo: Memo) -> None:
    found = look_up(built(WEB, here), site(there), here, memo)
    assert (found.state, found.manifest, found.error) == (State.ABSENT, None, None)


def test_same_digest_is_same_after_one_request(
    fake: FakeRegistry, remote: Destination, here: ImageLayout, memo: Memo
) -> None:
    artifact = built(WEB, here)
    copy(here, remote.store, artifact.manifest, name="1.0.0")
    fake.seen.clear()
    assert look_up(artifact, remote, here, memo).state is State.SAME
    assert fake.lines() == ["GET /v2/charts/web/manifests/1.0.0"]


def test_other_packing_is_read_once_and_then_known_by_its_digest(
    fake: FakeRegistry, remote: Destination, here: ImageLayout, there: ImageLayout, memo: Memo
) -> None:
    artifact = built(WEB, here)
    theirs = stored(archive(WEB), there)
    copy(there, remote.store, theirs, name="1.0.0")
    fake.seen.clear()
    found = look_up(artifact, remote, here, memo)
    assert (found.state, found.manifest) == (State.SAME, theirs)
    # Their config is ours, byte for byte, so that only the layer is read.
    assert fake.lines() == [
        "GET /v2/charts/web/manifests/1.0.0",
        "GET /v2/charts/web/blobs/DIGEST",
    ]
    fake.seen.clear()
    assert look_up(artifact, remote, here, Memo(memo.folder)).state is State.SAME
    assert fake.lines() == ["HEAD /v2/charts/web/manifests/1.0.0"]


def test_what_differs_in_ignored_files_alone_is_the_same_and_named(
    fake: FakeRegistry, remote: Destination, here: ImageLayout, there: ImageLayout, memo: Memo
) -> None:
    theirs = stored(archive({**WEB, "README.md": b"old\n", "LICENSE": b""}), there)
    copy(there, remote.store, theirs, name="1.0.0")
    artifact = built({**WEB, "README.md": b"new\n"}, here)
    assert look_up(artifact, remote, here, memo).state is State.DIFFERENT
    assert (
        look_up(artifact, remote, here, memo, ignored=lambda path: path == "LICENSE").state is State.DIFFERENT
    )
    found = look_up(artifact, remote, here, memo, ignored=lambda path: path in {"LICENSE", "README.md"})
    assert (found.state, found.manifest, found.ignored) == (State.SAME, theirs, ("LICENSE", "README.md"))

    fake.seen.clear()
    again = look_up(artifact, remote, here, Memo(memo.folder), ignored=lambda _: True)
    assert (again.state, again.ignored) == (State.SAME, ("LICENSE", "README.md"))
    assert fake.lines() == ["HEAD /v2/charts/web/manifests/1.0.0"]

    plan = decide(artifact, (found, Observation(site=site(there, "b"), state=State.ABSENT)))
    assert (plan.status, plan.manifest, plan.origin) == ("would-publish", theirs, remote)


def test_what_files_do_not_tell_is_never_ignored(here: ImageLayout, there: ImageLayout, memo: Memo) -> None:
    sub = {
        f"charts/sub/{path}": data
        for path, data in {**WEB, "Chart.yaml": b"name: sub\nversion: 1.0.0\n"}.items()
    }
    stored(archive({**WEB, **sub}), there, name="1.0.0")
    assert look_up(built(WEB, here), site(there), here, memo, ignored=lambda _: True).state is State.DIFFERENT
    again = look_up(built(WEB, here), site(there), here, Memo(memo.folder), ignored=lambda _: True)
    assert again.state is State.DIFFERENT


def test_what_is_held_is_no_conflict(here: ImageLayout, there: ImageLayout, memo: Memo) -> None:
    stored(archive({**WEB, "values.yaml": b"replicas: 2\n"}), there, name="1.0.0")
    decision = VersionDecision(version="1.0.0", level="none", reason="label release:skip", withheld=True)
    artifact = replace(built(WEB, here), decision=decision)
    found = look_up(artifact, site(there), here, memo)
    assert decide(artifact, (found,)).status == "drift"
    assert decide(artifact, (found,), overwrite=True).status == "would-publish"
    absent = Observation(site=site(there, "b"), state=State.ABSENT)
    assert (decide(artifact, (absent,)).status, decide(artifact, (absent,)).missing) == ("drift", ())
    assert str(conflict(artifact, absent)).startswith(
        "not released: label release:skip; b/web:1.0.0 is not published, and this tree holds other content than 1.0.0"
    )
    said = str(conflict(artifact, found))
    assert said.startswith("not released: label release:skip; a/web:1.0.0 holds sha256:")
    assert said.endswith(f", this tree builds {artifact.digest}\nthe next release takes it along")


def test_other_content_is_different(here: ImageLayout, there: ImageLayout, memo: Memo) -> None:
    theirs = stored(archive({**WEB, "values.yaml": b"replicas: 2\n"}), there, name="1.0.0")
    found = look_up(built(WEB, here), site(there), here, memo)
    assert (found.state, found.manifest) == (State.DIFFERENT, theirs)


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (refusal(500, "UNKNOWN", "oops"), State.FAILED),
        (refusal(429, "TOOMANYREQUESTS", "slow down"), State.FAILED),
        (refusal(403, "DENIED", "no"), State.UNKNOWN),
        (Reply(status=404, headers=(("Content-Type", "text/html"),), body=b"<html>"), State.FAILED),
        (Reply(status=200, headers=(("Content-Type", "text/html"),), body=b"<html>welcome"), State.FAILED),
        (Reply(drop=True), State.FAILED),
    ],
)
def test_answer_that_is_neither_yes_nor_no_is_never_absent(
    fake: FakeRegistry, remote: Destination, here: ImageLayout, memo: Memo, reply: Reply, state: State
) -> None:
    fake.next("", *[reply] * 50)
    found = look_up(built(WEB, here), remote, here, memo)
    assert (found.state, found.manifest) == (state, None)
    assert isinstance(found.error, AuthError) is (state is State.UNKNOWN)


def test_tag_without_its_manifest_is_a_failure(
    fake: FakeRegistry, remote: Destination, here: ImageLayout, there: ImageLayout, memo: Memo
) -> None:
    copy(there, remote.store, stored(archive(WEB), there), name="1.0.0")
    assert remote.store.resolve("1.0.0") is not None  # which shows that the host may be asked by HEAD
    fake.next("GET .*/manifests/sha256:", refusal(404, "MANIFEST_UNKNOWN", "gone"))
    found = look_up(built(WEB, here), remote, here, memo)
    assert (found.state, type(found.error)) == (State.FAILED, NotFoundError)
    assert "no manifest of that digest is there" in str(found.error)


FINDINGS: list[tuple[str, bool, Status, str]] = [
    # states of the sites a, b, ...; overwrite; what is done; the sites that are written to
    ("A", False, "would-publish", "a"),
    ("S", False, "unchanged", ""),
    ("D", False, "conflict", ""),
    ("F", False, "failed", ""),
    ("U", False, "unknown", ""),
    ("AA", False, "would-publish", "ab"),
    ("AS", False, "would-publish", "a"),
    ("SSA", False, "would-publish", "c"),
    ("AD", False, "conflict", ""),
    ("SD", False, "conflict", ""),
    ("AF", False, "failed", ""),
    ("SF", False, "failed", ""),
    ("DF", False, "failed", ""),
    ("UF", False, "failed", ""),
    ("AU", False, "unknown", ""),
    ("DU", False, "unknown", ""),
    ("D", True, "would-publish", "a"),
    ("SDA", True, "would-publish", "bc"),
    ("SS", True, "unchanged", ""),
    ("DF", True, "failed", ""),
    ("DU", True, "unknown", ""),
]
STATES = {
    "A": State.ABSENT,
    "S": State.SAME,
    "D": State.DIFFERENT,
    "F": State.FAILED,
    "U": State.UNKNOWN,
}


@pytest.mark.parametrize(("states", "overwrite", "status", "missing"), FINDINGS)
def test_what_is_done_follows_from_what_was_found(
    here: ImageLayout, states: str, status: Status, missing: str, *, overwrite: bool
) -> None:
    artifact = built(WEB, here)
    findings = tuple(
        Observation(
            site=site(here, name),
            state=STATES[state],
            manifest=artifact.manifest if state == "S" else None,
            error=RegistryError("down") if state == "F" else None,
        )
        for name, state in zip("abc", states, strict=False)
    )
    plan = decide(artifact, findings, overwrite=overwrite)
    assert (plan.status, "".join(site.registry for site in plan.missing)) == (status, missing)
    assert plan.going is (status == "would-publish")
    assert (plan.manifest, plan.origin) == (artifact.manifest, None)


def test_what_is_published_wins_over_what_was_built(here: ImageLayout, there: ImageLayout) -> None:
    artifact = built(WEB, here)
    theirs = stored(archive(WEB), there)
    holds = Observation(site=site(there, "old"), state=State.SAME, manifest=theirs)
    plan = decide(artifact, (Observation(site=site(here, "new"), state=State.ABSENT), holds))
    assert (plan.manifest, plan.origin) == (theirs, holds.site)
    assert [one.registry for one in plan.missing] == ["new"]


def test_overwriting_writes_what_was_built_even_where_others_packed_the_same(
    here: ImageLayout, there: ImageLayout
) -> None:
    artifact = built(WEB, here)
    findings = (
        Observation(site=site(there, "old"), state=State.SAME, manifest=stored(archive(WEB), there)),
        Observation(site=site(here, "new"), state=State.DIFFERENT),
    )
    plan = decide(artifact, findings, overwrite=True)
    assert (plan.manifest, plan.origin) == (artifact.manifest, None)


def test_conflict_says_what_is_held_and_what_to_do(here: ImageLayout, there: ImageLayout) -> None:
    artifact = built(WEB, here)
    theirs = stored(archive({**WEB, "a": b""}), there)
    error = conflict(artifact, Observation(site=site(there), state=State.DIFFERENT, manifest=theirs))
    assert isinstance(error, ConflictError)
    assert error.message == (
        f"a/web:1.0.0 is published with other content: it holds {theirs.descriptor.digest}, "
        f"this tree builds {artifact.digest}"
    )
    assert error.hint == "raise 'version' in charts/web/Chart.yaml, or restore what was published"


def test_conflict_with_an_image_says_so(here: ImageLayout, there: ImageLayout) -> None:
    image = stored(archive(WEB), there, layer_type="application/vnd.oci.image.layer.v1.tar+gzip")
    error = conflict(built(WEB, here), Observation(site=site(there), state=State.DIFFERENT, manifest=image))
    assert "a/web:1.0.0 holds something that is no Helm chart" in error.message
    assert "publish charts below a path of their own" in error.hint
