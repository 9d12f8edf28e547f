"""Versions of previews: below every release, and never taken for one."""

from __future__ import annotations

import re

from oci_chart_publish.chart.version import ChartVersion, is_strict
from oci_chart_publish.errors import ConfigError

_FIELD = re.compile(r"\{(\w*)\}")


def preview_version(template: str, *, number: int, head: str, version: str = "") -> str:
    """Return the version of a pull request's preview, from the commit at its head.

    A template with a bare abbreviated commit is refused: one that happens to be all digits with a leading zero is no
    semantic version, and others would be compared as numbers.
    """
    if re.search(r"(?:^|[.-])\{sha7?\}", template.partition("-")[2]):
        raise ConfigError(
            f"preview-template: {template!r}: put a letter before the commit", hint="for example g{sha7}"
        )
    values = {"number": str(number), "sha7": head[:7], "sha": head, "version": version}
    unknown = set(_FIELD.findall(template)) - set(values)
    if unknown:
        raise ConfigError(
            f"preview-template: {template!r} knows no {unknown}", hint=f"known: {', '.join(values)}"
        )
    text = _FIELD.sub(lambda match: values[match[1]], template)
    if not is_strict(text) or not ChartVersion.parse(text).prerelease:
        raise ConfigError(
            f"preview-template: {text!r} is no prerelease version", hint="for example 0.0.0-pr.{number}"
        )
    return text


def preview_of(template: str, version: str) -> int | None:
    """Return the number of the pull request that a version is a preview of, None where it is none."""
    pattern = re.escape(template)
    for name, part in (("number", r"(?P<number>[0-9]+)"), ("sha7", "[0-9a-f]{7}"), ("sha", "[0-9a-f]{40}")):
        pattern = pattern.replace(re.escape("{" + name + "}"), part, 1)
    match = re.fullmatch(pattern.replace(re.escape("{version}"), ".+"), version)
    return int(match["number"]) if match and "number" in match.groupdict() else None
