"""What the settings say of each chart: where it goes, how its tags are called, and which files belong to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from oci_chart_publish.bump.history import matching
from oci_chart_publish.bump.tag_template import SETTING, TagTemplate, refuse_collisions
from oci_chart_publish.paths.globs import covers
from oci_chart_publish.paths.ownership import Belonging, nested_in
from oci_chart_publish.settings import ChartSettings, Settings

T = TypeVar("T")


class ChartPolicies(msgspec.Struct, frozen=True, kw_only=True):
    """The settings, asked by a chart's name.

    ``folders`` are those of all charts of the run; ``links`` tells where the symbolic links below a folder lead: what
    is there is packed with the chart, and belongs to it. ``packs`` tells whether the chart in a folder packs a path
    below it, which may be a folder.
    """

    settings: Settings
    folders: tuple[str, ...]
    packs: Callable[[str, str, bool], bool]
    links: Callable[[str], Sequence[str]]

    def registries(self, name: str) -> tuple[str, ...] | None:
        """Return the registries of a chart alone; None where it goes where all go."""
        return self._own(name, lambda one: one.registries)

    def template(self, name: str) -> TagTemplate:
        """Return the tag template of a chart."""
        settings = self.settings
        keys = [
            key
            for key in matching(name, settings.chart_settings)
            if settings.chart_settings[key].tag_template
        ]
        if not keys:
            return TagTemplate.parse(settings.tag_template, several=len(self.folders) > 1)
        own = settings.chart_settings[keys[-1]].tag_template or ""
        return TagTemplate.parse(own, several=False, origin=f"chart-settings: {keys[-1]}: {SETTING}")

    def refuse(self, names: Sequence[str]) -> None:
        """Refuse charts (by name) of one run whose tags could be taken for each other's; ConfigError."""
        settings = self.settings
        if settings.bump == "chart" and settings.release == "off":
            return  # no tag is read or written
        several = any(one.tag_template for one in settings.chart_settings.values())
        # By one template with the name in it, only a chart called as another one's version can be in the way.
        if several or any("." in name for name in names):
            refuse_collisions({name: self.template(name) for name in names})
        elif names:
            self.template(names[0])

    def packed(self, name: str, folder: str) -> Belonging:
        """Return which files belong to a chart and are packed with it, or named by the settings."""
        return replace(
            self.belonging(name, folder), left_out=lambda path: not self.packs(folder, path, False)
        )

    def belonging(self, name: str, folder: str, related: Mapping[str, str] | None = None) -> Belonging:
        """Return which files belong to a chart, those of the ``related`` charts (folders by name) included."""
        extra = self._own(name, lambda one: one.extra_paths) or ()
        below = f"{folder}/" if folder else ""
        inner = nested_in(folder, self.folders)
        return Belonging(
            folder=folder,
            nested=tuple(one for one in inner if not self.packs(folder, one.removeprefix(below), True)),
            extra=(*extra, *self.links(folder)),
            ignore=self._ignore(name),
            dependencies=tuple(self.belonging(other, there) for other, there in (related or {}).items()),
        )

    def _ignore(self, name: str) -> tuple[str, ...]:
        return (*self.settings.ignore_changes, *(self._own(name, lambda one: one.ignore_changes) or ()))

    def ignored(self, name: str) -> Callable[[str], bool] | None:
        """Return what tells whether the change of a file inside a chart needs no new version; None: every one does."""
        globs = self._ignore(name)
        return partial(covers, globs) if globs else None

    def _own(self, name: str, value: Callable[[ChartSettings], T]) -> T | None:
        """Return a setting of a chart alone, the plainest name that fits first; None where there is none."""
        keys: Sequence[str] = matching(name, self.settings.chart_settings)
        found = (value(self.settings.chart_settings[key]) for key in reversed(keys))
        return next((one for one in found if one), None)
