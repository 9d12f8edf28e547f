"""One call sends one request, as it is, and reads one answer, as it came: each trap of ``requests``, disarmed."""

from __future__ import annotations

import contextlib
import errno
import gzip
import logging
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.fakes.wire import Reply, Seen, WireServer

from oci_chart_publish.errors import ConfigError, RegistryError
from oci_chart_publish.http.answer import Answer, ConnectionFailed
from oci_chart_publish.http.tls import Trust
from oci_chart_publish.http.transport import DRAIN, Transport

Serve = Callable[..., WireServer]
PLAIN = {"User-Agent": "us", "Accept-Encoding": "identity"}


@pytest.fixture
def transport() -> Iterator[Callable[..., Transport]]:
    made: list[Transport] = []

    def make(trust: Trust | None = None, **settings: Any) -> Transport:
        made.append(Transport(trust=trust or Trust(), **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


def ok(_seen: Seen) -> Reply:
    return Reply(body=b"hello")


def get(transport: Transport, url: str, limit: int = DRAIN, **headers: str) -> Answer:
    return transport.send("GET", url, {**PLAIN, **headers}, None, limit=limit)


def test_netrc_neither_replaces_our_authorization_nor_adds_one(serve: Serve, transport: Any) -> None:
    server = serve(ok)
    sender = transport()
    get(sender, server.url + "/a", Authorization="Bearer ours")
    get(sender, server.url + "/b")
    assert [seen.headers.get("authorization") for seen in server.seen] == ["Bearer ours", None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE"])
def test_a_redirect_is_an_answer_and_no_second_request_leaves(
    serve: Serve, transport: Any, method: str, status: int
) -> None:
    server = serve(lambda _seen: Reply(status=status, headers=[("Location", "/elsewhere")]))
    body = b"x" if method in ("PUT", "POST") else None
    answer = transport().send(method, server.url + "/", PLAIN, body, limit=DRAIN)
    assert (answer.status, server.lines()) == (status, [f"{method} /"])


def test_a_gzip_bomb_on_a_redirect_is_neither_decoded_nor_read_to_its_end(
    serve: Serve, transport: Any
) -> None:
    bomb = gzip.compress(bytes(200_000_000), 1) * 4
    headers = [("Location", "/next"), ("Content-Encoding", "gzip")]
    server = serve(lambda _seen: Reply(status=307, headers=headers, body=bomb))
    sender = transport()
    get(sender, server.url + "/warm")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = get(sender, server.url + "/", limit=1 << 30)
    assert len(answer.body) == DRAIN
    assert not answer.whole
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


@pytest.mark.parametrize("status", [202, 307])
@pytest.mark.parametrize("location", ["http://[bad/", "ftp://x/", "http://u:p@host/", ""])
def test_a_malformed_location_does_not_disturb_the_answer(
    serve: Serve, transport: Any, status: int, location: str
) -> None:
    server = serve(lambda _seen: Reply(status=status, headers=[("Location", location)]))
    answer = get(transport(), server.url + "/")
    assert (answer.status, answer.header("Location")) == (status, location)


def test_bytes_arrive_as_sent_even_when_the_server_compresses_unasked(serve: Serve, transport: Any) -> None:
    packed = gzip.compress(b"hello" * 100, mtime=0)
    server = serve(lambda _seen: Reply(headers=[("Content-Encoding", "gzip")], body=packed))
    answer = get(transport(), server.url + "/")
    assert (answer.body, answer.encoded) == (packed, True)
    assert server.seen[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "target",
    [
        "/v2/a/blobs/uploads/1?_state=a%7Eb%2Fc%2B%20",
        "/a/../b/./c",
        "/a/%2E%2E/b:c",
        "/~x%7Ey?",
        "/a?x=1&y=%3D&digest=sha256:00",
        "/a//b",
        "//a",
        "/a%2fb%2e",
        "/a|b",
        "/a%zzb",
    ],
)
def test_the_target_of_a_request_is_sent_byte_for_byte(serve: Serve, transport: Any, target: str) -> None:
    server = serve(ok)
    get(transport(), server.url + target)
    assert server.seen[0].target == target


def test_cookies_are_not_kept(serve: Serve, transport: Any) -> None:
    server = serve(lambda _seen: Reply(headers=[("Set-Cookie", "sid=1; Path=/")]))
    sender = transport()
    get(sender, server.url + "/a")
    get(sender, server.url + "/b")
    assert [seen.headers.get("cookie") for seen in server.seen] == [None, None]


def test_a_url_with_a_user_name_is_refused(serve: Serve, transport: Any) -> None:
    server = serve(ok)
    with pytest.raises(Exception, match="user name") as caught:
        get(transport(), f"http://user:hunter2@{server.host}/")
    assert "hunter2" not in str(caught.value)
    assert server.seen == []


def test_a_ca_file_of_the_host_works_where_the_environment_names_a_missing_one(
    serve: Serve, transport: Any, authority: tuple[Path, ssl.SSLContext], tmp_path: Path
) -> None:
    server = serve(ok, authority[1])
    missing = {"REQUESTS_CA_BUNDLE": str(tmp_path / "none.pem")}
    trust = Trust(ca_files={server.host: authority[0]}, environment=missing)
    assert get(transport(trust=trust), server.url + "/").body == b"hello"


def test_a_missing_ca_bundle_of_the_environment_is_an_error_that_names_it(
    serve: Serve, transport: Any, authority: tuple[Path, ssl.SSLContext], tmp_path: Path
) -> None:
    server = serve(ok, authority[1])
    path = tmp_path / "none.pem"
    with pytest.raises(ConfigError, match=f"REQUESTS_CA_BUNDLE: {path} does not exist"):
        get(transport(trust=Trust(environment={"REQUESTS_CA_BUNDLE": str(path)})), server.url + "/")


def test_the_ca_bundle_of_the_environment_is_used(
    serve: Serve, transport: Any, authority: tuple[Path, ssl.SSLContext]
) -> None:
    server = serve(ok, authority[1])
    trust = Trust(environment={"SSL_CERT_FILE": str(authority[0])})
    assert get(transport(trust=trust), server.url + "/").status == 200


def test_an_unknown_certificate_is_refused_and_insecure_is_per_host(
    serve: Serve, transport: Any, authority: tuple[Path, ssl.SSLContext]
) -> None:
    server, other = serve(ok, authority[1]), serve(ok, authority[1])
    sender = transport(trust=Trust(insecure=frozenset({server.host})))
    assert get(sender, server.url + "/").status == 200
    with pytest.raises(ConnectionFailed, match="the certificate is not trusted") as caught:
        get(sender, other.url + "/")
    assert not caught.value.temporary


def test_a_proxy_of_the_environment_is_used_for_public_hosts_only(serve: Serve, transport: Any) -> None:
    proxy, direct = serve(ok), serve(ok)
    environment = {
        "HTTP_PROXY": f"http://user:hunter2@{proxy.host}",
        "NO_PROXY": "example.org,.internal.test",
    }
    sender = transport(trust=Trust(environment=environment))
    get(sender, "http://registry.test/v2/?a=1")
    get(sender, direct.url + "/v2/")
    assert proxy.lines() == ["GET http://registry.test/v2/?a=1"]
    assert proxy.seen[0].headers["proxy-authorization"] == "Basic dXNlcjpodW50ZXIy"
    assert direct.lines() == ["GET /v2/"]
    assert "proxy-authorization" not in direct.seen[0].headers


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "connection refused"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "the host name is not known"),
    ],
)
def test_a_dead_proxy_is_an_error_that_says_so(
    transport: Any, monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
) -> None:
    def no_way(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("urllib3.util.connection.create_connection", no_way)
    sender = transport(trust=Trust(environment={"HTTPS_PROXY": "http://proxy.test:9"}))
    with pytest.raises(ConnectionFailed) as caught:
        get(sender, "https://registry.test/v2/")
    assert caught.value.message == f"GET https://registry.test/v2/: through the proxy: {reason}"
    assert caught.value.hint == "see HTTPS_PROXY, HTTP_PROXY and NO_PROXY"


def test_https_goes_through_a_tunnel_with_the_proxys_password(transport: Any) -> None:
    with socket.socket() as proxy:
        proxy.bind(("127.0.0.1", 0))
        proxy.listen()
        received: list[bytes] = []

        def refuse() -> None:
            connection, _ = proxy.accept()
            received.append(connection.recv(4096))
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        address = f"http://user:hunter2@127.0.0.1:{proxy.getsockname()[1]}"
        sender = transport(trust=Trust(environment={"HTTPS_PROXY": address}))
        with pytest.raises(ConnectionFailed, match="through the proxy: no tunnel: 407"):
            get(sender, "https://registry.test/v2/", Authorization="Bearer ours")
        thread.join(5)
    assert b"CONNECT registry.test:443" in received[0]
    assert b"Proxy-Authorization: Basic dXNlcjpodW50ZXIy" in received[0]
    assert b"Bearer" not in received[0]


def test_https_through_a_tunnel_reaches_the_registry_and_keeps_the_connection(
    serve: Serve, transport: Any, tmp_path: Path
) -> None:
    ca = trustme.CA()
    (tmp_path / "ca.pem").write_bytes(ca.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("registry.test").configure_cert(context)
    registry = serve(ok, context)
    tunnels: list[bytes] = []

    def pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)

    with socket.socket() as proxy:
        proxy.bind(("127.0.0.1", 0))
        proxy.listen()

        def tunnel() -> None:
            near, _ = proxy.accept()
            tunnels.append(near.recv(4096))
            far = socket.create_connection(("127.0.0.1", registry.port))
            near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            thread = threading.Thread(target=pump, args=(near, far), daemon=True)
            thread.start()
            pump(far, near)
            near.close()
            far.close()

        thread = threading.Thread(target=tunnel, daemon=True)
        thread.start()
        environment = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.getsockname()[1]}"}
        trust = Trust(ca_files={"registry.test": tmp_path / "ca.pem"}, environment=environment)
        sender = transport(trust=trust)
        answers = [get(sender, f"https://registry.test/{name}?x=%7e").body for name in "ab"]
    assert answers == [b"hello", b"hello"]
    assert registry.lines() == ["GET /a?x=%7e", "GET /b?x=%7e"]
    assert registry.seen[0].headers["host"] == "registry.test"
    assert len(tunnels) == 1
    assert tunnels[0].startswith(b"CONNECT registry.test:443 HTTP/1.")


