"""Programs are found where `make test` puts them, and their absence is said by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.real import tools


def install(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True)
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)
    return folder / name


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder that ``OCI_CHART_TOOLS`` named when the tests were started."""
    monkeypatch.setitem(tools._STARTED_WITH, "OCI_CHART_TOOLS", str(tmp_path / "tools"))
    return tmp_path / "tools"


@pytest.mark.parametrize("folder", ["bin", "debian/usr/bin"])
def test_a_program_in_the_named_folder_is_found(named: Path, folder: str) -> None:
    made = install(named / folder, "some-tool")
    assert tools.find("some-tool") == made
    assert tools.tool("some-tool") == str(made)


def test_what_was_built_goes_before_what_the_machine_has(
    named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tools._STARTED_WITH, "PATH", str(tmp_path / "path"))
    theirs = install(tmp_path / "path", "some-tool")
    assert tools.find("some-tool") == theirs
    assert tools.find("some-tool") != install(named / "bin", "some-tool")
    assert tools.find("some-tool") == named / "bin" / "some-tool"


def test_a_missing_program_skips_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(tools._STARTED_WITH, "CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-tool is not installed"):
        tools.tool("no-such-tool")


def test_in_ci_a_missing_program_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tools._STARTED_WITH, "CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-tool is not installed"):
        tools.tool("no-such-tool")
