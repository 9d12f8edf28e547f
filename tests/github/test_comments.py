from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.fakes.github import Comment, FakeGitHub, Token

from oci_chart_publish.errors import ForgeError, ReadOnlyError
from oci_chart_publish.github.api import Options
from oci_chart_publish.github.comments import CommentOutcome, CommentStatus, RunMark, Stage
from oci_chart_publish.github.gateway import GitHub

BOT = "github-actions[bot]"
PAGE = "/acme/charts/pull/7#issuecomment-"


def marked(body: str, *, run: int = 1, attempt: int = 1, key: str = "report") -> str:
    return f'<!-- oci-chart-publish key="{key}" run="{run}" attempt="{attempt}" -->\n{body}'


def bodies(fake: FakeGitHub) -> dict[int, str]:
    return {comment.id: comment.body for comment in fake.state.comments.values()}


def test_the_first_report_creates_a_comment(fake: FakeGitHub, github: GitHub) -> None:
    outcome = github.comments.upsert(7, "report", "hello", RunMark(10, 2), revision="abc123")
    (comment,) = fake.state.comments.values()
    assert outcome == CommentOutcome(status=CommentStatus.CREATED, url=f"{fake.url}{PAGE}{comment.id}")
    assert comment == Comment(
        comment.id,
        7,
        BOT,
        '<!-- oci-chart-publish key="report" run="10" attempt="2" revision="abc123" -->\nhello',
    )


def test_the_next_report_edits_it_in_place(fake: FakeGitHub, github: GitHub) -> None:
    github.comments.upsert(7, "report", "hello", RunMark(10, 1))
    before = list(fake.state.comments)
    outcome = github.comments.upsert(7, "report", "news", RunMark(11, 1))
    assert outcome.status is CommentStatus.UPDATED
    assert bodies(fake) == {before[0]: marked("news", run=11)}


def test_the_same_report_writes_nothing(fake: FakeGitHub, github: GitHub) -> None:
    fake.state.comment(7, marked("hello\r\n\r\nworld\r\n"), BOT)
    outcome = github.comments.upsert(7, "report", "hello\n\nworld\n\n", RunMark(1, 1))
    assert outcome.status is CommentStatus.UNCHANGED
    assert fake.sent("PATCH") == []


@pytest.mark.parametrize(
    ("found", "writes"),
    [
        (RunMark(11, 1), False),
        (RunMark(10, 3), False),
        (RunMark(10, 2), True),
        (RunMark(10, 1), True),
        (RunMark(9, 9), True),
    ],
    ids=["newer run", "newer attempt", "this run", "older attempt", "older run"],
)
def test_a_slow_old_run_does_not_overwrite_a_newer_one(
    fake: FakeGitHub, github: GitHub, found: RunMark, *, writes: bool
) -> None:
    comment = fake.state.comment(7, marked("there", run=found.run, attempt=found.attempt), BOT)
    outcome = github.comments.upsert(7, "report", "mine", RunMark(10, 2))
    assert outcome.status is (CommentStatus.UPDATED if writes else CommentStatus.SUPERSEDED)
    assert (comment.body == marked("mine", run=10, attempt=2)) is writes


@pytest.mark.parametrize(
    ("found", "mine", "writes"),
    [
        (Stage.PUBLISHED, Stage.PLANNED, False),
        (Stage.RAN, Stage.PLANNED, False),
        (Stage.PUBLISHED, Stage.RAN, False),
        (Stage.PLANNED, Stage.RAN, True),
        (Stage.RAN, Stage.PUBLISHED, True),
    ],
)
def test_a_plan_does_not_overwrite_what_a_publish_said_however_new_either_is(
    fake: FakeGitHub, github: GitHub, found: Stage, mine: Stage, *, writes: bool
) -> None:
    # What publishes the merge may begin before the run of the event "closed", and end after it.
    older, newer = (1, 9) if writes else (9, 1)
    github.comments.upsert(7, "report", "there", RunMark(newer, 1, found))
    outcome = github.comments.upsert(7, "report", "mine", RunMark(older, 1, mine), revision="abc")
    assert outcome.status is (CommentStatus.UPDATED if writes else CommentStatus.SUPERSEDED)
    (comment,) = fake.state.comments.values()
    assert comment.body.endswith("mine" if writes else "there")
    if writes:
        assert f' attempt="1" state="{mine.name.lower()}" revision="abc" -->' in comment.body


