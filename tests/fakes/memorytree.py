"""A tree of files in memory, for charts that are written down in a test."""

from __future__ import annotations

from collections.abc import Mapping

from oci_chart_publish.tree.tree import Entry, in_order


class MemoryTree:
    """Files in memory."""

    def __init__(self, files: Mapping[str, bytes], title: str) -> None:
        self._files = files
        self._title = title
        self._folders: dict[str, dict[str, Entry]] = {"": {}}
        for path in files:
            self._add(path, is_dir=False)

    def _add(self, path: str, *, is_dir: bool) -> None:
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = {}
            self._add(folder, is_dir=True)
        self._folders[folder][name] = Entry(name, is_dir)

    @property
    def title(self) -> str:
        """How messages name the files."""
        return self._title

    def entries(self, folder: str) -> list[Entry]:
        """Return what is in a folder."""
        return in_order(list(self._folders[folder].values()))

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        return self._files[path]

    def size(self, path: str) -> int:
        """Return the size of a file."""
        return len(self._files[path])

    def fingerprint(self) -> str | None:
        """Return None: only reading tells."""
        return None
