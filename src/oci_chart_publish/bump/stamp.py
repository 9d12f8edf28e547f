"""The files of a chart that change when versions move: single scalars of Chart.yaml and of the lock.

A dependency inside the repository whose version moved is followed where the declared version no longer covers it, and
in the lock; ranges that still fit stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping

from oci_chart_publish.bump.rewrite import replace_scalars
from oci_chart_publish.chart.constraint import Constraint
from oci_chart_publish.chart.lock import decode_lock, lock_digest
from oci_chart_publish.chart.metadata import Dependency, decode_metadata
from oci_chart_publish.chart.tree import Tree
from oci_chart_publish.chart.version import ChartVersion
from oci_chart_publish.errors import ChartError

_LOCKS = {"Chart.yaml": "Chart.lock", "requirements.yaml": "requirements.lock"}


def stamped_files(tree: Tree, version: str, moved: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files that change, by path below the chart, with their new bytes.

    ``version`` is the chart's own; ``moved`` are the new versions of its dependencies in this repository, by name.
    ChartError where a scalar cannot be edited safely.
    """
    present = {entry.name for entry in tree.entries("") if not entry.is_dir}
    metadata = decode_metadata(tree.read("Chart.yaml"))
    changes = {"Chart.yaml": {"version": version} if version != metadata.version else {}}
    declared = "requirements.yaml" if "requirements.yaml" in present else "Chart.yaml"
    if declared != "Chart.yaml":
        metadata = decode_metadata(tree.read("Chart.yaml"), requirements=tree.read(declared))
    dependencies = list(metadata.dependencies)
    for number, dependency in enumerate(dependencies):
        wanted = moved.get(dependency.name)
        if wanted is not None and not _covers(dependency, wanted):
            changes.setdefault(declared, {})[f"dependencies.{number}.version"] = wanted
    files = {
        path: replace_scalars(tree.read(path), scalars, path=path)
        for path, scalars in changes.items()
        if scalars
    }
    lock = _LOCKS[declared]
    if lock in present and moved:
        files |= _lock(tree, lock, files, declared, moved)
    return files


def _covers(dependency: Dependency, version: str) -> bool:
    try:
        return Constraint.parse(dependency.version).allows(ChartVersion.parse(version))
    except ChartError:
        return False


def _lock(
    tree: Tree, path: str, files: Mapping[str, bytes], declared: str, moved: Mapping[str, str]
) -> dict[str, bytes]:
    data = tree.read(path)
    lock = decode_lock(data, path=path)
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
    wanted = decode_metadata(chart, requirements=requirements).dependencies
    digest = lock_digest(wanted, decode_lock(edited, path=path).dependencies)
    return {path: replace_scalars(edited, {"digest": digest}, path=path)}
