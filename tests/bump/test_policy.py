from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pytest
from msgspec.structs import replace

from oci_chart_publish.bump import policy
from oci_chart_publish.bump.conventional import Rules
from oci_chart_publish.bump.policy import Change, History, Labels, automatic, explicit, proposal
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ConflictError
from oci_chart_publish.model import BumpLevel, VersionDecision


def history(base: str = "", counted: str = "", taken: str = "", messages: tuple[str, ...] = ()) -> History:
    """History from versions separated by blanks; the base counts too, and what counts is taken."""
    own = ChartVersion.parse(base) if base else None
    versions = {ChartVersion.parse(one) for one in f"{base} {counted}".split()}
    return History(
        base=own,
        counted=frozenset(versions),
        taken=frozenset(versions | {ChartVersion.parse(one) for one in taken.split()}),
        changes=tuple(Change(message=message, sha=message) for message in messages),
    )


def all_with(labels: Sequence[str]) -> Labels:
    """Every commit came with a pull request that has these labels."""
    return lambda commits: dict.fromkeys(commits, labels)


def with_(labels: Mapping[str, Sequence[str]]) -> Labels:
    """Commits by sha came with pull requests that have these labels."""
    return lambda _: labels


def outcome(decision: VersionDecision) -> tuple[str, BumpLevel, str]:
    return decision.version, decision.level, decision.reason


DECISIONS: dict[str, tuple[str, History, tuple[str, BumpLevel, str]]] = {
    "nothing published": ("0.1.0", history(), ("0.1.0", "none", "first release")),
    "no full version": ("v0.1", history(), ("0.1.0", "none", "first release, v0.1 written in full")),
    "no full version, raised": (
        "v1.3.0",
        history("1.2.3", messages=("fix: x",)),
        ("1.3.0", "none", "Chart.yaml was raised above 1.2.3, v1.3.0 written in full"),
    ),
    "no full version, released": (
        "v1.2.3",
        history("1.2.3", messages=("fix: x",)),
        ("1.2.4", "patch", "'fix: x'"),
    ),
    "nothing changed": (
        "1.2.3",
        history("1.2.3"),
        ("1.2.3", "none", "no commit touched it since its last release"),
    ),
    "fix": ("1.2.3", history("1.2.3", messages=("fix: x",)), ("1.2.4", "patch", "'fix: x'")),
    "untyped": ("1.2.3", history("1.2.3", messages=("Tidy",)), ("1.2.4", "patch", "'Tidy'")),
    "the highest of several": (
        "1.2.3",
        history("1.2.3", messages=("fix: x", "feat: y", "feat: z")),
        ("1.3.0", "minor", "'feat: y'"),
    ),
    "breaking": (
        "1.2.3",
        history("1.2.3", messages=("fix: x\n\nBREAKING CHANGE: y",)),
        ("2.0.0", "major", "'fix: x', with BREAKING CHANGE"),
    ),
    "breaking below one": (
        "0.2.3",
        history("0.2.3", messages=("feat!: x",)),
        ("0.3.0", "minor", "'feat!: x'"),
    ),
    "feature below one": ("0.2.3", history("0.2.3", messages=("feat: x",)), ("0.3.0", "minor", "'feat: x'")),
    "fix below one": ("0.2.3", history("0.2.3", messages=("fix: x",)), ("0.2.4", "patch", "'fix: x'")),
    "Chart.yaml behind": ("1.0.0", history("1.2.3", messages=("fix: x",)), ("1.2.4", "patch", "'fix: x'")),
    "Chart.yaml raised": (
        "1.5.0",
        history("1.2.3", messages=("feat!: x",)),
        ("1.5.0", "none", "Chart.yaml was raised above 1.2.3"),
    ),
    "Chart.yaml raised to a candidate": (
        "1.3.0-rc.1",
        history("1.2.3", messages=("feat: x",)),
        ("1.3.0-rc.1", "none", "Chart.yaml was raised above 1.2.3"),
    ),
    "Chart.yaml raised, but not above the registry": (
        "1.2.4",
        history("1.2.3", "1.3.0", messages=("fix: x",)),
        ("1.3.1", "patch", "'fix: x'"),
    ),
    "a registry is ahead of the tags": (
        "1.2.3",
        history("1.2.3", "1.2.9", messages=("feat: x",)),
        ("1.3.0", "minor", "'feat: x'"),
    ),
    "registry only": (
        "1.2.3",
        history("", "1.2.3 1.2.2", messages=("feat: x",)),
        ("1.3.0", "minor", "'feat: x'"),
    ),
    "a candidate stays a candidate": (
        "1.3.0-rc.1",
        history("1.3.0-rc.1", "1.2.3", messages=("feat: x",)),
        ("1.3.0-rc.2", "minor", "'feat: x'"),
    ),
    "a patch taken by another branch is stepped over": (
        "1.2.3",
        history("1.2.3", taken="1.2.4 1.2.5", messages=("fix: x",)),
        ("1.2.6", "patch", "'fix: x'"),
    ),
    "named by a footer": (
        "1.2.3",
        history("1.2.3", messages=("fix: y", "chore: x\n\nRelease-As: 3.0.0")),
        ("3.0.0", "explicit", "Release-As in 'chore: x'"),
    ),
    "the newest of two footers": (
        "1.2.3",
        history("1.2.3", messages=("a\n\nRelease-As: 1.9.0", "b\n\nRelease-As: 3.0.0")),
        ("1.9.0", "explicit", "Release-As in 'a'"),
    ),
    "a footer whose version is published already": (
        "1.2.3",
        history("1.2.3", "3.0.0", messages=("fix: y", "chore: x\n\nRelease-As: 3.0.0")),
        ("3.0.1", "patch", "'fix: y'"),
    ),
}


