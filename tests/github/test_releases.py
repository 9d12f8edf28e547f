from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace
from tests.fakes.github import Asset, FakeGitHub, Release, Token

from oci_chart_publish.errors import ForgeError, ReadOnlyError
from oci_chart_publish.github.gateway import GitHub
from oci_chart_publish.github.releases import (
    AssetFile,
    MakeLatest,
    ReleaseSpec,
    ReleaseStatus,
    compare,
    read_asset,
    read_release,
)

OURS = "<!-- oci-chart-publish:start -->\n{}\n<!-- oci-chart-publish:end -->"
TGZ = AssetFile(name="web-1.4.0.tgz", data=b"chart", media_type="application/gzip")
SUMS = AssetFile(name="SHA256SUMS", data=b"sums", media_type="text/plain")


@pytest.fixture
def spec(fake: FakeGitHub) -> ReleaseSpec:
    commit = fake.state.refs["heads/main"]
    fake.state.commit("later", branch="main")
    return ReleaseSpec(
        tag="web-1.4.0", commit=commit, name="web 1.4.0", notes="The notes.", assets=(TGZ, SUMS)
    )


def stored(fake: FakeGitHub) -> Release:
    (release,) = fake.state.releases.values()
    return release


def names(release: Release) -> list[str]:
    return [asset.name for asset in release.assets]


def released(
    fake: FakeGitHub, body: str, *, assets: tuple[AssetFile, ...] = (), draft: bool = False
) -> Release:
    release = fake.state.create_release(
        tag="web-1.4.0",
        target="main",
        name="web 1.4.0",
        body=body,
        draft=True,
        prerelease=False,
        make_latest="false",
    )
    for file in assets:
        fake.state.upload(release, file.name, file.data, file.media_type, "")
    if not draft:
        fake.state.publish(release, "false")
    return release


def writes(fake: FakeGitHub) -> list[tuple[str, str]]:
    return [
        (one.method, one.path.removeprefix("/repos/acme/charts"))
        for one in fake.requests
        if one.method != "GET"
    ]


