"""Commits with the files they touched, read from the output of ``git log``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice

import msgspec

from oci_chart_publish.errors import PublishError

# Fields end with NUL, which neither a message nor a file name can hold; a record begins with an empty field, which
# no file name is. So nothing that somebody writes into a commit can pass for something else.
LOG_FORMAT = "%x00%H%x00%P%x00%ct%x00%an%x00%ae%x00%B"
_FIELDS = 6


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """A commit: ``time`` in seconds since the epoch (of the committer), ``message`` whole, with its body.

    ``files`` are POSIX paths relative to the repository root, changed against the first parent; a rename is two
    of them. A merge has none, unless the log followed first parents only.
    """

    sha: str
    parents: tuple[str, ...]
    time: int
    author: str
    email: str
    message: str
    files: tuple[str, ...]

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.lstrip("\n").partition("\n")[0].strip()


def parse_log(output: bytes) -> tuple[Commit, ...]:
    """Read what ``git log -z --name-only --format=LOG_FORMAT`` printed."""
    fields = iter(output.split(b"\0"))
    start = next(fields)
    if start:
        raise PublishError(f"git log printed {start!r} where a commit had to begin")
    commits = []
    while record := list(islice(fields, _FIELDS)):
        if len(record) < _FIELDS:
            raise PublishError("the output of git log ends in the middle of a commit")
        commits.append(_commit(record, tuple(_names(fields))))
    return tuple(commits)


def _names(fields: Iterator[bytes]) -> Iterator[str]:
    """Yield file names up to and with the empty field that begins the next commit."""
    first = next(fields, b"")
    if first:
        yield os.fsdecode(first.removeprefix(b"\n"))
        for name in iter(lambda: next(fields, b""), b""):
            yield os.fsdecode(name)


def _commit(record: list[bytes], files: tuple[str, ...]) -> Commit:
    sha, parents, time, author, email, message = (field.decode("utf-8", "replace") for field in record)
    return Commit(
        sha=sha,
        parents=tuple(parents.split()),
        time=int(time),
        author=author,
        email=email,
        message=message,
        files=files,
    )
