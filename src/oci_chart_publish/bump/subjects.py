"""The commits that went into a release, for its notes."""

from __future__ import annotations

from collections.abc import Mapping

from oci_chart_publish.bump.commits import commits_since
from oci_chart_publish.bump.paths import Belonging
from oci_chart_publish.bump.tags import TagTemplate
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.forge.git import GitRepository


def subjects_since(
    repository: GitRepository,
    tags: Mapping[str, str],
    revision: str,
    template: TagTemplate,
    name: str,
    version: ChartVersion,
    belonging: Belonging,
) -> tuple[str, ...]:
    """Return the subjects of the commits that touched a chart since the release before ``version``, newest first.

    Without a release before it there is no telling where the changes begin: nothing is returned.
    """
    before = [one for one in template.versions(name, tags) if one < version]
    if not before:
        return ()
    since = tags[template.versions(name, tags)[max(before)]]
    found = commits_since(repository, since, revision, name, belonging)
    return tuple(commit.subject for commit in found.commits)
