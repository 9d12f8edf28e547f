"""Reading a blob: as a stream, verified on the way, going on with ``Range`` where it broke off."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from oci_chart_publish.errors import RegistryError, VerificationError
from oci_chart_publish.http.address import redact
from oci_chart_publish.http.answer import Answer, ConnectionFailed
from oci_chart_publish.oci.content import Content, InFile, InMemory
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.registry.asking import ANY, Asking
from oci_chart_publish.registry.classify import Meaning, Question, Shape, shape
from oci_chart_publish.registry.host import Call

HELD = 1024 * 1024
"""Bytes of the largest blob that is held in memory when it goes from one store to another."""

_WORTH_GOING_ON = 64 * 1024
"""Bytes that a broken answer has to have brought, so that the tries are counted anew."""


class Download:
    """The bytes of one blob as they arrive in ``file``, over several answers if need be."""

    def __init__(self, descriptor: Descriptor, file: BinaryIO) -> None:
        self.descriptor = descriptor
        self.got = 0
        self.too_much = False
        self.elsewhere = ""
        self._file = file
        self._hash = hashlib.new(descriptor.digest.algorithm)

    def headers(self) -> Mapping[str, str]:
        """Return the ``Range`` that is missing."""
        return {"Range": f"bytes={self.got}-"} if self.got else {}

    def begin(self, answer: Answer) -> bool:
        """Take the rest from a 206 that begins where we are, the whole from a 200; nothing else."""
        if answer.encoded or shape(answer) is Shape.PAGE:
            return False
        if answer.status == 206:
            return self.got > 0 and answer.header("Content-Range").startswith(f"bytes {self.got}-")
        if answer.status != 200:
            return False
        self.restart()
        return True

    def restart(self) -> None:
        """Forget what has arrived."""
        self._file.seek(0)
        self._file.truncate()
        self._hash = hashlib.new(self.descriptor.digest.algorithm)
        self.got = 0

    def write(self, piece: bytes) -> bool:
        """Take a piece; False where there are more bytes than the descriptor says."""
        if self.got + len(piece) > self.descriptor.size:
            self.too_much = True
            return False
        self._file.write(piece)
        self._hash.update(piece)
        self.got += len(piece)
        return True

    def check(self, origin: str) -> None:
        """Raise VerificationError unless what has arrived is what the descriptor says."""
        expected = self.descriptor
        if self.too_much:
            raise VerificationError(f"{origin}: {expected.digest} has more than its {expected.size} bytes")
        if self.got != expected.size:
            raise VerificationError(
                f"{origin}: {expected.digest} should have {expected.size} bytes, got {self.got}"
            )
        if (digest := self._hash.hexdigest()) != expected.digest.hex:
            raise VerificationError(
                f"{origin}: the {expected.size} bytes of {expected.digest} have another digest, "
                f"{expected.digest.algorithm}:{digest}"
            )


def fetch(asking: Asking, descriptor: Descriptor, file: BinaryIO) -> None:
    """Write a blob to the empty ``file``: never more than its descriptor says, and checked against it."""
    download = Download(descriptor, file)
    answer = _answered(asking, download)
    if answer.status in (206, 416):  # a range that does not fit what we have: the whole, then
        download.restart()
        answer = _answered(asking, download)
    meaning = asking.meaning(Question.BLOB, answer)
    if meaning is not Meaning.YES:
        raise asking.refusal(answer, meaning)
    asking.plain(answer)
    download.check(f"GET {redact(answer.url)}")


def _answered(asking: Asking, download: Download) -> Answer:
    """Ask until all of it has arrived; a connection that breaks again and again is no end while it brings something."""
    call = Call(
        method="GET",
        target=asking.target(f"/blobs/{download.descriptor.digest}"),
        scope=asking.scope,
        headers=ANY,
        sink=download,
    )
    while True:
        before = download.got
        try:
            answer = asking.send(call)
        except ConnectionFailed:
            if download.got - before < _WORTH_GOING_ON:
                raise
            continue
        complete = answer.status == 206 and download.got == download.descriptor.size
        return _as_whole(answer) if complete else answer


def _as_whole(answer: Answer) -> Answer:
    return Answer(method=answer.method, url=answer.url, status=200, headers=answer.headers)


def read(asking: Asking, descriptor: Descriptor, *, limit: int) -> bytes:
    """Read a blob of at most ``limit`` bytes into memory."""
    import io  # noqa: PLC0415

    if descriptor.size > limit:
        raise RegistryError(
            f"{asking.host.name}/{asking.scope.name}@{descriptor.digest}: {descriptor.size} bytes; "
            f"at most {limit} are read into memory"
        )
    file = io.BytesIO()
    fetch(asking, descriptor, file)
    return file.getvalue()


@contextmanager
def opened(asking: Asking, descriptor: Descriptor) -> Iterator[Content]:
    """Give a blob to be read piece by piece; a large one lies in a temporary file meanwhile."""
    if descriptor.size <= HELD:
        yield InMemory(read(asking, descriptor, limit=HELD))
        return
    with tempfile.TemporaryDirectory(prefix="oci-chart-publish-") as folder:
        path = Path(folder) / "blob"
        with path.open("xb", buffering=0) as file:
            fetch(asking, descriptor, file)
        yield InFile(path=path, size=descriptor.size)
