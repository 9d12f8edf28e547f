from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.chartrepo.conftest import MakeFetcher
from tests.fakes.chartrepo import ChartRepo, archive
from tests.fakes.wire import Reply

from oci_chart_publish.errors import AuthError, ChartError, NotFoundError, RegistryError, VerificationError
from oci_chart_publish.http.credentials import Credential
from oci_chart_publish.layout.layout import ImageLayout

Start = Callable[..., ChartRepo]
ALICE = Credential(username="alice", password="s3cret")


def test_versions_come_from_the_index_lowest_first(chart_repo: Start, fetcher: MakeFetcher) -> None:
    repo = chart_repo()
    repo.add("web", "1.10.0", "1.9.0", "2.0.0-rc.1", "v0.1")
    repo.add("other", "7.0.0")
    found = fetcher().versions(repo.url, "web")
    assert [str(version) for version in found] == ["v0.1", "1.9.0", "1.10.0", "2.0.0-rc.1"]


def test_an_archive_is_what_the_repository_has(chart_repo: Start, fetcher: MakeFetcher) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0")
    assert fetcher().archive(repo.url, "web", "1.0.0") == repo.archives["/charts/web-1.0.0.tgz"]
    assert repo.lines == ["GET /charts/index.yaml", "GET /charts/web-1.0.0.tgz"]


