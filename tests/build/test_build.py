from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from tests.fakes.memorytree import MemoryTree

from oci_chart_publish.build.build import ArtifactOptions, build
from oci_chart_publish.errors import ChartError
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.model import ChartArtifact, Need
from oci_chart_publish.tree.tree import Entry, FolderTree, Tree

HELM = Path(__file__).parents[1] / "vectors" / "helm"
CHART = {
    "Chart.yaml": b"# kept\napiVersion: v2\nname: web\nversion: 1.0.0+build.7\nsources: [https://example.org/web]\n",
    "values.yaml": b"replicas: 1\n",
    "templates/cm.yaml": b"kind: ConfigMap\n",
}
NEEDY = {
    **CHART,
    "Chart.yaml": CHART["Chart.yaml"]
    + b"dependencies:\n- name: db\n  version: ^1.0.0\n  repository: https://x\n",
}


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    return ImageLayout.create(tmp_path / "layout")


def built(tree: Tree | dict[str, bytes], layout: ImageLayout, **recipe: str) -> ChartArtifact:
    tree = MemoryTree(tree, "memory") if isinstance(tree, dict) else tree
    return build(tree, "charts/web", layout, Memo(layout.root / "memo"), ArtifactOptions(**recipe))  # type: ignore[arg-type]


def noted(artifact: ChartArtifact) -> dict[str, str]:
    found: dict[str, str] = json.loads(artifact.manifest.data)["annotations"]
    return found


def test_artifact_never_changes(layout: ImageLayout) -> None:
    artifact = built(CHART, layout, source="https://github.com/acme/charts")
    assert (str(artifact.digest), str(artifact.config.digest), str(artifact.layer.digest)) == GOLDEN


GOLDEN = (
    "sha256:a67ffe1b0bfe535859c5a014c6db6e2731fabe30319d2298c4a7cc20591c45e2",
    "sha256:750cc627477c36d9787eb8337fd568207c1c0750de34984496ec72614d577a3f",
    "sha256:26e2b2915b38e09e7ec45e9ae6c0155d494270eab551e4eb5003526f7a8ad3ec",
)


def test_all_parts_are_in_the_layout_and_nothing_is_named(layout: ImageLayout) -> None:
    artifact = built(CHART, layout)
    stored = layout.manifest(artifact.digest)
    assert stored is not None
    assert stored.data == artifact.manifest.data
    assert json.loads(layout.blob(artifact.config)) == {
        "name": "web",
        "sources": ["https://example.org/web"],
        "version": "1.0.0+build.7",
        "apiVersion": "v2",
    }
    assert hashlib.sha256(layout.blob(artifact.layer)).hexdigest() == artifact.layer.digest.hex
    assert layout.names() == {}


def test_config_and_manifest_are_written_as_helm_writes_them(layout: ImageLayout) -> None:
    golden = json.loads((HELM / "mychart-manifest.json").read_bytes())
    artifact = built(FolderTree(HELM / "c1"), layout, chart_source="yes", created="2021-01-01T00:00:00Z")
    assert artifact.config.document() == golden["config"]
    ours = artifact.layer.document()
    # Of the layer alone digest and size differ: Helm rewrites Chart.yaml, and another gzip.
    expected = json.dumps(golden, separators=(",", ":"), ensure_ascii=False)
    expected = expected.replace(golden["layers"][0]["digest"], str(ours["digest"]))
    expected = expected.replace(f'"size":{golden["layers"][0]["size"]}', f'"size":{ours["size"]}')
    for character in "&<>":
        expected = expected.replace(character, f"\\u{ord(character):04x}")
    assert artifact.manifest.data.decode() == expected


def test_digest_depends_on_files_alone(layout: ImageLayout, tmp_path: Path) -> None:
    folder = tmp_path / "another place" / "é"
    for path, data in reversed(CHART.items()):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        (folder / path).chmod(0o755)
    (folder / "empty").mkdir()
    other = ImageLayout.create(tmp_path / "other")
    assert built(FolderTree(folder), other).digest == built(CHART, layout).digest


def test_source_is_the_repository_that_publishes_unless_the_chart_says_otherwise(layout: ImageLayout) -> None:
    source = "org.opencontainers.image.source"
    ours = "https://github.com/acme/charts"
    assert noted(built(CHART, layout, source=ours))[source] == ours
    assert noted(built(CHART, layout))[source] == "https://example.org/web"
    own = CHART["Chart.yaml"] + b"annotations: {org.opencontainers.image.source: https://own}\n"
    assert noted(built({**CHART, "Chart.yaml": own}, layout, source=ours))[source] == "https://own"


def test_created_and_revision_are_left_out_unless_asked_for(layout: ImageLayout) -> None:
    plain = noted(built(CHART, layout))
    assert plain == {
        "org.opencontainers.image.source": "https://example.org/web",
        "org.opencontainers.image.title": "web",
        "org.opencontainers.image.version": "1.0.0+build.7",
    }
    dated = noted(built(CHART, layout, created="2021-01-01T00:00:00Z", revision="c0ffee"))
    assert dated["org.opencontainers.image.created"] == "2021-01-01T00:00:00Z"
    assert dated["org.opencontainers.image.revision"] == "c0ffee"


