from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from tests.fakes.git import ENV, GitRepo

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.paths.globs import Globs, covers, parse, whole

PIECES = [
    "a", "b", "c", "foo", "*", "?", "**", "***", "/", "/", "/", " ", "-", ".", "!", "]", "\\a", "\\*", "\\ ",
    "[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[!]a]", "[a-]", "[b-", "[", "[[]", "[z-a]", "[a-c-e]", "[\\]a]",
    "[[:alpha:]]", "[[:digit:]b]", "[![:punct:]]", "[:a]", "[.-0]", "[&&]", "[a\\-c]",
]  # fmt: skip
NAMES = [
    "a",
    "b",
    "c",
    "foo",
    "ab",
    "ba",
    "abc",
    "a*",
    "*",
    "]",
    "[",
    "-",
    "!a",
    "a.b",
    "b-",
    " a",
    "1b",
    "a b",
    "&",
]


def random_glob(draw: random.Random) -> str:
    body = "".join(draw.choice(PIECES) for _ in range(draw.randint(1, 6)))
    return draw.choice(["", "", "", "!", "/"]) + body + draw.choice(["", "", "/"])


@pytest.mark.parametrize("seed", range(3))
def test_globs_cover_what_git_ignores(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311
    paths = sorted({"/".join(draw.choice(NAMES) for _ in range(draw.randint(1, 4))) for _ in range(50)})
    repo = GitRepo(tmp_path)
    cases: list[Globs] = []
    while len(cases) < 200:
        lines = [random_glob(draw) for _ in range(draw.choice([1, 1, 2, 3]))]
        if any("//" in line or not line.strip(" /!") for line in lines):
            continue
        try:
            globs = Globs.parse(lines, setting="x")
        except ConfigError:
            continue
        repo.write({f"{len(cases)}/.gitignore": "\n".join(lines) + "\n"})
        cases.append(globs)
    asked = "\0".join(f"{number}/{path}" for number in range(len(cases)) for path in paths).encode()
    done = subprocess.run(
        ["git", "check-ignore", "-z", "--stdin", "--no-index"],
        cwd=tmp_path, env=ENV, input=asked, capture_output=True, check=True,
    )  # fmt: skip
    by_git = set(done.stdout.decode().split("\0")[:-1])
    ours = {f"{number}/{path}" for number, globs in enumerate(cases) for path in paths if globs.covers(path)}
    assert len(by_git) > 500
    assert ours == by_git


@pytest.mark.parametrize(
    ("glob", "reason"),
    [
        ("[z-a]", "bad character range z-a"),
        ("docs/[z-a]/*", "bad character range z-a"),
        ("[!]", "a class [...] is not closed"),
        ("a[", "a class [...] is not closed"),
        ("a[b\\", "a class [...] is not closed"),
        ("a\\", "nothing follows the backslash"),
        ("[/]", "[/] fits no character"),
        ("[[:letters:]]", "there is no class [:letters:]"),
        ("!", "it names nothing"),
        ("/", "it names nothing"),
        ("a\0b", "it names nothing"),
    ],
)
def test_a_glob_that_can_fit_nothing_is_refused_with_its_setting(glob: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(glob, setting="ignore-changes")
    assert caught.value.message == f"ignore-changes: {glob!r} is no glob: {reason}"


def test_blank_lines_and_comments_are_no_globs() -> None:
    assert [parse(line, setting="x") for line in ("", "  ", "# README.md")] == [None, None, None]
    assert covers(("\\#x", "\\!y"), "#x")
    assert covers(("\\#x", "\\!y"), "!y")


def test_a_later_glob_takes_back_but_not_below_a_folder_that_is_covered() -> None:
    assert not covers(("*.md", "!NOTES.md"), "docs/NOTES.md")
    assert covers(("docs/", "!docs/NOTES.md"), "docs/NOTES.md")
    assert not covers(("docs/*", "!docs/NOTES.md"), "docs/NOTES.md")


def test_a_star_stays_within_a_name() -> None:
    assert covers(("files/*.json",), "files/a.json")
    assert not covers(("files/*.json",), "files/deep/private/creds.json")
    assert covers(("files/**/*.json",), "files/deep/private/creds.json")
    assert covers(("**/charts/**",), "charts/x")


def test_characters_count_and_not_bytes() -> None:
    assert covers(("v?.yaml", "[ü]"), "vü.yaml")
    assert covers(("v?.yaml", "[ü]"), "ü")


@pytest.mark.parametrize(
    ("lines", "ref", "fits"),
    [
        (["refs/heads/release/*"], "refs/heads/release/1", True),
        (["refs/heads/release/*"], "refs/heads/release/1/2", True),
        (["refs/heads/release-*"], "refs/heads/release-1", True),
        (["refs/tags/v*"], "refs/heads/refs/tags/v1", False),
        (["main"], "refs/heads/main", False),
        (["**/main"], "refs/heads/main", True),
        (["refs/heads/**", "!refs/heads/wip-*"], "refs/heads/wip-1", False),
    ],
)
def test_refs_are_fitted_whole(lines: list[str], ref: str, fits: bool) -> None:  # noqa: FBT001
    assert whole(tuple(lines)).covers(ref) is fits
