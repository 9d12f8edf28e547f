from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from tests.fakes.wire import Reply, refusal
from tests.push.packed import WEB, archive, built, stored
from tests.push.places import OTHER, Start, carried_out, one_by_one, planned, statuses
from tests.registry.artifacts import referrer

from oci_chart_publish.errors import AuthError, PublishError, VerificationError
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.oci.attachments import Referring
from oci_chart_publish.oci.descriptor import OCI_EMPTY, Descriptor
from oci_chart_publish.outcomes import Status
from oci_chart_publish.push import publish
from oci_chart_publish.push.reconcile import Destination, Observation, State, decide, look_up
from oci_chart_publish.report import compose
from oci_chart_publish.report.document import Problem

EMPTY = Descriptor.of(OCI_EMPTY, b"{}")


def test_one_registry_takes_seven_requests_and_one_write_of_the_manifest(
    start: Start, here: ImageLayout
) -> None:
    place = start()
    plan = carried_out(planned(built(WEB, here), here, place), here)
    assert place.fake.lines() == [
        "GET /v2/charts/web/manifests/1.0.0",
        "POST /v2/charts/web/blobs/uploads/?digest=DIGEST",
        "PUT /v2/charts/web/blobs/UPLOAD",
        "POST /v2/charts/web/blobs/uploads/",
        "PUT /v2/charts/web/blobs/UPLOAD",
        "PUT /v2/charts/web/manifests/1.0.0",
        "GET /v2/charts/web/manifests/1.0.0",
    ]
    assert statuses(plan) == ["published"]
    assert place.tags == {"1.0.0": str(plan.artifact.digest)}


def test_several_registries_have_the_manifest_before_any_has_the_tag(start: Start, here: ImageLayout) -> None:
    places = [start(), start()]
    plan = publish.upload(planned(built(WEB, here), here, *places), here, one_by_one)
    plan = publish.put_manifest(plan, one_by_one)
    assert [place.writes for place in places] == [["PUT /v2/charts/web/manifests/DIGEST"]] * 2
    assert [place.tags for place in places] == [{}, {}]
    plan = publish.put_tags(plan, one_by_one)
    assert statuses(plan) == ["published", "published"]
    assert [place.tags for place in places] == [{"1.0.0": str(plan.artifact.digest)}] * 2


@pytest.mark.parametrize("phase", ["POST", "PUT .*/blobs/", "PUT .*/manifests/sha256:"])
def test_failure_before_the_tags_leaves_no_tag_anywhere(start: Start, here: ImageLayout, phase: str) -> None:
    good, bad = start(), start()
    bad.fake.next(phase, *[refusal(500, "UNKNOWN", "disk full")] * 20)
    plan = carried_out(planned(built(WEB, here), here, good, bad), here)
    assert (good.tags, bad.tags) == ({}, {})
    assert statuses(plan) == ["skipped", "failed"]
    bad.fake.script.clear()
    plan = carried_out(planned(built(WEB, here), here, good, bad), here)
    assert statuses(plan) == ["published", "published"]


def test_failed_tag_is_told_for_its_registry_alone_and_the_next_run_finishes(
    start: Start, here: ImageLayout
) -> None:
    good, bad = start(), start()
    bad.fake.next("PUT .*/manifests/1.0.0", *[refusal(500, "UNKNOWN", "oops")] * 20)
    plan = carried_out(planned(built(WEB, here), here, good, bad), here)
    assert statuses(plan) == ["published", "failed"]
    assert publish.result(plan, wrote=True).published is not None
    bad.fake.script.clear()
    good.fake.seen.clear()
    plan = carried_out(planned(built(WEB, here), here, good, bad), here)
    assert statuses(plan) == ["unchanged", "published"]
    assert good.writes == []


def test_registry_that_lacks_a_version_gets_what_is_published_and_no_rebuild(
    start: Start, here: ImageLayout, theirs: ImageLayout
) -> None:
    old, new = start(), start()
    published = stored(archive(WEB), theirs)
    old.put(published, theirs)
    plan = carried_out(planned(built(WEB, here), here, old, new), here)
    assert statuses(plan) == ["unchanged", "published"]
    assert new.tags == {"1.0.0": str(published.descriptor.digest)}
    assert old.writes == []
    outcome = publish.result(plan, wrote=True)
    assert outcome.published == published
    assert {target.digest for target in outcome.targets} == {published.descriptor.digest}


