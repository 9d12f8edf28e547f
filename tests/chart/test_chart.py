from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.fakes.memorytree import MemoryTree

from oci_chart_publish.chart import layer as package
from oci_chart_publish.chart.chart import Chart, load_chart
from oci_chart_publish.errors import ChartError
from oci_chart_publish.tree.tree import Entry, FolderTree, OverlayTree

HEAD = b"apiVersion: v2\nname: x\nversion: 1.0.0\n"


def load(files: Mapping[str, bytes]) -> Chart:
    return load_chart(MemoryTree({"Chart.yaml": HEAD, **files}, "memory"))


def sub(name: str, version: str = "1.0.0") -> bytes:
    return f"apiVersion: v2\nname: {name}\nversion: {version}\n".encode()


def archive(name: str, version: str = "1.0.0") -> bytes:
    chart = load_chart(MemoryTree({"Chart.yaml": sub(name, version), "values.yaml": b"a: 1\n"}, name))
    return package.gzip(package.tar(package.entries(chart)))


class Untracked(MemoryTree):
    """A tree in which git tracks only some files."""

    def __init__(self, tracked: Mapping[str, bytes], untracked: Mapping[str, bytes]) -> None:
        super().__init__({**tracked, **untracked}, "work tree")
        self._tracked = tracked

    def entries(self, folder: str) -> list[Entry]:
        prefix = f"{folder}/" if folder else ""
        return [
            Entry(
                entry.name,
                entry.is_dir,
                any(f"{path}/".startswith(f"{prefix}{entry.name}/") for path in self._tracked),
            )
            for entry in super().entries(folder)
        ]


def test_subcharts_come_from_folders_and_archives_sorted_by_name() -> None:
    chart = load(
        {"charts/z-1.0.0.tgz": archive("z"), "charts/dir/Chart.yaml": sub("b"), "charts/a.tgz": archive("a")}
    )
    assert [subchart.name for subchart in chart.subcharts] == ["a", "b", "z"]
    assert [path for path, _ in package.entries(chart)] == [
        "x/Chart.yaml",
        "x/charts/a/Chart.yaml",
        "x/charts/a/values.yaml",
        "x/charts/b/Chart.yaml",
        "x/charts/z/Chart.yaml",
        "x/charts/z/values.yaml",
    ]


def test_hidden_subcharts_are_dropped_and_provenance_is_kept() -> None:
    chart = load({"charts/_a/x": b"", "charts/.b/x": b"", "charts/c.tgz.prov": b"signed"})
    assert chart.subcharts == ()
    assert [file.path for file in chart.files] == ["Chart.yaml", "charts/c.tgz.prov"]


def test_of_a_folder_and_an_archive_of_one_subchart_the_folder_counts() -> None:
    chart = load({"charts/zz/Chart.yaml": sub("a"), "charts/a-1.0.0.tgz": archive("a")})
    assert [subchart.file("values.yaml") for subchart in chart.subcharts] == [None]
    assert chart.warnings == ("charts/ holds a 1.0.0 twice; the unpacked one is packed, once",)


def test_two_versions_of_a_subchart_stay_apart_with_a_warning() -> None:
    chart = load({"charts/a-1.0.0.tgz": archive("a"), "charts/a-2.0.0.tgz": archive("a", "2.0.0")})
    assert [path for path, _ in package.entries(chart) if path.endswith("Chart.yaml")] == [
        "x/Chart.yaml",
        "x/charts/a/Chart.yaml",
        "x/charts/a-2.0.0/Chart.yaml",
    ]
    assert chart.warnings == ("charts/ holds several versions of a; real Helm would mix their files",)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"charts/README.md": b""}, "charts/README.md: a plain file in charts/, where only subcharts belong"),
        ({"charts/a.tgz/x": b""}, "charts/a.tgz: a folder that is called like an archive"),
        ({"charts/a.tgz": b"x"}, "charts/a.tgz: not a gzip archive"),
        ({"charts/a/templates/x": b""}, "charts/a/Chart.yaml: there is no such file"),
        ({"charts/a/Chart.yaml": b"name: a\n"}, "charts/a/Chart.yaml: 'version': is required"),
        ({"values.yaml": b"a: [\n"}, "values.yaml:2: not YAML"),
        ({"values.yaml": b"- a\n"}, "values.yaml:1: expected a mapping"),
        ({"values.schema.json": b""}, "values.schema.json:1: not JSON"),
        ({"values.schema.json": b"{a: 1}"}, "values.schema.json:1: not JSON"),
        ({"Chart.lock": b"- a"}, "Chart.lock:1: expected a mapping"),
        (
            {"Chart.yaml": HEAD.replace(b"v2", b"v3")},
            "Chart.yaml: 'apiVersion': 'v3' is not supported\nexpected v1 or v2",
        ),
        ({".helmignore": b"**\n"}, ".helmignore:1: double-star"),
    ],
)
def test_what_helm_refuses_is_refused(files: dict[str, bytes], message: str) -> None:
    with pytest.raises(ChartError) as caught:
        load(files)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("values", [b"", b"# nothing\n", b"null\n", b"a: 1\n---\nb: 2\n"])
