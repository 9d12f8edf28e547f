"""Git tags of releases: a template, and the strict way back from a tag to a version.

``foo-bar-1.0.0`` is ``foo-bar`` at ``1.0.0`` and never ``foo`` at ``bar-1.0.0``: the name has to match exactly and the
rest has to be a full semantic version. A ``+`` stays as it is: git allows it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice, takewhile

import msgspec

from oci_chart_publish.chart.version import ChartVersion, is_strict
from oci_chart_publish.errors import ConfigError

_FIELD = re.compile(r"\{(\w*)\}")
_FIELDS = frozenset({"name", "version"})
SETTING = "tag-template"
_EXAMPLE = "for example {name}-{version}"
# git-check-ref-format(1): what no ref may hold, for a template whose fields are filled in.
_ILLEGAL = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[/-]|[/.]$|(?:^|/)\.|\.lock(?:/|$)")


class TagTemplate(msgspec.Struct, frozen=True, eq=False):
    """A template such as ``{name}-{version}``; made by ``parse``. ``origin`` is the setting that it comes from."""

    text: str
    origin: str = SETTING

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TagTemplate) and self.text == other.text  # wherever it comes from

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.text)

    @classmethod
    def parse(cls, text: str, *, several: bool = True, origin: str = SETTING) -> TagTemplate:
        """Check a template; with ``several`` charts in the repository it has to hold the name. ConfigError."""
        refused = partial(_refused, origin, text)
        unknown = sorted(set(_FIELD.findall(text)) - _FIELDS)
        rest = text.replace("{version}", "").replace("{name}", "")
        if "{{" in text:
            raise refused("has doubled braces", "write {name}-{version} for {{ .Name }}-{{ .Version }}")
        if unknown:
            raise refused(f"has an unknown field {{{unknown[0]}}}", "known: {name}, {version}")
        if "{" in rest or "}" in rest:
            raise refused("has a brace that belongs to no field")
        if text.count("{version}") != 1:
            raise refused("needs {version} once")
        if several and "{name}" not in text:
            raise refused("would give all charts the same tags")
        if _ILLEGAL.search(text.replace("{version}", "1.0.0").replace("{name}", "x")):
            raise refused("makes no legal git tags")
        return cls(text, origin)

    @property
    def is_shared(self) -> bool:
        """Whether charts of any name have the same tags."""
        return "{name}" not in self.text

    def tag(self, name: str, version: str) -> str:
        """Return the tag of a version of a chart."""
        before, after = self.around(name)
        return f"{before}{version}{after}"

    def version(self, name: str, tag: str) -> ChartVersion | None:
        """Return the version that a tag stands for, None where it is not a tag of this chart."""
        return _between(tag, *self.around(name))

    def versions(self, name: str, tags: Iterable[str]) -> dict[ChartVersion, str]:
        """Return the versions of a chart and their tags, lowest first; of those that differ in ``+...`` alone one."""
        before, after = self.around(name)
        ours = sorted((tag for tag in tags if tag.startswith(before)), reverse=True)
        result: dict[ChartVersion, str] = {}
        for tag in ours:
            version = _between(tag, before, after)
            if version is not None:
                result.setdefault(version, tag)
        return dict(sorted(result.items()))

    def around(self, name: str) -> tuple[str, str]:
        """Return what stands before and after the version in a chart's tags."""
        before, _, after = self.text.partition("{version}")
        return before.replace("{name}", name), after.replace("{name}", name)


def _between(tag: str, before: str, after: str) -> ChartVersion | None:
    if not (tag.startswith(before) and tag.endswith(after) and len(tag) > len(before) + len(after)):
        return None
    text = tag[len(before) : len(tag) - len(after)]
    return ChartVersion.parse(text) if is_strict(text) else None


def _refused(origin: str, text: str, problem: str, hint: str = _EXAMPLE) -> ConfigError:
    return ConfigError(f"{origin}: {text!r} {problem}", hint=hint)


def refuse_collisions(templates: Mapping[str, TagTemplate]) -> None:
    """Refuse charts (by name) whose tags could be taken for each other's; ConfigError names them and such a tag."""
    seen: dict[str, str] = {}
    for name, template in templates.items():
        tag = template.tag(name, "1.0.0")
        if tag in seen:
            raise _collision(templates, seen[tag], name, tag)
        seen[tag] = name
    ordered = sorted(seen)
    for name, template in templates.items():
        for tag in beginning(ordered, template.around(name)[0]):
            if seen[tag] != name and template.version(name, tag) is not None:
                raise _collision(templates, seen[tag], name, tag)


def beginning(ordered: Sequence[str], start: str) -> Iterator[str]:
    """Give those of some sorted tags that begin with a text, without a look at the others."""
    return takewhile(lambda tag: tag.startswith(start), islice(ordered, bisect_left(ordered, start), None))


def _collision(templates: Mapping[str, TagTemplate], one: str, other: str, tag: str) -> ConfigError:
    named = (f"{name!r} by {templates[name].text!r} ({templates[name].origin})" for name in (one, other))
    return ConfigError(
        f"tag-template: {tag!r} would be a tag of {' and of '.join(named)}",
        hint="give one of them another tag-template, with {name} in it, under chart-settings in the settings file",
    )
