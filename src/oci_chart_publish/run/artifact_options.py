"""What goes into the artifacts of a run besides the charts' files, by the setting ``annotations``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from msgspec.structs import replace

from oci_chart_publish.build.build import ArtifactOptions
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.git.repository import GitRepository
from oci_chart_publish.settings import Settings


def recipes(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    source: str,
    repository: GitRepository | None,
    revision: str,
) -> Callable[[str], ArtifactOptions]:
    """Return what gives the recipe of the chart in a folder.

    ``source`` is the page of the repository that publishes, ``revision`` the commit that is built. ConfigError for
    ``annotations: git`` without the history, and for a SOURCE_DATE_EPOCH that is no number.
    """
    if settings.annotations == "helm":
        created = source_date_epoch(environment)
        return lambda _: ArtifactOptions(
            chart_source=True, created=created, include_untracked=settings.include_untracked
        )
    plain = ArtifactOptions(source=source, include_untracked=settings.include_untracked)
    return _dated(plain, repository, revision) if settings.annotations == "git" else lambda _: plain


def _dated(
    plain: ArtifactOptions, repository: GitRepository | None, revision: str
) -> Callable[[str], ArtifactOptions]:
    if repository is None:
        raise ConfigError("annotations: git needs a git repository", hint="use annotations: content")
    if repository.is_shallow():
        raise ConfigError(
            "annotations: git needs the history, and this clone is shallow",
            hint="add `fetch-depth: 0` to the `with:` of actions/checkout, or use annotations: content",
        )

    def recipe(path: str) -> ArtifactOptions:
        change = repository.last_change([path], revision)
        if change is None:
            return plain
        return replace(plain, created=rfc3339(change.time), revision=change.sha)

    return recipe


def source_date_epoch(environment: Mapping[str, str]) -> str:
    """Return ``$SOURCE_DATE_EPOCH`` as RFC 3339, or "" where it is not set."""
    text = environment.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return ""
    if not text.isdecimal():
        raise ConfigError(f"SOURCE_DATE_EPOCH: expected seconds since 1970, got {text!r}")
    return rfc3339(int(text))


def rfc3339(seconds: int) -> str:
    """Return seconds since the epoch as Go prints them in UTC."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
