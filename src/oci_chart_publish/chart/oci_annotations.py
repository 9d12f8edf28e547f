"""The annotations of a chart's manifest (Helm ``pkg/registry/chart.go`` generateOCIAnnotations)."""

from __future__ import annotations

from oci_chart_publish.chart.metadata import ChartMetadata, Maintainer
from oci_chart_publish.oci import descriptor as mediatype

_PROTECTED = frozenset({mediatype.ANNOTATION + "title", mediatype.ANNOTATION + "version"})


def manifest_annotations(
    metadata: ChartMetadata,
    *,
    source: str = "",
    created: str = "",
    revision: str = "",
    chart_source: bool = False,
) -> dict[str, str]:
    """Return the annotations, sorted by key.

    ``source`` names the repository that publishes; without one, or with ``chart_source``, it is Helm's choice, the
    first of the chart's sources. ``created`` and ``revision`` are left out where empty. The chart's own annotations
    override everything but title and version.
    """
    first = metadata.sources[0] if metadata.sources else ""
    ours = {
        "description": metadata.description,
        "title": metadata.name,
        "version": metadata.version,
        "url": metadata.home,
        "created": created,
        "revision": revision,
        "source": first if chart_source or not source else source,
        "authors": ", ".join(_author(maintainer) for maintainer in metadata.maintainers),
    }
    computed = {mediatype.ANNOTATION + key: value for key, value in ours.items() if value.strip()}
    declared = {key: value for key, value in metadata.annotations.items() if key not in _PROTECTED}
    return dict(sorted({**computed, **declared}.items()))


def _author(maintainer: Maintainer) -> str:
    # A maintainer without a name gives " (email)", blank included: that is what Helm writes.
    return maintainer.name + (f" ({maintainer.email})" if maintainer.email else "")
