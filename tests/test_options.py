"""The options of the commands are the settings: same names, same meaning."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from oci_chart_publish.cli.main import COMMANDS, group
from oci_chart_publish.cli.options import open_project
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.settings import fields

SHORTER = {"registries": "--registry", "from-plan": "--from"}


def options() -> Iterator[tuple[str, click.Option]]:
    context = click.Context(group)
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option):
                yield name, option


@pytest.mark.parametrize(
    ("name", "setting"), [(name, field.name) for name, field in fields().items()], ids=list(fields())
)
def test_an_option_has_the_name_of_its_setting(name: str, setting: str) -> None:
    found = {flag for _, option in options() if option.name == setting for flag in option.opts}
    assert found <= {SHORTER.get(name, f"--{name}")}


def test_ignored_changes_are_named_one_by_one() -> None:
    found = [option for _, option in options() if option.name == "ignore_changes"]
    assert found
    assert all(option.multiple for option in found)


@pytest.mark.parametrize("host", ["localhost:5000", "registry.example.com", "localhost", "[::1]:5000"])
def test_plain_http_says_that_it_takes_no_value(host: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_project({}, {"plain_http": "*", "paths": (host,)})
    assert str(caught.value) == (
        f"--plain-http takes no value, and there is no chart {host!r}\nit is for all registries of the command; to "
        f"name single ones: OCI_CHART_PUBLISH_PLAIN_HTTP={host}, or plain-http in the settings file"
    )
