from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from oci_chart_publish.report import text
from oci_chart_publish.report.text import escaped, markup


@pytest.mark.parametrize(
    ("count", "expected"),
    [(None, ""), (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10871, "10.6 KiB"), (5 << 20, "5.0 MiB")],
)
def test_size_reads_as_helm_prints_it(count: int | None, expected: str) -> None:
    assert text.size(count) == expected


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [(1, None, ""), (None, 1, ""), (5, 5, "±0"), (3000, 1000, "+2.0 KiB"), (1000, 1010, "\u221210 B")],
)
def test_change_of_size_has_a_sign(now: int | None, before: int | None, expected: str) -> None:
    assert text.change(now, before) == expected


HOSTILE = [
    "a | b",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "**bold** _it_ ~~no~~",
    "</details><h1>",
    "`code`",
    "&lt;",
    "# no heading",
    "- no list",
    "1 \\| 2",
    "![i](https://example.com/i.png)",
    "<!-- comment -->",
    "line one\n\n# line two",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_escaped_text_renders_as_nothing_but_itself(hostile: str) -> None:
    html = MarkdownIt("gfm-like", {"linkify": False}).render(f"| h |\n|---|\n| {text.escaped(hostile)} |\n")
    inside = html.partition("<td>")[2].partition("</td>")[0]
    assert "<" not in inside
    assert html.count("<td") == 1


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_inside_an_element_stays_text(hostile: str) -> None:
    html = MarkdownIt("gfm-like", {"linkify": False}).render(
        f"<details><summary>{text.markup(hostile)}</summary>\n\nx\n\n</details>"
    )
    inside = html.partition("<summary>")[2].partition("</summary>")[0]
    assert "<" not in inside


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("cell", [True, False])
def test_code_span_cannot_be_ended_from_inside(hostile: str, *, cell: bool) -> None:
    markdown = f"| h |\n|---|\n| {text.cell_code(hostile)} |\n" if cell else text.code(hostile)
    html = MarkdownIt("gfm-like", {"linkify": False}).render(markdown)
    inside = html.partition("<td>" if cell else "<p>")[2].partition("</td>" if cell else "</p>")[0]
    assert inside.startswith("<code>")
    assert inside.endswith("</code>")
    assert inside.count("<") == 2


def test_mentions_references_and_links_are_broken() -> None:
    escaped = text.escaped("@octocat fixes #12, see https://example.com and www.example.com, GH-3")
    assert "@octocat" not in escaped
    assert "#12" not in escaped
    assert "https:" not in escaped
    assert "www." not in escaped
    assert "GH-3" not in escaped
    assert "gh-3" not in text.markup("gh-3")


def test_bar_stays_a_bar_outside_of_tables() -> None:
    assert text.code("a|b") == "`a|b`"
    assert text.cell_code("a|b") == "`a\u2223b`"


def test_invisible_characters_vanish_and_length_is_limited() -> None:
    assert text.plain("a\u202eb\x1b[31mc\x00d\u200be") == "ab[31mcde"
    assert text.plain("x" * 500, 10) == "x" * 9 + "…"


@pytest.mark.parametrize("written", [":tada: x", "a :+1: b", ":white_check_mark:"])
def test_emoji_of_strangers_stay_text(written: str) -> None:
    for shown in (escaped(written), markup(written)):
        assert not re.search(r":[a-z0-9_+\\-]+:", shown)
        assert shown.replace("\u2060", "").replace("\\", "") == written


@pytest.mark.parametrize("sha", ["0123abc", "0" * 39 + "a"])
def test_ids_of_commits_of_strangers_are_no_links(sha: str) -> None:
    for shown in (escaped(f"see {sha}."), markup(f"see {sha}.")):
        assert sha not in shown
        assert shown.replace("\u2060", "").replace("\\", "") == f"see {sha}."


def test_digests_and_short_numbers_are_left_as_they_are() -> None:
    digest = "sha256:" + "a" * 64
    assert escaped(f"{digest} 123456 facade") == f"{digest} 123456 facade"
