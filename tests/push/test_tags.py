from __future__ import annotations

import time

import pytest
from msgspec.structs import replace
from tests.fakes.wire import Reply, refusal
from tests.push.packed import WEB, built
from tests.push.places import OTHER, Start, carried_out, one_by_one, planned, statuses

from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.oci.store import copy
from oci_chart_publish.push import publish
from oci_chart_publish.push.reconcile import Plan

# Registries with immutable tags, and what they say of a tag that exists: Harbor, ECR, Artifact Registry.
IMMUTABLE = [
    refusal(412, "PRECONDITION", "configured as immutable"),
    refusal(400, "TAG_INVALID", "The image tag '1.0.0' already exists and cannot be overwritten"),
    refusal(409, "MANIFEST_INVALID", "tag is immutable"),
]


@pytest.mark.parametrize("answer", IMMUTABLE, ids=lambda reply: str(reply.status))
@pytest.mark.parametrize("files", [WEB, OTHER], ids=["ours", "another"])
def test_immutable_tag_that_appeared_meanwhile_is_judged_by_what_it_holds(
    start: Start, here: ImageLayout, theirs: ImageLayout, answer: Reply, files: dict[str, bytes]
) -> None:
    place = start(immutable=answer)
    plan = publish.upload(planned(built(WEB, here), here, place), here, one_by_one)
    held = built(files, theirs).manifest
    place.put(held, theirs)
    plan = publish.put_tags(plan, one_by_one)
    assert statuses(plan) == ["published" if files is WEB else "conflict"]
    assert place.tags == {"1.0.0": str(held.descriptor.digest)}


def test_lost_answer_to_a_tag_is_found_to_be_written(start: Start, here: ImageLayout) -> None:
    place = start(lose_manifest_answers=1)
    plan = carried_out(planned(built(WEB, here), here, place), here)
    assert statuses(plan) == ["published"]
    assert len(place.writes) == 1


def old(plan: Plan, seconds: float) -> Plan:
    """Return the plan as if its look-ups were some seconds ago."""
    return replace(plan, findings=tuple(replace(f, looked_up=f.looked_up - seconds) for f in plan.findings))


def test_tag_is_read_again_where_the_look_up_is_old(start: Start, here: ImageLayout) -> None:
    place = start()
    plan = publish.upload(planned(built(WEB, here), here, place), here, one_by_one)
    place.fake.seen.clear()
    plan = publish.confirm_tags(publish.put_tags(old(plan, 3), one_by_one), one_by_one)
    assert statuses(plan) == ["published"]
    assert [line.split(" ")[0] for line in place.fake.lines()] == ["GET", "PUT", "GET"]


def test_tag_that_somebody_wrote_since_is_a_conflict_and_stays(
    start: Start, here: ImageLayout, theirs: ImageLayout
) -> None:
    place = start()
    plan = publish.upload(planned(built(WEB, here), here, place), here, one_by_one)
    held = built(OTHER, theirs).manifest
    place.put(held, theirs)
    plan = publish.put_tags(old(plan, 3), one_by_one)
    assert statuses(plan) == ["conflict"]
    (target,) = publish.result(plan, wrote=True).targets
    assert f"it holds {held.descriptor.digest}" in str(target.error)
    assert (place.tags, place.writes) == ({"1.0.0": str(held.descriptor.digest)}, [])


def test_tag_that_somebody_wrote_since_with_the_same_is_left_alone(start: Start, here: ImageLayout) -> None:
    place = start()
    artifact = built(WEB, here)
    plan = publish.upload(planned(artifact, here, place), here, one_by_one)
    place.put(artifact.manifest, here)
    assert statuses(publish.put_tags(old(plan, 3), one_by_one)) == ["published"]
    assert place.writes == []


def test_tag_that_somebody_writes_just_after_us_is_a_conflict(
    start: Start, here: ImageLayout, theirs: ImageLayout
) -> None:
    place = start()
    plan = publish.upload(planned(built(WEB, here), here, place), here, one_by_one)
    held = built(OTHER, theirs).manifest
    copy(theirs, place.site.store, held)
    answer = place.fake._put_manifest

    def racing(seen: object, name: str, reference: str) -> Reply:
        reply = answer(seen, name, reference)  # type: ignore[arg-type]
        place.fake.stores[name].tags[reference] = str(held.descriptor.digest)
        return reply

    place.fake._put_manifest = racing  # type: ignore[method-assign]
    plan = publish.confirm_tags(publish.put_tags(old(plan, 3), one_by_one), one_by_one)
    assert statuses(plan) == ["conflict"]
    (target,) = publish.result(plan, wrote=True).targets
    assert "was written by somebody else at the same time" in str(target.error)
    assert "concurrency:" in str(target.error)


@pytest.mark.parametrize("seconds", [0.6, 1.9])
def test_tag_of_many_that_took_a_while_is_read_before_it_is_written_and_not_after(
    start: Start, here: ImageLayout, seconds: float
) -> None:
    place = start()
    plan = publish.upload(planned(built(WEB, here), here, place), here, one_by_one)
    place.fake.seen.clear()
    plan = publish.put_tags(old(plan, seconds), one_by_one, patience=publish.SOON)
    plan = publish.confirm_tags(plan, one_by_one)
    assert statuses(plan) == ["published"]
    assert [line.split(" ")[0] for line in place.fake.lines()] == ["GET", "PUT"]


@pytest.mark.parametrize("later", [0.0, 0.5, 0.9])
def test_of_two_runs_that_both_found_nothing_one_finds_out(
    start: Start, here: ImageLayout, theirs: ImageLayout, later: float
) -> None:
    place = start()
    took = 0.2
    mine = publish.upload(planned(built(WEB, here), here, place), here, one_by_one)
    yours = publish.upload(planned(built(OTHER, theirs), theirs, place), theirs, one_by_one)
    mine = publish.put_tags(old(mine, took), one_by_one)
    time.sleep(took * later)  # theirs was looked up as late before this, and finds nothing either
    yours = publish.put_tags(yours, one_by_one)
    ends = [statuses(publish.confirm_tags(plan, one_by_one)) for plan in (mine, yours)]
    assert ends == [["conflict"], ["published"]]
    assert place.tags == {"1.0.0": str(yours.artifact.digest)}


@pytest.mark.parametrize("times", [1, 2])
def test_tag_that_is_shown_a_moment_late_is_nobody_elses(start: Start, here: ImageLayout, times: int) -> None:
    place = start()
    plan = publish.put_tags(
        publish.upload(planned(built(WEB, here), here, place), here, one_by_one), one_by_one
    )
    place.fake.next("(GET|HEAD) .*/manifests/", *[refusal(404, "MANIFEST_UNKNOWN", "not yet")] * times)
    assert statuses(publish.confirm_tags(plan, one_by_one)) == ["published"]


def test_tag_that_is_gone_after_it_was_written_is_a_failure_and_no_conflict(
    start: Start, here: ImageLayout
) -> None:
    place = start()
    plan = publish.put_tags(
        publish.upload(planned(built(WEB, here), here, place), here, one_by_one), one_by_one
    )
    place.fake.next("(GET|HEAD) .*/manifests/", *[refusal(404, "MANIFEST_UNKNOWN", "no")] * 4)
    plan = publish.confirm_tags(plan, one_by_one)
    assert statuses(plan) == ["failed"]
    (target,) = publish.result(plan, wrote=True).targets
    assert "was written and is not there 3 seconds later" in str(target.error)
