"""Which files of the repository belong to a chart."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import msgspec


class Belonging(msgspec.Struct, frozen=True, kw_only=True):
    """The files whose change is a change of a chart: its folder without those of charts nested in it, and others.

    Paths are POSIX, relative to the repository root ("" is the root itself). ``extra`` are files or folders elsewhere;
    ``ignore`` are globs below the chart's folder (see ``ignored``); ``left_out`` tells of a path there whether the
    package lacks it. ``dependencies`` are the charts of this repository that are embedded: their files count as they
    count for themselves.
    """

    folder: str
    nested: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    left_out: Callable[[str], bool] | None = None
    dependencies: tuple[Belonging, ...] = ()

    def __contains__(self, path: str) -> bool:
        if any(_below(path, normal(folder)) for folder in self.extra):
            return True
        if any(path in dependency for dependency in self.dependencies):
            return True
        if not _below(path, self.folder) or any(_below(path, folder) for folder in self.nested):
            return False
        inside = path.removeprefix(f"{self.folder}/") if self.folder else path
        return not ignored(inside, self.ignore) and not (self.left_out and self.left_out(inside))

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths to ask git about; an empty tuple is the whole repository."""
        below = (path for dependency in self.dependencies for path in dependency.paths or ("",))
        found = tuple(dict.fromkeys((self.folder, *map(normal, self.extra), *below)))
        return () if "" in found else found


def normal(path: str) -> str:
    """Return a path as git has it: "./lib/" is "lib", "." is ""."""
    plain = posixpath.normpath(path.strip().lstrip("/") or ".")
    return "" if plain == "." else plain


def _below(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def nested_in(folder: str, folders: Sequence[str]) -> tuple[str, ...]:
    """Return those of the chart folders that lie inside another one: their files are not its own."""
    return tuple(other for other in folders if other != folder and _below(other, folder))


def ignored(path: str, globs: Iterable[str]) -> bool:
    """Tell whether a path below a chart is covered by one of the globs, which are read as in ``.gitignore``.

    A glob without a slash fits a name at any depth, one with a slash the path from the chart's folder; ``*`` and
    ``?`` stay within a name, ``**`` does not; what fits a folder fits all that is in it.
    """
    return any(_compiled(glob).fullmatch(path) for glob in globs)


@lru_cache(maxsize=256)
def _compiled(glob: str) -> re.Pattern[str]:
    text = glob.strip().removesuffix("/")
    anchored = "/" in text
    text = text.removeprefix("/")
    parts = re.split(r"(\*\*/|/\*\*$|\*\*|\*|\?|\[[^]/]+\])", text)
    pattern = "".join(_PART.get(part) or _literal(part) for part in parts)
    return re.compile(("" if anchored else r"(?:.*/)?") + pattern + r"(?:/.*)?", re.DOTALL)


_PART = {"**/": r"(?:.*/)?", "/**": r"/.*", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}


def _literal(part: str) -> str:
    if part.startswith("[") and part.endswith("]") and len(part) > 2:
        inside = part[1:-1].replace("\\", r"\\")
        return f"[{'^' + inside[1:] if inside[0] in '!^' else inside}]"
    return re.escape(part)
