"""The pages in docs/: quoted messages are those of the source, links lead somewhere."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.test_architecture import FLOORS, WITHIN

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
QUOTED = re.findall(r"^### `(.+)`$", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)


def texts() -> Iterator[str]:
    """Yield every text in the source as a pattern: what is filled in may be anything."""
    for path in (ROOT / "src").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        filled = [node.values for node in nodes if isinstance(node, ast.JoinedStr)]
        inside = {id(part) for parts in filled for part in parts}
        whole: list[list[ast.expr]] = [
            [node] for node in nodes if isinstance(node, ast.Constant) and id(node) not in inside
        ]
        for parts in (*filled, *whole):
            texts = [one.value if isinstance(one, ast.Constant) else None for one in parts]
            if sum(len(text) for text in texts if isinstance(text, str)) > 10:
                yield "".join(re.escape(text) if isinstance(text, str) else ".+" for text in texts)


MESSAGES = sorted(set(texts()))


@pytest.mark.parametrize("words", QUOTED)
def test_messages_in_troubleshooting_are_those_of_the_tool(words: str) -> None:
    """Each is a whole text of the source, or the first sentence of one, behind the request that it is about."""
    refused = re.fullmatch(r"[A-Z]+ URL: (\d{3}) (.+)", words)
    if refused:
        known = (ROOT / "src/oci_chart_publish/registry/refusals.py").read_text()
        assert f'{refused[1]}: "{refused[2]}"' in known
        return
    text = re.sub(r"^(?:[A-Z]+ URL|not YAML): ", "", words)
    first = re.escape(text) + (r"\ " if text.endswith(".") else ":")
    assert any(one.startswith(first) or re.fullmatch(rf"{one}(?:(?<= ).+|:? .+)?", text) for one in MESSAGES)


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


def test_the_modules_of_run_are_on_the_page_of_the_architecture() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`(run/\w+)\.py`", page))
    assert named == {f"{folder}/{name}" for folder in WITHIN for name in WITHIN[folder] if name != "__init__"}


def test_pictures_are_small() -> None:
    pictures = list((ROOT / "docs" / "images").glob("*.png"))
    assert {picture.name for picture in pictures} >= {"comment.png", "summary.png"}
    assert pictures
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
    assert [tool(tmp_path, "publish", "examples/charts", "--source", source[0])] == shown


def test_readme_shows_what_save_prints(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text().replace("\\\n", "")
    ((command, shown),) = re.findall(r"\$ oci-chart-publish (save .+)\n((?:.+\n)+?)```", readme)
    assert tool(tmp_path, *command.split()) == shown.rstrip()


def tool(home: Path, *arguments: str) -> str:
    """Run the command in the repository, with a cache of its own, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "oci_chart_publish", *arguments, "--layout", str(home / "layout")],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.rstrip()
