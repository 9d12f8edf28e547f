from __future__ import annotations

import pytest

from oci_chart_publish.bump.preview_template import preview_of, preview_version
from oci_chart_publish.errors import ConfigError

DEFAULT = "0.0.0-pr.{number}.g{sha7}"
HEAD = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("template", "version"),
    [
        (DEFAULT, "0.0.0-pr.12.g0123456"),
        ("0.0.0-pr.{number}+{sha7}", "0.0.0-pr.12+0123456"),
        ("{version}-pr.{number}.g{sha}", f"1.2.3-pr.12.g{HEAD}"),
        ("0.0.0-pr{number}-{sha7}", "0.0.0-pr12-0123456"),
    ],
)
def test_a_preview_is_named_after_pull_request_and_commit(template: str, version: str) -> None:
    assert preview_version(template, number=12, head=HEAD, version="1.2.3") == version


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("0.0.0-pr.{number}.{sha7}", "has a bare commit: put a letter before it\nfor example g{sha7}"),
        ("0.0.0-{sha7}.pr{number}", "has a bare commit: put a letter before it\nfor example g{sha7}"),
        ("0.0.0-pr.{number}{sha7}", "has a bare commit: put a letter before it\nfor example g{sha7}"),
        ("0.0.0-pr.{number}.{sha}", "has a bare commit: put a letter before it\nfor example g{sha7}"),
        (
            "0.0.0-pr.{pull}",
            "has an unknown field {pull}\nknown: {number}, {sha7}, {sha}, {version}",
        ),
        (
            "0.0.0-g{sha7}",
            (
                "needs {number}: without it nobody can tell which previews to delete\n"
                "for example 0.0.0-pr.{number}.g{sha7}"
            ),
        ),
        (
            "0.0.{number}",
            "gives '0.0.12', which is no prerelease version\nfor example 0.0.0-pr.{number}.g{sha7}",
        ),
        (
            "pr-{number}",
            "gives 'pr-12', which is no prerelease version\nfor example 0.0.0-pr.{number}.g{sha7}",
        ),
        (
            "1.0.0-pr_{number}",
            "gives '1.0.0-pr_12', which is no prerelease version\nfor example 0.0.0-pr.{number}.g{sha7}",
        ),
    ],
)
def test_a_template_whose_versions_would_sometimes_be_none_is_refused(template: str, problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        preview_version(template, number=12, head=HEAD)
    assert str(raised.value) == f"preview-template: {template!r} {problem}"


@pytest.mark.parametrize(
    ("template", "version", "number"),
    [
        (DEFAULT, "0.0.0-pr.12.g0123456", 12),
        (DEFAULT, "0.0.0-pr.12.g012345", None),
        (DEFAULT, "0.0.0-pr.12.g01234567", None),
        (DEFAULT, "0.0.0-pr.x.g0123456", None),
        (DEFAULT, "0.0.0-pr.12", None),
        (DEFAULT, "1.0.0", None),
        (DEFAULT, "1.0.0-pr.12.g0123456", None),
        (DEFAULT, "0x0.0-pr.12.g0123456", None),
        ("{version}-pr.{number}.g{sha7}", "1.2.3-rc.1-pr.7.gabcdef0", 7),
        ("0.0.0-pr.{number}.of.{number}", "0.0.0-pr.7.of.7", 7),
        ("0.0.0-pr.{number}.of.{number}", "0.0.0-pr.7.of.8", None),
    ],
)
def test_a_preview_is_told_from_a_release(template: str, version: str, number: int | None) -> None:
    assert preview_of(template, version) == number
