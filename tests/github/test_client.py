from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from tests.fakes.github import FakeGitHub, Token

from oci_chart_publish.errors import ConfigError, ForgeError, ReadOnlyError
from oci_chart_publish.github.api import BURST, Client, Options
from oci_chart_publish.github.comments import RunMark
from oci_chart_publish.github.gateway import GitHub
from oci_chart_publish.github.releases import AssetFile, ReleaseSpec

if TYPE_CHECKING:
    from tests.github.conftest import Watch

COMMENTS = "/repos/acme/charts/issues/7/comments"
MARK = RunMark(1, 1)
RATE_LIMIT = (
    "GitHub's rate limit: run again later. It takes at most 500 new things (releases, files) an hour."
)


@pytest.fixture
def client(fake: FakeGitHub, watch: Watch) -> Iterator[Client]:
    connection = Client(Options(token="t0ken", api_url=fake.api_url, between_writes=0), watch.clock)
    yield connection
    connection.close()


def nothing() -> None:
    return None


def bodies(fake: FakeGitHub) -> list[str]:
    return [comment.body for comment in fake.state.comments.values()]


@pytest.mark.parametrize("refusal", ["server-error", "issues-producing", "no-server", "not-in-time"])
def test_a_read_is_repeated_with_growing_pauses(
    fake: FakeGitHub, client: Client, watch: Watch, refusal: str
) -> None:
    fake.refuse("GET", "/repos/acme/charts$", refusal, times=4)
    client.get("/repos/acme/charts")
    assert watch.slept == [1.0, 2.0, 4.0, 8.0]


def test_the_fifth_failure_is_an_error_that_says_what_was_done_and_what_came_back(
    fake: FakeGitHub, client: Client
) -> None:
    fake.refuse("GET", "/repos/acme/charts$", times=5)
    with pytest.raises(ForgeError) as caught:
        client.get("/repos/acme/charts")
    assert caught.value.message == f"GET {fake.api_url}/repos/acme/charts: 502 Server Error"
    assert caught.value.hint == "GitHub did not answer as it should; a re-run finishes what is missing."
    assert (caught.value.status, caught.value.temporary) == (502, True)
    assert len(fake.sent("GET")) == 5


def test_a_change_is_repeated_after_a_bad_gateway(fake: FakeGitHub, client: Client, watch: Watch) -> None:
    comment = fake.state.comment(7, "old", "github-actions[bot]")
    fake.refuse("PATCH", "", effect="done")
    client.patch(f"/repos/acme/charts/issues/comments/{comment.id}", {"body": "new"}, needs="")
    assert (bodies(fake), watch.slept) == (["new"], [1.0])


def test_a_deletion_that_was_carried_out_before_the_answer_got_lost_is_done(
    fake: FakeGitHub, client: Client
) -> None:
    comment = fake.state.comment(7, "old", "github-actions[bot]")
    fake.refuse("DELETE", "", effect="done")
    assert client.delete(f"/repos/acme/charts/issues/comments/{comment.id}", needs="") is False
    assert bodies(fake) == []


@pytest.mark.parametrize(
    ("retry_after", "slept"),
    [(7, [7.0]), (None, [60.0]), (120, [120.0])],
    ids=["said", "not said", "the most"],
)
@pytest.mark.parametrize("method", ["GET", "PATCH", "POST", "DELETE"])
def test_a_secondary_limit_is_waited_for(
    fake: FakeGitHub,
    client: Client,
    watch: Watch,
    method: str,
    retry_after: int | None,
    slept: list[float],
) -> None:
    comment = fake.state.comment(7, "old", "github-actions[bot]")
    fake.limit(method, "comments", retry_after=retry_after)
    path = f"/repos/acme/charts/issues/comments/{comment.id}"
    calls: dict[str, Callable[[], object]] = {
        "GET": lambda: client.get(path),
        "PATCH": lambda: client.patch(path, {"body": "new"}, needs=""),
        "POST": lambda: client.create(COMMENTS, {"body": "second"}, find=nothing, needs=""),
        "DELETE": lambda: client.delete(path, needs=""),
    }
    calls[method]()
    assert watch.slept == slept
    assert bodies(fake) == {"GET": ["old"], "PATCH": ["new"], "POST": ["old", "second"], "DELETE": []}[method]