@pytest.mark.parametrize(("version", "known", "expected"), DECISIONS.values(), ids=DECISIONS)
def test_the_version_follows_from_history(
    version: str, known: History, expected: tuple[str, BumpLevel, str]
) -> None:
    decision = automatic(version, known)
    assert outcome(decision) == expected
    assert decision.stamped is (decision.version != version)


@pytest.mark.parametrize(
    ("known", "labels", "held"),
    [
        (history("1.2.3", messages=("docs: x",)), (), True),
        (history("1.2.3", messages=("fix: x",)), ("release:skip",), True),
        (history("1.2.3"), ("release:skip",), False),
        (history("1.2.3"), (), False),
        (history("1.2.3", messages=("fix: x",)), (), False),
        (history("1.2.0", messages=("docs: x",)), ("release:skip",), False),
        (history(), ("release:skip",), False),
    ],
)
def test_what_was_decided_not_to_be_released_is_held(
    known: History, labels: tuple[str, ...], *, held: bool
) -> None:
    rules = Rules(untyped="none")
    assert automatic("1.2.3", known, labels=all_with(labels), rules=rules).withheld is held


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["release:major"], ("2.0.0", "major", "label release:major")),
        (["bug", "release:patch", "release:minor"], ("1.3.0", "minor", "label release:minor")),
        (["release:skip", "release:major"], ("1.2.3", "none", "label release:skip")),
        (["Release: Minor"], ("1.3.0", "minor", "label release:minor")),
        (["major", "release:huge", "skip"], ("1.2.4", "patch", "'fix: x'")),
    ],
)
def test_labels_come_before_commits(labels: list[str], expected: tuple[str, BumpLevel, str]) -> None:
    known = history("1.2.3", messages=("fix: x",))
    assert outcome(automatic("1.2.3", known, labels=all_with(labels))) == expected


def test_labels_come_before_footers_and_after_a_raised_version() -> None:
    known = history("1.2.3", messages=("x\n\nRelease-As: 3.0.0",))
    assert automatic("1.2.3", known, labels=all_with(["release:patch"])).version == "1.2.4"
    assert automatic("1.9.0", known, labels=all_with(["release:patch"])).version == "1.9.0"


def test_a_label_counts_in_full_below_one() -> None:
    known = history("0.2.3", messages=("fix: x",))
    assert automatic("0.2.3", known, labels=all_with(["release:major"])).version == "1.0.0"


def test_a_label_is_of_the_commits_that_came_with_its_pull_request() -> None:
    known = history("1.2.3", messages=("feat: a", "fix: b"))
    labels = {"fix: b": ["release:major"], "feat: a": ["release:skip"]}
    assert outcome(automatic("1.2.3", known, labels=with_(labels))) == (
        "2.0.0",
        "major",
        "label release:major",
    )
    labels["fix: b"] = []
    assert outcome(automatic("1.2.3", known, labels=with_(labels))) == (
        "1.2.4",
        "patch",
        "'fix: b'",
    )


def test_a_version_that_is_named_stands_beside_a_label_of_another_pull_request() -> None:
    known = history("1.2.3", messages=("feat: a", "x\n\nRelease-As: 1.5.0"))
    named = known.changes[1].sha
    for label, version in (("release:minor", "1.5.0"), ("release:major", "2.0.0"), ("release:skip", "1.5.0")):
        labels = {named: [], known.changes[0].sha: [label]}
        assert automatic("1.2.3", known, labels=with_(labels)).version == version


