"""Uploading a blob: one POST where the registry can do that, else POST and PUT (distribution-spec, pushing blobs).

In parts where a registry, or a proxy before it, refuses the whole; and cancelled where it is given up.
"""

from __future__ import annotations

from collections.abc import Callable

from oci_chart_publish.errors import RegistryError
from oci_chart_publish.http.address import origin_of, redact, with_query
from oci_chart_publish.http.answer import Answer, ConnectionFailed
from oci_chart_publish.oci.content import Content, InMemory, part
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.registry.asking import Asking
from oci_chart_publish.registry.classify import Meaning, Question
from oci_chart_publish.registry.host import Call

_OCTETS = {"Content-Type": "application/octet-stream"}
_TRIAL_SIZE = 16 * 1024
"""A body that may be sent in vain once a host, to learn whether a single POST works there."""

_STARTS = 3
_UNWILLING = frozenset({400, 404, 405, 411, 413, 415, 501})
_TOO_LARGE = 413
_PARTS = (16 << 20, 4 << 20, 900_000, 256 << 10)
"""Bytes of a part, from the largest on: what nginx takes where nobody said anything is 1 MiB."""


class Upload:
    """Uploads blobs into one repository."""

    def __init__(self, asking: Asking, *, cross_host: bool) -> None:
        self._asking = asking
        self._cross_host = cross_host
        self._path = "/blobs/uploads/"

    def put(
        self, descriptor: Descriptor, content: Content, stored: Callable[[], bool], location: str = ""
    ) -> None:
        """Store ``content``. ``stored`` looks the blob up, for a server that only says "accepted"."""
        features = self._asking.host.features
        for start in range(_STARTS):
            if 0 < features.chunk < content.size:
                self._in_parts(descriptor, content, stored)
                return
            place = location if location and not start else self._start(descriptor, content)
            if not place:
                return
            answer = self._finish(place, descriptor, content)
            meaning = self._asking.meaning(Question.UPLOADED, answer)
            if meaning is Meaning.YES or (meaning is Meaning.ASK_AGAIN and stored()):
                return
            if answer.status == _TOO_LARGE:
                self._cancel(place)
                self._in_parts(descriptor, content, stored, instead_of=answer)
                return
            if meaning not in (Meaning.GONE, Meaning.ASK_AGAIN):
                self._cancel(place)
            if meaning is not Meaning.GONE or start + 1 == _STARTS:
                raise self._asking.refusal(answer, meaning)
        raise AssertionError("unreachable")

    def location(self, answer: Answer) -> str:
        """Return the checked URL of the upload that ``answer`` opened."""
        host = self._asking.host
        url = host.allowed(answer.header("Location"), answer)
        if not self._cross_host and origin_of(url) != host.origin:
            where = f"{answer.method} {redact(answer.url)}: {answer.status}"
            raise RegistryError(f"{where} with an upload Location on another host, {redact(url)}")
        return url

    def _finish(self, place: str, descriptor: Descriptor, content: Content) -> Answer:
        try:
            return self._send(
                "PUT", with_query(place, f"digest={descriptor.digest}"), content, headers=_OCTETS
            )
        except BaseException:
            self._cancel(place)
            raise

    def _in_parts(
        self,
        descriptor: Descriptor,
        content: Content,
        stored: Callable[[], bool],
        instead_of: Answer | None = None,
    ) -> None:
        """Upload in parts of the size that is known to work here, else of the largest that does."""
        features, refused = self._asking.host.features, instead_of
        sizes = (features.chunk,) if features.chunk else _PARTS
        for size in (size for size in sizes if size < content.size):
            opened = self._post(self._path, InMemory(b""))
            if opened.status != 202:
                raise self._asking.refusal(opened)
            least = opened.header("OCI-Chunk-Min-Length")
            size = max(size, int(least) if least.isdigit() else 0)  # noqa: PLW2901
            place, answer = self._parts(self.location(opened), content, size)
            if answer is None:
                answer = self._finish(place, descriptor, InMemory(b""))
                meaning = self._asking.meaning(Question.UPLOADED, answer)
                if meaning is Meaning.YES or (meaning is Meaning.ASK_AGAIN and stored()):
                    features.chunk = size
                    return
            refused = answer
            self._cancel(place)
            if answer.status != _TOO_LARGE:
                break
        if refused is not None:
            raise self._asking.refusal(refused)

    def _parts(self, place: str, content: Content, size: int) -> tuple[str, Answer | None]:
        """Send all parts; return where the upload is now, and the answer to the one that was refused, if any."""
        for start in range(0, content.size, size):
            piece = part(content, start, min(size, content.size - start))
            headers = {**_OCTETS, "Content-Range": f"{start}-{start + piece.size - 1}"}
            try:
                answer = self._send("PATCH", place, piece, headers=headers)
            except BaseException:
                self._cancel(place)
                raise
            if answer.status not in (201, 202, 204):
                return place, answer
            if answer.header("Location"):
                place = self.location(answer)
        return place, None

    def _start(self, descriptor: Descriptor, content: Content) -> str:
        """Open an upload and return its URL; empty where the blob is stored already."""
        features = self._asking.host.features
        if features.single_post:
            return self._single(descriptor, content)
        if content.size <= _TRIAL_SIZE and features.single_post is None and features.claim_trial():
            return self._trial(descriptor, content)
        return self._opened(self._post(self._path, InMemory(b"")))

    def _trial(self, descriptor: Descriptor, content: Content) -> str:
        """Try a single POST: 201 says it works, 202 opens an upload like any other, so nothing is lost.

        Whatever else comes of it, the plain way is gone after that.
        """
        works: bool | None = None
        try:
            answer = self._post(with_query(self._path, f"digest={descriptor.digest}"), content, tries=1)
            if answer.status in (201, 202):
                works = answer.status == 201
                return self._opened(answer)
            works = False if answer.status in _UNWILLING else None
        except ConnectionFailed:
            works = False
        finally:
            self._asking.host.features.settle_trial(works=works)
        return self._opened(self._post(self._path, InMemory(b"")))

    def _single(self, descriptor: Descriptor, content: Content) -> str:
        answer = self._post(with_query(self._path, f"digest={descriptor.digest}"), content)
        if answer.status == _TOO_LARGE:
            return self._opened(self._post(self._path, InMemory(b"")))
        return self._opened(answer)

    def _post(self, path: str, content: Content, *, tries: int = 0) -> Answer:
        headers = _OCTETS if content.size else {}
        try:
            return self._send("POST", self._asking.target(path), content, headers=headers, tries=tries)
        except ConnectionFailed as failure:
            failure.hint = failure.hint or self._asking.host.kind.lost_post
            raise

    def _send(
        self, method: str, target: str, content: Content, *, headers: dict[str, str], tries: int = 0
    ) -> Answer:
        body = content.data if isinstance(content, InMemory) else content
        scope = self._asking.scope
        return self._asking.send(
            Call(method=method, target=target, scope=scope, headers=headers, body=body, tries=tries)
        )

    def _opened(self, answer: Answer) -> str:
        if answer.status == 201:
            return ""
        if answer.status != 202:
            raise self._asking.refusal(answer)
        return self.location(answer)

    def _cancel(self, place: str) -> None:
        """Let the registry throw away what arrived of an upload; one that cannot is left to its own clean-up."""
        if not self._asking.host.is_ours(place):
            return  # a signed URL of an object store is for one request
        try:
            self._asking.send(Call(method="DELETE", target=place, scope=self._asking.scope, tries=1))
        except RegistryError:
            return