def test_a_stage_of_a_later_version_of_this_tool_is_more_than_a_plan(
    fake: FakeGitHub, github: GitHub
) -> None:
    body = marked("there").replace(" -->", ' state="signed" -->')
    comment = fake.state.comment(7, body, BOT)
    assert github.comments.upsert(7, "report", "x", RunMark(9, 1)).status is CommentStatus.SUPERSEDED
    assert comment.body == body


@pytest.mark.parametrize("login", ["mallory", "github-actions", "dependabot[bot]"])
def test_a_marker_pasted_by_somebody_else_is_left_alone(fake: FakeGitHub, github: GitHub, login: str) -> None:
    theirs = fake.state.comment(7, marked("mine now", run=999), login)
    outcome = github.comments.upsert(7, "report", "hello", RunMark(1, 1))
    assert outcome.status is CommentStatus.CREATED
    assert theirs.body == marked("mine now", run=999)
    assert len(fake.state.comments) == 2


def test_a_marker_that_is_only_quoted_is_not_one(fake: FakeGitHub, github: GitHub) -> None:
    fake.state.comment(7, f"> {marked('quoted')}", BOT)
    assert github.comments.upsert(7, "report", "hello", RunMark(1, 1)).status is CommentStatus.CREATED


def test_each_key_has_a_comment_of_its_own(fake: FakeGitHub, github: GitHub) -> None:
    github.comments.upsert(7, "report", "one", RunMark(1, 1))
    github.comments.upsert(7, "report-2", "two", RunMark(1, 1))
    github.comments.upsert(7, "report", "three", RunMark(1, 1))
    assert list(bodies(fake).values()) == [marked("three"), marked("two", key="report-2")]


def test_a_personal_token_finds_its_own_comment(fake: FakeGitHub) -> None:
    fake.tokens["pat"] = Token(login="release-robot", app=False)
    mine = fake.state.comment(7, marked("mine"), "release-robot")
    with GitHub("acme/charts", Options(token="pat", api_url=fake.api_url, between_writes=0)) as github:
        github.comments.upsert(7, "report", "news", RunMark(1, 1))
    assert bodies(fake) == {mine.id: marked("news")}


def test_a_publish_by_an_app_ends_the_comment_of_a_job(fake: FakeGitHub) -> None:
    fake.tokens["app"] = Token(login="releaser[bot]")
    made = fake.state.comment(7, marked("planned"), BOT)
    pasted = fake.state.comment(7, marked("pasted"), "mallory")
    with GitHub("acme/charts", Options(token="app", api_url=fake.api_url, between_writes=0)) as github:
        outcome = github.comments.upsert(7, "report", "published", RunMark(2, 1), create=False)
        assert outcome.status is CommentStatus.UPDATED
        assert bodies(fake) == {made.id: marked("published", run=2), pasted.id: marked("pasted")}
        # Whoever may create one of its own does, and keeps to it.
        github.comments.upsert(7, "report", "planned", RunMark(3, 1))
        github.comments.upsert(7, "report", "published", RunMark(4, 1), create=False)
    assert list(bodies(fake).values())[::2] == [marked("published", run=2), marked("published", run=4)]


@pytest.mark.parametrize(
    ("token", "login"),
    [(Token(), BOT), (Token(login="release-robot", app=False), "release-robot")],
    ids=["app", "person"],
)
def test_who_we_are_is_known_without_graphql_too(
    fake: FakeGitHub, github: GitHub, token: Token, login: str
) -> None:
    fake.tokens["t0ken"] = token
    fake.state.comment(7, marked("old"), login)
    fake.refuse("POST", "graphql", "graphql-not-accessible")
    github.comments.upsert(7, "report", "news", RunMark(1, 1))
    assert list(bodies(fake).values()) == [marked("news")]


