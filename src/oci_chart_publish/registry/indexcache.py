"""Indexes of chart repositories kept between runs, each with what a server needs to say "not modified".

One file an index: a line of JSON, then the index. The line has its digest, so that a file that was cut off or touched
counts as none. Losing a file costs a download.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_FILE_LIMIT = 80 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CachedIndex:
    """An index, and the ETag and the date of its last change as the server wrote them."""

    data: bytes
    etag: str = ""
    modified: str = ""

    @property
    def conditions(self) -> dict[str, str]:
        """The headers that ask for the index only if it has changed; none where the server gave nothing for them."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in asked.items() if value}


@dataclass(frozen=True, slots=True)
class IndexCache:
    """The indexes in ``folder``. Threads and processes may share it; it never raises."""

    folder: Path

    def load(self, url: str) -> CachedIndex | None:
        """Return what was stored for the repository at ``url``, None where there is nothing whole."""
        try:
            with self._path(url).open("rb") as file:
                content = file.read(_FILE_LIMIT)
        except OSError:
            return None
        line, _, data = content.partition(b"\n")
        with suppress(ValueError, RecursionError):
            match json.loads(line):
                case {"sha256": digest, "etag": str(etag), "modified": str(modified)}:
                    if digest == hashlib.sha256(data).hexdigest():
                        return CachedIndex(data, etag, modified)
                case _:
                    pass
        return None

    def store(self, url: str, index: CachedIndex) -> None:
        """Keep an index; readable by its owner alone, since it may be a private one."""
        line = {
            "sha256": hashlib.sha256(index.data).hexdigest(),
            "etag": index.etag,
            "modified": index.modified,
        }
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".index-", dir=self.folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(json.dumps(line).encode() + b"\n")
                    file.write(index.data)
                Path(name).replace(self._path(url))
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise

    def _path(self, url: str) -> Path:
        # The query of a URL may be a secret, so the URL is written nowhere.
        return self.folder / f"{hashlib.sha256(url.encode()).hexdigest()}.index"