def test_a_footer_that_names_no_version_is_warned_of() -> None:
    decision = automatic("1.2.3", history("1.2.3", messages=("fix: y", "feat: x\n\nRelease-As: 2.5")))
    assert (decision.version, decision.level) == ("1.3.0", "minor")
    assert decision.warning == "'Release-As: 2.5' of 'feat: x' is no semantic version, and does not count"


def test_a_version_that_is_named_for_a_dependency_is_not_taken_by_what_embeds_it() -> None:
    changes = (Change(message="fix: x\n\nRelease-As: 1.5.0", own=False),)
    known = replace(history("1.0.0"), changes=changes)
    assert outcome(automatic("1.0.0", known, bumped_dependency="lib")) == ("1.0.1", "patch", "'fix: x'")


def test_content_that_is_published_keeps_its_version_so_that_a_crash_burns_no_number() -> None:
    asked: list[str] = []

    def is_same(version: ChartVersion) -> bool:
        asked.append(str(version))
        return str(version) == "1.2.4"

    known = history("1.2.3", "1.2.4 1.3.0 1.0.0", messages=("fix: x",))
    decision = automatic("1.2.3", known, is_same=is_same)
    assert decision == VersionDecision(
        version="1.2.4",
        level="none",
        reason="1.2.4 holds this content already",
        previous="1.2.3",
        stamped=True,
    )
    assert asked == ["1.3.0", "1.2.4"]


def asked_for(known: History) -> list[str]:
    asked: list[str] = []

    def is_same(version: ChartVersion) -> bool:
        asked.append(str(version))
        return False

    automatic("1.2.3", known, is_same=is_same)
    return asked


def test_versions_below_the_base_are_never_built() -> None:
    known = history("1.2.3", "1.2.2 0.9.0", messages=("fix: x",))
    assert asked_for(known) == ["1.2.3"]


def test_without_a_base_nothing_below_chart_yaml_is_built() -> None:
    known = history("", "1.2.4 1.2.3 1.2.2 0.9.0", messages=("fix: x",))
    assert asked_for(known) == ["1.2.4", "1.2.3"]


def test_a_dependency_that_moved_asks_for_a_patch() -> None:
    assert outcome(automatic("1.2.3", history("1.2.3"), bumped_dependency="common")) == (
        "1.2.4",
        "patch",
        "its dependency common changed",
    )
    known = history("1.2.3", messages=("feat: x",))
    assert automatic("1.2.3", known, bumped_dependency="common").version == "1.3.0"


def test_a_repository_may_say_that_most_commits_need_no_release() -> None:
    rules = Rules(untyped="none")
    known = history("1.2.3", messages=("docs: x", "chore: y"))
    assert outcome(automatic("1.2.3", known, rules=rules)) == (
        "1.2.3",
        "none",
        "no commit asks for a release, such as 'docs: x'",
    )


def test_the_reason_names_what_decided_for_commits_that_do_not_say_it() -> None:
    rules = Rules(untyped="minor", because="appVersion 1.2.0 -> 1.3.0")
    known = history("1.2.3", messages=("fix: y", "Update x"))
    assert outcome(automatic("1.2.3", known, rules=rules)) == (
        "1.3.0",
        "minor",
        "'Update x', appVersion 1.2.0 -> 1.3.0",
    )


def test_zero_versions_may_be_treated_as_any_other() -> None:
    rules = Rules(initial_development=False)
    assert automatic("0.2.3", history("0.2.3", messages=("fix: x",)), rules=rules).version == "0.2.4"
    assert automatic("0.2.3", history("0.2.3", messages=("feat: x",)), rules=rules).version == "0.3.0"
    assert automatic("0.2.3", history("0.2.3", messages=("feat!: x",)), rules=rules).version == "1.0.0"


def test_a_channel_makes_prereleases() -> None:
    known = history("1.2.3", messages=("feat: x",))
    assert automatic("1.2.3", known, channel="beta").version == "1.3.0-beta.1"
    later = history("1.3.0-beta.1", "1.2.3", messages=("fix: x",))
    assert automatic("1.2.3", later, channel="beta").version == "1.3.0-beta.2"


def test_a_footer_that_would_go_back_is_a_conflict() -> None:
    with pytest.raises(ConflictError) as raised:
        automatic("1.2.3", history("1.2.3", messages=("x\n\nRelease-As: 1.0.0",)))
    assert str(raised.value) == (
        "Release-As: 1.0.0 in 'x' is not above 1.2.3, which is released\nname a higher version in a later commit"
    )


