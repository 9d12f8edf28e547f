"""A tree with some of its files replaced or added: stamped versions, resolved dependencies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from oci_chart_publish.chart.tree import Entry, Tree


class OverlayTree:
    """``tree`` with the files of ``files`` (POSIX paths below its root) in front of it; added files are tracked."""

    def __init__(self, tree: Tree, files: Mapping[str, bytes]) -> None:
        self._tree = tree
        self._files = dict(files)
        self._added: dict[str, dict[str, Entry]] = {}
        for path in self._files:
            self._add(path, is_dir=False)

    def _add(self, path: str, *, is_dir: bool) -> None:
        folder, _, name = path.rpartition("/")
        self._added.setdefault(folder, {})[name] = Entry(name, is_dir)
        if folder:
            self._add(folder, is_dir=True)

    @property
    def title(self) -> str:
        """How messages name the tree."""
        return self._tree.title

    def entries(self, folder: str) -> Sequence[Entry]:
        """Return the entries of a folder, sorted bytewise by name."""
        added = self._added.get(folder, {})
        if folder and not self._below(folder):
            return _sorted(added)
        return _sorted({entry.name: entry for entry in self._tree.entries(folder)} | added)

    def _below(self, folder: str) -> bool:
        parent, _, name = folder.rpartition("/")
        if parent and not self._below(parent):
            return False
        return any(entry.name == name and entry.is_dir for entry in self._tree.entries(parent))

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        return self._files[path] if path in self._files else self._tree.read(path)

    def size(self, path: str) -> int:
        """Return the size of a file in bytes."""
        return len(self._files[path]) if path in self._files else self._tree.size(path)


def _sorted(entries: Mapping[str, Entry]) -> list[Entry]:
    return [
        entries[name] for name in sorted(entries, key=lambda name: name.encode("utf-8", "surrogateescape"))
    ]