@pytest.mark.parametrize(("headers", "slept"), [({"Retry-After": "3"}, [3.0]), ({}, [60.0])])
def test_too_many_requests_is_waited_for_even_by_a_creation(
    fake: FakeGitHub, client: Client, watch: Watch, headers: dict[str, str], slept: list[float]
) -> None:
    fake.refuse("POST", "comments", "secondary-limit-429", headers=headers)
    client.create(COMMENTS, {"body": "one"}, find=nothing, needs="")
    assert (watch.slept, bodies(fake)) == (slept, ["one"])


def test_the_primary_limit_is_waited_for_until_it_is_reset(
    fake: FakeGitHub, client: Client, watch: Watch
) -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(watch.time) + 30)}
    fake.refuse("GET", "charts$", "primary-limit", headers=headers)
    client.get("/repos/acme/charts")
    assert watch.slept == [31.0]


def test_a_limit_that_lasts_longer_than_we_wait_is_an_error_at_once(
    fake: FakeGitHub, client: Client, watch: Watch
) -> None:
    fake.limit("GET", "charts$", retry_after=3600)
    with pytest.raises(ForgeError, match="403 You have exceeded a secondary rate limit") as caught:
        client.get("/repos/acme/charts")
    assert caught.value.hint == RATE_LIMIT
    assert watch.slept == []


def test_limits_are_waited_for_a_quarter_of_an_hour_in_all(
    fake: FakeGitHub, client: Client, watch: Watch
) -> None:
    for _ in range(15):
        fake.limit("GET", "charts$")
        client.get("/repos/acme/charts")
    fake.limit("GET", "charts$")
    with pytest.raises(ForgeError, match="403 You have exceeded a secondary rate limit") as caught:
        client.get("/repos/acme/charts")
    assert (caught.value.limited, watch.slept) == (True, 15 * [60.0])


def test_a_creation_whose_answer_got_lost_is_looked_up_and_not_repeated(
    fake: FakeGitHub, client: Client
) -> None:
    fake.refuse("POST", "comments", effect="done")
    created = client.create(COMMENTS, {"body": "one"}, find=lambda: {"id": 5}, needs="")
    assert (created, bodies(fake)) == ({"id": 5}, ["one"])


def test_a_creation_that_did_not_happen_is_repeated(fake: FakeGitHub, client: Client, watch: Watch) -> None:
    fake.refuse("POST", "comments")
    client.create(COMMENTS, {"body": "one"}, find=nothing, needs="")
    assert (bodies(fake), watch.slept) == (["one"], [1.0])


@pytest.mark.parametrize("effect", ["none", "done"])
def test_a_connection_that_breaks_during_a_creation_leaves_one_comment(
    fake: FakeGitHub, github: GitHub, effect: str
) -> None:
    fake.drop("POST", "comments", effect="done" if effect == "done" else "none")
    github.comments.upsert(7, "report", "hello", MARK)
    assert bodies(fake) == ['<!-- oci-chart-publish key="report" run="1" attempt="1" -->\nhello']


def test_a_server_that_is_slower_than_the_timeout_is_asked_again(fake: FakeGitHub, watch: Watch) -> None:
    fake.hang("GET", "charts$", 1.5)
    client = Client(Options(token="t0ken", api_url=fake.api_url, timeout=1), watch.clock)
    client.get("/repos/acme/charts")
    assert watch.slept == [1.0]


def test_a_token_without_permission_is_told_what_to_add_in_one_line(fake: FakeGitHub, client: Client) -> None:
    fake.tokens["t0ken"] = Token(writes=frozenset())
    with pytest.raises(ReadOnlyError) as caught:
        client.create(COMMENTS, {"body": "one"}, find=nothing, needs="pull-requests: write")
    assert (
        caught.value.message == f"POST {fake.api_url}{COMMENTS}: 403 Resource not accessible by integration"
    )
    assert caught.value.hint == (
        "Add `pull-requests: write` to the `permissions:` of the job. "
        "GitHub accepts: issues=write; pull_requests=write"
    )
    assert len(fake.sent("POST")) == 1