def test_a_comment_on_the_third_page_is_found(fake: FakeGitHub, github: GitHub) -> None:
    for number in range(230):
        fake.state.comment(7, f"chatter {number}", "monalisa")
    ours = fake.state.comment(7, marked("old"), BOT)
    assert github.comments.upsert(7, "report", "news", RunMark(1, 1)).status is CommentStatus.UPDATED
    assert ours.body == marked("news")
    assert len(fake.state.comments) == 231


def test_of_duplicates_the_oldest_stays_and_only_our_own_are_deleted(
    fake: FakeGitHub, github: GitHub
) -> None:
    first = fake.state.comment(7, marked("a"), BOT)
    theirs = fake.state.comment(7, marked("theirs"), "mallory")
    fake.state.comment(7, marked("b"), BOT)
    for number in range(150):
        fake.state.comment(7, f"chatter {number}", "monalisa")
    fake.state.comment(7, marked("c"), BOT)
    outcome = github.comments.upsert(7, "report", "news", RunMark(1, 1))
    assert outcome.status is CommentStatus.UPDATED
    assert [one for one in fake.state.comments.values() if one.login != "monalisa"] == [
        Comment(first.id, 7, BOT, marked("news")),
        Comment(theirs.id, 7, "mallory", marked("theirs")),
    ]


def test_two_runs_that_create_at_once_leave_one_comment(
    fake: FakeGitHub, github: GitHub, other: GitHub
) -> None:
    fake.hold("POST", "comments", parties=2)  # both have seen that there is none
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(github.comments.upsert, 7, "report", "same", RunMark(5, 1)),
            pool.submit(other.comments.upsert, 7, "report", "same", RunMark(5, 1)),
        ]
        statuses = {run.result().status for run in runs}
    assert list(bodies(fake).values()) == [marked("same", run=5)]
    assert CommentStatus.CREATED not in statuses or len(statuses) == 2


def test_two_runs_of_different_age_that_create_at_once_leave_the_newer_text(
    fake: FakeGitHub, github: GitHub, other: GitHub
) -> None:
    fake.hold("POST", "comments", parties=2)
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(github.comments.upsert, 7, "report", "old", RunMark(5, 1)),
            pool.submit(other.comments.upsert, 7, "report", "new", RunMark(6, 1)),
        ]
        for run in runs:
            run.result()
    assert list(bodies(fake).values()) == [marked("new", run=6)]


def test_an_old_run_that_comes_late_takes_back_what_it_created(
    fake: FakeGitHub, github: GitHub, other: GitHub
) -> None:
    fake.before("POST", "comments", lambda: other.comments.upsert(7, "report", "new", RunMark(6, 1)))
    outcome = github.comments.upsert(7, "report", "old", RunMark(5, 1))
    assert outcome.status is CommentStatus.SUPERSEDED
    assert len(fake.sent("DELETE")) == 1
    assert list(bodies(fake).values()) == [marked("new", run=6)]


def test_eight_threads_that_share_a_gateway_leave_one_comment(fake: FakeGitHub, github: GitHub) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: github.comments.upsert(7, "report", "x", RunMark(1, 1)), range(8)))
    assert list(bodies(fake).values()) == [marked("x")]


def test_a_comment_that_vanishes_while_it_is_edited_is_created_again(
    fake: FakeGitHub, github: GitHub
) -> None:
    gone = fake.state.comment(7, marked("old"), BOT)
    fake.before("PATCH", "comments", fake.state.comments.clear)
    assert github.comments.upsert(7, "report", "news", RunMark(1, 1)).status is CommentStatus.CREATED
    assert list(bodies(fake).values()) == [marked("news")]
    assert gone.id not in fake.state.comments


def test_a_list_that_lags_behind_leads_to_no_second_comment(fake: FakeGitHub, github: GitHub) -> None:
    fake.state.lag = 3
    outcome = github.comments.upsert(7, "report", "hello", RunMark(1, 1))
    assert (outcome.status, list(bodies(fake).values())) == (CommentStatus.CREATED, [marked("hello")])


