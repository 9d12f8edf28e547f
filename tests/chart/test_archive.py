from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from tests.real.helm import HELM3, helm

from oci_chart_publish.chart import layer as package
from oci_chart_publish.chart.archive import extract, load_archive
from oci_chart_publish.chart.members import read_members
from oci_chart_publish.errors import ChartError

VECTORS = Path(__file__).parents[1] / "vectors" / "helm"
CHART = ("x/Chart.yaml", b"name: x\nversion: 1.0.0\n")


def packed(*members: tuple[str, bytes]) -> bytes:
    return package.gzip(package.tar(members))


def special(kind: bytes, name: str = "x/link", target: str = "/etc/passwd") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        info = tarfile.TarInfo(CHART[0])
        info.size = len(CHART[1])
        archive.addfile(info, io.BytesIO(CHART[1]))
        link = tarfile.TarInfo(name)
        link.type, link.linkname = kind, target
        archive.addfile(link)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["g1-0.1.0.tgz", "c2-0.1.0.tgz", "mychart-1.2.3+build.1.tgz"])
def test_archives_of_helm_load(name: str) -> None:
    chart = load_archive((VECTORS / name).read_bytes(), title=name)
    assert name == f"{chart.name}-{chart.version}.tgz"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.tgz: not a gzip archive"),
        (b"apiVersion: v1\n", "a.tgz: not a gzip archive"),
        (packed(CHART)[:-20], "a.tgz: the archive is cut off"),
        (packed(CHART)[:30] + b"\0" * 30, "a.tgz: "),
        (packed(), "a.tgz: no files in the archive"),
        (gzip.compress(b"x" * 1000, mtime=0), "a.tgz: not a tar archive"),
        (packed(("x/y", b"")), "a.tgz/Chart.yaml: there is no such file"),
        (packed(("README", b"")), "a.tgz/README: content outside the chart's folder"),
        (packed(("x//etc/passwd", b"")), "a.tgz/x//etc/passwd: an absolute path"),
        (packed(("x/../../y", b"")), "a.tgz/x/../../y: a path that leaves the chart's folder"),
        (packed(("x/..y", b"")), "a.tgz/x/..y: a path that leaves the chart's folder"),
        (packed(("x/C:/y", b"")), "a.tgz/x/C:/y: an illegal name"),
        (packed(("Chart.yaml/x", b"")), "a.tgz/Chart.yaml/x: Chart.yaml is not in the chart's folder"),
        (packed(("x/./Chart.yaml/.", b""), ("./x/y", b"")), "a.tgz"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_helm_refuses_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ChartError) as caught:
        load_archive(data, title="a.tgz")
    assert str(caught.value).startswith(message)


def test_top_folder_may_be_called_anything_and_backslashes_separate() -> None:
    members = read_members(packed(("anything/Chart.yaml", CHART[1]), ("other\\templates\\a.yaml", b"1")))
    assert [file.path for file in members] == ["Chart.yaml", "templates/a.yaml"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_empty_files(kind: bytes) -> None:
    assert [(f.path, f.data) for f in read_members(special(kind))][1] == ("link", b"")


def raw_header(name: str, size: int, kind: bytes, mode: int = 0o644) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    block[100:108] = b"%07o\0" % mode  # tarfile itself writes nothing but permissions
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def with_members(*blocks: bytes) -> bytes:
    tar = package.tar([CHART])[:-1024] + b"".join(block + bytes(-len(block) % 512) for block in blocks)
    return gzip.compress(tar + bytes(1024), mtime=0)


def test_size_of_a_link_hides_no_member() -> None:
    hidden = package.tar([("x/values.yaml", b"a: 1\n")])[:-1024]
    data = with_members(raw_header("x/link", len(hidden), tarfile.SYMTYPE), bytes(hidden))
    assert [file.path for file in read_members(data)] == ["Chart.yaml", "link", "values.yaml"]


def test_folder_by_its_mode_is_a_folder() -> None:
    data = with_members(raw_header("x/dir", 0, tarfile.REGTYPE, mode=0o040755))
    assert [file.path for file in read_members(data)] == ["Chart.yaml"]


def test_pax_header_gives_name_and_size() -> None:
    record = b"16 path=x/ab/cd\n" + b"10 size=3\n"
    data = with_members(
        raw_header("x/PaxHeaders.0/y", len(record), tarfile.XHDTYPE),
        record,
        raw_header("x/y", 0, tarfile.REGTYPE),
        b"abc",
    )
    assert [(file.path, file.data) for file in read_members(data)][1:] == [("ab/cd", b"abc")]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"x path=a\n", "a PAX record that cannot be read"),
        (b"9" * 5000 + b" path=a\n", "a PAX record that cannot be read"),
        (b"99 path=a\n", "a PAX record that cannot be read"),
        (b"0 path=a\n", "a PAX record that cannot be read"),
        (b"10 size=x\n", "a PAX record that cannot be read"),
        (b"22 GNU.sparse.major=1\n", "a sparse file in the archive"),
        (bytes(1024 * 1024 + 1), "a header longer than 1 MiB"),
    ],
    ids=["no length", "long length", "cut off", "zero", "size", "sparse", "large"],
)
def test_bad_pax_headers_are_refused(record: bytes, message: str) -> None:
    data = with_members(raw_header("x/h", len(record), tarfile.XHDTYPE), record, raw_header("x/y", 0, b"0"))
    with pytest.raises(ChartError, match=message):
        read_members(data)