@pytest.mark.parametrize("refusal", ["admin-rights", "push-access", "not-accessible-token"])
def test_what_a_personal_token_may_not_do_is_told_apart(
    fake: FakeGitHub, client: Client, refusal: str
) -> None:
    fake.refuse("POST", "comments$", refusal)
    with pytest.raises(ReadOnlyError):
        client.create(COMMENTS, {"body": "one"}, find=nothing, needs="pull-requests: write")


def test_a_used_up_rate_limit_is_not_waited_for_too_long(
    fake: FakeGitHub, client: Client, watch: Watch
) -> None:
    fake.rate_limit = 1
    client.get("/repos/acme/charts")
    with pytest.raises(ForgeError, match="403 API rate limit exceeded") as caught:
        client.get("/repos/acme/charts")
    assert caught.value.hint == RATE_LIMIT
    assert (watch.slept, caught.value.temporary) == ([], True)


def test_a_wrong_token_is_told_what_the_input_takes(fake: FakeGitHub, watch: Watch) -> None:
    client = Client(Options(token="wrong", api_url=fake.api_url), watch.clock)
    with pytest.raises(ForgeError, match="401 Bad credentials") as caught:
        client.get("/repos/acme/charts")
    assert caught.value.hint == (
        "The token is wrong or has expired; the input github-token takes ${{ github.token }}."
    )


def test_a_server_that_asks_for_time_gets_it(fake: FakeGitHub, client: Client, watch: Watch) -> None:
    fake.refuse("GET", "charts$", "no-server", headers={"Retry-After": "20"})
    client.get("/repos/acme/charts")
    assert watch.slept == [20.0]


def test_without_a_token_nothing_is_sent(fake: FakeGitHub) -> None:
    with pytest.raises(ForgeError, match="GitHub: no token") as caught:
        Client(Options(token="", api_url=fake.api_url)).get("/repos/acme/charts")
    assert caught.value.hint == "Give one as github-token (or GITHUB_TOKEN)."
    assert fake.requests == []


def test_a_token_that_cannot_be_sent_is_not_printed(fake: FakeGitHub, watch: Watch) -> None:
    with pytest.raises(ForgeError) as caught:
        Client(Options(token="t0\nken", api_url=fake.api_url), watch.clock).get("/repos/acme/charts")
    assert str(caught.value) == (
        "GitHub: the token holds line ends or other characters that no token has\n"
        "Check the secret that is given as github-token."
    )


def test_white_space_around_a_token_does_not_matter(fake: FakeGitHub) -> None:
    Client(Options(token=" t0ken\n", api_url=fake.api_url)).get("/repos/acme/charts")
    assert [request.path for request in fake.requests] == ["/repos/acme/charts"]


def test_a_url_of_no_use_is_an_error(watch: Watch) -> None:
    with pytest.raises(ForgeError, match="user: AssertionError: Unknown URL scheme"):
        Client(Options(token="t", api_url="ftp://api.github.com"), watch.clock).get("/user")


def test_a_next_page_on_another_host_is_not_asked_for(fake: FakeGitHub, client: Client) -> None:
    link = '<https://elsewhere.example/issues?page=2>; rel="next"'
    fake.interpose("GET", "comments", [], Link=link)
    with pytest.raises(ForgeError) as caught:
        list(client.pages(COMMENTS))
    assert caught.value.message == (
        "GitHub's answer leads to https://elsewhere.example, which is not http://127.0.0.1"
    )


@pytest.mark.parametrize("data", ["<html>Please log in</html>", {"message": "hello"}], ids=["page", "object"])
def test_something_that_answers_in_the_place_of_github_is_an_error(
    fake: FakeGitHub, client: Client, data: object
) -> None:
    fake.interpose("GET", "comments", data)
    with pytest.raises(ForgeError, match="expected a list") as caught:
        list(client.pages(COMMENTS))
    assert "a proxy, a login page" in caught.value.hint


def test_a_repository_that_moved_is_named_as_such(fake: FakeGitHub, client: Client) -> None:
    fake.refuse("POST", "comments", "moved")
    with pytest.raises(ForgeError, match="the repository has moved") as caught:
        client.create(COMMENTS, {"body": "one"}, find=nothing, needs="")
    assert caught.value.hint.startswith("Use its new name")