def test_an_answer_that_drips_ends_at_the_deadline(serve: Serve, transport: Any) -> None:
    server = serve(lambda _seen: Reply(body=b"x" * 100, drip=0.05))
    with pytest.raises(ConnectionFailed, match="no answer in time"):  # whole, it would be an answer after 5 s
        get(transport(read=5.0, whole=0.3), server.url + "/")


def test_a_server_that_says_nothing_runs_into_the_read_timeout(serve: Serve, transport: Any) -> None:
    server = serve(lambda _seen: Reply(delay=2))
    with pytest.raises(ConnectionFailed, match="no answer in time"):
        get(transport(read=0.1), server.url + "/")


@pytest.mark.parametrize("limit", [0, 3, 5, 100])
def test_no_request_waits_for_the_connection_of_another(serve: Serve, transport: Any, limit: int) -> None:
    server = serve(ok)
    sender = transport()
    done = threading.Event()

    def several() -> None:
        for method in ("GET", "HEAD", "PUT", "GET"):
            sender.send(method, server.url + "/", PLAIN, b"x" if method == "PUT" else None, limit=limit)
        done.set()

    threading.Thread(target=several, daemon=True).start()
    assert done.wait(5)


def test_a_body_beyond_the_limit_is_cut_and_the_connection_given_up(serve: Serve, transport: Any) -> None:
    server = serve(lambda _seen: Reply(body=b"x" * 1000, endless=True))
    answer = get(transport(), server.url + "/", limit=10_000)
    assert (len(answer.body), answer.whole) == (10_000, False)


