from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.memorytree import MemoryTree

from oci_chart_publish.chart import layer as package
from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.chart import Chart, from_files, load_chart
from oci_chart_publish.chart.members import ChartFile, read_members
from oci_chart_publish.tree.tree import FolderTree

VECTORS = Path(__file__).parents[1] / "vectors" / "helm"
BOM = b"\xef\xbb\xbf"


def load(name: str) -> Chart:
    return load_chart(FolderTree(VECTORS / name))


def as_helm(chart: Chart, archive: str) -> Iterator[tuple[str, bytes]]:
    """Yield our entries with what Helm changes put as Helm puts it: re-written metadata and locks, no BOM."""
    theirs = dict(package.entries(load_archive((VECTORS / archive).read_bytes(), title=archive)))
    for path, data in package.entries(chart):
        rewritten = path.endswith(("/Chart.yaml", "/Chart.lock"))
        yield path, theirs[path] if rewritten else data.removeprefix(BOM)


@pytest.mark.parametrize(
    ("name", "archive", "size", "digest"),
    [
        ("g1", "g1-0.1.0.tgz", 5120, "bf331f4dd4ec5cb10c87c81e3436d616dd760ae97d50401ec18f5201b796a6b2"),
        (
            "c1",
            "mychart-1.2.3+build.1.tgz",
            14848,
            "dae81731a13ee599cfc6820c7dc992ac87ada8010cc9ebebed01fce41c3c64b6",
        ),
    ],
)
def test_tar_is_the_one_of_helm(name: str, archive: str, size: int, digest: str) -> None:
    tar = package.tar(as_helm(load(name), archive), mtime=1609459200)
    assert (len(tar), hashlib.sha256(tar).hexdigest()) == (size, digest)


def test_tar_with_long_and_foreign_names_is_the_one_of_helm() -> None:
    times = {"Chart.yaml": 1609459200, "Chart.lock": 1609549446}
    tar = bytearray()
    for path, data in as_helm(load("c2"), "c2-0.1.0.tgz"):
        mtime = times.get(path.removeprefix("c2/"), 1609459201)
        if path.startswith("c2/charts/"):
            mtime = 1609459201
        tar += package.tar([(path, data)], mtime=mtime)[:-1024]
    tar += bytes(1024)
    assert len(tar) == 11264
    assert (
        hashlib.sha256(tar).hexdigest() == "58332ec9acab7c02247d9da085a9d63e138ca633aaf7559de207fb942f11a462"
    )


def test_layer_of_a_chart_never_changes() -> None:
    layers = {name: package.gzip(package.tar(package.entries(load(name)))) for name in ("g1", "c1", "c2")}
    assert {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in layers.items()} == GOLDEN


GOLDEN = {
    "g1": (221, "aca2fcec55af5000ebdd79b2af7d2dfc6732ced8f9c1ea20bf158b157955611f"),
    "c1": (971, "900f6ac308ae0dc2538cf117f0fdfa9571d9118b42689e81fb7b724fea7bddf7"),
    "c2": (486, "4135bb1183eb462b87f2dcfe23e3ece3d940a5a4a7a7c53d7d7b0600fe704e2b"),
}


def test_large_tar_is_allocated_once() -> None:
    files = {f"files/{number}.bin": bytes(1 << 20) for number in range(20)}
    chart = load_chart(MemoryTree({"Chart.yaml": b"name: x\nversion: 1.0.0\n", **files}, "memory"))
    tracemalloc.start()
    try:
        tar = package.tar(package.entries(chart))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(tar) > 20 << 20
    assert peak < 1.05 * len(tar)


