"""The files of a chart that change when versions move: single scalars of Chart.yaml and of the lock.

A dependency inside the repository whose version moved is followed where the declared version no longer covers it, and
in the lock; ranges that still fit stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace

from oci_chart_publish.chart.constraint import Constraint
from oci_chart_publish.chart.lock import Lock, decode_lock, lock_digest, lock_digest_helm2
from oci_chart_publish.chart.metadata import Dependency, decode_metadata
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.chartrepo.aliases import unaliased
from oci_chart_publish.errors import ChartError
from oci_chart_publish.tree.tree import Tree
from oci_chart_publish.yamldoc.editor import replace_scalars

_OPERATOR = re.compile(r"([~^] ?)v?[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*")
_LOCKS = {"Chart.yaml": "Chart.lock", "requirements.yaml": "requirements.lock"}


def stamped_files(
    tree: Tree,
    version: str,
    moved: Mapping[str, str],
    aliases: Mapping[str, str] | None = None,
    app_version: str = "",
) -> dict[str, bytes]:
    """Return the files that change, by path below the chart, with their new bytes.

    ``version`` is the chart's own; ``moved`` are the new versions of its dependencies in this repository, by name;
    ``app_version``, where it is given, is that of the application; ``aliases`` are URLs of repositories by the names
    that Chart.yaml may use for them: locks hold the digest of the URLs.
    ChartError where a scalar cannot be edited safely.
    """
    present = {entry.name for entry in tree.entries("") if not entry.is_dir}
    metadata = decode_metadata(tree.read("Chart.yaml"))
    changes = {"Chart.yaml": {"version": version} if version != metadata.version else {}}
    if app_version:
        changes["Chart.yaml"]["appVersion"] = app_version
    declared = "requirements.yaml" if "requirements.yaml" in present else "Chart.yaml"
    if declared != "Chart.yaml":
        metadata = decode_metadata(tree.read("Chart.yaml"), requirements=tree.read(declared))
    dependencies = list(metadata.dependencies)
    for number, dependency in enumerate(dependencies):
        expected = moved.get(dependency.name)
        if expected is not None and not _covers(dependency, expected):
            changes.setdefault(declared, {})[f"dependencies.{number}.version"] = _follow(dependency, expected)
    files = {
        path: replace_scalars(tree.read(path), scalars, path=path)
        for path, scalars in changes.items()
        if scalars
    }
    lock = _LOCKS[declared]
    if lock in present and moved:
        files |= _lock(tree, lock, files, declared, moved, aliases or {})
    return files


def redirected_files(
    tree: Tree, ours: Collection[str], url: str, aliases: Mapping[str, str] | None = None
) -> dict[str, bytes]:
    """Return the files that change when dependencies inside the repository are to be found at ``url`` instead.

    These are the dependencies at ``file://`` and those named in ``ours``; the lock moves along where it fitted before.
    """
    present = {entry.name for entry in tree.entries("") if not entry.is_dir}
    declared = "requirements.yaml" if "requirements.yaml" in present else "Chart.yaml"
    requirements = tree.read(declared) if declared != "Chart.yaml" else None
    metadata = decode_metadata(tree.read("Chart.yaml"), requirements=requirements)
    inside = {d.name for d in metadata.dependencies if d.repository.startswith("file://") or d.name in ours}
    if not inside:
        return {}
    scalars = _repositories(metadata.dependencies, inside, url)
    edited = replace_scalars(tree.read(declared), scalars, path=declared)
    path = _LOCKS[declared]
    if path not in present:
        return {declared: edited}
    data = tree.read(path)
    lock = decode_lock(data, path=path)
    if lock is None:
        return {declared: edited}
    moved = replace_scalars(data, _repositories(lock.dependencies, inside, url), path=path)
    expected = [replace(d, repository=url) if d.name in inside else d for d in metadata.dependencies]
    digest = _digest(
        lock, metadata.dependencies, decode_lock(moved, path=path) or Lock(), expected, aliases or {}
    )
    if digest is not None:  # a lock that does not fit is told of by whoever needs it
        moved = replace_scalars(moved, {"digest": digest}, path=path)
    return {declared: edited, path: moved}


def _repositories(dependencies: Sequence[Dependency], inside: Collection[str], url: str) -> dict[str, str]:
    return {
        f"dependencies.{number}.repository": url
        for number, dependency in enumerate(dependencies)
        if dependency.name in inside and dependency.repository
    }


def _covers(dependency: Dependency, version: str) -> bool:
    try:
        return Constraint.parse(dependency.version).allows(ChartVersion.parse(version))
    except ChartError:
        return False


def _follow(dependency: Dependency, version: str) -> str:
    """Return how a version is declared as the old one was: ``~1.2.0`` becomes ``~1.3.0``, all else the version."""
    operator = _OPERATOR.fullmatch(dependency.version.strip())
    return f"{operator[1]}{version}" if operator else version


def _lock(
    tree: Tree,
    path: str,
    files: Mapping[str, bytes],
    declared: str,
    moved: Mapping[str, str],
    aliases: Mapping[str, str],
) -> dict[str, bytes]:
    data = tree.read(path)
    lock = decode_lock(data, path=path)
    if lock is None:
        return {}
    scalars = {
        f"dependencies.{number}.version": moved[dependency.name]
        for number, dependency in enumerate(lock.dependencies)
        if dependency.name in moved and dependency.version != moved[dependency.name]
    }
    if not scalars and declared not in files:
        return {}
    edited = replace_scalars(data, scalars, path=path) if scalars else data
    chart = files.get("Chart.yaml", tree.read("Chart.yaml"))
    requirements = files.get(declared, tree.read(declared)) if declared != "Chart.yaml" else None
    expected = decode_metadata(chart, requirements=requirements).dependencies
    original = tree.read(declared) if declared != "Chart.yaml" else None
    declares = decode_metadata(tree.read("Chart.yaml"), requirements=original).dependencies
    digest = _digest(lock, declares, decode_lock(edited, path=path) or Lock(), expected, aliases)
    if digest is None:
        raise ChartError(
            "does not fit the declared dependencies as they are, before any bump",
            path=path,
            key="digest",
            hint="run helm dependency update",
        )
    return {path: replace_scalars(edited, {"digest": digest}, path=path)}


def _digest(
    before: Lock,
    declared: Sequence[Dependency],
    after: Lock,
    dependencies: Sequence[Dependency],
    aliases: Mapping[str, str],
) -> str | None:
    """Return the digest of the edited lock, made as that of the old one was; None where that one fits in no way."""
    # Helm puts the URL in place of a name before it makes the digest (``pkg/downloader/manager.go``).
    if before.digest == lock_digest(_unaliased(declared, aliases), before.dependencies):
        return lock_digest(_unaliased(dependencies, aliases), after.dependencies)
    return lock_digest_helm2(dependencies) if before.digest == lock_digest_helm2(declared) else None


def _unaliased(dependencies: Sequence[Dependency], aliases: Mapping[str, str]) -> list[Dependency]:
    return [replace(d, repository=unaliased(d.repository, aliases)) for d in dependencies]
