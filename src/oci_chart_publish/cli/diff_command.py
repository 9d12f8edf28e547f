"""diff: two charts, wherever they are."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import click

from oci_chart_publish.chart.diff import files
from oci_chart_publish.cli.flow_commands import REGISTRY, common
from oci_chart_publish.cli.options import open_project, setting_options
from oci_chart_publish.commands import diff as comparing
from oci_chart_publish.commands.diff import Comparison
from oci_chart_publish.errors import ExitCode
from oci_chart_publish.report import results
from oci_chart_publish.report.text import change, plain, size


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("-p", "--patch", is_flag=True, help="Show the changed lines too.")
@click.option("--exit-code", "fails", is_flag=True, help="Exit with 8 where the charts differ.")
@setting_options(*REGISTRY, "layout")
@common
@click.pass_obj
def diff(environment: Mapping[str, str], /, a: str, b: str, **options: Any) -> int:  # noqa: ANN401  (click's own)
    """Compare two charts: files, metadata and values, size.

    A and B are each a chart directory, a .tgz, a name in the cache, or an oci:// reference.
    """
    with closing(open_project(environment, options)) as project:
        compared = comparing.diff(project, a, b)
    if options["as_json"]:
        changed = compared.difference
        result = results.DiffResult(
            added=changed.added,
            removed=changed.removed,
            changed=changed.changed,
            values=changed.values,
            old_size=compared.old_size,
            new_size=compared.new_size,
        )
        sys.stdout.write(results.encode(result))
    else:
        for line in _lines(compared):
            print(line)
        if options["patch"]:
            sys.stdout.writelines(patch(compared))
    return int(ExitCode.VERIFICATION) if compared and options["fails"] else 0


def _lines(compared: Comparison) -> Iterator[str]:
    old, new = compared.old, compared.new
    if not compared:
        yield f"{plain(old.name)} {plain(old.version)}: no difference"
        return
    before, after = compared.old_size, compared.new_size
    yield f"{plain(old.name)} {plain(old.version)} -> {plain(new.name)} {plain(new.version)}"
    yield f"size {size(before)} -> {size(after)} ({change(after, before)})"
    changed = compared.difference
    for mark, paths in (("+", changed.added), ("-", changed.removed), ("~", changed.changed)):
        yield from (f"{mark} {plain(path)}" for path in paths)
    for value in changed.values:
        place = f"{value.file}: {value.key}"
        yield f"  {plain(place)}: {plain(value.old or 'none')} -> {plain(value.new or 'none')}"


def patch(compared: Comparison) -> Iterator[str]:
    """Yield the changed lines of all files as a unified diff; binary files are only named."""
    before, after = dict(files(compared.old)), dict(files(compared.new))
    changed = compared.difference
    for path in sorted({*changed.added, *changed.removed, *changed.changed}):
        old, new = before.get(path, b""), after.get(path, b"")
        if b"\0" in old or b"\0" in new:
            yield f"Binary files a/{path} and b/{path} differ\n"
            continue
        old_lines, new_lines = (
            data.decode("utf-8", "replace").splitlines(keepends=True) for data in (old, new)
        )
        for line in difflib.unified_diff(old_lines, new_lines, f"a/{path}", f"b/{path}"):
            yield line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"
