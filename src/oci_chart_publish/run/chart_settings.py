"""What the settings say of each chart: where it goes, how its tags are called, and which files belong to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from oci_chart_publish.bump.app_version import app_version, check_template
from oci_chart_publish.bump.history import matching
from oci_chart_publish.bump.tag_template import SETTING, TagTemplate, refuse_collisions
from oci_chart_publish.paths.globs import covers
from oci_chart_publish.paths.ownership import Belonging, nested_in
from oci_chart_publish.run.chart_files import ChartFiles
from oci_chart_publish.settings import ChartSettings, Settings

T = TypeVar("T")


class ChartSettingsResolver(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of each chart, by its name: those that ``chart-settings`` gives it, else those of all."""

    settings: Settings
    folders: tuple[str, ...]
    """The folders of all charts of the run, from the top of the repository."""
    files: ChartFiles

    def registries(self, name: str) -> tuple[str, ...] | None:
        """Return the registries of a chart alone; None where it goes where all go."""
        return self._of_chart_alone(name, lambda chart: chart.registries)

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

    def app_version(self, name: str, version: str) -> str:
        """Return the appVersion that a chart gets at a version; empty where Chart.yaml has it."""
        template = self.settings.app_version
        return (
            app_version(template, tag=self.template(name).tag(name, version), version=version)
            if template
            else ""
        )

    def check_names(self, names: Sequence[str]) -> None:
        """Refuse charts (by name) of one run whose tags could be taken for each other's; ConfigError."""
        settings = self.settings
        check_template(settings.app_version)
        if settings.bump == "chart" and settings.release == "off":
            return  # no tag is read or written
        several = any(chart.tag_template for chart in settings.chart_settings.values())
        # By one template with the name in it, only a chart called as another one's version can be in the way.
        if several or any("." in name for name in names):
            refuse_collisions({name: self.template(name) for name in names})
        elif names:
            self.template(names[0])

    def packed(self, name: str, folder: str) -> Belonging:
        """Return which files belong to a chart and are packed with it, or named by the settings."""
        return replace(
            self.belonging(name, folder),
            left_out=lambda path: not self.files.packs(folder, path, is_dir=False),
        )

    def belonging(self, name: str, folder: str, related: Mapping[str, str] | None = None) -> Belonging:
        """Return which files belong to a chart, those of the ``related`` charts (names by folder) included."""
        extra = self._of_chart_alone(name, lambda item: item.extra_paths) or ()
        below = f"{folder}/" if folder else ""
        # Whatever charts a run is about, the files of one are not those of another.
        inner = nested_in(folder, tuple(dict.fromkeys((*self.folders, *self.files.folders))))
        return Belonging(
            folder=folder,
            nested=tuple(
                item for item in inner if not self.files.packs(folder, item.removeprefix(below), is_dir=True)
            ),
            extra=(*extra, *self.files.links_below(folder)),
            ignore=self._ignore(name),
            submodules=self.files.submodules,
            dependencies=tuple(self.belonging(other, there) for there, other in (related or {}).items()),
        )

    def _ignore(self, name: str) -> tuple[str, ...]:
        return (
            *self.settings.ignore_changes,
            *(self._of_chart_alone(name, lambda chart: chart.ignore_changes) or ()),
        )

    def ignored_changes(self, name: str) -> Callable[[str], bool] | None:
        """Return a predicate over a chart's paths: those whose change needs no new version; None if none is exempt."""
        globs = self._ignore(name)
        return partial(covers, globs) if globs else None

    def _of_chart_alone(self, name: str, value: Callable[[ChartSettings], T]) -> T | None:
        """Return a setting of a chart alone, the plainest name that fits first; None where there is none."""
        keys: Sequence[str] = matching(name, self.settings.chart_settings)
        result = (value(self.settings.chart_settings[key]) for key in reversed(keys))
        return next((item for item in result if item), None)
