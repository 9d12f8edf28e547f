"""One request from its first sending to its answer: redirects, retries, pauses, plain HTTP and TLS."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.fakes.clients import ALICE, USERS, Client, quick
from tests.fakes.registry import FakeRegistry, Quirks
from tests.fakes.wire import Reply, Seen, WireServer, refusal
from tests.registry.artifacts import chart

from oci_chart_publish.errors import AuthError, RegistryError
from oci_chart_publish.http.answer import ConnectionFailed
from oci_chart_publish.http.retry import RetryPolicy
from oci_chart_publish.http.tls import Trust
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.registry.connect import Registries

Fake = Callable[..., FakeRegistry]
Serve = Callable[..., WireServer]
Tls = tuple[Path, ssl.SSLContext]

MANIFEST, BLOBS = chart()
DATA = b"some bytes"
BLOB = Descriptor.of("application/octet-stream", DATA)


def redirect(status: int, location: str) -> Reply:
    return Reply(status=status, headers=[("Location", location)])


def stored(registry: FakeRegistry, client: Client, **options: object) -> None:
    client(registry, **options).put_blob(BLOB, DATA)
    registry.seen.clear()


# redirects


def test_a_blob_is_read_from_where_a_redirect_points_without_credentials(
    fake: Fake, serve: Serve, client: Client
) -> None:
    cdn = serve(lambda _seen: Reply(body=DATA))
    registry = fake(users=USERS, auth="basic")
    registry.next("GET .*/blobs/", redirect(307, f"{cdn.url}/x?X-Sig=a%7Eb%2F"))
    assert client(registry, credential=ALICE).blob(BLOB) == DATA
    assert cdn.lines() == ["GET /x?X-Sig=a%7Eb%2F"]
    assert "authorization" not in cdn.seen[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_same_origin_keeps_the_credentials(fake: Fake, client: Client, status: int) -> None:
    registry = fake(users=USERS, auth="basic")
    stored(registry, client, credential=ALICE)
    registry.next("GET .*/blobs/", redirect(status, f"/v2/charts/web/blobs/{BLOB.digest}"))
    assert client(registry, credential=ALICE).blob(BLOB) == DATA


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_write_is_redirected_with_its_method_and_body(
    fake: Fake, serve: Serve, client: Client, method: str, status: int
) -> None:
    elsewhere = serve(lambda _seen: Reply(status=201))
    registry = fake(users=USERS, auth="basic")
    registry.next(f"{method} .*/blobs/", redirect(status, f"{elsewhere.url}/there"))
    client(registry, credential=ALICE).put_blob(BLOB, DATA)
    assert [(seen.method, seen.body) for seen in elsewhere.seen] == [(method, DATA)]
    assert "authorization" not in elsewhere.seen[0].headers


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_write_that_would_become_a_read_is_an_error(fake: Fake, client: Client, status: int) -> None:
    registry = fake()
    registry.next("PUT .*/manifests/", redirect(status, "/elsewhere"))
    store = client(registry)
    for descriptor, data in BLOBS:
        store.put_blob(descriptor, data)
    with pytest.raises(RegistryError, match=f"{status} (moved|see other)"):
        store.put_manifest(MANIFEST, "1")


def test_five_redirects_are_followed_and_no_more(serve: Serve, client: Client) -> None:
    def chain(left: int) -> Callable[[Seen], Reply]:
        def answer(seen: Seen) -> Reply:
            number = int(seen.target.rpartition("/")[2]) if seen.target.startswith("/hop/") else left
            return redirect(307, f"/hop/{number - 1}") if number else Reply(body=DATA)

        return answer

    assert client(serve(chain(5))).blob(BLOB) == DATA
    server = serve(chain(6))
    with pytest.raises(RegistryError, match="more than 5 redirects"):
        client(server).blob(BLOB)
    assert len(server.seen) == 6


def test_a_redirect_from_https_to_http_is_refused(
    fake: Fake, serve: Serve, client: Client, authority: Tls, trusting: Callable[..., Trust]
) -> None:
    plain = serve(lambda _seen: Reply(body=DATA))
    registry = fake(tls=authority[1])
    registry.next("GET .*/blobs/", redirect(307, f"http://localhost:{plain.port}/x"))
    with pytest.raises(RegistryError, match="it goes from https to http://localhost"):
        client(registry, trust=trusting(registry.host)).blob(BLOB)
    assert plain.seen == []


def test_a_redirect_to_another_port_or_scheme_carries_no_credentials(
    fake: Fake, serve: Serve, client: Client, authority: Tls, trusting: Callable[..., Trust]
) -> None:
    other_port = serve(lambda _seen: Reply(body=DATA))
    secure = serve(lambda _seen: Reply(body=DATA), authority[1])
    registry = fake(users=USERS, auth="basic")
    registry.next("GET .*/blobs/", redirect(307, other_port.url + "/x"), redirect(307, secure.url + "/x"))
    store = client(registry, credential=ALICE, trust=trusting(secure.host))
    assert (store.blob(BLOB), store.blob(BLOB)) == (DATA, DATA)
    assert ["authorization" in seen.headers for seen in (*other_port.seen, *secure.seen)] == [False, False]


def test_no_credentials_return_by_way_of_another_host(fake: Fake, serve: Serve, client: Client) -> None:
    registry = fake(users=USERS, auth="basic")
    stored(registry, client, credential=ALICE)
    back = serve(lambda _seen: redirect(307, f"{registry.url}/v2/charts/web/blobs/{BLOB.digest}"))
    registry.next("GET .*/blobs/", redirect(307, back.url + "/x"))
    assert client(registry, credential=ALICE).blob(BLOB) == DATA
    assert "authorization" not in back.seen[0].headers


@pytest.mark.parametrize(
    "location", ["http://[bad/", "ftp://x/", "http://u:hunter2@127.0.0.1/", "http://a b/", "http://a..b/x"]
)
def test_a_malformed_redirect_is_an_error_of_ours(fake: Fake, client: Client, location: str) -> None:
    registry = fake()
    registry.next("GET .*/blobs/", redirect(307, location))
    with pytest.raises(RegistryError, match="307 with a Location that is refused") as caught:
        client(registry).blob(BLOB)
    assert "hunter2" not in str(caught.value)


# retries


@pytest.mark.parametrize("status", [408, 429, 499, 500, 502, 503, 504, 522])
def test_a_transient_status_is_asked_again(fake: Fake, client: Client, status: int) -> None:
    registry = fake()
    registry.next("GET .*/manifests/", *[Reply(status=status)] * 3)
    assert client(registry).resolve("1") is None
    assert registry.lines() == ["GET /v2/charts/web/manifests/1"] * 4


def test_six_tries_and_then_the_error_is_temporary(fake: Fake, client: Client) -> None:
    registry = fake()
    registry.next(".*", *[refusal(503, "UNAVAILABLE", "down for a while")] * 99)
    store = client(registry)
    with pytest.raises(RegistryError, match="503 UNAVAILABLE: down for a while") as caught:
        store.manifest("1")
    assert (len(registry.seen), caught.value.temporary, caught.value.status) == (6, True, 503)


def test_a_host_that_says_when_to_come_back_is_asked_more_often_but_not_for_ever(
    fake: Fake, client: Client
) -> None:
    registry = fake()
    registry.next(".*", *[Reply(status=429, headers=[("Retry-After", "0")])] * 99)
    with pytest.raises(RegistryError, match="429"):
        client(registry).manifest("1")
    assert len(registry.seen) == 16


def test_a_single_job_finds_tls_and_does_not_wait_for_itself(
    fake: Fake, client: Client, authority: Tls
) -> None:
    registry = fake(tls=authority[1])
    trust = Trust(environment={"SSL_CERT_FILE": str(authority[0])})
    assert client(registry, trust=trust, jobs=1).resolve("1") is None


def test_many_threads_find_out_about_tls_together(
    fake: Fake, registries: Callable[..., Registries], authority: Tls
) -> None:
    registry = fake(tls=authority[1])
    made = registries(trust=Trust(environment={"SSL_CERT_FILE": str(authority[0])}))

    def ask(number: int) -> object:
        return made.repository(Repository(registry.host, f"charts/c{number}")).resolve("1")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(16))) == [None] * 16


def test_a_host_that_speaks_no_tls_is_told_apart_from_a_broken_one(
    fake: Fake, registries: Callable[..., Registries]
) -> None:
    plain = fake()
    made = registries(trust=Trust(insecure=frozenset({plain.host})))
    with pytest.raises(ConnectionFailed, match="it does not speak TLS") as caught:
        made.repository(Repository(plain.host, "charts/web")).resolve("1")
    assert caught.value.hint == "ask for plain HTTP to this host by name, if that is meant"


def test_a_rate_limit_is_an_error_of_the_registry_and_not_of_permissions(fake: Fake, client: Client) -> None:
    registry = fake()
    limit = refusal(403, "DENIED", "You have exceeded a secondary rate limit")
    registry.next(".*", limit, limit)
    assert client(registry).manifest("1") is None
    assert len(registry.seen) == 3
    registry.next(".*", *[limit] * 99)
    with pytest.raises(RegistryError) as caught:
        client(registry).manifest("1")
    assert not isinstance(caught.value, AuthError)


def test_a_connection_that_is_dropped_or_reset_is_tried_again(fake: Fake, client: Client) -> None:
    registry = fake()
    registry.next("GET .*/manifests/", Reply(drop=True), Reply(drop=True), Reply(raw=b"HTTP/1.1 2"))
    assert client(registry).resolve("1") is None
    assert len([seen for seen in registry.seen if "/manifests/" in seen.path]) == 4


def test_a_truncated_blob_is_read_again(fake: Fake, client: Client) -> None:
    registry = fake()
    stored(registry, client)
    registry.next("GET .*/blobs/", Reply(body=DATA[:3], length=len(DATA)))
    assert client(registry).blob(BLOB) == DATA


def test_a_kept_connection_that_the_server_closed_is_no_error(fake: Fake, client: Client) -> None:
    registry = fake()
    store = client(registry)
    stored(registry, client)
    for _ in range(3):
        registry.next(
            "GET .*/manifests/",
            Reply(status=404, headers=[("Docker-Distribution-Api-Version", "x")], close=True),
        )
        assert store.resolve("1") is None


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_kept_and_the_wait_is_told(fake: Fake, client: Client, form: str) -> None:
    waits: list[str] = []
    registry = fake()
    value = (
        "1" if form == "seconds" else time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 2))
    )
    registry.next("GET .*/manifests/", Reply(status=429, headers=[("Retry-After", value)]))
    begun = time.monotonic()
    client(registry, on_wait=waits.append).resolve("1")
    assert time.monotonic() - begun > 0.8
    (told,) = waits
    assert told.startswith(f"{registry.host} answered 429; waiting ")


@pytest.mark.parametrize("value", ["880µs", "soon", "-1", ""])
def test_a_rubbish_retry_after_falls_back_to_the_backoff(fake: Fake, client: Client, value: str) -> None:
    registry = fake()
    registry.next("GET .*/manifests/", Reply(status=429, headers=[("Retry-After", value)]))
    begun = time.monotonic()
    assert client(registry).resolve("1") is None
    assert time.monotonic() - begun < 1


def test_a_wait_beyond_five_minutes_is_not_accepted(fake: Fake, client: Client) -> None:
    registry = fake()
    registry.next(".*", Reply(status=429, headers=[("Retry-After", "301")]))
    with pytest.raises(RegistryError, match="429 too many requests") as caught:
        client(registry).manifest("1")
    assert (len(registry.seen), caught.value.temporary) == (1, True)


def test_the_waits_of_a_run_have_a_budget(fake: Fake, client: Client) -> None:
    registry = fake()
    registry.next(".*", *[Reply(status=429, headers=[("Retry-After", "0.2")])] * 6)
    with pytest.raises(RegistryError, match="429"):
        client(registry, patience=quick(total_asked=0.5)).manifest("1")
    assert len(registry.seen) == 3


def test_one_429_holds_all_workers_back(fake: Fake, registries: Callable[..., Registries]) -> None:
    registry = fake()
    registry.next("GET .*/c0/", Reply(status=429, headers=[("Retry-After", "1")]))
    made = registries(jobs=8)
    made.repository(Repository(registry.host, "charts/c0"))
    times: list[float] = []

    def timed(seen: Seen) -> Reply:
        times.append(time.monotonic())
        return registry.answer(seen)

    registry.server.answer = timed

    def work(number: int) -> None:
        time.sleep(0.3 * (number > 0))
        made.repository(Repository(registry.host, f"charts/c{number}")).resolve("1")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    first, *others = times
    assert len(others) == 8
    assert min(others) - first > 0.9


def test_the_run_ends_when_its_time_is_used_up(fake: Fake, client: Client) -> None:
    with pytest.raises(RegistryError, match="the time of the run is used up"):
        client(fake(), run_timeout=-1.0).resolve("1")


def test_an_unreachable_host_is_an_error_in_words(registries: Callable[..., Registries]) -> None:
    store = registries().repository(Repository("127.0.0.1:1", "charts/web"))
    with pytest.raises(ConnectionFailed, match="connection refused") as caught:
        store.resolve("1")
    assert caught.value.message == "GET http://127.0.0.1:1/v2/charts/web/manifests/1: connection refused"


def test_a_host_that_is_not_there_is_waited_for_once_and_not_for_each_request(
    fake: Fake, registries: Callable[..., Registries]
) -> None:
    gone = fake()
    gone.close()
    slept: list[float] = []
    made = registries(patience=RetryPolicy(sleep=slept.append))
    for path in ("charts/web", "charts/db"):
        with pytest.raises(ConnectionFailed, match="connection refused"):
            made.repository(Repository(gone.host, path)).resolve("1")
    assert slept == [0.5, 1.0, 1.5]


def test_a_token_service_that_is_not_there_is_waited_for_once(
    fake: Fake, registries: Callable[..., Registries]
) -> None:
    gone, registry = fake(), fake()
    gone.close()
    challenge = ("WWW-Authenticate", f'Bearer realm="http://{gone.host}/token",service="x"')
    registry.server.answer = lambda _: Reply(status=401, headers=(challenge,), body=b"{}")
    slept: list[float] = []
    made = registries(patience=RetryPolicy(sleep=slept.append))
    for path in ("charts/web", "charts/db"):
        with pytest.raises(ConnectionFailed, match="connection refused"):
            made.repository(Repository(registry.host, path)).resolve("1")
    assert slept == [0.5, 1.0, 1.5]


def test_a_registry_that_says_it_goes_away_is_waited_for_as_long_as_any_other(
    fake: Fake, registries: Callable[..., Registries]
) -> None:
    registry = fake()
    replies = [Reply(status=500, close=True), Reply(status=500, close=True)]
    seen: list[Seen] = []
    slept: list[float] = []

    def answer(one: Seen) -> Reply:
        seen.append(one)
        return replies[len(seen) - 1]

    def wait(seconds: float) -> None:
        slept.append(seconds)
        if len(seen) == len(replies):
            registry.close()

    registry.server.answer = answer
    made = registries(patience=RetryPolicy(base=0.0, sleep=wait))
    with pytest.raises(ConnectionFailed, match="connection refused"):
        made.repository(Repository(registry.host, "charts/web")).resolve("1")
    assert slept == [0, 0, 0.5, 1.0, 1.5]


def test_a_host_that_is_started_again_goes_unnoticed(registries: Callable[..., Registries]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # and refuses every connection until it listens
        waits: list[float] = []

        def answer() -> None:
            near, _ = listener.accept()
            near.recv(65536)
            near.sendall(b"HTTP/1.1 404 X\r\nDocker-Distribution-Api-Version: registry/2.0\r\n\r\n")
            near.close()

        def wait(seconds: float) -> None:
            waits.append(seconds)
            listener.listen()
            threading.Thread(target=answer, daemon=True).start()

        made = registries(patience=RetryPolicy(sleep=wait))
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        assert made.repository(Repository(host, "charts/web")).resolve("1") is None
    assert waits == [0.5]


# plain HTTP and TLS


def test_loopback_is_plain_http_unasked(fake: Fake, client: Client) -> None:
    registry = fake()
    assert client(registry).resolve("1") is None
    assert registry.lines() == ["GET /v2/charts/web/manifests/1"]


def test_a_loopback_registry_with_tls_is_recognised(fake: Fake, client: Client, authority: Tls) -> None:
    registry = fake(tls=authority[1], users=USERS, auth="basic")
    trust = Trust(environment={"SSL_CERT_FILE": str(authority[0])})
    store = client(registry, credential=ALICE, trust=trust)
    store.put_blob(BLOB, DATA)
    assert store.blob(BLOB) == DATA
    assert store.host.base == registry.url


def test_an_untrusted_loopback_registry_with_tls_says_so(fake: Fake, client: Client, authority: Tls) -> None:
    with pytest.raises(ConnectionFailed, match="the certificate is not trusted"):
        client(fake(tls=authority[1]), trust=Trust()).resolve("1")


@pytest.mark.parametrize(
    "text",
    [
        b"Client sent an HTTP request to an HTTPS server.\n",
        b"<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>",
    ],
)
def test_an_answer_that_expects_tls_is_understood(serve: Serve, client: Client, text: bytes) -> None:
    server = serve(lambda _seen: Reply(status=400, body=text))
    with pytest.raises(ConnectionFailed, match="GET https://"):
        client(server, patience=quick(tries=1)).manifest("1")


def test_a_host_with_a_ca_file_is_https_from_the_start(
    fake: Fake, client: Client, authority: Tls, trusting: Callable[..., Trust]
) -> None:
    registry = fake(tls=authority[1])
    assert client(registry, trust=trusting(registry.host)).resolve("1") is None
    assert registry.server.connections == 1


def test_credentials_do_not_go_over_plain_http_unless_the_host_is_named(
    serve: Serve, registries: Callable[..., Registries]
) -> None:
    proxy = serve(lambda _seen: refusal(401, "X", "x", ("WWW-Authenticate", "Basic")))
    trust = Trust(environment={"HTTP_PROXY": proxy.url})
    everywhere = registries({"registry.test": ALICE}, plain_http_everywhere=True, trust=trust)
    with pytest.raises(AuthError, match="credentials do not go over plain http") as caught:
        everywhere.repository(Repository("registry.test", "charts/web")).resolve("1")
    assert caught.value.hint == "ask for plain http to registry.test by name, if that is meant"
    assert proxy.seen
    assert all("authorization" not in seen.headers for seen in proxy.seen)
    named = registries({"registry.test": ALICE}, plain_http=frozenset({"registry.test"}), trust=trust)
    with pytest.raises(AuthError, match="401"):
        named.repository(Repository("registry.test", "charts/web")).resolve("1")
    assert any("authorization" in seen.headers for seen in proxy.seen)


def test_docker_hub_is_reached_by_its_api_host(registries: Callable[..., Registries]) -> None:
    store = registries().repository(Repository.parse("index.docker.io/acme/web"))
    assert store.host.base == "https://registry-1.docker.io"
    assert store.title == "docker.io/acme/web"


def test_nothing_heavy_is_imported_before_the_first_request() -> None:
    program = (
        "import sys; from oci_chart_publish.registry.connect import Registries; "
        "from oci_chart_publish.oci.reference import Repository; "
        "Registries().repository(Repository('ghcr.io', 'a/b')); "
        "print([name for name in ('requests', 'urllib3', 'ssl', 'http.server') if name in sys.modules])"
    )
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_cookies_are_not_sent_back(fake: Fake, client: Client) -> None:
    registry = fake(Quirks(cookie="sid=1; Path=/"))
    stored(registry, client)
    client(registry).blob(BLOB)
    assert registry.seen
    assert all("cookie" not in seen.headers for seen in registry.seen)


# patience that is shared


def mute(serve: Serve, challenge: str = "") -> WireServer:
    """Serve a host that takes requests and never answers, or only with a challenge."""

    def answer(_seen: Seen) -> Reply:
        if challenge:
            return Reply(status=401, headers=[("WWW-Authenticate", challenge)])
        return Reply(delay=20, drop=True)

    return serve(answer)


@pytest.mark.parametrize("where", ["registry", "probe", "token service"])
def test_a_host_that_never_answers_is_given_up_for_all_charts_together(
    serve: Serve, registries: Callable[..., Registries], where: str
) -> None:
    silent = mute(serve)
    server = silent
    if where == "token service":
        server = mute(serve, f'Bearer realm="{silent.url}/token",service="x"')
    credentials = None if where == "registry" else {server.host: ALICE}
    made = registries(credentials, patience=quick(silence=0.5), read_timeout=0.3)

    def ask(number: int) -> str:
        with pytest.raises(RegistryError) as caught:
            made.repository(Repository(server.host, f"charts/c{number}")).resolve("1")
        return caught.value.message

    with ThreadPoolExecutor(8) as pool:
        messages = list(pool.map(ask, range(40)))
    assert any("no answer in time, for 0.5 s and more" in text for text in messages)
    assert len(silent.seen) <= 2 * 8


def test_a_probe_and_a_token_are_single_attempts_of_the_request_they_are_for(
    fake: Fake, client: Client
) -> None:
    for path in ("GET /v2/$", "GET /token"):
        registry = fake(users=USERS, auth="token")
        registry.next(path, *[refusal(503, "UNAVAILABLE", "down")] * 99)
        with pytest.raises(RegistryError, match="503") as caught:
            client(registry, credential=ALICE).resolve("1")
        assert (caught.value.temporary, caught.value.status) == (True, 503)
        assert len([line for line in registry.lines() if "/v2/charts" in line]) == 0
        asked = [line for line in registry.lines() if line.startswith(path.rstrip("$"))]
        assert len(asked) == 6


def test_retry_after_zero_has_a_floor_and_that_of_a_500_a_cap(
    fake: Fake, registries: Callable[..., Registries]
) -> None:
    slept: list[float] = []
    registry = fake()
    registry.next(".*", *[Reply(status=500, headers=[("Retry-After", "290")])] * 99)
    made = registries(patience=RetryPolicy(sleep=slept.append))
    for number in range(4):
        with pytest.raises(RegistryError, match="500"):
            made.repository(Repository(registry.host, f"charts/c{number}")).resolve("1")
    assert set(slept) == {60.0}
    assert sum(slept) <= RetryPolicy().total_asked
    policy = RetryPolicy()
    assert [policy.after(attempt, 429, "0") for attempt in range(4)] == [0.25, 0.5, 1.0, 2.0]


def test_a_wait_is_told_once_a_host_and_says_where_it_comes_from(
    fake: Fake, registries: Callable[..., Registries]
) -> None:
    told: list[str] = []
    registry = fake()
    made = registries(patience=RetryPolicy(sleep=lambda _: None, base=4.0), on_wait=told.append)
    registry.next(".*", *[Reply(status=500, headers=[("Retry-After", "2")])] * 4)
    for number in range(2):
        made.repository(Repository(registry.host, f"charts/c{number}")).resolve("1")
    (line,) = told
    assert line.endswith(f" {registry.url}/v2/charts/c0/manifests/1: 500; again in 2 s")