def test_a_release_is_a_draft_until_its_assets_are_there(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    outcome = github.releases.ensure(spec)
    release = stored(fake)
    assert writes(fake) == [
        ("POST", "/releases"),
        ("POST", f"/releases/{release.id}/assets"),
        ("POST", f"/releases/{release.id}/assets"),
        ("PATCH", f"/releases/{release.id}"),
    ]
    assert (release.tag, release.name, release.body) == ("web-1.4.0", "web 1.4.0", OURS.format("The notes."))
    assert [(asset.name, asset.data, asset.content_type) for asset in release.assets] == [
        ("web-1.4.0.tgz", b"chart", "application/gzip"),
        ("SHA256SUMS", b"sums", "text/plain"),
    ]
    assert fake.state.tags() == {"web-1.4.0": spec.commit}
    assert outcome.status is ReleaseStatus.CREATED
    assert (outcome.commit, outcome.uploaded) == (spec.commit, ("web-1.4.0.tgz", "SHA256SUMS"))
    assert outcome.release.url == f"{fake.url}/acme/charts/releases/tag/web-1.4.0"


def test_every_write_says_whether_it_is_a_draft_and_whether_it_is_latest(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    github.releases.ensure(spec)
    github.releases.ensure(replace(spec, notes="Other notes."))
    sent = [one.body for one in fake.requests if one.method in ("POST", "PATCH") and one.body is not None]
    assert [(body["draft"], body["make_latest"]) for body in sent] == [
        (True, "false"),
        (False, "false"),
        (False, "false"),
    ]


@pytest.mark.parametrize(("wanted", "latest"), [(MakeLatest.FALSE, False), (MakeLatest.TRUE, True)])
def test_a_release_becomes_latest_only_if_asked(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec, wanted: MakeLatest, *, latest: bool
) -> None:
    github.releases.ensure(replace(spec, make_latest=wanted))
    assert (fake.state.latest is not None) is latest


def test_a_prerelease_is_released_and_is_never_the_latest(
    fake: FakeGitHub, github: GitHub, other: GitHub, spec: ReleaseSpec
) -> None:
    spec = replace(spec, prerelease=True, make_latest=MakeLatest.TRUE)
    assert github.releases.ensure(spec).status is ReleaseStatus.CREATED
    release = stored(fake)
    assert (release.draft, release.prerelease, fake.state.latest) == (False, True, None)
    assert other.releases.ensure(replace(spec, notes="Other notes.")).status is ReleaseStatus.REPAIRED
    assert (release.prerelease, fake.state.latest) == (True, None)


def test_new_notes_do_not_change_which_release_is_latest(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    release = released(fake, OURS.format("old"), assets=(TGZ, SUMS))
    fake.state.latest = release.id
    github.releases.ensure(spec)
    assert (release.body, fake.state.latest) == (OURS.format("The notes."), release.id)


def test_running_again_writes_nothing(
    fake: FakeGitHub, github: GitHub, other: GitHub, spec: ReleaseSpec
) -> None:
    github.releases.ensure(spec)
    fake.forget()
    outcome = other.releases.ensure(spec)
    assert outcome.status is ReleaseStatus.UNCHANGED
    assert writes(fake) == []


def test_what_people_wrote_around_our_notes_stays(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    release = released(fake, f"Hello!\r\n\r\n{OURS.format('old')}\r\nBye.", assets=(TGZ, SUMS))
    release.name = "A better name"
    assert github.releases.ensure(spec).status is ReleaseStatus.REPAIRED
    assert release.body == f"Hello!\r\n\r\n{OURS.format('The notes.')}\r\nBye."
    assert (release.name, release.prerelease) == ("A better name", False)


def test_the_line_ends_of_a_browser_are_no_change(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    released(
        fake, OURS.format("One.\r\nTwo.").replace("\n", "\r\n").replace("\r\r", "\r"), assets=(TGZ, SUMS)
    )
    outcome = github.releases.ensure(replace(spec, notes="One.\nTwo."))
    assert (outcome.status, writes(fake)) == (ReleaseStatus.UNCHANGED, [])


def test_a_draft_that_a_crash_left_is_finished(fake: FakeGitHub, github: GitHub, spec: ReleaseSpec) -> None:
    draft = released(fake, f"Kept.\n\n{OURS.format('old')}", assets=(TGZ,), draft=True)
    stale = fake.state.upload(draft, "SHA256SUMS", b"old sums", "text/plain", "")
    draft.assets.append(Asset(99, "half.prov", b"", "text/plain", state="starter"))
    outcome = github.releases.ensure(spec)
    assert (outcome.status, outcome.uploaded) == (ReleaseStatus.REPAIRED, ("SHA256SUMS",))
    assert stored(fake) is draft
    assert (names(draft), draft.assets[1].data) == (["web-1.4.0.tgz", "SHA256SUMS"], b"sums")
    assert stale not in draft.assets
    assert (draft.draft, draft.body) == (False, f"Kept.\n\n{OURS.format('The notes.')}")
    assert fake.state.tags() == {"web-1.4.0": spec.commit}


def test_of_several_drafts_the_oldest_is_finished_and_the_others_go(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    first = released(fake, OURS.format("a"), draft=True)
    released(fake, OURS.format("b"), draft=True)
    github.releases.ensure(spec)
    assert stored(fake) is first


def test_a_draft_beside_its_published_release_goes(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    released(fake, OURS.format("a"), draft=True)
    published = released(fake, OURS.format("The notes."), assets=(TGZ, SUMS))
    assert github.releases.ensure(spec).status is ReleaseStatus.UNCHANGED
    assert stored(fake) is published


@pytest.mark.parametrize("draft", [False, True], ids=["published", "draft"])
def test_the_release_of_another_tool_is_left_alone(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec, *, draft: bool
) -> None:
    released(fake, "By chart-releaser.", draft=draft)
    outcome = github.releases.ensure(spec)
    assert (outcome.status, outcome.release.body) == (ReleaseStatus.FOREIGN, "By chart-releaser.")
    assert writes(fake) == []


def test_the_release_of_another_tool_is_completed_if_told(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    release = released(fake, "By chart-releaser.\n", assets=(TGZ,))
    outcome = github.releases.ensure(replace(spec, adopt=True))
    assert (outcome.status, outcome.uploaded) == (ReleaseStatus.REPAIRED, ("SHA256SUMS",))
    assert release.body == f"By chart-releaser.\n\n{OURS.format('The notes.')}"


@pytest.mark.parametrize("published", [True, False])
def test_the_draft_of_a_person_is_never_deleted(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec, *, published: bool
) -> None:
    draft = released(fake, "Soon.", draft=True)
    if published:
        released(fake, "By chart-releaser.")
        github.releases.ensure(replace(spec, adopt=True))
    else:
        fake.state.protected_tags = "web-.*"
        with pytest.raises(ForgeError, match="Repository rule violations found"):
            github.releases.ensure(replace(spec, adopt=True))
    assert fake.state.releases[draft.id].draft


def test_a_published_asset_is_never_replaced(fake: FakeGitHub, github: GitHub, spec: ReleaseSpec) -> None:
    other_bytes = replace(TGZ, data=b"other")
    release = released(fake, OURS.format("The notes."), assets=(other_bytes, SUMS))
    outcome = github.releases.ensure(spec)
    assert (outcome.status, outcome.different) == (ReleaseStatus.UNCHANGED, ("web-1.4.0.tgz",))
    assert release.assets[0].data == b"other"


def test_an_immutable_release_gets_notes_and_no_assets(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    fake.state.immutable_releases = True
    release = released(fake, OURS.format("old"), assets=(TGZ,))
    outcome = github.releases.ensure(spec)
    assert (outcome.status, outcome.missing) == (ReleaseStatus.REPAIRED, ("SHA256SUMS",))
    assert (release.body, names(release)) == (OURS.format("The notes."), ["web-1.4.0.tgz"])


def test_a_new_release_is_complete_when_it_becomes_immutable(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    fake.state.immutable_releases = True
    outcome = github.releases.ensure(spec)
    assert outcome.release.immutable
    assert names(stored(fake)) == ["web-1.4.0.tgz", "SHA256SUMS"]


def test_a_tag_burnt_by_a_deleted_immutable_release_asks_for_another_version(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    fake.state.burnt_tags.add("web-1.4.0")
    with pytest.raises(ForgeError, match="tag_name was used by an immutable release") as caught:
        github.releases.ensure(spec)
    assert (
        caught.value.hint
        == "A deleted immutable release keeps its tag name for ever: raise the chart's version."
    )
    assert fake.state.releases == {}


def test_a_ruleset_is_named_and_leaves_no_draft(fake: FakeGitHub, github: GitHub, spec: ReleaseSpec) -> None:
    fake.state.protected_tags = "web-.*"
    with pytest.raises(ForgeError) as caught:
        github.releases.ensure(spec)
    assert caught.value.message.endswith(
        ": 422 Validation Failed: pre_receive Repository rule violations found Cannot create ref due to creations "
        "being restricted.: Published releases must have a valid tag"
    )
    assert caught.value.hint == (
        "A ruleset of the repository forbids this. Add a bypass actor (Settings > Rules > Rulesets > Bypass list), "
        "for example a GitHub App, and give its token as github-token."
    )
    assert (fake.state.releases, fake.state.tags()) == ({}, {})


def test_a_commit_that_changes_workflow_files_is_explained(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    fake.state.workflow_commits.add(spec.commit)
    with pytest.raises(ForgeError, match="releases: 404 Not Found") as caught:
        github.releases.ensure(spec)
    assert "If the commit changes files below .github/workflows" in caught.value.hint
    assert fake.state.releases == {}


def test_a_token_that_lacks_a_permission_is_told_that_alone(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    fake.tokens["t0ken"] = Token(writes=frozenset())
    with pytest.raises(ReadOnlyError) as caught:
        github.releases.ensure(spec)
    assert (
        caught.value.hint
        == "Add `contents: write` to the `permissions:` of the job. GitHub accepts: contents=write"
    )


def test_a_draft_that_may_be_written_and_not_published_is_about_its_commit(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    fake.refuse("PATCH", "/releases/", "not-accessible")
    with pytest.raises(ForgeError) as caught:
        github.releases.ensure(spec)
    assert not isinstance(caught.value, ReadOnlyError)  # which would be said of all releases
    assert caught.value.hint.startswith("If the commit changes files below .github/workflows")


def test_a_release_of_a_tag_that_is_there_is_not_refused_for_its_commit(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    fake.state.create_ref("refs/tags/web-1.4.0", spec.commit)
    fake.refuse("PATCH", "/releases/", "archived")
    with pytest.raises(ForgeError, match="403 Repository was archived so is read-only") as caught:
        github.releases.ensure(spec)
    assert "workflows: write" not in caught.value.hint


def test_a_tag_that_is_there_already_is_used_and_no_target_is_sent(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    fake.state.workflow_commits.add(spec.commit)
    fake.state.create_ref("refs/tags/web-1.4.0", spec.commit)
    assert github.releases.ensure(spec).commit == spec.commit
    assert fake.requests
    assert all("target_commitish" not in (one.body or {}) for one in fake.requests)


def test_a_tag_on_another_commit_is_not_moved_and_is_reported(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    elsewhere = fake.state.refs["heads/main"]
    annotated = fake.state.create_tag("web-1.4.0", elsewhere, "web 1.4.0")
    fake.state.create_ref("refs/tags/web-1.4.0", annotated)
    assert github.releases.ensure(spec).commit == elsewhere
    assert fake.state.tags() == {"web-1.4.0": elsewhere}


def test_a_read_only_token_is_told_apart(fake: FakeGitHub, github: GitHub, spec: ReleaseSpec) -> None:
    fake.tokens["t0ken"] = Token(writes=frozenset())
    with pytest.raises(ReadOnlyError) as caught:
        github.releases.ensure(spec)
    assert "contents: write" in caught.value.hint


@pytest.mark.parametrize(
    ("method", "pattern", "effect"),
    [
        ("POST", "/releases$", "none"),
        ("POST", "/releases$", "done"),
        ("POST", "/assets$", "none"),
        ("POST", "/assets$", "done"),
        ("POST", "/assets$", "starter"),
        ("PATCH", "/releases/", "none"),
        ("PATCH", "/releases/", "done"),
        ("GET", "/releases$", "none"),
        ("GET", "/git/ref/", "none"),
    ],
)
@pytest.mark.parametrize("immutable", [False, True], ids=["mutable", "immutable"])
def test_a_bad_gateway_anywhere_leaves_one_complete_release(
    fake: FakeGitHub,
    github: GitHub,
    spec: ReleaseSpec,
    method: str,
    pattern: str,
    effect: str,
    *,
    immutable: bool,
) -> None:
    fake.state.immutable_releases = immutable
    fake.refuse(
        method,
        pattern,
        effect="starter" if effect == "starter" else "done" if effect == "done" else "none",
    )
    outcome = github.releases.ensure(spec)
    release = stored(fake)
    assert outcome.status is ReleaseStatus.CREATED
    assert (release.draft, names(release)) == (False, ["web-1.4.0.tgz", "SHA256SUMS"])
    assert [asset.state for asset in release.assets] == ["uploaded", "uploaded"]
    assert fake.state.tags() == {"web-1.4.0": spec.commit}


@pytest.mark.parametrize(
    ("method", "pattern", "status"),
    [
        ("POST", "/releases$", ReleaseStatus.CREATED),
        ("POST", "/assets$", ReleaseStatus.REPAIRED),
        ("PATCH", "/releases/", ReleaseStatus.REPAIRED),
    ],
    ids=["before the draft", "before the assets", "before publishing"],
)
def test_a_run_that_dies_is_finished_by_the_next(
    fake: FakeGitHub,
    github: GitHub,
    other: GitHub,
    spec: ReleaseSpec,
    method: str,
    pattern: str,
    status: ReleaseStatus,
) -> None:
    fake.refuse(method, pattern, "bad-credentials")
    with pytest.raises(ForgeError, match="401 Bad credentials"):
        github.releases.ensure(spec)
    assert other.releases.ensure(spec).status is status
    assert names(stored(fake)) == ["web-1.4.0.tgz", "SHA256SUMS"]
    assert fake.state.tags() == {"web-1.4.0": spec.commit}


def test_a_publishing_that_another_token_finished_meanwhile_is_not_undone(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    """A refused repetition of what had been done must never delete a published release."""
    fake.state.immutable_releases = True
    fake.refuse("PATCH", "/releases/", effect="done")
    fake.refuse("PATCH", "/releases/", "burnt-tag")
    assert github.releases.ensure(spec).status is ReleaseStatus.CREATED
    assert not stored(fake).draft


def test_two_runs_that_release_at_once_leave_one_release(
    fake: FakeGitHub, github: GitHub, other: GitHub, spec: ReleaseSpec
) -> None:
    fake.hold("POST", "/releases$", parties=2)  # both have seen that there is none
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(gateway.releases.ensure, spec) for gateway in (github, other)]
        statuses = [run.result().status for run in runs]
    release = stored(fake)
    assert (release.draft, names(release)) == (False, ["web-1.4.0.tgz", "SHA256SUMS"])
    assert ReleaseStatus.FOREIGN not in statuses
    assert fake.state.tags() == {"web-1.4.0": spec.commit}


def test_a_draft_deleted_under_our_hands_is_made_again(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    fake.before("PATCH", "/releases/", fake.state.releases.clear)
    assert github.releases.ensure(spec).status is ReleaseStatus.CREATED
    assert names(stored(fake)) == ["web-1.4.0.tgz", "SHA256SUMS"]


def test_an_asset_that_appears_while_we_upload_it_is_accepted(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    def upload_first() -> None:
        fake.state.upload(stored(fake), TGZ.name, TGZ.data, TGZ.media_type, "")

    fake.before("POST", "/assets$", upload_first)
    github.releases.ensure(spec)
    assert names(stored(fake)) == ["web-1.4.0.tgz", "SHA256SUMS"]


def test_a_file_name_that_github_changes_is_known_again(
    fake: FakeGitHub, github: GitHub, other: GitHub, spec: ReleaseSpec
) -> None:
    odd = AssetFile(name="web 1.4.0~rc.tgz", data=b"odd")
    wanted = replace(spec, assets=(odd,))
    github.releases.ensure(wanted)
    assert names(stored(fake)) == ["web.1.4.0.rc.tgz"]
    assert other.releases.ensure(wanted).status is ReleaseStatus.UNCHANGED


@pytest.mark.parametrize(("size", "different"), [(5, ()), (6, ("web-1.4.0.tgz",))])
def test_a_server_that_knows_no_digests_is_judged_by_sizes(size: int, different: tuple[str, ...]) -> None:
    asset = read_asset({"id": 1, "name": TGZ.name, "size": size, "state": "uploaded", "digest": None})
    release = read_release(
        {
            "id": 1,
            "tag_name": "web-1.4.0",
            "html_url": "https://ghes.example/r",
            "upload_url": "https://ghes.example/api/uploads/repos/a/c/releases/1/assets{?name,label}",
        }
    )
    found = compare(replace(release, assets=(asset,)), [TGZ, SUMS])
    assert (found.different, found.missing) == (different, ("SHA256SUMS",))


def test_releases_are_listed_once_for_any_number_of_charts(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    for number in range(5):
        github.releases.ensure(replace(spec, tag=f"web-1.{number}.0", assets=()))
    assert len(fake.sent("GET", "/releases$")) == 1
    assert len(fake.state.releases) == 5


def test_a_list_that_broke_off_is_read_anew(fake: FakeGitHub, github: GitHub, spec: ReleaseSpec) -> None:
    released(fake, "By chart-releaser.\n")
    fake.refuse("GET", "/releases$", times=5)
    with pytest.raises(ForgeError, match="502 Server Error"):
        github.releases.ensure(spec)
    assert github.releases.ensure(spec).status is ReleaseStatus.FOREIGN
    assert writes(fake) == []


def test_the_newest_releases_are_one_request_and_are_not_read_again(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    old = released(fake, OURS.format("The notes."), assets=(TGZ, SUMS))
    for number in range(150):
        release_id = fake.state.next_id()
        fake.state.releases[release_id] = Release(release_id, f"x-{number}", "main", "", "", draft=False)
    assert [release.tag for release in github.releases.recent()] == [f"x-{n}" for n in range(149, 49, -1)]
    assert len(fake.sent("GET", "/releases")) == 1
    assert github.releases.ensure(spec).release.id == old.id
    assert len(fake.sent("GET", "/releases")) == 2


def test_a_release_that_was_made_since_the_list_was_read_is_known(github: GitHub, spec: ReleaseSpec) -> None:
    assert github.releases.recent() == ()
    made = github.releases.ensure(spec).release
    assert github.releases.of_tag(spec.tag) == (made,)


def test_a_release_beyond_the_pages_that_are_read_is_found_by_its_tag(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oci_chart_publish.github.releases.PAGES", 2)
    old = released(fake, OURS.format("The notes."), assets=(TGZ, SUMS))
    for number in range(250):
        release_id = fake.state.next_id()
        fake.state.releases[release_id] = Release(release_id, f"x-{number}", "main", "", "", draft=False)
    assert github.releases.ensure(spec).release.id == old.id
    assert len(fake.sent("GET", "/releases")) == 3


def test_a_release_that_is_in_no_page_and_has_no_tag_is_new(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oci_chart_publish.github.releases.PAGES", 1)
    for number in range(100):
        release_id = fake.state.next_id()
        fake.state.releases[release_id] = Release(release_id, f"x-{number}", "main", "", "", draft=False)
    assert github.releases.ensure(spec).status is ReleaseStatus.CREATED
    fake.refuse("GET", "/releases/tags/", times=5)
    with pytest.raises(ForgeError, match="502 Server Error"):
        github.releases.ensure(replace(spec, tag="web-9.0.0"))


def test_a_change_that_is_hidden_from_the_token_keeps_the_draft(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    fake.refuse("PATCH", "/releases/", "not-found")
    with pytest.raises(ForgeError, match="404 Not Found") as caught:
        github.releases.ensure(spec)
    assert "workflows: write" in caught.value.hint
    assert stored(fake).draft


def test_an_upload_that_is_refused_says_why(fake: FakeGitHub, github: GitHub, spec: ReleaseSpec) -> None:
    fake.refuse("POST", "/assets$", "immutable-assets")
    with pytest.raises(ForgeError, match="422 Cannot upload assets to an immutable release"):
        github.releases.ensure(spec)


def test_a_file_that_was_sent_to_where_the_repository_was_is_not_taken_for_uploaded(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    fake.refuse("POST", "/assets$", "moved")
    with pytest.raises(ForgeError, match="assets: the repository has moved"):
        github.releases.ensure(spec)
    assert stored(fake).draft


def test_half_an_asset_in_the_way_of_an_upload_is_deleted(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    def begin() -> None:
        stored(fake).assets.append(Asset(99, TGZ.name, b"", "", state="starter"))

    fake.before("POST", "/assets$", begin)
    github.releases.ensure(spec)
    assert names(stored(fake)) == ["web-1.4.0.tgz", "SHA256SUMS"]
    assert stored(fake).assets[0].data == b"chart"


def test_a_release_that_always_changes_is_an_error_in_the_end(
    fake: FakeGitHub, github: GitHub, spec: ReleaseSpec
) -> None:
    for _ in range(3):
        fake.before("PATCH", "/releases/", fake.state.releases.clear)
    with pytest.raises(ForgeError) as caught:
        github.releases.ensure(spec)
    assert caught.value.message == "release web-1.4.0: other runs keep changing it"


def test_a_prerelease_is_marked(fake: FakeGitHub, github: GitHub, spec: ReleaseSpec) -> None:
    github.releases.ensure(replace(spec, prerelease=True))
    assert stored(fake).prerelease
