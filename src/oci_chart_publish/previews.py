"""Previews of pull requests: made in a repository named for them, listed in the comment, removed when they are closed.

A preview's version sorts below every release. Nothing is deleted that a tag other than a preview's still uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, runtime_checkable

from msgspec.structs import replace

from oci_chart_publish.bump.previews import preview_of
from oci_chart_publish.chart.metadata import ChartMetadata
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import AuthError, ConfigError, PublishError
from oci_chart_publish.handover import VersionDecision
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.mediatype import SOURCE
from oci_chart_publish.oci.reference import SCHEME, Repository
from oci_chart_publish.oci.store import Target
from oci_chart_publish.report import document
from oci_chart_publish.settings import Settings


def keep_apart(settings: Settings) -> None:
    """Raise ConfigError where previews would lie among releases, for whoever asks there for the newest version."""
    own = (one.registries or () for one in settings.chart_settings.values())
    releases = {_place(registry) for registry in chain(settings.registries, *own)}
    if settings.preview and _place(settings.preview) in releases:
        raise ConfigError(
            f"preview: {settings.preview} is where releases go",
            hint=f"name a repository for previews alone, for example {_place(settings.preview)}-previews",
        )


def _place(registry: str) -> str:
    return registry.removeprefix(SCHEME).rstrip("/")


@dataclass(frozen=True, kw_only=True)
class PreviewVersions:
    """Stands in for the bump stage: every chart gets the version of a preview, made from its own by ``version``."""

    version: Callable[[str], str]
    number: int
    follow_dependencies: bool = False

    def decide(
        self,
        metadata: ChartMetadata,
        folder: str,  # noqa: ARG002  (the interface of the bump stage)
        published: Callable[[], Iterable[ChartVersion]],  # noqa: ARG002
        is_same: Callable[[ChartVersion], bool],  # noqa: ARG002
        bumped: str = "",  # noqa: ARG002
        related: Sequence[str] = (),  # noqa: ARG002
    ) -> VersionDecision:
        """Return the preview's version, whatever the chart says."""
        return VersionDecision(
            version=self.version(metadata.version),
            level="none",
            reason=f"preview of pull request {self.number}",
            previous=metadata.version,
            stamped=True,
        )


def listed(report: document.Report, previews: Sequence[document.Chart]) -> document.Report:
    """Return the report with the reference of each chart's preview, and what failed as a note."""
    found = {chart.name: chart for chart in previews}
    charts = []
    problems = []
    for chart in report.charts:
        preview = found.get(chart.name)
        made = preview is not None and preview.status in {"published", "unchanged"} and preview.targets
        charts.append(replace(chart, preview=preview.targets[0].reference) if preview and made else chart)
        if preview is not None and preview.error is not None:
            problems.append(f"no preview of {chart.name}: {preview.error.message}")
    return replace(report, charts=tuple(charts), notes=(*report.notes, *problems))


@runtime_checkable
class Prunable(Protocol):
    """A store whose tags can be listed and deleted."""

    def tags(self) -> tuple[str, ...]:
        """Return all tags."""

    def delete(self, target: str | Digest) -> bool:
        """Delete a manifest or tag; False where the registry does not offer it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """A preview that may go: its repository, tag, digest and the pull request it is of."""

    repository: Repository
    tag: str
    digest: Digest
    number: int


def stale(
    repository: Repository, store: Target, template: str, is_closed: Callable[[int], bool]
) -> Iterator[Preview]:
    """Yield the previews in a repository whose pull request is closed, and whose digest no other tag uses."""
    tags = store.tags() if isinstance(store, Prunable) else ()
    numbers = {tag: preview_of(template, tag.replace("_", "+")) for tag in tags}
    kept = {tag for tag, number in numbers.items() if number is None or not is_closed(number)}
    held = {found.digest for tag in kept if (found := store.resolve(tag)) is not None}
    for tag, number in numbers.items():
        found = store.resolve(tag) if tag not in kept else None
        if number is not None and found is not None and found.digest not in held:
            yield Preview(repository=repository, tag=tag, digest=found.digest, number=number)


def is_of(preview: Preview, store: Target, source: str) -> bool:
    """Tell whether a preview says that it was made from the repository at the URL ``source``."""
    manifest = store.manifest(preview.digest)
    return manifest is not None and bool(source) and manifest.annotations.get(SOURCE) == source


def remove(preview: Preview, store: Target) -> str:
    """Delete a preview by digest and say what came of it; AuthError where that is not permitted."""
    where = f"{preview.repository}:{preview.tag}"
    try:
        if not isinstance(store, Prunable):
            return f"{where}: remains, nothing can be deleted there"
        gone = store.delete(preview.digest)
        if store.resolve(preview.tag) is not None:  # some registries keep the tag of a digest that is gone
            gone = store.delete(preview.tag) or gone
    except AuthError:
        raise
    except PublishError as error:
        return f"{where}: remains ({error.message})"
    return f"{where}: deleted" if gone else f"{where}: gone already"
