from __future__ import annotations

import gzip
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.clients import quick
from tests.fakes.wire import Reply, Seen, WireServer

from oci_chart_publish.chartrepo.chart_repository import index_url, resolve
from oci_chart_publish.errors import AuthError, RegistryError
from oci_chart_publish.http.credentials import Credential
from oci_chart_publish.http.tls import Trust
from oci_chart_publish.registry.connect import Registries

Serve = Callable[..., WireServer]
Make = Callable[..., Registries]
ALICE = Credential(username="alice", password="s3cret")
INDEX = b"entries:\n  web:\n  - {version: 1.0.0, urls: [web.tgz]}\n"
PUBLIC = "http://charts.example.org"


def index(_seen: Seen) -> Reply:
    return Reply(headers=[("ETag", '"1"'), ("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")], body=INDEX)


def leading_to(url: str) -> Callable[[Seen], Reply]:
    return lambda _seen: Reply(status=302, headers=[("Location", url)])


@pytest.mark.parametrize(
    ("repository", "url", "target"),
    [
        ("https://a.org/c", "web.tgz", "https://a.org/c/web.tgz"),
        ("https://a.org/c/", "d/web.tgz", "https://a.org/c/d/web.tgz"),
        ("https://a.org", "web.tgz", "https://a.org/web.tgz"),
        ("https://a.org/c", "/web.tgz", "https://a.org/web.tgz"),
        ("https://a.org/c", "../web.tgz", "https://a.org/web.tgz"),
        ("https://a.org/c?key=1", "web.tgz?x=2#f", "https://a.org/c/web.tgz?key=1"),
        ("https://a.org/c?key=1", "https://b.org/web.tgz?x=2", "https://b.org/web.tgz?x=2"),
        ("https://a.org/c", "//b.org/web.tgz", "https://b.org/web.tgz"),
    ],
)
def test_a_url_of_an_index_is_resolved_as_helm_does(repository: str, url: str, target: str) -> None:
    assert resolve(repository, url) == target


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a.org/x", "https://u:p@a.org/x", "a b.tgz", "\r\nX: y", "https://"]
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(RegistryError):
        resolve("https://a.org/c", url)


def test_the_index_is_below_the_path_of_the_repository() -> None:
    assert index_url("https://a.org") == "https://a.org/index.yaml"
    assert index_url("https://a.org/c/?key=1") == "https://a.org/c/index.yaml?key=1"


def test_a_second_run_asks_with_what_the_server_gave(serve: Serve, registries: Make, tmp_path: Path) -> None:
    server = serve(index)
    registries().chart_repositories(tmp_path).index(server.url)
    registries().chart_repositories(tmp_path).index(server.url)
    sent = server.seen[1].headers
    assert sent["if-none-match"] == '"1"'
    assert sent["if-modified-since"] == "Mon, 01 Jan 2024 00:00:00 GMT"


def test_a_damaged_cache_counts_as_none(serve: Serve, registries: Make, tmp_path: Path) -> None:
    server = serve(index)
    registries().chart_repositories(tmp_path).index(server.url)
    (file,) = tmp_path.glob("*.index")
    assert file.stat().st_mode & 0o077 == 0
    file.write_bytes(file.read_bytes().replace(b"web.tgz", b"bad.tgz"))
    again = registries().chart_repositories(tmp_path)
    assert again.cached_index(server.url) is None
    assert again.index(server.url).versions("web")[0].urls == ("web.tgz",)
    assert "if-none-match" not in server.seen[1].headers


def test_an_index_without_an_etag_is_kept_for_offline_runs_only(
    serve: Serve, registries: Make, tmp_path: Path
) -> None:
    server = serve(lambda _seen: Reply(body=INDEX))
    registries().chart_repositories(tmp_path).index(server.url)
    registries().chart_repositories(tmp_path).index(server.url)
    assert server.lines() == ["GET /index.yaml", "GET /index.yaml"]
    assert registries().chart_repositories(tmp_path).cached_index(server.url) is not None


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(length=65 * 1024 * 1024, body=b"x", close=True), "more than 67108864 bytes"),
        (
            Reply(headers=[("Content-Encoding", "gzip")], body=gzip.compress(bytes(65 * 1024 * 1024))),
            "more than 67108864 bytes",
        ),
        (Reply(headers=[("Content-Encoding", "gzip")], body=gzip.compress(INDEX)[:-9]), "is cut off"),
        (Reply(headers=[("Content-Encoding", "gzip")], body=INDEX), "not the gzip it says it is"),
        (Reply(headers=[("Content-Encoding", "br")], body=INDEX), "sent as 'br'"),
    ],
    ids=["long", "bomb", "cut off", "no gzip", "brotli"],
)
def test_an_index_that_cannot_be_used_is_refused(
    serve: Serve, registries: Make, tmp_path: Path, reply: Reply, message: str
) -> None:
    server = serve(lambda _seen: reply)
    with pytest.raises(RegistryError, match=message):
        registries().chart_repositories(tmp_path).index(server.url)


