"""Git tags of releases: a template, and the strict way back from a tag to a version.

``foo-bar-1.0.0`` is ``foo-bar`` at ``1.0.0`` and never ``foo`` at ``bar-1.0.0``: the name has to match exactly and the
rest has to be a full semantic version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from oci_chart_publish.chart.version import ChartVersion, is_strict
from oci_chart_publish.errors import ConfigError

_FIELD = re.compile(r"\{(\w*)\}")
_FIELDS = frozenset({"name", "version"})


@dataclass(frozen=True, slots=True)
class TagTemplate:
    """A template such as ``{name}-{version}``; made by ``parse``."""

    text: str

    @classmethod
    def parse(cls, text: str, *, several: bool = True) -> TagTemplate:
        """Check a template; with ``several`` charts in the repository it has to hold the name."""
        unknown = set(_FIELD.findall(text)) - _FIELDS
        if unknown or text.count("{version}") != 1:
            raise ConfigError(
                f"tag-template: {text!r} needs {{version}} once"
                + (f" and knows no {unknown}" if unknown else ""),
                hint="for example {name}-{version}",
            )
        if several and "{name}" not in text:
            raise ConfigError(
                f"tag-template: {text!r} would give all charts the same tags",
                hint="for example {name}-{version}",
            )
        return cls(text)

    def tag(self, name: str, version: str) -> str:
        """Return the tag of a version of a chart."""
        return self.text.replace("{name}", name).replace("{version}", version)

    def version(self, name: str, tag: str) -> ChartVersion | None:
        """Return the version that a tag stands for, None where it is not a tag of this chart."""
        before, _, after = self.text.replace("{name}", name).partition("{version}")
        if not (tag.startswith(before) and tag.endswith(after) and len(tag) > len(before) + len(after)):
            return None
        text = tag[len(before) : len(tag) - len(after)]
        return ChartVersion.parse(text) if is_strict(text) else None

    def versions(self, name: str, tags: Iterable[str]) -> dict[ChartVersion, str]:
        """Return the versions of a chart and their tags, lowest first."""
        found = {version: tag for tag in tags if (version := self.version(name, tag)) is not None}
        return dict(sorted(found.items()))
