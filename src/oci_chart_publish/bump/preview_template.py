"""Versions of previews: below every release, and never taken for one."""

from __future__ import annotations

import re

from oci_chart_publish.chart.version import ChartVersion, is_strict
from oci_chart_publish.errors import ConfigError

_FIELD = re.compile(r"\{(\w*)\}")
_PARTS = {"number": "[0-9]+", "sha7": "[0-9a-f]{7}", "sha": "[0-9a-f]{40,64}", "version": ".+"}
# An identifier of the commit and digits alone may turn out to be a number.
_BARE = re.compile(r"(?:[0-9]|\{number\})*\{sha7?\}(?:[0-9]|\{number\})*")


def preview_version(template: str, *, number: int, head: str, version: str = "") -> str:
    """Return the version of pull request ``number``'s preview, from the full sha of its head; ConfigError.

    ``version`` is what ``{version}`` stands for. A template with a bare abbreviated commit is refused: one that
    happens to be all digits with a leading zero is no semantic version, and others would be compared as numbers.
    """
    unknown = sorted(set(_FIELD.findall(template)) - set(_PARTS))
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in _PARTS)
        raise _refused(template, f"has an unknown field {{{unknown[0]}}}", f"known: {known}")
    if "{number}" not in template:
        raise _refused(template, "needs {number}: without it nobody can tell which previews to delete")
    prerelease = template.partition("+")[0].partition("-")[2]
    if any(_BARE.fullmatch(identifier) for identifier in prerelease.split(".")):
        raise _refused(template, "has a bare commit: put a letter before it", "for example g{sha7}")
    values = {"number": str(number), "sha7": head[:7], "sha": head, "version": version}
    text = _FIELD.sub(lambda match: values[match[1]], template)
    if not is_strict(text) or not ChartVersion.parse(text).prerelease:
        raise _refused(template, f"gives {text!r}, which is no prerelease version")
    return text


def _refused(template: str, problem: str, hint: str = "for example 0.0.0-pr.{number}.g{sha7}") -> ConfigError:
    return ConfigError(f"preview-template: {template!r} {problem}", hint=hint)


def preview_of(template: str, version: str) -> int | None:
    """Return the number of the pull request that a version is a preview of, None where it is none."""
    seen: set[str] = set()

    def part(match: re.Match[str]) -> str:
        name = match[1]
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>{_PARTS[name]})" if name in _PARTS else re.escape(match[0])

    literals = _FIELD.split(template)[::2]
    fields = [part(match) for match in _FIELD.finditer(template)]
    pattern = re.escape(literals[0]) + "".join(
        field + re.escape(literal) for field, literal in zip(fields, literals[1:], strict=True)
    )
    result = re.fullmatch(pattern, version, re.ASCII)
    return int(result["number"]) if result and "number" in seen else None