def test_missing_dependency_is_an_error_that_says_what_to_do(layout: ImageLayout) -> None:
    with pytest.raises(ChartError, match=r"declared, but missing in charts/: db") as caught:
        built(NEEDY, layout)
    assert caught.value.path == "Chart.yaml"
    assert "helm dependency build" in caught.value.hint


def test_missing_dependency_may_be_left_for_later(layout: ImageLayout) -> None:
    need = Need(name="db", version="^1.0.0", locked=False, repository="https://x")
    artifact = build(
        MemoryTree(NEEDY, "memory"),
        "charts/web",
        layout,
        Memo(layout.root / "memo"),
        ArtifactOptions(),
        needs=lambda _: (need,),
    )
    assert artifact.unresolved == (need,)


@pytest.mark.parametrize("path", ["values.yaml", "charts/sub/values.yaml"])
def test_values_that_are_no_yaml_are_named_with_their_line(layout: ImageLayout, path: str) -> None:
    sub = {"charts/sub/Chart.yaml": b"apiVersion: v2\nname: sub\nversion: 1.0.0\n"}
    with pytest.raises(ChartError) as caught:
        built({**CHART, **sub, path: b"a: 1\nb: [\n"}, layout)
    assert caught.value.path == path
    assert caught.value.line is not None


class Untracked(MemoryTree):
    """A tree in which git does not know the files whose names begin with ``new``."""

    def entries(self, folder: str) -> list[Entry]:
        return [
            Entry(entry.name, entry.is_dir, tracked=not entry.name.startswith("new"))
            for entry in super().entries(folder)
        ]


def test_untracked_file_is_left_out_and_named_unless_it_is_wanted(layout: ImageLayout) -> None:
    tree = Untracked({**CHART, "new-secret.json": b"{}"}, "memory")
    artifact = built(tree, layout)
    assert artifact.digest == built(CHART, layout).digest
    assert artifact.warnings == (
        "new-secret.json is not tracked by git and was left out; commit it, or name it in include-untracked",
    )
    wanted = build(
        tree,
        "charts/web",
        layout,
        Memo(layout.root / "memo"),
        ArtifactOptions(include_untracked=("new-*.json",)),
    )
    assert wanted.warnings == ()
    assert wanted.digest != artifact.digest


def test_layer_that_gc_took_is_made_again(layout: ImageLayout) -> None:
    artifact = built(CHART, layout)
    (layout.root / "blobs" / "sha256" / artifact.layer.digest.hex).unlink()
    again = built(CHART, layout)
    assert again.digest == artifact.digest
    assert layout.has(again.layer)


@pytest.mark.parametrize(
    ("rules", "line", "message"),
    [
        (b"# c\nChart.yaml\n", 2, "the line 'Chart.yaml' hides Chart.yaml, without which there is no chart"),
        (b"!README.md\n", 1, "the line '!README.md' hides Chart.yaml"),
        (
            b"*.bak\ncharts/\n",
            2,
            "the line 'charts/' hides charts, and the chart needs it: declared, but missing in",
        ),
        (b"\n\n*.tgz\n", 3, "the line '*.tgz' hides charts/db-1.0.0.tgz, and the chart needs it"),
        (b"charts/*\n", 1, "the line 'charts/*' hides charts/db-1.0.0.tgz, and the chart needs it"),
    ],
)
def test_line_of_helmignore_that_hides_what_is_missing_is_named(
    rules: bytes, line: int, message: str, layout: ImageLayout
) -> None:
    with pytest.raises(ChartError) as caught:
        built({**NEEDY, "charts/db-1.0.0.tgz": b"", ".helmignore": rules}, layout)
    assert (caught.value.path, caught.value.line) == (".helmignore", line)
    assert caught.value.message.startswith(message)


def test_missing_dependency_that_no_line_hides_is_as_before(layout: ImageLayout) -> None:
    with pytest.raises(ChartError, match="declared, but missing in charts/: db") as caught:
        built({**NEEDY, "charts/other-1.0.0.tgz": b"", ".helmignore": b"charts/other-1.0.0.tgz\n"}, layout)
    assert caught.value.path == "Chart.yaml"


TRAPS = {
    **CHART,
    "Chart.yaml": CHART["Chart.yaml"] + b"appVersion: 0123456\n",
    "values.yaml": b"a: 1\n---\nb: 2\n",
}


def test_warnings_have_their_file_and_line(layout: ImageLayout) -> None:
    artifact = built(TRAPS, layout)
    number, several = artifact.warnings
    assert number == "appVersion is written as a number, which Helm reads as 42798; quote it"
    assert artifact.warning_lines == {number: 6, several: 2}
    assert artifact.warning_files == {several: "values.yaml"}


def test_strict_makes_warnings_errors_at_the_place_of_the_first_that_name_the_others(
    layout: ImageLayout,
) -> None:
    with pytest.raises(ChartError) as caught:
        built(TRAPS, layout, strict="yes")
    error = caught.value
    assert (error.path, error.line, int(error.exit_code)) == ("Chart.yaml", 6, 3)
    assert error.message.endswith("reads as 42798; quote it (an error because of strict)")
    assert error.hint.startswith("and 1 more: values.yaml: values.yaml has several documents")
    assert built(CHART, layout, strict="yes").warnings == ()
