"""What was found out before and need not be found out again: JSON values by kind and key, below ``memo/``.

Each kind is one file of lines, read once, to which lines are appended; one append is one write, so that several
processes need no lock. Losing it, or a line of it, costs time only: it may be deleted at any moment.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import msgspec

from oci_chart_publish.errors import VerificationError
from oci_chart_publish.layout import files

LIMIT = 4 * 1024 * 1024
"""Bytes of one kind from which the older half is forgotten: about 20,000 entries."""

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Memo(msgspec.Struct, frozen=True):
    """The memo in ``folder``, which is ``memo/`` of a layout. Threads and processes may share it; it never raises."""

    folder: Path
    limit: int = LIMIT
    _kinds: dict[str, dict[str, object]] = msgspec.field(default_factory=dict)

    def get(self, kind: str, key: str) -> object | None:
        """Return what was put under the key, None if nothing was or it has been forgotten."""
        return self._load(kind).get(key)

    def put(self, kind: str, key: str, value: object) -> None:
        """Remember a JSON value under the key, from now on and for later processes."""
        known = self._load(kind)
        if key in known and known[key] == value:
            return
        known[key] = value
        # The line break comes first as well: it ends a line that a killed process left unfinished.
        self._append(self._path(kind), b"\n%s\n" % _line(key, value))

    def _path(self, kind: str) -> Path:
        return self.folder / f"{kind}.jsonl"

    def _load(self, kind: str) -> dict[str, object]:
        known = self._kinds.get(kind)
        if known is None:
            known = self._kinds.setdefault(kind, self._read(self._path(kind)))
        return known

    def _read(self, path: Path) -> dict[str, object]:
        try:
            size = path.stat().st_size
            if size > 4 * self.limit:  # not ours, or of a program that did not keep to the limit
                path.unlink()
                return {}
            result = _parse(files.read(path, limit=4 * self.limit) or b"")
            if size > self.limit:
                result = dict(list(result.items())[len(result) // 2 :])
                self._rewrite(path, result)
        except (OSError, VerificationError):
            return {}
        return result

    def _rewrite(self, path: Path, entries: dict[str, object]) -> None:
        data = b"".join(b"%s\n" % _line(key, value) for key, value in entries.items())
        files.write(self.folder.parent, path, data, mode=0o644, durable=False)

    def _append(self, path: Path, data: bytes) -> None:
        with suppress(OSError):
            try:
                handle = os.open(path, _APPEND, 0o644)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                handle = os.open(path, _APPEND, 0o644)
            try:
                os.write(handle, data)
            finally:
                os.close(handle)


def _line(key: str, value: object) -> bytes:
    return json.dumps([key, value], separators=(",", ":")).encode()


def _parse(data: bytes) -> dict[str, object]:
    result: dict[str, object] = {}
    for line in data.split(b"\n"):
        with suppress(ValueError, RecursionError):
            match json.loads(line):
                case [str(key), value]:
                    result.pop(key, None)  # put again: it is younger now
                    result[key] = value
                case _:
                    pass
    return result