def test_registry_that_is_repaired_from_another_gets_the_signatures_before_the_tag(
    start: Start, here: ImageLayout
) -> None:
    old, new = start(), start(referrers=True)
    artifact = built(WEB, here)
    old.put(artifact.manifest, here)
    signature = referrer(artifact.manifest, "application/vnd.dev.sigstore.bundle.v0.3+json")
    old.site.store.put_blob(EMPTY, b"{}")
    assert isinstance(old.site.store, Referring)
    old.site.store.put_referrer(signature)
    plan = carried_out(planned(artifact, here, old, new), here)
    assert statuses(plan) == ["unchanged", "published"]
    assert isinstance(new.site.store, Referring)
    assert [found.digest for found in new.site.store.referrers(artifact.digest)] == [
        signature.descriptor.digest
    ]
    puts = [line for line in new.fake.lines() if line.startswith("PUT") and "/manifests/" in line]
    assert puts[-1] == "PUT /v2/charts/web/manifests/1.0.0"


@pytest.mark.parametrize("reply", [refusal(500, "UNKNOWN", "oops"), refusal(403, "DENIED", "no")])
def test_registry_whose_signatures_cannot_be_read_is_not_copied_without_them(
    start: Start, here: ImageLayout, reply: Reply
) -> None:
    old, new = start(), start()
    artifact = built(WEB, here)
    old.put(artifact.manifest, here)
    plan = planned(artifact, here, old, new)
    old.fake.next("GET .*/referrers/", *[reply] * 20)
    assert statuses(carried_out(plan, here)) == ["unchanged", "failed"]
    assert new.tags == {}


def test_published_chart_that_cannot_be_copied_is_a_failure_of_the_registry_that_has_it(
    start: Start, here: ImageLayout, theirs: ImageLayout
) -> None:
    old, new = start(), start()
    old.put(stored(archive(WEB), theirs), theirs)
    plan = planned(built(WEB, here), here, old, new)
    old.fake.next("GET .*/blobs/", *[refusal(500, "UNKNOWN", "oops")] * 20)
    assert statuses(carried_out(plan, here)) == ["failed", "skipped"]
    assert new.tags == {}


def test_registry_that_was_left_alone_makes_the_chart_skipped_though_another_has_it(
    start: Start, here: ImageLayout
) -> None:
    good, new = start(), start()
    artifact = built(WEB, here)
    good.put(artifact.manifest, here)
    plan = planned(artifact, here, good, new).skipped("not published: why")
    assert statuses(plan) == ["unchanged", "skipped"]
    entry = compose.pushed(publish.result(plan, wrote=True))
    assert (entry.status, entry.digest, entry.error) == (
        "skipped",
        str(artifact.digest),
        Problem(kind="skipped", message="not published: why"),
    )
    assert compose.exit_code([entry]) == 0


def test_registries_that_disagree_have_no_digest_in_common(
    start: Start, here: ImageLayout, theirs: ImageLayout
) -> None:
    ours, other = start(), start()
    artifact = built(WEB, here)
    ours.put(artifact.manifest, here)
    other.put(stored(archive(WEB), theirs), theirs)
    outcome = publish.result(carried_out(planned(artifact, here, ours, other), here), wrote=True)
    assert [target.status for target in outcome.targets] == ["unchanged"] * 2
    assert len({target.digest for target in outcome.targets}) == 2
    assert outcome.published is None


def test_tag_with_other_content_is_a_conflict_and_nothing_is_written(
    start: Start, here: ImageLayout, theirs: ImageLayout
) -> None:
    place, empty = start(), start()
    held = built(OTHER, theirs).manifest
    place.put(held, theirs)
    plan = carried_out(planned(built(WEB, here), here, place, empty), here)
    assert plan.status == "conflict"
    assert statuses(plan) == ["conflict", "skipped"]
    assert place.tags == {"1.0.0": str(held.descriptor.digest)}
    assert [line for line in empty.fake.lines() if not line.startswith("GET")] == []