def test_a_footer_may_not_name_what_another_branch_has() -> None:
    with pytest.raises(ConflictError, match=r"^Release-As: 2\.0\.0 in 'x' is taken by another branch\n"):
        automatic("1.2.3", history("1.2.3", taken="2.0.0", messages=("x\n\nRelease-As: 2.0.0",)))


def test_a_maintenance_branch_does_not_run_into_the_versions_of_the_default_branch() -> None:
    with pytest.raises(ConflictError) as raised:
        automatic("1.2.3", history("1.2.3", taken="1.3.0 1.3.1 2.0.0", messages=("feat: x",)))
    assert str(raised.value) == (
        "the next minor version after 1.2.3 is 1.3.0, which exists already, on a newer commit or another branch\n"
        "run on the newer commit, merge that branch, set a version that is free in Chart.yaml, or ask for a patch of "
        "1.2 with the label release:patch"
    )


@pytest.mark.parametrize("message", ["feat: x", "fix: x"])
def test_what_a_branch_released_before_it_was_squashed_is_not_released_again(message: str) -> None:
    known = history("1.2.3", taken="1.3.0 1.2.4", messages=(message,))
    there = "1.3.0" if message == "feat: x" else "1.2.4"
    decision = automatic("1.2.3", known, is_same=lambda version: str(version) == there)
    assert outcome(decision) == (there, "none", f"{there} holds this content already")


def test_a_first_version_that_another_branch_has_is_not_given_twice() -> None:
    known = history(taken="1.0.0", messages=("fix: x",))
    for decide in (automatic, partial(explicit, "minor")):
        with pytest.raises(ConflictError, match=r"^1\.0\.0 would be the first release .* and exists already"):
            decide("1.0.0", known)
        decision = decide("1.0.0", known, is_same=lambda _: True)
        assert outcome(decision) == ("1.0.0", "none", "1.0.0 holds this content already")
    assert automatic("1.0.1", known).reason == "first release"


EXPLICIT: dict[str, tuple[str, History, tuple[str, BumpLevel, str]]] = {
    "one step": ("1.2.3", history("1.2.3"), ("1.3.0", "minor", "bump: minor, above 1.2.3")),
    "above the registry": (
        "1.2.3",
        history("1.2.3", "1.7.0"),
        ("1.8.0", "minor", "bump: minor, above 1.7.0"),
    ),
    "first": ("0.1.0", history(), ("0.1.0", "none", "first release")),
    "raised": ("1.3.0", history("1.2.3"), ("1.3.0", "none", "Chart.yaml was raised above 1.2.3")),
    "a candidate becomes its release": (
        "1.3.0-rc.2",
        history("1.3.0-rc.2", "1.2.3"),
        ("1.3.0", "minor", "bump: minor, above 1.3.0-rc.2"),
    ),
}


@pytest.mark.parametrize(("version", "known", "expected"), EXPLICIT.values(), ids=EXPLICIT)
def test_an_explicit_step(version: str, known: History, expected: tuple[str, BumpLevel, str]) -> None:
    assert outcome(explicit("minor", version, known)) == expected


def test_an_explicit_step_is_not_taken_twice() -> None:
    known = history("1.2.3", "1.3.0")
    decision = explicit("minor", "1.2.3", known, is_same=lambda version: str(version) == "1.3.0")
    assert outcome(decision) == ("1.3.0", "none", "1.3.0 holds this content already")
    elsewhere = history("1.2.3", taken="1.3.0")
    decision = explicit("minor", "1.2.3", elsewhere, is_same=lambda version: str(version) == "1.3.0")
    assert outcome(decision) == ("1.3.0", "none", "1.3.0 holds this content already")


def test_chart_yaml_is_the_truth_by_default() -> None:
    assert policy.keep("v1.2") == VersionDecision(
        version="v1.2", level="none", reason="Chart.yaml says so", previous=None, stamped=False
    )


@pytest.mark.parametrize(
    ("version", "counted", "proposed"),
    [
        ("1.2.3", ["1.2.3"], "1.2.4"),
        ("1.2.3", ["1.2.3", "1.2.7", "1.3.0"], "1.2.8"),
        ("1.2.3", [], "1.2.4"),
        ("1.3.0-rc.1", ["1.2.3", "1.3.0-rc.1"], "1.3.0-rc.2"),
        ("1.3.0-rc.1", ["1.3.0-rc.1", "1.3.0"], "1.3.1"),
        ("1.2", ["1.2.0"], "1.2.1"),
    ],
)
def test_the_version_that_would_do_in_a_conflict(version: str, counted: list[str], proposed: str) -> None:
    assert proposal(version, [ChartVersion.parse(one) for one in counted]) == proposed
