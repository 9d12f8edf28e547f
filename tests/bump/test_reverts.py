from __future__ import annotations

from oci_chart_publish.bump.commits import unreverted
from oci_chart_publish.git.log import Commit


def commit(sha: str, message: str) -> Commit:
    return Commit(
        sha=sha * 40, parents=(), time=0, author="Ada", email="ada@example.com", message=message, files=("x",)
    )


FEATURE = commit("a", "feat: add ingress (#7)\n\nWhy not.")
FIX = commit("b", "fix: quote (#8)")


def test_a_commit_and_its_revert_cancel() -> None:
    revert = commit("c", f'Revert "feat: add ingress (#7)"\n\nThis reverts commit {"a" * 40}.\n')
    assert unreverted([revert, FIX, FEATURE]) == (FIX,)


def test_a_revert_of_a_revert_brings_the_commit_back() -> None:
    revert = commit("c", f'Revert "feat: add ingress"\n\nThis reverts commit {"a" * 40}.')
    again = commit("d", f'Reapply "feat: add ingress"\n\nThis reverts commit {"c" * 40}.')
    assert unreverted([again, revert, FEATURE]) == (FEATURE,)


def test_the_button_on_the_pull_request_reverts_by_its_number() -> None:
    revert = commit("c", 'Revert "feat: add ingress" (#9)\n\nReverts acme/charts#7')
    assert unreverted([revert, FIX, FEATURE]) == (FIX,)


def test_the_form_of_conventional_commits_names_what_it_reverts() -> None:
    both = commit("c", f"revert: all of that\n\nRefs: {'a' * 7}, {'b' * 7}")
    assert unreverted([both, FIX, FEATURE]) == ()


def test_a_revert_of_something_released_stays() -> None:
    revert = commit("c", f'Revert "feat: old"\n\nThis reverts commit {"9" * 40}.')
    half = commit("d", f"revert: old and new\n\nRefs: {'9' * 7}, {'b' * 7}")
    assert unreverted([half, revert, FIX]) == (half, revert, FIX)


def test_a_mention_of_a_pull_request_reverts_nothing() -> None:
    mention = commit("c", "docs: history\n\nReverts #7")
    assert unreverted([mention, FEATURE]) == (mention, FEATURE)
