from __future__ import annotations

from pathlib import Path

import pytest

from oci_chart_publish.chart.chart import load_chart
from oci_chart_publish.paths.credentials import FOLDERS, NAMES, credential, names
from oci_chart_publish.tree.tree import FolderTree

DOCS = Path(__file__).parents[2] / "docs/files.md"


@pytest.mark.parametrize(
    "path",
    [
        "gha-creds-0123456789abcdef.json",
        "files/gha-creds-x.json",
        ".docker/config.json",
        "a/.docker/config.json",
        ".netrc",
        "kubeconfig",
        ".kube/config",
        ".aws/credentials",
        ".config/gcloud/credentials.db",
    ],
)
def test_what_log_ins_leave_is_known(path: str) -> None:
    assert credential(path)


@pytest.mark.parametrize(
    "path",
    ["gha-creds.json", "docker/config.json", "netrc", "templates/kubeconfig-secret.yaml", ".config/app/x"],
)
def test_other_files_are_no_credentials(path: str) -> None:
    assert not credential(path)


@pytest.mark.parametrize(
    ("globs", "path", "named"),
    [
        (["*.json"], "gha-creds-1.json", False),
        (["**"], ".netrc", False),
        (["files/"], "files/.netrc", False),
        (["gha-creds-*.json"], "gha-creds-1.json", True),
        (["gha-creds-1.json"], "gha-creds-1.json", True),
        ([".docker/"], ".docker/config.json", True),
        ([".docker/config.json"], ".docker/config.json", True),
        ([".netrc", "!.netrc"], ".netrc", False),
        (["kubeconfig"], "files/kubeconfig", True),
    ],
)
def test_only_a_setting_that_is_about_credentials_names_them(
    globs: list[str],
    path: str,
    named: bool,  # noqa: FBT001
) -> None:
    assert names(globs, path) is named


def test_outside_git_they_are_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\n")
    (tmp_path / ".docker").mkdir()
    for name in ("gha-creds-1.json", "values.json", ".docker/config.json"):
        (tmp_path / name).write_text("{}")
    chart = load_chart(FolderTree(tmp_path), include_untracked=["*.json"])
    assert [file.path for file in chart.files] == ["Chart.yaml", "values.json"]
    assert chart.left_out == (".docker/config.json", "gha-creds-1.json")
    named = load_chart(FolderTree(tmp_path), include_untracked=["gha-creds-*.json"])
    assert "gha-creds-1.json" in [file.path for file in named.files]


def test_all_of_them_are_in_the_documentation() -> None:
    text = DOCS.read_text()
    assert [name for name in (*NAMES, *(f"{folder}/" for folder in FOLDERS)) if f"`{name}`" not in text] == []
