"""What goes into the artifacts of a run besides the charts' files, by the setting ``annotations``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from oci_chart_publish.build.build import ArtifactOptions
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.settings import Settings

_LAST_SECOND = 253_402_300_799  # of the year 9999, the last that RFC 3339 can write
_DIGITS = 20  # zeros before a number are read over


class ArtifactOptionsResolver(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into the artifact of a chart besides its files, by its folder."""

    shared: ArtifactOptions
    """What all charts have."""
    history: GitRepository | None
    """Where the last commit of each chart is looked for, which dates it; None: charts are not dated by git."""
    revision: str
    """The commit that is built."""

    @classmethod
    def of(
        cls,
        settings: Settings,
        environment: Mapping[str, str],
        *,
        source: str,
        repository: GitRepository | None,
        revision: str,
    ) -> ArtifactOptionsResolver:
        """Return what the settings ask for; ``source`` is the page of the repository that publishes.

        ConfigError for ``annotations: git`` without the history, and for a SOURCE_DATE_EPOCH that is no number.
        """
        untracked = settings.include_untracked
        if settings.annotations == "helm":
            created = source_date_epoch(environment)
            shared = ArtifactOptions(
                chart_source=True, created=created, include_untracked=untracked, strict=settings.strict
            )
        else:
            shared = ArtifactOptions(source=source, include_untracked=untracked, strict=settings.strict)
        history = _whole(repository) if settings.annotations == "git" else None
        return cls(shared=shared, history=history, revision=revision)

    def options(self, folder: str) -> ArtifactOptions:
        """Return what goes into the artifact of the chart in ``folder``."""
        change = self.history.last_change([folder], self.revision) if self.history else None
        if change is None:
            return self.shared
        return replace(self.shared, created=rfc3339(change.time), revision=change.sha)


def _whole(repository: GitRepository | None) -> GitRepository:
    if repository is None:
        raise ConfigError("annotations: git needs a git repository", hint="use annotations: content")
    if repository.is_shallow():
        raise ConfigError(
            "annotations: git needs the history, and this clone is shallow",
            hint="add `fetch-depth: 0` to the `with:` of actions/checkout, or use annotations: content",
        )
    return repository


def source_date_epoch(environment: Mapping[str, str]) -> str:
    """Return ``$SOURCE_DATE_EPOCH`` as RFC 3339, or "" where it is not set."""
    text = environment.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return ""
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS and int(text) <= _LAST_SECOND):
        raise ConfigError(
            f"SOURCE_DATE_EPOCH: expected seconds since 1970, got {text[:50]!r}",
            hint="it is what `git log -1 --format=%ct` prints; milliseconds are too many",
        )
    return rfc3339(int(text))


def rfc3339(seconds: int) -> str:
    """Return seconds since the epoch as Go prints them in UTC."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