def test_a_declared_length_beyond_the_limit_is_refused_before_reading(serve: Serve, transport: Any) -> None:
    server = serve(lambda _seen: Reply(body=b"x", length=1 << 50))
    answer = get(transport(), server.url + "/", limit=10)
    assert (answer.body, answer.whole) == (b"", False)


def test_an_endless_error_page_is_read_to_the_cap_only(serve: Serve, transport: Any) -> None:
    server = serve(lambda _seen: Reply(status=500, endless=True))
    answer = get(transport(), server.url + "/", limit=1 << 40)
    assert (len(answer.body), answer.whole) == (64 * 1024, False)


def test_one_connection_serves_many_requests(serve: Serve, transport: Any) -> None:
    server = serve(lambda seen: Reply(status=404 if seen.method == "GET" else 200, body=b"no" * 1000))
    sender = transport()
    for method in ("GET", "HEAD", "GET", "DELETE", "GET"):
        sender.send(method, server.url + "/", PLAIN, None, limit=DRAIN)
    assert (len(server.seen), server.connections) == (5, 1)


def test_a_connection_that_was_closed_while_it_waited_is_not_used(serve: Serve, transport: Any) -> None:
    server = serve(lambda _seen: Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    sender = transport()
    for _ in range(3):
        assert get(sender, server.url + "/").status == 200
        time.sleep(0.05)
    assert server.connections == 3


def test_nothing_is_sent_again_by_the_libraries(serve: Serve, transport: Any) -> None:
    server = serve(lambda _seen: Reply(drop=True))
    with pytest.raises(ConnectionFailed) as caught:
        get(transport(), server.url + "/")
    assert caught.value.temporary
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://ex_ample..com/",
        "http://[bad/",
        "ftp://host/",
        "http:///path",
        "http://host:99999/",
        "http://host:x/",
        "http://ho st/",
        "http://h\u00f6st/",
        "http://host.invalid/\nX: y",
    ],
)
def test_only_errors_of_ours_escape_for_a_bad_url(transport: Any, url: str) -> None:
    with pytest.raises(RegistryError):
        get(transport(), url)


