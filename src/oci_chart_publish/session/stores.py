"""The stores of a session, opened once however its settings are narrowed: the layout, its memo, the registries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.registry.connect import Registries
from oci_chart_publish.registry.credentials import Credentials
from oci_chart_publish.session.connections import connect, credentials
from oci_chart_publish.settings import Settings
from oci_chart_publish.shared import shared_property


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Where artifacts are. ``say`` is told of waits, ``on_secret`` of every secret that arises."""

    settings: Settings
    environment: Mapping[str, str]
    say: Callable[[str], None]
    on_secret: Callable[[str], None]

    @property
    def layout_path(self) -> Path:
        """Where the cache is: the setting, ``$OCI_CHART_CACHE``, or the platform's user cache directory."""
        named = self.settings.layout or self.environment.get("OCI_CHART_CACHE", "")
        if named:
            return Path(named)
        from platformdirs import user_cache_path  # noqa: PLC0415  (only where nothing says otherwise)

        return user_cache_path("oci-chart-publish", appauthor=False) / "layout"

    @shared_property
    def layout(self) -> ImageLayout:
        """The cache, made where there is none."""
        path = self.layout_path
        try:
            return ImageLayout.create(path)
        except OSError as error:
            raise ConfigError(
                f"cannot use {path} as the image layout: {error.strerror or error}",
                hint="name a folder that can be written with --layout or $OCI_CHART_CACHE",
            ) from error

    @shared_property
    def memo(self) -> Memo:
        """What is remembered beside the cache."""
        return Memo(self.layout.root / "memo")

    @shared_property
    def registries(self) -> Registries:
        """The connections of this run."""
        return connect(self.settings, self.environment, say=self.say, secret=self.on_secret)

    @property
    def credentials(self) -> Credentials:
        """Where credentials for registries are looked for."""
        return credentials(self.settings, self.environment)

    def close(self) -> None:
        """End the connections, where there are any."""
        if "registries" in self.__dict__:
            self.registries.close()
