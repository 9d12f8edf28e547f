from __future__ import annotations

import pytest

from oci_chart_publish.action.action import inputs
from oci_chart_publish.action.trigger import default_command, why_planned
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.github.event import Event

ONLY = "this is a plan, nothing is published: "


@pytest.mark.parametrize(
    ("event", "refs", "command", "why"),
    [
        (Event(name="push", ref="refs/heads/main", default_branch="main"), (), "publish", ""),
        (Event(name="schedule", ref="refs/heads/main"), (), "publish", ""),
        (Event(name="push", ref="refs/tags/v1", default_branch="main"), ("refs/tags/*",), "publish", ""),
        (Event(name="pull_request", ref="refs/pull/7/merge", default_branch="main"), (), "plan", ""),
        (Event(name="merge_group", default_branch="main"), (), "plan", ""),
        (Event(name="push", ref="refs/heads/topic", default_branch="main"), (), "plan", ""),
        (
            Event(name="release", ref="refs/tags/v1", default_branch="main"),
            (),
            "plan",
            f"{ONLY}the event release publishes only where that is said; to publish, add `command: publish`",
        ),
        (
            Event(name="workflow_run", ref="refs/heads/main", default_branch="main"),
            (),
            "plan",
            f"{ONLY}the event workflow_run publishes only where that is said; to publish, add `command: publish`",
        ),
        (
            Event(name="push", ref="refs/tags/web-1.0.0", default_branch="main"),
            (),
            "plan",
            (
                f"{ONLY}refs/tags/web-1.0.0 is a tag, and the default branch publishes; "
                "to publish from tags, add `publish-refs: refs/tags/*`"
            ),
        ),
        (
            Event(name="push", ref="refs/heads/main"),
            (),
            "plan",
            (
                f"{ONLY}the event does not say which branch is the default one; "
                "to publish from this one, add `publish-refs: refs/heads/main`"
            ),
        ),
    ],
)
def test_event_stands_for_a_command_and_says_why_it_is_only_a_plan(
    event: Event, refs: tuple[str, ...], command: str, why: str
) -> None:
    assert default_command(event, refs) == command
    assert (why_planned(event) if command == "plan" else "") == why


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("INPUT_REGISTRYS", "unknown input 'registrys' (INPUT_REGISTRYS)", "did you mean 'registries'?"),
        ("INPUT_DRYRUN", "unknown input 'dryrun' (INPUT_DRYRUN)", "did you mean 'dry-run'?"),
        ("INPUT_COMENT", "unknown input 'coment' (INPUT_COMENT)", "did you mean 'comment'?"),
    ],
)
def test_input_that_is_none_is_an_error_with_the_nearest_name(name: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        inputs({name: "true"})
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_what_the_runner_passes_on_besides_inputs_is_left_alone() -> None:
    environment = {"INPUT_ARGS": "x", "INPUT_ENTRYPOINT": "/y", "INPUT_GONE": "", "INPUT_DRY-RUN": "true"}
    assert inputs(environment) == {"dry-run": "true"}