def test_only_errors_of_ours_escape_for_a_header_that_cannot_be_sent(serve: Serve, transport: Any) -> None:
    with pytest.raises(ConnectionFailed, match="not a URL or header that can be sent"):
        get(transport(), serve(ok).url + "/", Accept="\u20ac")


def test_a_truncated_body_is_an_error_of_ours(serve: Serve, transport: Any) -> None:
    server = serve(lambda _seen: Reply(body=b"half", length=8))
    with pytest.raises(ConnectionFailed) as caught:
        get(transport(), server.url + "/")
    assert caught.value.temporary


def test_rubbish_instead_of_http_is_an_error_of_ours(serve: Serve, transport: Any) -> None:
    server = serve(lambda _seen: Reply(raw=b"\x15\x03\x01\x00\x02\x02\x16"))
    with pytest.raises(ConnectionFailed):
        get(transport(), server.url + "/")


def test_a_signed_query_is_in_no_message_and_no_log(
    serve: Serve, transport: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(lambda seen: Reply(drop="broken" in seen.target))
    sender = transport()
    with caplog.at_level(logging.DEBUG):
        get(sender, server.url + "/fine?X-Signature=hunter2", Authorization="Bearer hunter2")
        with pytest.raises(ConnectionFailed) as caught:
            get(sender, server.url + "/broken?X-Signature=hunter2")
    assert "/fine?***" in caplog.text
    assert "hunter2" not in caplog.text + str(caught.value) + repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("body", "length"),
    [(b"", "0"), (b"x", "1"), (b"x" * 3_000_000, "3000000")],
    ids=["empty", "small", "large"],
)
def test_a_body_of_bytes_has_a_length_and_is_not_chunked(
    serve: Serve, transport: Any, body: bytes, length: str
) -> None:
    server = serve(ok)
    transport().send("PUT", server.url + "/", PLAIN, body, limit=DRAIN)
    assert server.seen[0].headers["content-length"] == length
    assert "transfer-encoding" not in server.seen[0].headers
    assert server.seen[0].body == body


