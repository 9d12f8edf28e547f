"""The appVersion of a chart that is released with its application: a template, such as ``{tag}``."""

from __future__ import annotations

import re

from oci_chart_publish.errors import ConfigError

SETTING = "app-version"
_FIELD = re.compile(r"\{(\w*)\}")
_FIELDS = frozenset({"tag", "version"})


def check_template(text: str) -> None:
    """Raise ConfigError for a template that has other fields than the git tag and the version."""
    unknown = sorted(set(_FIELD.findall(text)) - _FIELDS)
    rest = text.replace("{tag}", "").replace("{version}", "")
    if unknown or "{" in rest or "}" in rest:
        problem = (
            f"has an unknown field {{{unknown[0]}}}" if unknown else "has a brace that belongs to no field"
        )
        raise ConfigError(f"{SETTING}: {text!r} {problem}", hint="known: {tag}, {version}; for example {tag}")


def app_version(text: str, *, tag: str, version: str) -> str:
    """Return the appVersion of a version of a chart and its git tag; empty where Chart.yaml has it."""
    return text.replace("{tag}", tag).replace("{version}", version)
