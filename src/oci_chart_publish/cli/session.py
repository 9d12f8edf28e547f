"""What a command works with, made from settings and environment: the repository, the layout, the registries."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.progress import Progress, progress
from oci_chart_publish.settings import Layer, Settings, from_environment, from_file, resolve


@dataclass(frozen=True, kw_only=True, slots=True)
class Console:
    """How much the user wants to see."""

    quiet: bool = False
    verbose: bool = False

    def progress(self) -> Progress:
        """Return how this command shows progress on stderr."""
        return progress(sys.stderr, quiet=self.quiet, verbose=self.verbose)


def settings_of(options: Layer, environment: Mapping[str, str], root: Path, config: str) -> Settings:
    """Resolve the settings: options, environment, file, defaults."""
    return resolve([options, from_environment(environment), from_file(root, config)])


def layout_path(settings: Settings, environment: Mapping[str, str]) -> Path:
    """Return where the cache is: the setting, ``$OCI_CHART_CACHE``, or the platform's user cache directory."""
    if settings.layout:
        return Path(settings.layout)
    if environment.get("OCI_CHART_CACHE"):
        return Path(environment["OCI_CHART_CACHE"])
    from platformdirs import user_cache_path  # noqa: PLC0415  (only where nothing says otherwise)

    return user_cache_path("oci-chart-publish", appauthor=False) / "layout"


def open_layout(settings: Settings, environment: Mapping[str, str]) -> tuple[ImageLayout, Memo]:
    """Open the cache, making it where there is none."""
    path = layout_path(settings, environment)
    try:
        return ImageLayout.create(path), Memo(path / "memo")
    except OSError as error:
        raise ConfigError(
            f"cannot use {path} as the image layout: {error.strerror}",
            hint="name a folder that can be written with --layout or $OCI_CHART_CACHE",
        ) from error