def test_a_large_body_may_take_longer_than_one_timeout(transport: Any) -> None:
    """The peer takes a piece now and then: each is in time, all of them are not."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def take_slowly() -> None:
            connection, _ = listener.accept()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            left = 10_000_000
            while left > 0:
                received = connection.recv(1_000_000)
                left -= len(received)
                time.sleep(0.02)
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=take_slowly)
        thread.start()
        begun = time.monotonic()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        answer = transport(read=1.8).send("PUT", url, PLAIN, b"x" * 10_000_000, limit=DRAIN)
        thread.join(10)
    assert answer.status == 201
    assert time.monotonic() - begun > 1.8


INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"


@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_interim_answers_shift_none_of_those_that_follow(transport: Any, pause: float) -> None:
    with listening() as (address, serve_one):

        def script(connection: socket.socket) -> None:
            for name in (b"first", b"other", b"third"):
                connection.recv(4096)
                connection.sendall(INTERIM)
                time.sleep(pause)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + name)

        serve_one(script)
        sender = transport()
        answers = [get(sender, f"http://{address}/{number}") for number in range(3)]
    assert [(answer.status, answer.body) for answer in answers] == [
        (200, b"first"),
        (200, b"other"),
        (200, b"third"),
    ]


def test_bytes_after_an_answer_are_not_the_answer_to_the_next_request(transport: Any) -> None:
    surplus = threading.Event()
    with listening() as (address, serve_one):

        def script(connection: socket.socket) -> None:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            surplus.set()
            connection.recv(4096)

        serve_one(script)
        sender = transport()
        assert get(sender, f"http://{address}/a").body == b"a"
        assert surplus.wait(5)
        serve_one(
            lambda connection: answer_with(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")
        )
        assert get(sender, f"http://{address}/b").body == b"mine"


@pytest.mark.parametrize("status", [401, 413, 507])
@pytest.mark.parametrize("secure", [False, True])
def test_an_answer_before_the_body_has_left_is_read(
    transport: Any, authority: tuple[Path, ssl.SSLContext], status: int, *, secure: bool
) -> None:
    """The server answers after the head of the request and closes, while megabytes are on their way."""
    reply = f"HTTP/1.1 {status} No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno".encode()
    with listening(authority[1] if secure else None) as (address, serve_one):
        # Closed at once, while packets cross, the kernel may drop the reply of a TLS server: seen in one of five.
        serve_one(lambda connection: answer_with(connection, reply, lingers=0.3 if secure else 0.0))
        trust = Trust(ca_files={address: authority[0]})
        url = f"http{'s' * secure}://{address}/x"
        answer = transport(trust=trust).send("PUT", url, PLAIN, b"x" * 20_000_000, limit=DRAIN)
    assert (answer.status, answer.body) == (status, b"no")


def test_an_answer_of_a_server_that_takes_no_more_is_read(transport: Any) -> None:
    over = threading.Event()
    with listening() as (address, serve_one):

        def script(connection: socket.socket) -> None:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
            over.wait(30)

        serve_one(script)
        answer = transport(read=0.3).send("PUT", f"http://{address}/x", PLAIN, b"x" * 20_000_000, limit=DRAIN)
        over.set()
    assert answer.status == 413


def test_a_connection_that_breaks_while_a_body_leaves_is_no_answer(transport: Any) -> None:
    with listening() as (address, serve_one):
        serve_one(lambda connection: answer_with(connection, b""))
        with pytest.raises(ConnectionFailed) as caught:
            transport().send("PUT", f"http://{address}/x", PLAIN, b"x" * 20_000_000, limit=DRAIN)
    assert caught.value.temporary


def test_headers_that_drip_end_at_the_deadline(transport: Any) -> None:
    with listening() as (address, serve_one):

        def script(connection: socket.socket) -> None:
            connection.recv(4096)
            with contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                for number in range(400):
                    connection.sendall(f"X-{number % 90}: y\r\n"[number % 5 :].encode())
                    time.sleep(0.02)

        serve_one(script)
        with pytest.raises(ConnectionFailed, match="no answer in time"):
            get(transport(read=5.0, whole=0.3), f"http://{address}/")


def test_a_server_that_asks_for_a_client_certificate_is_final_and_says_so(
    serve: Serve, transport: Any, tmp_path: Path
) -> None:
    ca = trustme.CA()
    (tmp_path / "ca.pem").write_bytes(ca.cert_pem.bytes())
    for version_ in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = version_
        ca.issue_cert("127.0.0.1").configure_cert(context)
        ca.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        server = serve(ok, context)
        with pytest.raises(ConnectionFailed, match=r"client certificate|refuses the TLS") as caught:
            get(transport(trust=Trust(ca_files={server.host: tmp_path / "ca.pem"})), server.url + "/")
        assert not caught.value.temporary
        assert "client-cert" in caught.value.hint


@pytest.mark.parametrize(("status", "temporary"), [(407, False), (403, False), (502, True), (429, True)])
def test_a_proxys_refusal_of_a_tunnel_is_final_unless_it_says_later(
    transport: Any, status: int, *, temporary: bool
) -> None:
    with listening() as (address, serve_one):
        serve_one(lambda connection: answer_with(connection, f"HTTP/1.1 {status} No\r\n\r\n".encode()))
        sender = transport(trust=Trust(environment={"HTTPS_PROXY": f"http://{address}"}))
        with pytest.raises(ConnectionFailed, match=f"through the proxy: no tunnel: {status}") as caught:
            get(sender, "https://registry.test/v2/")
    assert caught.value.temporary is temporary


def test_a_socks_proxy_is_told_name_and_login_and_nothing_else(transport: Any) -> None:
    heard: list[bytes] = []
    with listening() as (address, serve_one):

        def script(connection: socket.socket) -> None:
            for reply in (b"\x05\x02", b"\x01\x00", b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"):
                heard.append(connection.recv(4096))
                connection.sendall(reply)
            heard.append(connection.recv(4096))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

        serve_one(script)
        sender = transport(trust=Trust(environment={"ALL_PROXY": f"socks5h://us:p%23w@{address}"}))
        assert get(sender, "http://registry.test/v2/").body == b"hi"
    assert heard[1] == b"\x01\x02us\x03p#w"
    assert heard[2] == b"\x05\x01\x00\x03\x0dregistry.test\x00P"
    assert heard[3].startswith(b"GET /v2/ HTTP/1.1\r\n")


def answer_with(connection: socket.socket, reply: bytes, lingers: float = 0.0) -> None:
    """Take the head of a request, send ``reply`` and close, whatever else is on its way."""
    connection.recv(4096)
    connection.sendall(reply)
    time.sleep(lingers)


@contextlib.contextmanager
def listening(context: ssl.SSLContext | None = None) -> Iterator[tuple[str, Callable[..., None]]]:
    """Yield an address and what serves its next connection with a script, in a thread, and then closes it."""
    threads: list[threading.Thread] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve_one(script: Callable[[socket.socket], None]) -> None:
            def run() -> None:
                with contextlib.suppress(OSError):
                    connection, _ = listener.accept()
                    with (
                        context.wrap_socket(connection, server_side=True) if context else connection as ready
                    ):
                        script(ready)

            threads.append(threading.Thread(target=run, daemon=True))
            threads[-1].start()

        yield f"127.0.0.1:{listener.getsockname()[1]}", serve_one
    for thread in threads:
        thread.join(5)


def test_exactly_our_headers_are_sent(serve: Serve, transport: Any) -> None:
    server = serve(ok)
    sender = transport()
    get(sender, server.url + "/")
    sender.send("POST", server.url + "/", {**PLAIN, "Content-Type": "application/x"}, b"", limit=DRAIN)
    host = server.host
    assert server.seen[0].headers == {"host": host, "user-agent": "us", "accept-encoding": "identity"}
    assert server.seen[1].headers == {
        "host": host,
        "user-agent": "us",
        "accept-encoding": "identity",
        "content-type": "application/x",
        "content-length": "0",
    }


def test_urllib3_is_itself_and_new_enough() -> None:
    major, minor = (int(part) for part in version("urllib3").split(".")[:2])
    assert (2, 7) <= (major, minor) < (2, 900)


def test_sixteen_threads_share_it_and_no_header_crosses_over(serve: Serve, transport: Any) -> None:
    def echo(seen: Seen) -> Reply:
        return Reply(body=f"{seen.target} {seen.headers['authorization']}".encode())

    servers = [serve(echo) for _ in range(3)]
    sender = transport()

    def ask(number: int) -> bool:
        server = servers[number % 3]
        answer = get(sender, f"{server.url}/{number}", Authorization=f"Bearer {number}")
        return bool(answer.body == f"/{number} Bearer {number}".encode())

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(300)))
    assert sum(server.connections for server in servers) <= 48


def test_a_refused_connection_says_so(transport: Any) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        with pytest.raises(ConnectionFailed, match="connection refused") as caught:
            get(transport(), f"http://127.0.0.1:{port}/v2/?secret=1")
    assert caught.value.message == f"GET http://127.0.0.1:{port}/v2/?***: connection refused"
    assert (caught.value.temporary, caught.value.unreachable) == (True, True)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EHOSTUNREACH, "No route to host"), "no route to host"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "network is unreachable"),
        (socket.gaierror(socket.EAI_AGAIN, "Try again"), "the host name is not known"),
        (TimeoutError("timed out"), "no answer in time"),
    ],
)
def test_what_there_is_no_way_to_is_unreachable(
    transport: Any, monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
) -> None:
    def no_way(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("urllib3.util.connection.create_connection", no_way)
    with pytest.raises(ConnectionFailed) as caught:
        get(transport(), "http://registry.test/v2/")
    assert (caught.value.reason, caught.value.temporary, caught.value.unreachable) == (reason, True, True)


def test_a_connection_that_breaks_is_not_unreachable(serve: Serve, transport: Any) -> None:
    with pytest.raises(ConnectionFailed) as caught:
        get(transport(), f"{serve(lambda _seen: Reply(drop=True)).url}/v2/")
    assert (caught.value.temporary, caught.value.unreachable) == (True, False)


def test_a_client_certificate_is_sent_to_its_host(serve: Serve, transport: Any, tmp_path: Path) -> None:
    ca = trustme.CA()
    (tmp_path / "ca.pem").write_bytes(ca.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    ca.issue_cert("client.test").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    server = serve(ok, context)
    files = {server.host: tmp_path / "ca.pem"}
    certificates = {server.host: (tmp_path / "client.pem", None)}
    trust = Trust(ca_files=files, client_certificates=certificates)
    assert get(transport(trust=trust), server.url + "/").status == 200
    with pytest.raises(ConnectionFailed):
        get(transport(trust=Trust(ca_files=files)), server.url + "/")