def test_writes_keep_their_distance_and_reads_do_not(fake: FakeGitHub, watch: Watch) -> None:
    client = Client(Options(token="t0ken", api_url=fake.api_url, between_writes=1.5), watch.clock)
    for number in range(BURST + 2):
        client.create(COMMENTS, {"body": f"{number}"}, find=nothing, needs="")
        client.get("/repos/acme/charts")
    assert watch.slept == [1.5, 1.5]
    watch.time += 1.5 * BURST  # whoever has paused may write some at once again
    for number in range(BURST):
        client.create(COMMENTS, {"body": f"{number}"}, find=nothing, needs="")
    assert watch.slept == [1.5, 1.5]


def test_after_a_limit_no_writes_follow_each_other_at_once(fake: FakeGitHub, watch: Watch) -> None:
    client = Client(Options(token="t0ken", api_url=fake.api_url, between_writes=1.5), watch.clock)
    fake.limit("POST", "comments", retry_after=60)
    for number in range(3):
        client.create(COMMENTS, {"body": f"{number}"}, find=nothing, needs="")
    assert (watch.slept, bodies(fake)) == ([60.0, 1.5, 1.5], ["0", "1", "2"])


def test_a_list_is_read_to_its_end(fake: FakeGitHub, client: Client) -> None:
    for number in range(205):
        fake.state.comment(7, f"comment {number}", "monalisa")
    assert [item["body"] for item in client.pages(COMMENTS)] == [f"comment {number}" for number in range(205)]
    assert len(fake.sent("GET")) == 3


def test_threads_that_share_a_connection_get_their_own_answers(fake: FakeGitHub, github: GitHub) -> None:
    for number in range(100, 140):
        fake.add_pull(number, title=f"pull {number}")
    with ThreadPoolExecutor(8) as pool:
        titles = list(pool.map(lambda number: github.pulls.get(number).title, range(100, 140)))
    assert titles == [f"pull {number}" for number in range(100, 140)]


def test_a_server_of_your_own_is_reached_below_its_prefix(watch: Watch) -> None:
    with FakeGitHub(prefix="/api/v3") as fake:
        fake.add_pull(7)
        options = Options(token="t0ken", api_url=f"{fake.api_url}/", between_writes=0)
        with GitHub("acme/charts", options, clock=watch.clock) as github:
            github.comments.upsert(7, "report", "hello", MARK)
            github.comments.upsert(7, "report", "again", MARK)
        assert bodies(fake) == ['<!-- oci-chart-publish key="report" run="1" attempt="1" -->\nagain']
        assert [one.path for one in fake.sent("POST")] == [COMMENTS]


def test_releases_with_assets_go_over_tls(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with FakeGitHub(prefix="/api/v3", tls=context) as fake:
        options = Options(token="t0ken", api_url=fake.api_url, between_writes=0)
        with GitHub("acme/charts", options, clock=watch.clock) as github:
            spec = ReleaseSpec(
                tag="web-1.0.0",
                commit=fake.state.refs["heads/main"],
                name="web",
                notes="",
                assets=(AssetFile(name="a.tgz", data=b"a"), AssetFile(name="b.tgz", data=b"b")),
            )
            assert github.releases.ensure(spec).uploaded == ("a.tgz", "b.tgz")
        assert fake.api_url.startswith("https://")


def test_a_certificate_that_nobody_signed_is_refused(watch: Watch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with FakeGitHub(tls=context) as strange:
        client = Client(Options(token="t0ken", api_url=strange.api_url), watch.clock)
        with pytest.raises(ForgeError, match="CERTIFICATE_VERIFY_FAILED") as caught:
            client.get("/repos/acme/charts")
        assert strange.requests == []
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint
    assert watch.slept == []


def test_pygithub_is_not_imported_before_the_first_request() -> None:
    code = (
        "import sys\n"
        "from oci_chart_publish.github.gateway import GitHub\n"
        "from oci_chart_publish.github.api import Options\n"
        "GitHub('acme/charts', Options(token='t')).close()\n"
        "print({'github', 'requests'} & set(sys.modules))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout == "set()\n"


@pytest.mark.parametrize("name", ["", "acme", "acme/", "/charts", "acme/charts/more"])
def test_a_repository_without_owner_and_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="expected owner/name"):
        GitHub(name, Options(token="t"))
