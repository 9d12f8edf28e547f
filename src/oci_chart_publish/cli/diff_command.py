"""diff: two charts, wherever they are."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from oci_chart_publish.chart.archive import load_archive
from oci_chart_publish.chart.chart import Chart, load_chart
from oci_chart_publish.chart.diff import Difference, difference, files
from oci_chart_publish.chart.layer import chart_layer, entries, gzip, tar
from oci_chart_publish.cli.flow_commands import REGISTRY, common
from oci_chart_publish.cli.options import given, setting_options
from oci_chart_publish.errors import ConfigError, ExitCode, NotFoundError
from oci_chart_publish.oci.reference import SCHEME, DigestReference, TagReference, parse_reference
from oci_chart_publish.oci.store import Source
from oci_chart_publish.report.text import change, plain, size
from oci_chart_publish.run.project import Project
from oci_chart_publish.tree.tree import FolderTree


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
    session = Project.open(
        given(options), environment, folder=Path.cwd(), config=options["config"], quiet=True
    )
    try:
        old, new = (open_chart(text, session) for text in (a, b))
    finally:
        session.close()
    found = difference(old, new)
    sizes = packed_size(old), packed_size(new)
    if options["as_json"]:
        sizes_too = {**msgspec.to_builtins(found), "old_size": sizes[0], "new_size": sizes[1]}
        json.dump(sizes_too, sys.stdout, indent=2)
        print()
    else:
        for line in _lines(old, new, found, sizes):
            print(line)
        if options["patch"]:
            sys.stdout.writelines(patch(old, new, found))
    return int(ExitCode.VERIFICATION) if found and options["fails"] else 0


def open_chart(text: str, session: Project) -> Chart:
    """Load the chart that an argument names; ConfigError or NotFoundError where there is none."""
    path = Path(text)
    if text.startswith(SCHEME):
        reference = parse_reference(text)
        if not isinstance(reference, TagReference | DigestReference):
            raise ConfigError(f"{text} names no version", hint=f"add one: {text}:1.2.3")
        name = reference.tag if isinstance(reference, TagReference) else str(reference.digest)
        return _stored(session.store(reference.repository), name, text)
    if path.is_dir():
        return load_chart(FolderTree(path))
    if path.is_file():
        return load_archive(path.read_bytes(), title=text)
    return _stored(session.layout, text, text)


def _stored(store: Source, name: str, text: str) -> Chart:
    manifest = store.manifest(name)
    if manifest is None:
        raise NotFoundError(
            f"{text}: no such directory, archive or name in {store.title}",
            hint="name a chart directory, a .tgz, a name that `list` shows, or an oci:// reference",
        )
    layer = chart_layer(manifest)
    if layer is None:
        raise ConfigError(f"{text} is no Helm chart: it has no chart layer")
    return load_archive(store.blob(layer), title=text)


def packed_size(chart: Chart) -> int:
    """Return the size in bytes of the layer that the chart becomes."""
    return len(gzip(tar(entries(chart))))


def _lines(old: Chart, new: Chart, found: Difference, sizes: tuple[int, int]) -> Iterator[str]:
    if not found:
        yield f"{plain(old.name)} {plain(old.version)}: no difference"
        return
    yield f"{plain(old.name)} {plain(old.version)} -> {plain(new.name)} {plain(new.version)}"
    yield f"size {size(sizes[0])} -> {size(sizes[1])} ({change(sizes[1], sizes[0])})"
    for mark, paths in (("+", found.added), ("-", found.removed), ("~", found.changed)):
        yield from (f"{mark} {plain(path)}" for path in paths)
    for value in found.values:
        place = f"{value.file}: {value.key}"
        yield f"  {plain(place)}: {plain(value.old or 'none')} -> {plain(value.new or 'none')}"


def patch(old: Chart, new: Chart, found: Difference) -> Iterator[str]:
    """Yield the changed lines of all files as a unified diff; binary files are only named."""
    before, after = dict(files(old)), dict(files(new))
    for path in sorted({*found.added, *found.removed, *found.changed}):
        one, other = before.get(path, b""), after.get(path, b"")
        if b"\0" in one or b"\0" in other:
            yield f"Binary files a/{path} and b/{path} differ\n"
            continue
        old_lines, new_lines = (
            data.decode("utf-8", "replace").splitlines(keepends=True) for data in (one, other)
        )
        for line in difflib.unified_diff(old_lines, new_lines, f"a/{path}", f"b/{path}"):
            yield line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"
