"""A package is read back by Helm's loader, ours and the real ones, and holds what was meant; else it is not built."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.real.helm import HELM3, HELM4, helm

from oci_chart_publish.build.build import assemble
from oci_chart_publish.chart import layer as package
from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.chart import Chart, from_files
from oci_chart_publish.chart.diff import files
from oci_chart_publish.chart.layer import chart_layer
from oci_chart_publish.chart.members import ChartFile
from oci_chart_publish.chart.readback import check_loadable
from oci_chart_publish.errors import ChartError


def head(name: str) -> bytes:
    return f"apiVersion: v2\nname: '{name}'\nversion: 1.0.0\n".encode()


def chart(*members: tuple[str, bytes], name: str = "x") -> Chart:
    return from_files([ChartFile("Chart.yaml", head(name)), *(ChartFile(*member) for member in members)])


def packed(loaded: Chart) -> bytes:
    return package.gzip(package.tar(package.entries(loaded)))


SHOW = ("templates/shown.yaml", b'files: {{ range $path, $_ := .Files.Glob "**" }}[{{ $path }}]{{ end }}\n')
REFUSED = [
    (
        chart(("a\\templates\\evil.yaml", b"evil: 1\n")),
        "a\\templates\\evil.yaml",
        "'templates/evil.yaml' to it",
    ),
    (chart(("docs\\Chart.yaml", head("evil"))), "docs\\Chart.yaml", "this would be 'Chart.yaml' to it"),
    (chart(("..x", b"1")), "..x", "begins with two dots"),
    (chart(("..x/y", b"1")), "..x/y", "begins with two dots"),
    (chart(("C:/y", b"1")), "C:/y", "begins as a Windows drive"),
    (
        chart(("charts/a/Chart.yaml", head("_foo"))),
        "charts/_foo/Chart.yaml",
        "Helm does not load it from there",
    ),
    (
        chart(("charts/a/Chart.yaml", head(".foo"))),
        "charts/.foo/Chart.yaml",
        "Helm does not load it from there",
    ),
    (
        chart(("charts/a/Chart.yaml", head("a.tgz"))),
        "charts/a.tgz/Chart.yaml",
        "Helm takes it for an archive",
    ),
    (
        chart(("charts/a/Chart.yaml", head("s\\t"))),
        "charts/s\\t/Chart.yaml",
        "Helm does not load it from there",
    ),
    (
        chart(("charts/a/Chart.yaml", head("a")), ("charts/a/b\\c", b"1")),
        "charts/a/b\\c",
        "this would be 'c' to it",
    ),
    (chart(name="a\\b"), "Chart.yaml", "cannot load a package of the name"),
    (chart(name="Chart.yaml"), "Chart.yaml", "cannot load a package of the name"),
]


@pytest.mark.parametrize(("loaded", "path", "message"), REFUSED, ids=[case[1] + case[2] for case in REFUSED])
def test_what_helm_would_load_otherwise_is_refused_with_its_file(
    loaded: Chart, path: str, message: str
) -> None:
    with pytest.raises(ChartError, match=r"Helm") as caught:
        assemble(loaded)
    assert caught.value.path == path
    assert message in caught.value.message


@pytest.mark.parametrize("program", [HELM3, HELM4])
@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a\\templates\\evil.yaml", b"evil: 1\n"),
        ("docs\\Chart.yaml", head("evil")),
        ("..x", b"1"),
        ("C:/y", b"1"),
        ("charts/_foo/Chart.yaml", head("_foo")),
        ("charts/a.tgz/Chart.yaml", head("a.tgz")),
    ],
)
def test_real_helm_does_not_load_what_is_refused(
    program: str, path: str, data: bytes, tmp_path: Path
) -> None:
    client = helm(tmp_path / "helm", program)
    archive = tmp_path / "x-1.0.0.tgz"
    plain = [("x/Chart.yaml", head("x")), (f"x/{SHOW[0]}", SHOW[1])]
    extra = ("x/charts/_foo/templates/a.yaml", b"inner: 1\n")
    archive.write_bytes(package.gzip(package.tar([*plain, (f"x/{path}", data), extra])))
    done = client.attempt("template", archive)
    whole = done.returncode == 0 and "Source: x/templates/shown.yaml" in done.stdout
    assert not whole or "evil: 1" in done.stdout or "inner" not in done.stdout


NAMES = st.text(st.sampled_from("abC.:_-\\ \u00e9\n"), min_size=1, max_size=4).filter(
    lambda name: name not in {".", ".."}
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@settings(max_examples=300)
@given(st.lists(PATHS, max_size=4, unique=True), st.lists(NAMES, max_size=2, unique=True))
def test_what_is_built_is_read_back_as_it_was_meant(paths: Sequence[str], subcharts: Sequence[str]) -> None:
    own = [(f"d/{path}" if path.startswith("charts") else path, path.encode()) for path in paths]
    below = [
        (f"charts/{number}/{file}", data)
        for number, name in enumerate(subcharts)
        for file, data in (("Chart.yaml", b'name: "%b"\nversion: 1.0.0\n' % escaped(name)), ("f", b"1"))
    ]
    meant = chart(*own, *below)
    try:
        read = load_archive(packed(meant), title="layer")
    except ChartError:
        read = None
    if read is not None and dict(files(read)) == dict(files(meant)):
        check_loadable(meant)
        artifact = assemble(meant)
        layer = chart_layer(artifact.manifest)
        assert layer is not None
        assert artifact.blobs[layer.digest] == packed(meant)
    else:
        with pytest.raises(ChartError):
            check_loadable(meant)


def escaped(name: str) -> bytes:
    return name.replace("\\", "\\\\").replace("\n", "\\n").encode()
