"""The pages in docs/: quoted messages are those of the source, links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.test_architecture import FLOORS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
SOURCE = "\n".join(re.sub(r'"\s*\n\s*f?"', "", path.read_text()) for path in (ROOT / "src").rglob("*.py"))
QUOTED = re.findall(r"^### `(.+)`$", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("words", QUOTED)
def test_messages_in_troubleshooting_are_literally_those_of_the_tool(words: str) -> None:
    status, _, reason = words.partition(" ")
    if status.isdigit():
        assert f'{status}: "{reason}"' in SOURCE
    else:
        assert words in SOURCE


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_architecture_has_every_module_at_its_floor() -> None:
    table = re.findall(
        r"^\|\s*(\d*)\s*\| (`.+?) \|", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE
    )
    found: dict[str, int] = {}
    floor = 0
    for number, names in table:
        floor = int(number or floor)
        found |= {name.removesuffix(".py").rstrip("/"): floor for name in re.findall(r"`(.+?)`", names)}
    assert found == FLOORS


def test_pictures_are_small() -> None:
    pictures = list((ROOT / "docs" / "images").glob("*.png"))
    assert {picture.name for picture in pictures} >= {"comment.png", "summary.png"}
    assert all(picture.stat().st_size < 200_000 for picture in pictures)


def test_readme_names_the_image_that_the_release_pushes_and_the_command_that_is_installed() -> None:
    readme = (ROOT / "README.md").read_text()
    (repository,) = set(re.findall(r"uses: ([a-z-]+/[a-z-]+)@v1", readme))
    release = (ROOT / ".github/workflows/release.yml").read_text()
    assert 'name="ghcr.io/${GITHUB_REPOSITORY,,}"' in release
    assert f" ghcr.io/{repository}:VERSION plan\n" in readme
    assert set(re.findall(r"git\+https://github\.com/(\S+?)@v1", readme)) == {repository}
    assert f"[project.scripts]\n{repository.partition('/')[2]} = " in (ROOT / "pyproject.toml").read_text()


def test_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    shown = re.findall(r"\$ make demo\n(.+?)\n```", readme, re.DOTALL)
    source = re.findall(r"--source (\S+)", (ROOT / "Makefile").read_text())
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "oci_chart_publish",
            "publish",
            "examples/charts",
            "--source",
            source[0],
            "--layout",
            str(tmp_path / "layout"),
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [done.stdout.rstrip()] == shown
