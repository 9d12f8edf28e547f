"""The layout with other people's tools: skopeo and oras read what we write and we read what they write."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.layout.artifacts import artifact, put
from tests.programs import program

from oci_chart_publish.layout.layout import ImageLayout

VECTORS = Path(__file__).parents[1] / "vectors"
REF = "localhost:5000/myrepo/mychart:2.7.0"


def run(*argv: str, home: Path) -> str:
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(argv, check=False, capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    layout = ImageLayout.create(tmp_path / "cache")
    put(layout, artifact("a"), REF)
    put(layout, artifact("b"), "mychart:1.0.0+b")
    return layout


def test_skopeo_copies_by_full_reference(layout: ImageLayout, tmp_path: Path) -> None:
    skopeo, other = program("skopeo"), tmp_path / "other"
    run(skopeo, "copy", f"oci:{layout.root}:{REF}", f"oci:{other}:x", home=tmp_path)
    run(skopeo, "copy", f"oci:{layout.root}:mychart:1.0.0+b", f"oci:{other}:y", home=tmp_path)
    copied = ImageLayout.open(other)
    for name, made in (("x", artifact("a")), ("y", artifact("b"))):
        manifest = copied.manifest(name)
        assert manifest is not None
        assert manifest.data == made.manifest.data
        assert copied.blob(made.layer) == made.blobs[1][1]
    assert run(skopeo, "inspect", "--raw", f"oci:{layout.root}:{REF}", home=tmp_path).encode() == (
        artifact("a").manifest.data
    )


def test_skopeo_writes_beside_us_and_both_keep_the_others_names(layout: ImageLayout, tmp_path: Path) -> None:
    skopeo = program("skopeo")
    other = ImageLayout.create(tmp_path / "other")
    put(other, artifact("theirs"), "x")
    run(skopeo, "copy", f"oci:{other.root}:x", f"oci:{layout.root}:2.0.0", home=tmp_path)
    run(skopeo, "copy", f"oci:{other.root}:x", f"oci:{layout.root}:{REF}", home=tmp_path)
    put(layout, artifact("c"), "ours:3")
    # skopeo moves a name by taking it from the old entry, which stays, and appending a new one.
    assert {name: str(found.digest) for name, found in layout.names().items()} == {
        "mychart:1.0.0+b": str(artifact("b").manifest.descriptor.digest),
        "2.0.0": str(artifact("theirs").manifest.descriptor.digest),
        REF: str(artifact("theirs").manifest.descriptor.digest),
        "ours:3": str(artifact("c").manifest.descriptor.digest),
    }
    assert ImageLayout.create(layout.root).manifest("2.0.0") == artifact("theirs").manifest


def test_skopeo_reads_the_cache_of_helm_3_6_3_after_we_have_written_to_it(tmp_path: Path) -> None:
    skopeo = program("skopeo")
    shutil.copytree(VECTORS / "helm-3.6.3" / "cache", tmp_path / "old")
    put(ImageLayout.create(tmp_path / "old"), artifact("new"), "new:1")
    raw = run(
        skopeo, "inspect", "--raw", f"oci:{tmp_path}/old:localhost:5000/myrepo/mychart:2.7.1", home=tmp_path
    )
    assert json.loads(raw)["layers"][0]["digest"].startswith("sha256:7cade1d")
    run(skopeo, "copy", f"oci:{tmp_path}/old:new:1", f"oci:{tmp_path}/copy:x", home=tmp_path)


def test_oras_resolves_full_references_and_lists_names(layout: ImageLayout, tmp_path: Path) -> None:
    oras = program("oras")
    found = run(oras, "manifest", "fetch", "--oci-layout-path", str(layout.root), REF, home=tmp_path)
    assert found.encode() == artifact("a").manifest.data
    assert run(oras, "repo", "tags", "--oci-layout", str(layout.root), home=tmp_path).split() == [
        REF,
        "mychart:1.0.0+b",
    ]


def test_oras_copies_out_and_in_and_both_keep_the_others_names(layout: ImageLayout, tmp_path: Path) -> None:
    oras = program("oras")
    digest = artifact("a").manifest.descriptor.digest
    run(
        *(
            oras,
            "cp",
            "--from-oci-layout",
            f"{layout.root}@{digest}",
            "--to-oci-layout",
            f"{tmp_path}/other:x",
        ),
        home=tmp_path,
    )
    assert ImageLayout.open(tmp_path / "other").manifest("x") == artifact("a").manifest
    other = ImageLayout.create(tmp_path / "third")
    put(other, artifact("theirs"), "y")
    run(
        *(oras, "cp", "--from-oci-layout", f"{other.root}:y", "--to-oci-layout", f"{layout.root}:2.0.0"),
        home=tmp_path,
    )
    put(layout, artifact("c"), "ours:3")
    names = {name: str(found.digest) for name, found in layout.names().items()}
    assert names == {
        REF: str(digest),
        "mychart:1.0.0+b": str(artifact("b").manifest.descriptor.digest),
        "2.0.0": str(artifact("theirs").manifest.descriptor.digest),
        "ours:3": str(artifact("c").manifest.descriptor.digest),
    }
    layout.gc()
    assert layout.blob(artifact("theirs").layer) == artifact("theirs").blobs[1][1]
