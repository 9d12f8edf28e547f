"""Uploading a blob: one POST where the registry can do that, else POST and PUT (distribution-spec, pushing blobs)."""

from __future__ import annotations

from collections.abc import Callable

from oci_chart_publish.errors import RegistryError
from oci_chart_publish.http.address import origin_of, redact, with_query
from oci_chart_publish.http.answer import Answer, ConnectionFailed
from oci_chart_publish.http.auth import Authorizer
from oci_chart_publish.http.tokens import Scope
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.registry import refusals as faults
from oci_chart_publish.registry.host import Call, Host

_OCTETS = {"Content-Type": "application/octet-stream"}
_TRIAL_SIZE = 16 * 1024
"""A body that may be sent in vain once a host, to learn whether a single POST works there."""

_STARTS = 3
_UNWILLING = frozenset({400, 404, 405, 411, 413, 415, 501})
_GONE = frozenset({404, 416})


class Upload:
    """Uploads blobs into one repository."""

    def __init__(self, host: Host, auth: Authorizer, scope: Scope, *, cross_host: bool) -> None:
        self._host = host
        self._auth = auth
        self._scope = scope
        self._cross_host = cross_host
        self._path = f"/v2/{scope.name}/blobs/uploads/"

    def put(
        self, descriptor: Descriptor, data: bytes, stored: Callable[[], bool], location: str = ""
    ) -> None:
        """Store ``data``. ``stored`` looks the blob up, for a server that only says "accepted"."""
        for start in range(_STARTS):
            place = location if location and not start else self._start(descriptor, data)
            if not place:
                return
            answer = self._host.request(
                Call(
                    method="PUT",
                    target=with_query(place, f"digest={descriptor.digest}"),
                    scope=self._scope,
                    headers=_OCTETS,
                    body=data,
                ),
                self._auth,
            )
            if answer.status in (200, 201, 204) or (answer.status == 202 and stored()):
                return
            if answer.status not in _GONE or start + 1 == _STARTS:
                raise self._refusal(answer)
        raise AssertionError("unreachable")

    def location(self, answer: Answer) -> str:
        """Return the checked URL of the upload that ``answer`` opened."""
        url = self._host.allowed(answer.header("Location"), answer)
        if not self._cross_host and origin_of(url) != self._host.origin:
            where = f"{answer.method} {redact(answer.url)}: {answer.status}"
            raise RegistryError(f"{where} with an upload Location on another host, {redact(url)}")
        return url

    def _start(self, descriptor: Descriptor, data: bytes) -> str:
        """Open an upload and return its URL; empty where the blob is stored already."""
        features = self._host.features
        if features.single_post:
            return self._single(descriptor, data)
        if len(data) <= _TRIAL_SIZE and features.single_post is None and features.claim_trial():
            return self._trial(descriptor, data)
        return self._opened(self._post(self._path, b""))

    def _trial(self, descriptor: Descriptor, data: bytes) -> str:
        """Try a single POST: 201 says it works, 202 opens an upload like any other, so nothing is lost.

        Whatever else comes of it, the plain way is gone after that.
        """
        works: bool | None = None
        try:
            answer = self._post(with_query(self._path, f"digest={descriptor.digest}"), data, tries=1)
            if answer.status in (201, 202):
                works = answer.status == 201
                return self._opened(answer)
            works = False if answer.status in _UNWILLING else None
        except ConnectionFailed:
            works = False
        finally:
            self._host.features.settle_trial(works=works)
        return self._opened(self._post(self._path, b""))

    def _single(self, descriptor: Descriptor, data: bytes) -> str:
        return self._opened(self._post(with_query(self._path, f"digest={descriptor.digest}"), data))

    def _post(self, target: str, body: bytes, *, tries: int = 0) -> Answer:
        call = Call(
            method="POST",
            target=target,
            scope=self._scope,
            headers=_OCTETS if body else {},
            body=body,
            tries=tries,
        )
        try:
            return self._host.request(call, self._auth)
        except ConnectionFailed as failure:
            failure.hint = failure.hint or self._host.kind.lost_post
            raise

    def _opened(self, answer: Answer) -> str:
        if answer.status == 201:
            return ""
        if answer.status != 202:
            raise self._refusal(answer)
        return self.location(answer)

    def _refusal(self, answer: Answer) -> RegistryError:
        return faults.refusal(answer, kind=self._host.kind, path=self._scope.name)
