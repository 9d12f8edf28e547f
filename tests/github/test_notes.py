from __future__ import annotations

import pytest

from oci_chart_publish.github.releases import is_ours, merge, section

START = "<!-- oci-chart-publish:start -->"
END = "<!-- oci-chart-publish:end -->"


@pytest.mark.parametrize(
    ("body", "merged"),
    [
        ("", f"{START}\nnew\n{END}"),
        ("  \n", f"{START}\nnew\n{END}"),
        ("Hello.\n", f"Hello.\n\n{START}\nnew\n{END}"),
        (f"{START}\nold\n{END}", f"{START}\nnew\n{END}"),
        (f"A\r\n{START}\r\nold\r\n{END}\r\nB", f"A\r\n{START}\nnew\n{END}\r\nB"),
        (f"A {START}{END} B", f"A {START}\nnew\n{END} B"),
        (f"A\n{START}\nold, its end was deleted", f"A\n{START}\nnew\n{END}\nold, its end was deleted"),
        (f"{START}\none\n{END}\n{START}\ntwo\n{END}", f"{START}\nnew\n{END}\n{START}\ntwo\n{END}"),
    ],
    ids=["empty", "blank", "foreign", "ours", "crlf", "one line", "no end", "two"],
)
def test_only_our_part_changes(body: str, merged: str) -> None:
    assert merge(body, "new\n") == merged


def test_notes_that_hold_a_marker_cannot_break_out() -> None:
    assert merge("", f"a {END} b {START}") == f"{START}\na  b\n{END}"


def test_merging_twice_gives_the_same() -> None:
    once = merge("Hello.", "new")
    assert merge(once, "new") == once


def test_our_part_is_known_by_its_marker() -> None:
    assert is_ours(f"x {START}")
    assert not is_ours("oci-chart-publish:start")


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (f"Hello\n\n{START}\nours\r\nmore\n{END}\nBye", "ours\r\nmore"),
        (f"{START}\nours\n{END}", "ours"),
        (f"{START}\nours, of which the end was deleted", ""),
        ("theirs", ""),
    ],
)
def test_our_part_is_read_where_it_is_whole(body: str, part: str) -> None:
    assert section(body) == part