def test_a_list_that_lacks_the_oldest_comment_keeps_it_all_the_same(fake: FakeGitHub, github: GitHub) -> None:
    """Another run, whose list has both, keeps the oldest too: each would delete the comment of the other."""

    def lag() -> None:
        later = fake.state.comment(7, marked("other"), BOT)
        fake.interpose("GET", "/7/comments$", [fake.answers.comment(later)])

    fake.before("POST", "/issues/7/comments$", lambda: fake.before("GET", "/issues/7/comments$", lag))
    github.comments.upsert(7, "report", "hello", RunMark(2, 1))
    (kept,) = fake.state.comments.values()
    assert kept.body == marked("hello", run=2)
    assert [int(sent.path.rpartition("/")[2]) for sent in fake.sent("DELETE")] == [kept.id + 1]


def test_a_comment_that_always_vanishes_is_an_error_in_the_end(fake: FakeGitHub, github: GitHub) -> None:
    for _ in range(3):
        fake.before("GET", "issues/7/comments", lambda: fake.state.comment(7, marked("old"), BOT))
        fake.before("PATCH", "comments", fake.state.comments.clear)
    with pytest.raises(ForgeError) as caught:
        github.comments.upsert(7, "report", "news", RunMark(1, 1))
    assert caught.value.message == "comment 'report' on pull request 7: other runs keep deleting it"


def test_a_creation_that_was_done_before_a_bad_gateway_is_not_repeated(
    fake: FakeGitHub, github: GitHub
) -> None:
    fake.refuse("POST", "comments", effect="done")
    outcome = github.comments.upsert(7, "report", "hello", RunMark(1, 1))
    assert outcome.status is CommentStatus.CREATED
    assert list(bodies(fake).values()) == [marked("hello")]


def test_without_permission_to_create_only_what_exists_is_edited(fake: FakeGitHub, github: GitHub) -> None:
    outcome = github.comments.upsert(7, "report", "hello", RunMark(1, 1), create=False)
    assert outcome == CommentOutcome(status=CommentStatus.ABSENT)
    fake.state.comment(7, marked("old"), BOT)
    github.comments.upsert(7, "report", "news", RunMark(1, 1), create=False)
    assert list(bodies(fake).values()) == [marked("news")]


def test_a_read_only_token_is_told_apart(fake: FakeGitHub, github: GitHub) -> None:
    fake.tokens["t0ken"] = Token(writes=frozenset({"contents"}))
    with pytest.raises(ReadOnlyError) as caught:
        github.comments.upsert(7, "report", "hello", RunMark(1, 1))
    assert "pull-requests: write" in caught.value.hint


def test_a_comment_that_is_too_long_is_refused_with_githubs_reason(fake: FakeGitHub, github: GitHub) -> None:
    with pytest.raises(ForgeError) as caught:
        github.comments.upsert(7, "report", "x" * 65_536, RunMark(1, 1))
    assert caught.value.message == (
        f"POST {fake.api_url}/repos/acme/charts/issues/7/comments: "
        "422 Validation Failed: Body is too long (maximum is 65536 characters)"
    )


def test_an_edit_that_is_refused_says_why(fake: FakeGitHub, github: GitHub) -> None:
    fake.state.comment(7, marked("old"), BOT)
    fake.refuse("PATCH", "comments", "archived")
    with pytest.raises(ForgeError, match="403 Repository was archived so is read-only"):
        github.comments.upsert(7, "report", "news", RunMark(1, 1))


def test_a_wrong_token_is_not_taken_for_another_author(fake: FakeGitHub, github: GitHub) -> None:
    fake.state.comment(7, marked("old"), BOT)
    fake.refuse("POST", "graphql", "bad-credentials")
    with pytest.raises(ForgeError, match="401 Bad credentials"):
        github.comments.upsert(7, "report", "news", RunMark(1, 1))


def test_a_pull_request_that_does_not_exist_is_an_error(github: GitHub) -> None:
    with pytest.raises(ForgeError, match="issues/8/comments: 404 Not Found") as caught:
        github.comments.upsert(8, "report", "hello", RunMark(1, 1))
    assert not isinstance(caught.value, ReadOnlyError)


@pytest.mark.parametrize("key", ["", 'a" run="9', "--> hello", "a\nb", "x" * 65])
def test_a_key_that_would_break_the_marker_is_refused(github: GitHub, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        github.comments.upsert(7, key, "hello", RunMark(1, 1))