def test_each_archive_is_fetched_once_by_many_threads(chart_repo: Start, fetcher: MakeFetcher) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0")
    one = fetcher()
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(one.archive(repo.url, "web", "1.0.0"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert repo.lines == ["GET /charts/index.yaml", "GET /charts/web-1.0.0.tgz"]


def test_the_next_run_downloads_no_archive_again(chart_repo: Start, fetcher: MakeFetcher) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0")
    first = fetcher().archive(repo.url, "web", "1.0.0")
    repo.server.seen.clear()
    assert fetcher().archive(f"{repo.url}/", "web", "1.0.0") == first
    assert repo.lines == []


def test_an_index_that_did_not_change_is_not_sent_again(chart_repo: Start, fetcher: MakeFetcher) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0")
    fetcher().versions(repo.url, "web")
    repo.replies["/charts/index.yaml"] = Reply(status=304)
    assert [str(version) for version in fetcher().versions(repo.url, "web")] == ["1.0.0"]
    assert "if-none-match" not in repo.server.seen[0].headers
    assert repo.server.seen[1].headers["if-none-match"].startswith('"')


def test_an_index_that_changed_is_read_anew(chart_repo: Start, fetcher: MakeFetcher) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0")
    fetcher().versions(repo.url, "web")
    repo.index += b"  - urls: [new.tgz]\n    version: 1.1.0\n"
    assert [str(version) for version in fetcher().versions(repo.url, "web")] == ["1.0.0", "1.1.0"]


def test_a_compressed_index_is_read(chart_repo: Start, fetcher: MakeFetcher) -> None:
    repo = chart_repo(compress=True)
    repo.add("web", "1.0.0")
    assert [str(version) for version in fetcher().versions(repo.url, "web")] == ["1.0.0"]


def test_offline_uses_what_a_run_before_has_kept(chart_repo: Start, fetcher: MakeFetcher) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0", "1.1.0")
    kept = fetcher().archive(repo.url, "web", "1.0.0")
    repo.server.seen.clear()
    offline = fetcher(offline=True)
    assert [str(version) for version in offline.versions(repo.url, "web")] == ["1.0.0", "1.1.0"]
    assert offline.archive(repo.url, "web", "1.0.0") == kept
    with pytest.raises(ChartError, match=r"web at .* 1\.1\.0: not cached, and --offline asks nobody"):
        offline.archive(repo.url, "web", "1.1.0")
    assert repo.lines == []


def test_offline_without_a_cache_says_so(chart_repo: Start, fetcher: MakeFetcher) -> None:
    repo = chart_repo()
    with pytest.raises(ChartError, match=r"the index of .*: not cached, and --offline asks nobody"):
        fetcher(offline=True).versions(repo.url, "web")
    with pytest.raises(ChartError, match=r"the versions of web at oci://r\.example/charts: not cached"):
        fetcher(offline=True).versions("oci://r.example/charts", "web")
    assert repo.lines == []


@pytest.mark.parametrize("written", ["@ours", "alias:ours"])
def test_a_name_stands_for_a_repository(chart_repo: Start, fetcher: MakeFetcher, written: str) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0")
    assert len(fetcher(aliases={"ours": repo.url}).archive(written, "web", "1.0.0")) > 100
    with pytest.raises(ChartError, match="web: no repository is called 'ours'"):
        fetcher().archive(written, "web", "1.0.0")


def test_a_relative_url_keeps_the_query_of_the_repository(
    chart_repo: Start, fetcher: MakeFetcher, tmp_path: Path
) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0", url="../charts/./web-1.0.0.tgz?mine=1")
    fetcher().archive(f"{repo.url}?token=abc", "web", "1.0.0")
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"token=abc" in data for data in kept)
    assert repo.lines == ["GET /charts/index.yaml?token=abc", "GET /charts/web-1.0.0.tgz?token=abc"]


@pytest.mark.parametrize(
    "first",
    ["gone.tgz", "http://127.0.0.1:1/web.tgz", "oci://127.0.0.1:1/charts/web:1.0.0", "shut.tgz", "down.tgz"],
)
def test_the_next_url_of_an_entry_is_tried_where_one_has_no_archive(
    chart_repo: Start, fetcher: MakeFetcher, first: str
) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0", url=f"{first} web-1.0.0.tgz")
    repo.replies["/charts/shut.tgz"] = Reply(status=403)
    repo.replies["/charts/down.tgz"] = Reply(status=502)
    assert fetcher().archive(repo.url, "web", "1.0.0") == repo.archives["/charts/web-1.0.0.tgz"]


def test_where_all_urls_of_an_entry_fail_each_is_named_and_a_long_list_is_not_tried_out(
    chart_repo: Start, fetcher: MakeFetcher
) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0", url=" ".join(f"gone-{number}.tgz" for number in range(9)))
    with pytest.raises(NotFoundError, match=r"GET .*/charts/gone-0\.tgz: 404") as caught:
        fetcher().archive(repo.url, "web", "1.0.0")
    assert "GET " + repo.url + "/gone-3.tgz: 404" in caught.value.hint
    assert repo.lines == ["GET /charts/index.yaml", *(f"GET /charts/gone-{n}.tgz" for n in range(4))]


def test_other_bytes_than_promised_are_an_error_whatever_the_next_url_has(
    chart_repo: Start, fetcher: MakeFetcher
) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0", url="replaced.tgz web-1.0.0.tgz")
    repo.replies["/charts/replaced.tgz"] = Reply(body=archive("web", "1.0.0", size=1))
    with pytest.raises(VerificationError, match="the index says sha256:"):
        fetcher().archive(repo.url, "web", "1.0.0")


def test_what_gc_took_is_fetched_again_and_cannot_be_had_offline(
    chart_repo: Start, fetcher: MakeFetcher, tmp_path: Path
) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0")
    first = fetcher().archive(repo.url, "web", "1.0.0")
    layout = ImageLayout.open(tmp_path / "layout")
    assert layout.gc().blobs == 0
    assert layout.gc(timedelta(0)).blobs == 1
    with pytest.raises(ChartError, match="not cached, and --offline asks nobody"):
        fetcher(offline=True).archive(repo.url, "web", "1.0.0")
    assert fetcher().archive(repo.url, "web", "1.0.0") == first


def test_credentials_open_a_repository(chart_repo: Start, fetcher: MakeFetcher) -> None:
    repo = chart_repo(users={"alice": "s3cret"})
    repo.add("web", "1.0.0")
    with pytest.raises(AuthError, match="401") as refused:
        fetcher().archive(repo.url, "web", "1.0.0")
    assert repo.server.host in refused.value.hint
    known = fetcher(credentials={repo.server.host: ALICE})
    assert known.archive(repo.url, "web", "1.0.0") == repo.archives["/charts/web-1.0.0.tgz"]


def test_credentials_stay_behind_when_another_host_has_the_archive(
    chart_repo: Start, fetcher: MakeFetcher
) -> None:
    other = chart_repo()
    other.add("web", "1.0.0")
    repo = chart_repo(users={"alice": "s3cret"})
    repo.add("web", "1.0.0", url=f"{other.url}/web-1.0.0.tgz")
    fetcher(credentials={repo.server.host: ALICE}).archive(repo.url, "web", "1.0.0")
    assert "authorization" in repo.server.seen[0].headers
    assert other.lines == ["GET /charts/web-1.0.0.tgz"]
    assert "authorization" not in other.server.seen[0].headers


def test_credentials_stay_behind_when_a_redirect_leads_away(chart_repo: Start, fetcher: MakeFetcher) -> None:
    other = chart_repo()
    other.add("web", "1.0.0")
    repo = chart_repo(users={"alice": "s3cret"})
    repo.add("web", "1.0.0")
    repo.replies["/charts/web-1.0.0.tgz"] = Reply(
        status=302, headers=[("Location", f"{other.url}/web-1.0.0.tgz")]
    )
    fetcher(credentials={repo.server.host: ALICE}).archive(repo.url, "web", "1.0.0")
    assert "authorization" in repo.server.seen[-1].headers
    assert other.lines == ["GET /charts/web-1.0.0.tgz"]
    assert "authorization" not in other.server.seen[0].headers


def test_redirects_end_somewhere(chart_repo: Start, fetcher: MakeFetcher) -> None:
    repo = chart_repo()
    repo.replies["/charts/index.yaml"] = Reply(status=302, headers=[("Location", "/charts/index.yaml")])
    with pytest.raises(RegistryError, match="more than 5 redirects"):
        fetcher().versions(repo.url, "web")
    assert len(repo.lines) == 6


def test_an_archive_with_another_digest_is_refused_and_not_kept(
    chart_repo: Start, fetcher: MakeFetcher
) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0", digest="sha256:" + "0" * 64)
    repo.add("api", "1.0.0", digest="5d41402abc4b2a76b9719d911017c592")
    with pytest.raises(VerificationError, match="the index says sha256:0000"):
        fetcher().archive(repo.url, "web", "1.0.0")
    with pytest.raises(VerificationError, match="expected sha256 in hex"):
        fetcher().archive(repo.url, "api", "1.0.0")
    with pytest.raises(ChartError, match="not cached"):
        fetcher(offline=True).archive(repo.url, "web", "1.0.0")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (archive("other", "1.0.0"), r"the archive holds other 1\.0\.0"),
        (archive("web", "1.0.1"), r"the archive holds web 1\.0\.1"),
        (archive("web", "1.0.0+build.7"), r"the archive holds web 1\.0\.0\+build\.7"),
        (archive("web", "1.0.0")[:-20], "the archive is cut off"),
        (b"<html>welcome</html>", "not a gzip archive"),
        (archive("web", "1.0.0", size=170 * 1024 * 1024), "larger than 104857600 bytes"),
    ],
    ids=["another chart", "another version", "another build", "cut off", "a page", "bomb"],
)
def test_an_archive_that_is_not_the_chart_is_refused(
    chart_repo: Start, fetcher: MakeFetcher, data: bytes, message: str
) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0", data=data)
    with pytest.raises(ChartError, match=message):
        fetcher().archive(repo.url, "web", "1.0.0")


