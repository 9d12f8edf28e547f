from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci_chart_publish.bump.conventional import CommitIntent, Level, Rules, footers, highest, meaning
from oci_chart_publish.errors import ConfigError

DEFAULT = Rules()

LEVELS: dict[str, tuple[str, Level]] = {
    "feature": ("feat: add ingress", "minor"),
    "fix": ("fix: quote the port", "patch"),
    "types in any case": ("FEAT: add ingress", "minor"),
    "scope": ("feat(web): add ingress", "minor"),
    "scope of several words": ("fix(web, db): quote", "patch"),
    "breaking mark": ("feat!: drop v1", "major"),
    "breaking mark behind a scope": ("chore(web)!: drop v1", "major"),
    "breaking type alone": ("BREAKING CHANGE: drop v1", "major"),
    "breaking type with hyphen": ("BREAKING-CHANGE: drop v1", "major"),
    "breaking in lower case is prose": ("breaking change: drop v1", "patch"),
    "other type": ("chore: tidy", "patch"),
    "no type": ("Add ingress", "patch"),
    "no blank behind the colon": ("feat:add ingress", "patch"),
    "no description": ("feat: ", "patch"),
    "the word alone": ("feat", "patch"),
    "chart in brackets": ("[web] Add ingress", "patch"),
    "type behind a chart in brackets": ("[web] feat: add ingress", "minor"),
    "type behind a chart in brackets and a colon": ("[web]: feat: add ingress", "minor"),
    "breaking mark behind a chart in brackets": ("[web] refactor!: drop v1", "major"),
    "a ticked box": ("[x] feat: add ingress", "patch"),
    "merge": ("Merge branch 'main' into x", "patch"),
    "empty": ("", "patch"),
    "breaking footer": ("fix: x\n\nBREAKING CHANGE: the key moved", "major"),
    "breaking footer with hyphen": ("fix: x\n\nBREAKING-CHANGE: the key moved", "major"),
    "breaking footer in lower case": ("fix: x\n\nbreaking change: the key moved", "patch"),
    "breaking footer behind a body": ("fix: x\n\nWhy not.\n\nBREAKING CHANGE: moved\nRefs: #3", "major"),
    "breaking before other paragraphs": (
        "fix: x\n\nBREAKING CHANGE: moved\n\n* one\n* two\n\nSigned-off-by: Ada <ada@example.com>",
        "major",
    ),
    "breaking text on the next line": ("fix: x\n\nBREAKING CHANGE:\nthe key moved", "major"),
    "carriage returns": ("fix: x\r\n\r\nbody\r\n\r\nBREAKING CHANGE: moved\r\n", "major"),
    "breaking in the middle of a line": ("fix: x\n\nThis is no BREAKING CHANGE: really", "patch"),
    "features in a body do not count": ("fix: x\n\n* feat: y\n* feat!: z", "patch"),
}


@pytest.mark.parametrize(("message", "level"), LEVELS.values(), ids=LEVELS)
def test_a_message_asks_for_a_level(message: str, level: Level) -> None:
    assert meaning(message, DEFAULT).level == level


@pytest.mark.parametrize(
    ("message", "level"),
    [
        ("Web things (#12)\n\n* feat: add ingress\n\n* fix: quote\n", "minor"),
        ("Web things (#12)\n\n- fix: quote\n- docs: say so", "patch"),
        ("Web things\n\n* feat(web)!: drop v1", "major"),
        ("Web things\n\n* fix: quote\n\n  BREAKING CHANGE: the key moved", "major"),
        (
            (
                "Squashed commit of the following:\n\ncommit 0123456\nAuthor: Ada\n\n    feat: add ingress\n\n"
                "commit 89abcde\nAuthor: Ada\n\n    fix: quote\n"
            ),
            "minor",
        ),
        ("chore: x\n\n* [web] add ingress", "minor"),
        ("chore: x\n\n- [x] feat: tested", "patch"),
        ("chore: x\n\nprose with feat: inside", "patch"),
    ],
)
def test_a_squash_merge_is_read_by_its_parts_on_request(message: str, level: Level) -> None:
    rules = Rules.of({r"^\[.*\] add": "minor"}, squash=True)
    assert meaning(message, rules).level == level


