"""Requests about one repository, and what comes back put into meanings and errors."""

from __future__ import annotations

from oci_chart_publish.errors import AuthError, RegistryError, VerificationError
from oci_chart_publish.http.address import redact
from oci_chart_publish.http.answer import Answer
from oci_chart_publish.http.auth import Authorizer
from oci_chart_publish.http.tokens import Scope
from oci_chart_publish.oci import descriptor as mediatype
from oci_chart_publish.registry import profiles as hints
from oci_chart_publish.registry import refusals as faults
from oci_chart_publish.registry.classify import Known, Meaning, Question, classify, in_words, is_bare, is_own
from oci_chart_publish.registry.host import SMALL, Call, Host

ACCEPT = {"Accept": ", ".join(mediatype.MANIFESTS)}
ANY = {"Accept": "*/*"}


class Asking:
    """Asks one repository. ``path`` arguments are below it; a URL of an earlier answer does as well."""

    def __init__(self, host: Host, auth: Authorizer, scope: Scope) -> None:
        self.host = host
        self.auth = auth
        self.scope = scope
        self._path = f"/v2/{scope.name}"

    def target(self, path: str) -> str:
        """Return the target of a request."""
        return path if "://" in path[:8] else self._path + path

    def send(self, call: Call) -> Answer:
        """Send a request whose ``target`` is below the repository; twice where a bare 404 could be anybody's."""
        answer = self.host.request(call, self.auth)
        if call.method == "GET" and is_bare(answer):
            answer = self.host.request(call, self.auth)
        if in_words(answer):
            self.host.features.words = True
            self.host.features.marks |= is_own(answer)
        return answer

    def ask(self, method: str, path: str, headers: dict[str, str], *, limit: int = 0) -> Answer:
        """Send a request without a body, and read at most ``limit`` bytes of a success."""
        return self.send(
            Call(
                method=method,
                target=self.target(path),
                scope=self.scope,
                headers=headers,
                limit=limit or SMALL,
            )
        )

    def meaning(self, question: Question, answer: Answer) -> Meaning:
        """Return what an answer means; where a bare 404 has nobody's signature, ``/v2/`` is asked who speaks."""
        features = self.host.features
        known = Known(heads=features.heads is True, words=features.words, marks=features.marks)
        meaning = classify(question, answer, self.host.kind, known)
        if meaning is Meaning.UNPROVEN:
            return Meaning.NO if self.host.speaks() else Meaning.FOREIGN
        return meaning

    def refusal(self, answer: Answer, meaning: Meaning = Meaning.REFUSED) -> RegistryError:
        """Return the typed error for an answer that is not what was asked for."""
        if meaning is Meaning.FOREIGN:
            return self._foreign(answer)
        credential, hint = self.auth.credential, ""
        ours = self.host.is_ours(answer.url)
        if credential is None and answer.status in (401, 403) and ours:
            hint = self.host.login_hint
        elif credential is not None and answer.status == 401 and ours and self.host.kind is hints.GENERIC:
            hint = credential.refused
        error = faults.refusal(answer, kind=self.host.kind, path=self.scope.name, hint=hint)
        if isinstance(error, AuthError):
            error.login_refused = ours and self.auth.login_refused(answer)
        return error

    def plain(self, answer: Answer) -> None:
        """Raise VerificationError for a body that somebody compressed on the way."""
        if answer.encoded:
            encoding = answer.header("Content-Encoding")[:50]
            raise VerificationError(
                f"{answer.method} {redact(answer.url)}: sent with Content-Encoding {encoding!r}, unasked",
                hint="a proxy between here and the registry compresses; digests are of the bytes as stored",
            )

    def _foreign(self, answer: Answer) -> RegistryError:
        page = faults.page_of(answer)
        return RegistryError(
            f"{answer.method} {redact(answer.url)}: {answer.status}, and nothing there speaks the registry API"
            + (f": it is {page}" if page else ""),
            status=answer.status,
            hint=f"is {self.host.name} the registry, and is no proxy before it?",
        )