def test_what_is_not_there_is_named(chart_repo: Start, fetcher: MakeFetcher) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0")
    del repo.archives["/charts/web-1.0.0.tgz"]
    one = fetcher()
    with pytest.raises(ChartError, match=r"api at .*: the repository has no such chart"):
        one.versions(repo.url, "api")
    with pytest.raises(ChartError, match=r"web at .*: the repository has no version 3\.0\.0"):
        one.archive(repo.url, "web", "3.0.0")
    with pytest.raises(NotFoundError, match=r"/charts/web-1\.0\.0\.tgz: 404"):
        one.archive(repo.url, "web", "1.0.0")
    with pytest.raises(NotFoundError, match=r"/nowhere/index\.yaml: 404"):
        one.versions(repo.url.replace("/charts", "/nowhere"), "web")


def test_an_answer_that_breaks_off_is_asked_for_again(chart_repo: Start, fetcher: MakeFetcher) -> None:
    repo = chart_repo()
    repo.add("web", "1.0.0")
    repo.replies["/charts/web-1.0.0.tgz"] = Reply(body=b"half", length=4000, close=True)
    with pytest.raises(RegistryError, match=r"GET .*web-1"):
        fetcher().archive(repo.url, "web", "1.0.0")
    assert repo.lines.count("GET /charts/web-1.0.0.tgz") == 3
    repo.replies["/charts/web-1.0.0.tgz"] = Reply(status=503)
    with pytest.raises(RegistryError, match="503"):
        fetcher().archive(repo.url, "web", "1.0.0")
    assert repo.lines.count("GET /charts/web-1.0.0.tgz") == 6


