from __future__ import annotations

import json
from pathlib import Path

import pytest

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.github.event import Event, read_event


def environment(tmp_path: Path, document: object, **more: str) -> dict[str, str]:
    path = tmp_path / "event.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return {"GITHUB_EVENT_PATH": str(path), "GITHUB_REPOSITORY": "acme/charts", **more}


def test_outside_a_workflow_everything_is_empty() -> None:
    assert read_event({}) == Event()


def test_push_knows_the_commit_before_and_the_default_branch(tmp_path: Path) -> None:
    event = read_event(
        environment(
            tmp_path,
            {"before": "a" * 40, "repository": {"default_branch": "main"}},
            GITHUB_EVENT_NAME="push",
            GITHUB_REF="refs/heads/main",
            GITHUB_SERVER_URL="https://github.com",
            GITHUB_SHA="b" * 40,
        )
    )
    assert event.before == "a" * 40
    assert event.revision == "b" * 40
    assert event.url == "https://github.com/acme/charts"
    assert event.on_default_branch
    assert not event.from_fork


def test_first_push_of_a_branch_has_no_commit_before(tmp_path: Path) -> None:
    event = read_event(environment(tmp_path, {"before": "0" * 40}))
    assert (event.before, event.created) == ("", True)


def test_push_lists_its_commits(tmp_path: Path) -> None:
    commits = [{"id": "a" * 40}, {"id": "b" * 40}, {}, "odd"]
    event = read_event(environment(tmp_path, {"before": "c" * 40, "commits": commits}))
    assert (event.pushed, event.commits, event.created) == (("a" * 40, "b" * 40), 3, False)


def test_merge_group_begins_after_its_base(tmp_path: Path) -> None:
    group = {"base_sha": "a" * 40, "head_sha": "b" * 40, "base_ref": "refs/heads/main"}
    event = read_event(environment(tmp_path, {"action": "checks_requested", "merge_group": group}))
    assert (event.before, event.created, event.pull_request) == ("a" * 40, False, None)


PULL_REQUEST = {
    "number": 7,
    "state": "closed",
    "merged": True,
    "head": {"sha": "c" * 40, "ref": "topic", "repo": {"full_name": "acme/charts"}},
    "base": {"sha": "d" * 40, "ref": "main"},
    "labels": [{"name": "release:minor"}, {}],
}


def test_pull_request_is_read_whole(tmp_path: Path) -> None:
    event = read_event(environment(tmp_path, {"action": "closed", "pull_request": PULL_REQUEST}))
    found = event.pull_request
    assert found is not None
    assert (found.number, found.action, found.merged, found.closed) == (7, "closed", True, True)
    assert (found.head, found.head_ref, found.head_repository) == ("c" * 40, "topic", "acme/charts")
    assert found.labels == ("release:minor", "")
    assert not event.from_fork


@pytest.mark.parametrize("repository", [None, {"full_name": "evil/charts"}, {}])
def test_other_or_deleted_head_repository_is_a_fork(tmp_path: Path, repository: object) -> None:
    document = {"pull_request": {**PULL_REQUEST, "head": {"sha": "c" * 40, "repo": repository}}}
    assert read_event(environment(tmp_path, document)).from_fork


@pytest.mark.parametrize(
    "document", ["[]", "{}", '{"pull_request": {"number": "7"}}', '{"pull_request": []}']
)
def test_odd_event_has_no_pull_request(tmp_path: Path, document: str) -> None:
    assert read_event(environment(tmp_path, document)).pull_request is None


def test_event_that_is_no_json_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the event file"):
        read_event(environment(tmp_path, "{"))


def test_missing_event_file_is_no_error(tmp_path: Path) -> None:
    assert read_event({"GITHUB_EVENT_PATH": str(tmp_path / "none")}) == Event()


@pytest.mark.parametrize(
    ("subject", "named"),
    [
        ("A change (#7)", (7,)),
        ("Merge pull request #8 from acme/topic", (8,)),
        ("Fixes (#7) at last", ()),
        ("Merge branch 'main'", ()),
        ("A change (#12345678901)", ()),
    ],
)
def test_pull_requests_that_subjects_name_are_those_that_github_has_put_there(
    tmp_path: Path, subject: str, named: tuple[int, ...]
) -> None:
    pushed = {"before": "c" * 40, "commits": [{"id": "a" * 40, "message": f"{subject}\n\n(#99)"}]}
    assert read_event(environment(tmp_path, pushed)).named == named
    followed = {"workflow_run": {"head_commit": {"message": subject}}}
    assert read_event(environment(tmp_path, followed)).named == named


def test_dependabot_reads_only_whatever_the_workflow_asks_for(tmp_path: Path) -> None:
    event = read_event(environment(tmp_path, {}, GITHUB_ACTOR="dependabot[bot]"))
    assert (event.read_only, event.from_fork) == (True, False)