def test_an_archive_has_a_limit(serve: Serve, registries: Make, tmp_path: Path) -> None:
    server = serve(lambda _seen: Reply(length=101 * 1024 * 1024, body=b"x", close=True))
    with pytest.raises(RegistryError, match="an archive of more than 104857600 bytes"):
        registries().chart_repositories(tmp_path).archive(server.url, "web.tgz")


def test_tls_is_not_left(
    serve: Serve,
    registries: Make,
    tmp_path: Path,
    authority: tuple[Path, ssl.SSLContext],
    trusting: Callable[..., Trust],
) -> None:
    clear = serve(index)
    server = serve(leading_to(f"{clear.url}/index.yaml"), authority[1])
    name = f"localhost:{server.port}"
    repositories = registries(trust=trusting(name)).chart_repositories(tmp_path)
    with pytest.raises(RegistryError, match="it goes from https to http"):
        repositories.index(f"https://{name}")
    with pytest.raises(RegistryError, match="an archive over plain http without a digest"):
        repositories.archive(f"https://{name}", f"{clear.url}/web.tgz")
    assert clear.lines() == []
    repositories.archive(f"https://{name}", f"{clear.url}/web.tgz", digest="sha256:promised")
    assert clear.lines() == ["GET /web.tgz"]


def test_a_public_repository_leads_to_no_private_address(
    serve: Serve, registries: Make, tmp_path: Path
) -> None:
    inside = serve(index)
    proxy = serve(leading_to(f"{inside.url}/secret"))
    trust = Trust(environment={"HTTP_PROXY": proxy.url})
    repositories = registries(trust=trust).chart_repositories(tmp_path)
    with pytest.raises(RegistryError, match="it is the private address"):
        repositories.index(PUBLIC)
    with pytest.raises(RegistryError, match="an archive at the private address"):
        repositories.archive(PUBLIC, f"{inside.url}/web.tgz")
    with pytest.raises(RegistryError, match="an archive at the private address"):
        repositories.archive(PUBLIC, "http://169.254.169.254/latest/meta-data")
    assert proxy.lines() == [f"GET {PUBLIC}/index.yaml"]
    assert inside.lines() == []


def test_credentials_do_not_go_in_clear_unless_asked_for(
    serve: Serve, registries: Make, tmp_path: Path
) -> None:
    proxy = serve(index)
    trust = Trust(environment={"HTTP_PROXY": proxy.url})
    known = {"charts.example.org": ALICE}
    with pytest.raises(AuthError, match="credentials do not go over plain http"):
        registries(known, trust=trust).chart_repositories(tmp_path).index(PUBLIC)
    assert proxy.lines() == []
    asked = registries(known, trust=trust, plain_http=frozenset({"charts.example.org"}))
    asked.chart_repositories(tmp_path).index(PUBLIC)
    assert proxy.seen[0].headers["authorization"] == "Basic YWxpY2U6czNjcmV0"
    assert {"s3cret", "YWxpY2U6czNjcmV0"} <= asked.secrets()


def test_a_host_that_is_busy_is_asked_again(serve: Serve, registries: Make, tmp_path: Path) -> None:
    replies = [Reply(status=429), Reply(drop=True), Reply(status=502), Reply(body=INDEX)]
    server = serve(lambda _seen: replies.pop(0))
    found = registries().chart_repositories(tmp_path).index(server.url)
    assert [str(entry.version) for entry in found.versions("web")] == ["1.0.0"]
    assert len(server.lines()) == 4


def test_a_public_repository_is_read_where_a_login_is_refused_and_that_is_told_once(
    serve: Serve, registries: Make, tmp_path: Path
) -> None:
    told: list[str] = []

    def answer(seen: Seen) -> Reply:
        return Reply(status=401) if "authorization" in seen.headers else index(seen)

    server = serve(answer)
    repositories = registries({server.host: ALICE}, on_warning=told.append).chart_repositories(tmp_path)
    assert repositories.index(server.url) is not None
    repositories.archive(server.url, "web.tgz")
    assert ["authorization" in seen.headers for seen in server.seen] == [True, False, False]
    assert told == [f"{server.host}: its login is not accepted; what is public is read without it"]


def test_a_private_repository_that_refuses_a_login_is_an_error(
    serve: Serve, registries: Make, tmp_path: Path
) -> None:
    server = serve(lambda _seen: Reply(status=403))
    with pytest.raises(AuthError, match="403"):
        registries({server.host: ALICE}).chart_repositories(tmp_path).index(server.url)


def test_a_repository_that_never_answers_is_given_up_for_all_charts(
    serve: Serve, registries: Make, tmp_path: Path
) -> None:
    server = serve(lambda _seen: Reply(delay=20, drop=True))
    repositories = registries(patience=quick(silence=0.5), read_timeout=0.3).chart_repositories(tmp_path)
    for number in range(20):
        with pytest.raises(RegistryError, match="no answer in time"):
            repositories.archive(server.url, f"{number}.tgz")
    assert len(server.seen) <= 4
