"""Some hundred hostile documents; ``scripts/fuzz_reports.py`` tries as many as it is told to."""

from __future__ import annotations

import os
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from tests.report.hostile import Guard, Writer, command, examine, large, present
from tests.report.work import lines_run

from oci_chart_publish.report import document

GUARD = Guard()


def test_no_document_does_more_than_be_shown_or_refused(tmp_path: Path) -> None:
    writer = Writer(seed=1)
    found: Counter[str] = Counter()
    with GUARD.over(tmp_path):
        for _ in range(300):
            found[examine(writer.document(), tmp_path)] += 1
    assert GUARD.seen == []
    assert min(found["shown"], found["refused"]) > 50, found


def test_the_guard_sees_what_must_not_be(tmp_path: Path) -> None:
    seen = len(GUARD.seen)
    try:
        with GUARD.over(tmp_path / "inside"):
            (tmp_path / "outside").write_text("x")
            os.system("true")  # noqa: S605
        assert [line.partition(" ")[0] for line in GUARD.seen[seen:]] == ["open", "os.system"]
    finally:
        del GUARD.seen[seen:]


def test_the_command_refuses_and_shows_without_a_trace(tmp_path: Path) -> None:
    writer = Writer(seed=2)
    environment = {"HOME": str(tmp_path), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "PATH": ""}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        for _ in range(40):
            (tmp_path / "report.json").write_bytes(writer.document())
            assert 0 <= command(tmp_path, environment) <= 255


@pytest.mark.parametrize("name", sorted(large(0.001)))
def test_twice_the_document_is_twice_the_work(name: str) -> None:
    small, twice = (large(size)[name] for size in (0.02, 0.04))
    work, more = (lines_run(partial(present, document.decode(data))) for data in (small, twice))
    # A limit that is reached makes it less; what fits into none is looked at once more.
    assert more < 2.3 * work * len(twice) / len(small) / 2