def test_sparse_files_are_refused() -> None:
    with pytest.raises(ChartError, match="x/y: a sparse file"):
        read_members(with_members(raw_header("x/y", 0, tarfile.GNUTYPE_SPARSE)))


def test_thousands_of_gzip_streams_are_refused_at_once() -> None:
    with pytest.raises(ChartError, match="more than 1000 gzip streams"):
        read_members(gzip.compress(b"", mtime=0) * 50_000)


def test_archive_in_two_gzip_streams_is_one() -> None:
    tar = package.tar([CHART])
    data = gzip.compress(tar[:700], mtime=0) + gzip.compress(tar[700:], mtime=0)
    assert [file.path for file in read_members(data)] == ["Chart.yaml"]


def test_last_of_duplicate_members_wins() -> None:
    chart = load_archive(packed(CHART, ("x/values.yaml", b"a: 1"), ("x/values.yaml", b"a: 2")), title="a.tgz")
    assert chart.file("values.yaml") == b"a: 2"


def test_bomb_is_refused_before_it_fills_memory() -> None:
    bomb = gzip.compress(bytes(400 * 1024 * 1024), 1)
    tracemalloc.start()
    try:
        with pytest.raises(ChartError, match="larger than 104857600 bytes"):
            load_archive(bomb, title="a.tgz")
        assert tracemalloc.get_traced_memory()[1] < 400 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oci_chart_publish.chart.members.MEMBER_LIMIT", 10)
    with pytest.raises(ChartError, match="more than 10 members"):
        load_archive(packed(*[(f"x/{number}", b"") for number in range(20)]), title="a.tgz")


def test_extract_writes_what_was_packed(tmp_path: Path) -> None:
    extract(packed(CHART, ("x/a/b.txt", b"\xef\xbb\xbf\r\n")), tmp_path / "deep" / "x")
    assert (tmp_path / "deep/x/a/b.txt").read_bytes() == b"\xef\xbb\xbf\r\n"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["x"]


def test_extract_leaves_an_existing_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(ChartError, match="exists already"):
        extract(packed(CHART), tmp_path / "x")
    assert list((tmp_path / "x").iterdir()) == []


def test_extract_of_a_broken_archive_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ChartError):
        extract(packed(CHART, ("x/../../evil", b"1")), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_links_in_an_archive_lead_nowhere(tmp_path: Path) -> None:
    extract(special(tarfile.SYMTYPE), tmp_path / "x")
    assert not (tmp_path / "x/link").is_symlink()
    assert (tmp_path / "x/link").read_bytes() == b""


@pytest.mark.parametrize("padding", [b"\0" * 512, b"\0\0", b"padding", b"\x1f\x8b", b"\x1f\x8b\x08garbage"])
def test_what_stands_behind_the_archive_is_not_looked_at_as_by_helm(padding: bytes, tmp_path: Path) -> None:
    data = packed(CHART, ("x/templates/a.yaml", b"a: 1\n"))
    assert read_members(data + padding) == read_members(data)
    padded = tmp_path / "x-1.0.0.tgz"
    padded.write_bytes(data + padding)
    assert helm(tmp_path / "3", HELM3).template(padded) == helm(tmp_path / "4").template(padded)


def test_padding_behind_half_a_tar_is_refused() -> None:
    half = package.gzip(package.tar([CHART])[:1024])
    with pytest.raises(ChartError, match="not a whole gzip archive"):
        read_members(half + b"padding")