@pytest.mark.parametrize(
    "name", ["../../x", "..", "a/b", "", ".git", "a\nb", "web?x=1", "a..b", "/etc", "web#", "%2e%2e"]
)
def test_a_hostile_name_goes_nowhere(chart_repo: Start, fetcher: MakeFetcher, name: str) -> None:
    repo = chart_repo()
    for url in (repo.url, f"oci://{repo.server.host}/charts"):
        with pytest.raises(ChartError, match="is not a name that a dependency may have"):
            fetcher().archive(url, name, "1.0.0")
    assert repo.lines == []


@pytest.mark.parametrize(
    ("repository", "message"),
    [
        ("", "is none to fetch from"),
        ("file://../web", "is none to fetch from"),
        ("ftp://example.org/charts", "is none to fetch from"),
        ("https://user:pass@example.org/charts", "a URL with a user name in it is refused"),
        ("https://exa mple.org/", "not an http or https URL"),
        ("https:///charts", "not a host name"),
        ("oci://example.org/UPPER", "not a legal repository name"),
    ],
)
def test_a_repository_that_cannot_be_asked_is_refused(
    fetcher: MakeFetcher, repository: str, message: str
) -> None:
    with pytest.raises(ChartError, match=message) as refused:
        fetcher().versions(repository, "web")
    assert "pass" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("/etc/evil", tarfile.REGTYPE, "an absolute path in the archive"),
        ("web/../../evil", tarfile.REGTYPE, "a path that leaves the chart's folder"),
        ("web/passwd", tarfile.SYMTYPE, "a link or a device in the archive"),
        ("web/passwd", tarfile.LNKTYPE, "a link or a device in the archive"),
        ("web/null", tarfile.CHRTYPE, "a link or a device in the archive"),
        ("web/pipe", tarfile.FIFOTYPE, "a link or a device in the archive"),
    ],
)
def test_an_archive_with_members_that_no_chart_has_is_refused_and_not_kept(
    chart_repo: Start, fetcher: MakeFetcher, name: str, kind: bytes, message: str
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("web/Chart.yaml")
        document = b"apiVersion: v2\nname: web\nversion: 1.0.0\n"
        member.size = len(document)
        tar.addfile(member, io.BytesIO(document))
        odd = tarfile.TarInfo(name)
        odd.type, odd.linkname = kind, "/etc/passwd"
        tar.addfile(odd)
    repo = chart_repo()
    repo.add("web", "1.0.0", data=packed.getvalue())
    for _ in range(2):
        with pytest.raises(ChartError, match=message):
            fetcher().archive(repo.url, "web", "1.0.0")
    assert len([line for line in repo.lines if line.endswith(".tgz")]) == 2
