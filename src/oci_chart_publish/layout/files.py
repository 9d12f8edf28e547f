"""Files of a layout: read without following links, written whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from oci_chart_publish.errors import ConfigError, VerificationError
from oci_chart_publish.lazy import lazy

if TYPE_CHECKING:
    import filelock
else:
    filelock = lazy("filelock")

INGEST = "ingest"

# A link or a pipe in the place of a file is refused, not followed or waited for.
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def regular_size(path: Path) -> int | None:
    """Return the size in bytes of a regular file, None where there is none (a link is none)."""
    try:
        result = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return result.st_size if stat.S_ISREG(result.st_mode) else None


def read(path: Path, *, limit: int) -> bytes | None:
    """Read a regular file of at most ``limit`` bytes; None where it does not exist, VerificationError for a link."""
    try:
        handle = os.open(path, _READ)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if path.is_symlink():
            raise VerificationError(
                f"{path} is a symbolic link; a layout holds plain files", hint="delete it"
            ) from error
        raise VerificationError(f"cannot read {path}: {error.strerror}") from error
    with os.fdopen(handle, "rb", buffering=0) as file:
        result = os.fstat(handle)
        if not stat.S_ISREG(result.st_mode):
            raise VerificationError(f"{path} is not a plain file", hint="delete it")
        if result.st_size > limit:
            raise VerificationError(f"{path} has {result.st_size} bytes; at most {limit} are expected")
        return file.readall()


def write(root: Path, path: Path, data: bytes | bytearray | memoryview, *, mode: int, durable: bool) -> None:
    """Put ``data`` at ``path`` in the layout ``root``: see ``write_pieces``."""
    write_pieces(root, path, (data,), mode=mode, durable=durable)


def write_pieces(
    root: Path, path: Path, pieces: Iterable[bytes | bytearray | memoryview], *, mode: int, durable: bool
) -> None:
    """Put what ``pieces`` are together at ``path``: written to ``ingest/``, then renamed into place.

    Where ``pieces`` raises, nothing is left.

    Whoever reads ``path`` sees the old file or the new one. With ``durable`` the bytes are on the disk before the
    rename; without, a power failure may leave an empty file, never another's bytes under this name.
    """
    temporary = root / INGEST / secrets.token_hex(12)
    handle = _create(temporary, mode)
    try:
        with os.fdopen(handle, "wb", buffering=0) as file:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[file.write(rest) :]
            if durable:
                os.fsync(handle)
        _replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _create(path: Path, mode: int) -> int:
    try:
        return os.open(path, _CREATE, mode)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, _CREATE, mode)


def _replace(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)


LOCK = "lock"
WAIT = 120.0
"""Seconds to wait for another process; it is held for milliseconds."""
_POLL = 0.005


@contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Hold the lock of the layout ``root``, against other processes and other threads; it is not re-entrant."""
    path = root / INGEST / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        held = filelock.FileLock(path).acquire(timeout=WAIT, poll_interval=_POLL)
    except filelock.Timeout as error:
        raise ConfigError(
            f"{path}: another process has held the lock of this layout for {WAIT:.0f} seconds",
            hint="end it, or use another layout",
        ) from error
    with held:
        yield
