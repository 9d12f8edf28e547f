"""What the command line says where it is called wrong."""

from __future__ import annotations

from pathlib import Path

from tests.flow.charts import chart
from tests.flow.command import Command


def test_a_run_step_without_arguments_prints_usage_and_publishes_nothing(tmp_path: Path) -> None:
    """The runner sets ``GITHUB_ACTIONS`` for every step, and inputs for an action only."""
    chart(tmp_path, "web", "1.0.0")
    workflow = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REPOSITORY": "acme/charts",
        "GITHUB_REF": "refs/heads/main",
    }
    command = Command(folder=tmp_path, home=tmp_path / "home", extra=workflow)
    command.home.mkdir()
    done = command.run()
    assert "Usage: oci-chart-publish [OPTIONS] COMMAND [ARGS]..." in done.out + done.err
    assert "web" not in done.out + done.err
    assert not (command.home / "layout").exists()
    assert done.code == command.__class__(folder=tmp_path, home=command.home).run().code
