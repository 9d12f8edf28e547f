"""Which files of the repository belong to a chart."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Sequence

import msgspec

from oci_chart_publish.paths.globs import covers


class Belonging(msgspec.Struct, frozen=True, kw_only=True):
    """The files whose change is a change of a chart: its folder without those of charts nested in it, and others.

    Paths are POSIX, relative to the repository root ("" is the root itself). ``extra`` are files or folders elsewhere;
    ``ignore`` are globs below the chart's folder (see ``paths.globs``); ``left_out`` tells of a path there whether the
    package lacks it. ``submodules`` are those of the repository: where one holds the chart, or something of it, git
    knows of no change but that its pointer moved, which counts. ``dependencies`` are the charts of this repository
    that are embedded: their files count as they count for themselves.
    """

    folder: str
    nested: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    left_out: Callable[[str], bool] | None = None
    submodules: tuple[str, ...] = ()
    dependencies: tuple[Belonging, ...] = ()

    def __contains__(self, path: str) -> bool:
        if path in self.submodules and any(_below(folder, path) for folder in self._folders):
            return True
        if any(_below(path, normal(folder)) for folder in self.extra):
            return True
        if any(path in dependency for dependency in self.dependencies):
            return True
        if not _below(path, self.folder) or any(_below(path, folder) for folder in self.nested):
            return False
        inside = path.removeprefix(f"{self.folder}/") if self.folder else path
        return not covers(self.ignore, inside) and not (self.left_out and self.left_out(inside))

    def changed_by(self, paths: Iterable[str]) -> bool:
        """Tell whether a change of these files, or of the pointers of these submodules, is one of the chart."""
        return any(path in self for path in paths)

    @property
    def _folders(self) -> tuple[str, ...]:
        return (self.folder, *map(normal, self.extra))

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths to ask git about; an empty tuple is the whole repository."""
        below = (path for dependency in self.dependencies for path in dependency.paths or ("",))
        pointers = (path for path in self.submodules if any(_below(folder, path) for folder in self._folders))
        folders = tuple(dict.fromkeys((*self._folders, *pointers, *below)))
        return () if "" in folders else folders


def normal(path: str) -> str:
    """Return a path as git has it: "./lib/" is "lib", "." is ""."""
    plain = posixpath.normpath(path.strip().lstrip("/") or ".")
    return "" if plain == "." else plain


def _below(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def nested_in(folder: str, folders: Sequence[str]) -> tuple[str, ...]:
    """Return those of the chart folders that lie inside another one: their files are not its own."""
    return tuple(other for other in folders if other != folder and _below(other, folder))