def test_values_may_be_empty_or_several_documents(values: bytes) -> None:
    assert load({"values.yaml": values}).file("values.yaml") == values


def test_folder_without_a_chart_is_named() -> None:
    with pytest.raises(ChartError, match=r"^Chart\.yaml: there is no such file"):
        load_chart(MemoryTree({"values.yaml": b""}, "memory"))


def test_requirements_of_a_v2_chart_are_kept_with_a_warning() -> None:
    chart = load({"requirements.yaml": b"dependencies: []\n", "requirements.lock": b"digest: x\n"})
    assert chart.file("requirements.yaml") is not None
    assert chart.warnings == (
        "requirements.yaml and requirements.lock: with apiVersion v2 dependencies belong in Chart.yaml and Chart.lock",
    )


def test_rules_of_the_root_count_and_those_of_subcharts_do_not() -> None:
    chart = load(
        {
            ".helmignore": b"*.bak\nsecret/\n",
            "a.bak": b"",
            "secret/key": b"",
            "templates/.hidden": b"",
            "templates/sub/.kept": b"",
            "charts/a/Chart.yaml": sub("a"),
            "charts/a/.helmignore": b"*.txt\n",
            "charts/a/b.txt": b"",
            "charts/a/c.bak": b"",
        }
    )
    assert [file.path for file in chart.files] == [".helmignore", "Chart.yaml", "templates/sub/.kept"]
    assert [file.path for file in chart.subcharts[0].files] == [".helmignore", "Chart.yaml", "b.txt"]


def test_untracked_files_are_left_out_and_named() -> None:
    tree = Untracked(
        {"Chart.yaml": HEAD, "templates/a.yaml": b"", ".helmignore": b"ignored\n"},
        {"gha-creds.json": b"secret", "templates/b.yaml": b"", "tmp/x/y": b"", "ignored": b""},
    )
    chart = load_chart(tree)
    assert [file.path for file in chart.files] == [".helmignore", "Chart.yaml", "templates/a.yaml"]
    assert chart.left_out == ("gha-creds.json", "templates/b.yaml", "tmp/")


def test_untracked_files_come_in_where_asked_for() -> None:
    tree = Untracked({"Chart.yaml": HEAD}, {"dist/app.js": b"1", "dist/app.map": b"2", "other": b"3"})
    chart = load_chart(tree, include_untracked=["dist/*.js"])
    assert [file.path for file in chart.files] == ["Chart.yaml", "dist/app.js"]
    assert chart.left_out == ("dist/app.map", "other")


def test_untracked_archive_counts_if_the_lock_names_it() -> None:
    lock = b"dependencies:\n- name: a\n  repository: https://example.com\n  version: 1.0.0\ndigest: x\n"
    tree = Untracked(
        {"Chart.yaml": HEAD, "Chart.lock": lock},
        {"charts/a-1.0.0.tgz": archive("a"), "charts/b-1.0.0.tgz": archive("b")},
    )
    chart = load_chart(tree)
    assert [subchart.name for subchart in chart.subcharts] == ["a"]
    assert chart.left_out == ("charts/b-1.0.0.tgz",)


def test_chart_larger_than_helm_loads_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oci_chart_publish.chart.walk.SIZE_LIMIT", 1000)
    with pytest.raises(ChartError, match="big: the chart is larger than 1000 bytes"):
        load({"big": bytes(2000)})


def test_packed_subcharts_share_what_helm_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = {"charts/a.tgz": archive("a"), "charts/b.tgz": archive("b")}
    unpacked = len(sub("a")) + len(b"a: 1\n")
    monkeypatch.setattr("oci_chart_publish.chart.chart.SIZE_LIMIT", len(HEAD) + 2 * unpacked)
    assert len(load(bodies).subcharts) == 2
    monkeypatch.setattr("oci_chart_publish.chart.chart.SIZE_LIMIT", len(HEAD) + 2 * unpacked - 1)
    with pytest.raises(
        ChartError, match=r"^charts/b\.tgz/values\.yaml: larger than the \d+ bytes that the other"
    ):
        load(bodies)


def test_api_version_of_a_subchart_is_its_own_affair() -> None:
    chart = load({"charts/a/Chart.yaml": sub("a").replace(b"v2", b"v9")})
    assert [subchart.metadata.api_version for subchart in chart.subcharts] == ["v9"]


def test_folders_of_several_versions_never_collide() -> None:
    chart = load(
        {f"charts/{n}/Chart.yaml": sub(*of) for n, of in enumerate([("a", "1"), ("a", "2"), ("a-2", "3")])}
    )
    places = [path for path, _ in package.entries(chart) if path.endswith("Chart.yaml")]
    assert places[1:] == ["x/charts/a/Chart.yaml", "x/charts/a-2-2/Chart.yaml", "x/charts/a-2/Chart.yaml"]