def test_gzip_header_has_neither_name_nor_time() -> None:
    assert package.gzip(b"x")[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def test_entries_come_in_the_order_of_helm() -> None:
    assert [path for path, _ in package.entries(load("c1"))] == [
        "mychart/Chart.yaml",
        "mychart/values.yaml",
        "mychart/values.schema.json",
        "mychart/templates/_h.tpl",
        "mychart/templates/b.yaml",
        "mychart/templates/tests/t.yaml",
        "mychart/.helmignore",
        "mychart/README.md",
        "mychart/bom.txt",
        "mychart/files/z.txt",
        "mychart/charts/sub/Chart.yaml",
        "mychart/charts/sub/values.yaml",
        "mychart/charts/sub/templates/s.yaml",
    ]


def test_every_file_keeps_its_bytes() -> None:
    entries = dict(package.entries(load("c1")))
    for path, data in entries.items():
        assert data == (VECTORS / "c1" / path.removeprefix("mychart/")).read_bytes()
    assert entries["mychart/bom.txt"].startswith(BOM)
    assert b"\r\n" in entries["mychart/values.yaml"]
    assert b"# comment" in entries["mychart/Chart.yaml"]


@pytest.mark.parametrize(
    ("name", "pax_name", "short"),
    [
        ("é/Chart.yaml", b"/PaxHeaders.0/Chart.yaml", b"/Chart.yaml"),
        ("x/é", b"x/PaxHeaders.0", b"x/"),
        (f"x/{'d' * 97}/{'f' * 200}", b"x/" + b"d" * 97, b"x/" + b"d" * 97),
    ],
)
def test_names_of_pax_members_are_cut_as_go_cuts_them(name: str, pax_name: bytes, short: bytes) -> None:
    blocks = package.header(name, 0, 0)
    assert blocks[:100].rstrip(b"\0") == pax_name
    assert blocks[-512:][:100].rstrip(b"\0") == short


NAMES = st.from_regex(r"([a-z0-9é]{1,70}/){0,3}[a-z0-9é._-]{1,120}", fullmatch=True).filter(
    lambda name: "." not in name.split("/") and not name.startswith("..") and "/.." not in name
)


@settings(deadline=None)  # a busy machine is no failure
@given(st.dictionaries(NAMES, st.binary(max_size=2000), max_size=6))
def test_tar_is_read_back_by_us_and_by_tarfile(files: dict[str, bytes]) -> None:
    members = [(f"x/{name}", data) for name, data in files.items()]
    tar = package.tar(members)
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        assert [(m.name, (archive.extractfile(m) or io.BytesIO()).read()) for m in archive] == members
    if files:
        assert [(f.path, f.data) for f in read_members(package.gzip(tar))] == list(files.items())


def as_files(chart: Chart) -> dict[str, bytes]:
    return {path.partition("/")[2]: data for path, data in package.entries(chart)}


SUBCHARTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.dictionaries(NAMES, st.binary(max_size=600)))


@settings(deadline=None)  # a busy machine is no failure
@given(st.dictionaries(NAMES, st.binary(max_size=600), max_size=4), SUBCHARTS)
def test_packed_chart_loads_as_the_same_chart(
    own: dict[str, bytes], subcharts: dict[str, dict[str, bytes]]
) -> None:
    files = {f"files/{path}": data for path, data in own.items()} | {"Chart.yaml": CHART_YAML % b"x"}
    for name, inner in subcharts.items():
        files |= {f"charts/{name}/files/{path}": data for path, data in inner.items()}
        files[f"charts/{name}/Chart.yaml"] = CHART_YAML % name.encode()
    chart = from_files(ChartFile(path, data) for path, data in files.items())
    assert as_files(chart) == files
    tar = package.tar(package.entries(chart))
    again = load_archive(package.gzip(tar), title="again")
    assert as_files(again) == files
    assert package.tar(package.entries(again)) == tar


CHART_YAML = b"apiVersion: v2\nname: %s\nversion: 1.0.0\n"


def test_packing_twice_gives_the_same_bytes_whatever_the_order_of_the_files() -> None:
    files = {
        "Chart.yaml": b"name: x\nversion: 1.0.0\n",
        "b": b"2",
        "a": b"1",
        "templates/z": b"",
        "charts/_x": b"",
    }
    one = package.tar(package.entries(load_chart(MemoryTree(files, "one"))))
    other = package.tar(package.entries(load_chart(MemoryTree(dict(reversed(files.items())), "other"))))
    assert one == other
    assert gzip.decompress(package.gzip(one)) == one
