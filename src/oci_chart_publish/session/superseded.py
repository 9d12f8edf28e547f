"""Versions that one push both brought and replaced: no run ever saw them at HEAD, so nobody published them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from oci_chart_publish.chart.metadata import chart_file, decode_metadata
from oci_chart_publish.errors import ChartError
from oci_chart_publish.forge.git import GitRepository
from oci_chart_publish.report.document import Chart


def superseded(
    repository: GitRepository, before: str, revision: str, charts: Sequence[Chart]
) -> tuple[str, ...]:
    """Return a sentence for each version that commits after ``before`` held and ``revision`` does not.

    First parents only: what a branch held before it was merged was never meant to be published.
    """
    paths = {chart.name: chart_file(chart.path) for chart in charts}
    commits = (
        repository.log([f"{before}..{revision}"], tuple(paths.values()), first_parent=True) if paths else ()
    )
    found: list[str] = []
    for name, path in paths.items():
        touching = [commit.sha for commit in commits if path in commit.files]
        if len(touching) > 1:
            found += _of_chart(repository, (before, revision), name, path, touching)
    return tuple(found)


def _of_chart(
    repository: GitRepository, ends: tuple[str, str], name: str, path: str, commits: Sequence[str]
) -> Iterator[str]:
    before, now = (_version(repository, end, path) for end in ends)
    known = {now, before, ""}
    for sha in commits:
        version = _version(repository, sha, path)
        if version not in known:
            known.add(version)
            yield (
                f"{name} {version} was replaced by {now or 'nothing'} within this push, which does not publish it; "
                f"to publish it, run on {sha[:9]}"
            )


def _version(repository: GitRepository, rev: str, path: str) -> str:
    data = repository.read(rev, path)
    if data is None:
        return ""
    try:
        return decode_metadata(data).version
    except ChartError:
        return ""
