"""Release notes: what is said of the commits is what their authors wrote, whatever it looks like to Markdown."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from oci_chart_publish.report import document
from oci_chart_publish.report.release_notes import COMMITS, notes

CHART = document.Chart(
    name="web", path="charts/web", version="1.0.1", status="published", previous_version="1.0.0"
)


def items(*subjects: str) -> list[str]:
    """Return the items of the list as they are shown, each being nothing but text."""
    html = MarkdownIt("gfm-like", {"linkify": False}).render(notes(CHART, subjects))
    listed = html.partition("<ul>")[2].partition("</ul>")[0]
    found = re.findall(r"<li>(.*?)</li>", listed, flags=re.DOTALL)
    assert "<" not in "".join(found), found
    return [item.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&") for item in found]


@pytest.mark.parametrize(
    "subject",
    [
        "+ plus",
        "- dash",
        "* star",
        "--- rule",
        "---",
        "===",
        "___",
        "# head",
        "> quote",
        "1. one",
        "1) one",
        "12. twelve",
        "123456789. many",
        "1.2.3 is out",
        "2026 was a year",
        "- [ ] task",
        "~~~ fence",
        "``` fence",
        "| a | b |",
        "<b>bold</b>",
        "[link](https:x)",
        "**bold** and _italics_",
        "plain, with - dash + plus 1. one",
    ],
)
def test_subject_is_shown_as_it_was_written(subject: str) -> None:
    shown = items("first", subject, "last")
    assert [item.replace("\u2060", "") for item in shown] == ["first", subject, "last"]


@pytest.mark.parametrize(
    "subject",
    ["fix GH-12", "gh-12 again", "fix #12", "thanks @octocat", "see acme/charts#12", "see www.evil.test"],
)
def test_nobody_is_mentioned_and_nothing_referred_to(subject: str) -> None:
    (shown,) = items(subject)
    assert re.search(r"(?i)gh-[0-9]|#[0-9]|@o|www\.", shown) is None
    assert shown.replace("\u2060", "") == subject


def test_long_history_is_counted() -> None:
    shown = items(*(f"change {number}" for number in range(COMMITS + 3)))
    assert (len(shown), shown[-1]) == (COMMITS + 1, "… and 3 more")