def test_overwriting_moves_the_tag(start: Start, here: ImageLayout, theirs: ImageLayout) -> None:
    place = start()
    place.put(built(OTHER, theirs).manifest, theirs)
    artifact = built(WEB, here)
    plan = carried_out(planned(artifact, here, place, overwrite=True), here, overwrite=True)
    assert statuses(plan) == ["published"]
    assert place.tags == {"1.0.0": str(artifact.digest)}


def test_password_that_may_read_and_not_write_fails_before_any_tag(start: Start, here: ImageLayout) -> None:
    place, other = start(), start()
    place.fake.next("POST", *[refusal(403, "DENIED", "requested access is denied")] * 20)
    plan = carried_out(planned(built(WEB, here), here, place, other), here)
    outcome = publish.result(plan, wrote=True)
    assert [target.status for target in outcome.targets] == ["failed", "skipped"]
    assert isinstance(outcome.targets[0].error, AuthError)
    assert other.tags == {}


def test_plan_says_what_it_would_do(start: Start, here: ImageLayout) -> None:
    place = start()
    outcome = publish.result(planned(built(WEB, here), here, place), wrote=False)
    assert [target.status for target in outcome.targets] == ["would-publish"]
    assert {line.split(" ")[0] for line in place.fake.lines()} == {"GET"}


@pytest.mark.parametrize(("wrote", "status"), [(True, "failed"), (False, "unknown")])
def test_registry_that_does_not_let_us_look_fails_a_publish_and_not_a_plan(
    start: Start, here: ImageLayout, status: Status, *, wrote: bool
) -> None:
    place = start()
    place.fake.next("", *[refusal(403, "DENIED", "no")] * 20)
    outcome = publish.result(planned(built(WEB, here), here, place), wrote=wrote)
    assert [target.status for target in outcome.targets] == [status]


def test_verification_wants_the_chart_whole(start: Start, here: ImageLayout, theirs: ImageLayout) -> None:
    place = start()
    artifact = built(WEB, here)
    memo = Memo(here.root / "memo")

    def verified() -> PublishError | None:
        return publish.verify_destination(artifact, look_up(artifact, place.site, here, memo))

    missing = verified()
    assert isinstance(missing, VerificationError)
    assert missing.message.endswith("charts/web:1.0.0 is not published")
    place.put(artifact.manifest, here)
    assert verified() is None
    del place.fake.stores["charts/web"].blobs[str(artifact.layer.digest)]
    assert str(verified()).startswith(f"{place.site.reference} lacks {artifact.layer.digest}")
    place.put(built(OTHER, theirs).manifest, theirs)
    assert "is published with other content" in str(verified())


def test_layouts_take_charts_as_registries_do(here: ImageLayout, theirs: ImageLayout) -> None:
    artifact = built(WEB, here)
    site = Destination(registry="layout", reference="layout/web:1.0.0", name="web:1.0.0", store=theirs)
    plan = carried_out(decide(artifact, (Observation(site=site, state=State.ABSENT),)), here)
    assert statuses(plan) == ["published"]
    assert {name: found.digest for name, found in theirs.names().items()} == {"web:1.0.0": artifact.digest}
    assert theirs.blob(artifact.layer) == here.blob(artifact.layer)


def test_calls_may_run_at_the_same_time(start: Start, here: ImageLayout) -> None:
    places = [start(), start(), start()]

    def at_once(calls: Sequence[Callable[[], PublishError | None]]) -> list[PublishError | None]:
        found: dict[int, PublishError | None] = {}
        threads = [
            threading.Thread(target=lambda n=n, c=call: found.update({n: c()}))
            for n, call in enumerate(calls)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [found[number] for number in range(len(calls))]

    plan = publish.upload(planned(built(WEB, here), here, *places), here, at_once)
    plan = publish.put_tags(publish.put_manifest(plan, at_once), at_once)
    assert statuses(plan) == ["published"] * 3