def test_patterns_of_subjects_come_before_types_and_the_first_one_decides() -> None:
    rules = Rules.of(
        {r"^\[.*\] (?i:add|support)": "minor", r"^\[": "patch", r"^docs": "none"}, untyped="none"
    )
    messages = [
        "[web] Add ingress",
        "[web] Bump image",
        "docs: say so",
        "Tidy",
        "feat: x",
        "[web] add\n\nBREAKING CHANGE: y",
    ]
    assert [meaning(one, rules).level for one in messages] == [
        "minor",
        "patch",
        "none",
        "none",
        "minor",
        "major",
    ]


def test_what_decides_for_commits_that_do_not_say_it_is_named_for_those_alone() -> None:
    rules = Rules.of({"^Add": "minor"}, untyped="minor", because="appVersion 1 -> 2")
    said = {
        one: meaning(one, rules) for one in ("Tidy", "chore: tidy", "Add x", "feat: x", "fix: x", "x!: y")
    }
    assert {one: (found.level, found.because) for one, found in said.items()} == {
        "Tidy": ("minor", "appVersion 1 -> 2"),
        "chore: tidy": ("minor", "appVersion 1 -> 2"),
        "Add x": ("minor", ""),
        "feat: x": ("minor", ""),
        "fix: x": ("patch", ""),
        "x!: y": ("major", ""),
    }
    assert meaning("Tidy\n\nBREAKING CHANGE: x", rules).because == "with BREAKING CHANGE"
    squash = Rules(squash=True)
    assert meaning("Tidy (#7)\n\n* fix: a\n* feat: b", squash).because == "which lists 'feat: b'"
    assert meaning("feat: a (#7)\n\n* feat: b", squash).because == ""


def test_a_mark_of_a_breaking_change_is_stronger_than_a_pattern() -> None:
    assert meaning("docs!: drop v1", Rules.of({"^docs": "none"})).level == "major"


def test_a_pattern_that_is_no_regular_expression_is_named() -> None:
    with pytest.raises(ConfigError) as raised:
        Rules.of({"[": "minor"})
    assert (
        str(raised.value)
        == "commit-types: '[' is no regular expression: unterminated character set at position 0"
    )


@pytest.mark.parametrize(
    ("message", "version"),
    [
        ("chore: x\n\nRelease-As: 2.0.0", "2.0.0"),
        ("chore: x\n\nrelease-as: v2.0.0-rc.1\n", "2.0.0-rc.1"),
        ("chore: x\n\nRelease-As #2.0.0", "2.0.0"),
        ("chore: x\n\nRelease-As: 2.0.0\n\nCo-authored-by: B <b@example.com>", "2.0.0"),
        ("chore: x\n\nRelease-As: 2", ""),
        ("Release-As: 2.0.0", ""),
    ],
)
def test_a_footer_names_a_version_outright(message: str, version: str) -> None:
    assert meaning(message, DEFAULT).release_as == version


def test_the_subject_is_the_first_line() -> None:
    message = "\n  feat: add ingress  \n\nWhy not."
    assert meaning(message, DEFAULT) == CommitIntent(level="minor", subject="feat: add ingress")


def test_the_example_of_the_specification_gives_its_footers() -> None:
    body = (
        "\nIntroduce a request id and a reference to latest request. Dismiss\n"
        "incoming responses other than from latest request.\n\n"
        "Remove timeouts which were used to mitigate the racing issue but are\nobsolete now.\n\n"
        "Reviewed-by: Z\nRefs: #123"
    )
    assert footers(body) == [("Reviewed-by", "Z"), ("Refs", "#123")]


def test_a_footer_goes_on_until_the_next_one() -> None:
    body = "BREAKING CHANGE: the key moved\nand so did the other\n\nnot here\n\nFixes #3\nReviewed-by: Z\n  and Y"
    assert footers(body) == [
        ("BREAKING CHANGE", "the key moved"),
        ("Fixes", "3"),
        ("Reviewed-by", "Z\n  and Y"),
    ]


def test_the_highest_level_of_none_is_none() -> None:
    assert highest([]) == "none"
    assert highest(["patch", "none", "minor"]) == "minor"


@given(st.text(max_size=200), st.booleans())
def test_any_text_is_a_commit_message(message: str, squash: bool) -> None:  # noqa: FBT001
    assert meaning(message, Rules(squash=squash)).level in {"major", "minor", "patch"}
