from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.fakes.memorytree import MemoryTree

from oci_chart_publish.build.build import ArtifactOptions, build, check_remembered
from oci_chart_publish.errors import VerificationError
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo


def tree(values: bytes) -> MemoryTree:
    return MemoryTree({"Chart.yaml": b"name: x\nversion: 1.0.0\n", "values.yaml": values}, "memory")


def test_unchanged_chart_is_not_compressed_again_and_its_layer_is_checked(tmp_path: Path) -> None:
    layout, memo = ImageLayout.create(tmp_path / "layout"), Memo(tmp_path / "layout" / "memo")
    first = build(tree(b"a: 1\n"), "", layout, memo, ArtifactOptions())
    assert first.remembered == ""
    again = build(tree(b"a: 1\n"), "", layout, memo, ArtifactOptions())
    assert again.remembered != ""
    assert again.digest == first.digest
    check_remembered(again, layout)


def test_cache_that_was_tampered_with_is_found_out_before_anything_is_published(tmp_path: Path) -> None:
    layout, memo = ImageLayout.create(tmp_path / "layout"), Memo(tmp_path / "layout" / "memo")
    evil = build(tree(b"evil: true\n"), "", layout, memo, ArtifactOptions())
    build(tree(b"a: 1\n"), "", layout, memo, ArtifactOptions())
    path = tmp_path / "layout" / "memo" / "layer.jsonl"
    evil_line, line = (json.loads(line) for line in path.read_text().splitlines() if line)
    path.write_text(json.dumps([line[0], evil_line[1]]) + "\n")

    artifact = build(tree(b"a: 1\n"), "", layout, Memo(tmp_path / "layout" / "memo"), ArtifactOptions())
    assert artifact.layer.digest == evil.layer.digest
    with pytest.raises(VerificationError, match=r"the cache holds another layer for x 1\.0\.0"):
        check_remembered(artifact, layout)