@pytest.mark.parametrize("schema", [b"NaN", b"[Infinity]", "{}".encode("utf-16")])
def test_what_only_python_takes_for_json_is_no_schema(schema: bytes) -> None:
    with pytest.raises(ChartError, match=r"^values\.schema\.json(:1)?: not JSON"):
        load({"values.schema.json": schema})


@pytest.mark.parametrize("schema", [b"1" * 5000, b'"\xff"', b"\xef\xbb\xbf{}"])
def test_what_go_takes_for_json_is_a_schema(schema: bytes) -> None:
    assert load({"values.schema.json": schema}).file("values.schema.json") == schema


def test_untracked_rules_do_not_count() -> None:
    tree = Untracked({"Chart.yaml": HEAD, "a.txt": b""}, {".helmignore": b"*.txt\n"})
    chart = load_chart(tree)
    assert [file.path for file in chart.files] == ["Chart.yaml", "a.txt"]
    assert chart.left_out == (".helmignore",)
    chart = load_chart(tree, include_untracked=[".helmignore"])
    assert [file.path for file in chart.files] == [".helmignore", "Chart.yaml"]


def test_what_helm_drops_is_not_named_as_left_out() -> None:
    tree = Untracked({"Chart.yaml": HEAD}, {"charts/_a/x": b"", "charts/.b": b"", "charts/c/x": b""})
    assert load_chart(tree).left_out == ("charts/c/",)


def test_folder_of_which_nothing_was_asked_for_is_named_once() -> None:
    tree = Untracked(
        {"Chart.yaml": HEAD}, {"tmp/a/b": b"", "tmp/a/c": b"", "dist/app.js": b"", "dist/x": b""}
    )
    assert load_chart(tree, include_untracked=["*.js"]).left_out == ("dist/x", "tmp/")


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_links_are_followed_to_files_and_folders(tmp_path: Path) -> None:
    write(tmp_path, {"x/Chart.yaml": HEAD, "shared/a.tpl": b"a", "one.txt": b"1"})
    (tmp_path / "x/templates").symlink_to("../shared")
    (tmp_path / "x/one.txt").symlink_to("../one.txt")
    chart = load_chart(FolderTree(tmp_path / "x", boundary=tmp_path))
    assert [(file.path, file.data) for file in chart.files][1:] == [
        ("one.txt", b"1"),
        ("templates/a.tpl", b"a"),
    ]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/etc/hostname", "link: a symbolic link that leaves the repository"),
        ("nowhere", "link: a symbolic link that leads nowhere"),
        (".", "link: a symbolic link that leads into a circle"),
        ("../x", "link: a symbolic link that leads into a circle"),
    ],
)
def test_dangerous_links_are_refused(tmp_path: Path, target: str, message: str) -> None:
    write(tmp_path, {"x/Chart.yaml": HEAD})
    (tmp_path / "x/link").symlink_to(target)
    with pytest.raises(ChartError) as caught:
        load_chart(FolderTree(tmp_path / "x", boundary=tmp_path))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("target", ["/etc/hostname", "nowhere", ".", "/etc"])
def test_dangerous_links_do_no_harm_where_they_are_ignored(tmp_path: Path, target: str) -> None:
    write(tmp_path, {"x/Chart.yaml": HEAD, "x/.helmignore": b"link\n"})
    (tmp_path / "x/link").symlink_to(target)
    assert len(load_chart(FolderTree(tmp_path / "x", boundary=tmp_path)).files) == 2


def test_links_of_two_folders_into_each_other_are_a_circle(tmp_path: Path) -> None:
    write(tmp_path, {"x/Chart.yaml": HEAD, "x/a/f": b"", "b/g": b""})
    (tmp_path / "x/a/to_b").symlink_to("../../b")
    (tmp_path / "b/to_a").symlink_to("../x/a")
    with pytest.raises(ChartError, match=r"^a/to_b/to_a: a symbolic link that leads into a circle"):
        load_chart(FolderTree(tmp_path / "x", boundary=tmp_path))


def test_pipe_is_refused_unless_it_is_ignored(tmp_path: Path) -> None:
    write(tmp_path, {"Chart.yaml": HEAD})
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ChartError, match=r"^pipe: is a named pipe, which cannot be packed"):
        load_chart(FolderTree(tmp_path))
    write(tmp_path, {".helmignore": b"pipe\n"})
    assert len(load_chart(FolderTree(tmp_path)).files) == 2


def test_overlay_replaces_and_adds_files() -> None:
    tree = OverlayTree(
        MemoryTree({"Chart.yaml": HEAD, "values.yaml": b"a: 1\n"}, "memory"),
        {"Chart.yaml": HEAD.replace(b"1.0.0", b"2.0.0"), "charts/a-1.0.0.tgz": archive("a")},
    )
    chart = load_chart(tree)
    assert chart.version == "2.0.0"
    assert [subchart.name for subchart in chart.subcharts] == ["a"]
    assert [file.path for file in chart.files] == ["Chart.yaml", "values.yaml"]
