"""What an answer means for the question that was asked: one table for every verb.

A registry is seldom alone: an ingress, a login page, a cache or a firewall may answer in its place, with the same
statuses. So "not there" counts only in a registry's own words, and a page counts as nothing at all. Everything here is
a pure function of the answer and of what is known of the host.
"""

from __future__ import annotations

import json
from enum import StrEnum

import msgspec

from oci_chart_publish.http.answer import Answer
from oci_chart_publish.oci.descriptor import OCI_INDEX
from oci_chart_publish.registry.profiles import RegistryProfile
from oci_chart_publish.registry.refusals import codes_of

_NOTHING_THERE = frozenset(
    {
        "MANIFEST_UNKNOWN",
        "NAME_UNKNOWN",
        "NOT_FOUND",
        "UNKNOWN",
        "BLOB_UNKNOWN",
        "TAG_UNKNOWN",
        "NAME_NOT_FOUND",
    }
)
_OTHER_WORDS = frozenset({"DENIED", "UNAUTHORIZED", "TOOMANYREQUESTS", "UNSUPPORTED", "UNAVAILABLE"})
_API_HEADERS = ("Docker-Distribution-Api-Version", "Docker-Content-Digest")


class Question(StrEnum):
    """What a request wants to know."""

    MANIFEST = "is this manifest there"
    BLOB = "is this blob there"
    TAGS = "which tags are there"
    REFERRERS = "what refers to this"
    STORED = "was this manifest stored"
    UPLOADED = "was this blob stored"
    DELETED = "was this deleted"


class Meaning(StrEnum):
    """What an answer says."""

    YES = "yes"
    NO = "no"
    ASK_AGAIN = "a GET has to tell"
    UNPROVEN = "no, if a registry said it"
    HIDDEN = "the registry does not say"
    PERHAPS_NO = "the registry does not say, and is known to do so for what is not there"
    FOREIGN = "something else than the registry answered"
    GONE = "the upload is gone, or its answer was lost: begin anew"
    UNWRITABLE = "what the tag holds now has to tell"
    REFUSED = "no answer to the question"


class Shape(StrEnum):
    """What a body is."""

    WORDS = "errors with a code, as the specification has them"
    JSON = "other JSON"
    NOTHING = "nothing"
    PAGE = "a page for people"
    OTHER = "something else"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned of a host: whether its HEADs of manifests tell the truth, and how it says "not there".

    ``words``: as the specification has it; ``marks``: with a header that only registries send.
    """

    heads: bool = False
    words: bool = False
    marks: bool = False


_HIDING = frozenset({401, 403})
_DONE = frozenset({200, 201, 202, 204})
_UPLOADED = frozenset({200, 201, 204})
_ANEW = frozenset({400, 404, 409, 410, 416})
_MAY_BE_IMMUTABLE = frozenset({400, 403, 405, 409, 412, 423})
_TRYING_LATER = frozenset({407, 408, 429, 499, 500, 502, 503, 504, 522})


def shape(answer: Answer) -> Shape:
    """Tell what the body of an answer is; of a HEAD, which has none, what its headers say of it."""
    kind = answer.header("Content-Type").lower()
    start = answer.body[:512].lstrip().lower()
    if "html" in kind or start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<body")):
        return Shape.PAGE
    if answer.method == "HEAD" or not answer.body:
        return Shape.JSON if answer.method == "HEAD" and "json" in kind else Shape.NOTHING
    if codes_of(answer):
        return Shape.WORDS
    return Shape.JSON if _is_json(answer.body) else Shape.OTHER


def classify(question: Question, answer: Answer, profile: RegistryProfile, known: Known) -> Meaning:
    """Return what ``answer`` means for ``question`` at a registry of the sort ``profile``."""
    body = shape(answer)
    if body is Shape.PAGE and answer.status in (*_DONE, 404):
        return Meaning.ASK_AGAIN if answer.method == "HEAD" else Meaning.FOREIGN
    if question is Question.REFERRERS:
        return _of_referrers(answer, body, profile)
    if question is Question.STORED:
        return _of_a_write(answer)
    if question is Question.UPLOADED:
        return _of_an_upload(answer)
    if question is Question.DELETED and answer.status in _DONE:
        return Meaning.YES
    if answer.status in (200, 206):
        return Meaning.YES
    if answer.status == 404:
        return _absent(question, answer, body, known)
    if answer.method == "HEAD" and answer.status not in _TRYING_LATER:
        return Meaning.ASK_AGAIN
    if answer.status in _HIDING:
        # A firewall says 403 with a page: that is not how the registry hides what it has.
        known_for_it = answer.status in profile.absent and body is not Shape.PAGE
        return Meaning.PERHAPS_NO if known_for_it else Meaning.HIDDEN
    return Meaning.REFUSED


def is_own(answer: Answer) -> bool:
    """Tell whether the headers of an answer are a registry's."""
    return any(answer.header(name) for name in _API_HEADERS)


def is_bare(answer: Answer) -> bool:
    """Tell whether an answer is a 404 that says nothing, and has nobody's signature."""
    return answer.status == 404 and not is_own(answer) and shape(answer) is Shape.NOTHING


def in_words(answer: Answer) -> bool:
    """Tell whether an answer says "not there" as the specification has it."""
    return answer.status == 404 and bool(set(codes_of(answer)) & _NOTHING_THERE)


def _absent(question: Question, answer: Answer, body: Shape, known: Known) -> Meaning:
    """Return what a 404 means that is no page."""
    if answer.method == "HEAD":
        if question is Question.BLOB:
            # A blob that is uploaded again for nothing does no harm: a look at the host is enough.
            return Meaning.UNPROVEN
        # The headers alone: believed of a host that answers HEAD as it answers GET, and in the way that it does.
        in_its_way = is_own(answer) if known.marks else body is Shape.JSON or not known.words
        return Meaning.NO if known.heads and in_its_way else Meaning.ASK_AGAIN
    if body is Shape.WORDS:
        return Meaning.FOREIGN if _OTHER_WORDS & set(codes_of(answer)) else Meaning.NO
    if is_own(answer) and body is not Shape.OTHER:
        return Meaning.NO
    if body is Shape.NOTHING and not known.words:
        return Meaning.UNPROVEN
    return Meaning.FOREIGN


def _of_referrers(answer: Answer, body: Shape, profile: RegistryProfile) -> Meaning:
    """Return whether the referrers API answered: only a 404, or a registry that says so, means to use the tag."""
    media_type = answer.header("Content-Type").partition(";")[0].strip()
    if answer.status == 200:
        return Meaning.YES if media_type == OCI_INDEX else Meaning.FOREIGN
    if answer.status == 404 or "UNSUPPORTED" in codes_of(answer):
        return Meaning.NO
    if 300 <= answer.status < 400 and profile.referrers_elsewhere:
        return Meaning.NO
    if body is Shape.PAGE:
        return Meaning.FOREIGN
    return Meaning.HIDDEN if answer.status in _HIDING else Meaning.REFUSED


def _of_a_write(answer: Answer) -> Meaning:
    if answer.status in _DONE:
        return Meaning.YES
    return Meaning.UNWRITABLE if answer.status in _MAY_BE_IMMUTABLE else Meaning.REFUSED


def _of_an_upload(answer: Answer) -> Meaning:
    if answer.status in _UPLOADED:
        return Meaning.YES
    if answer.status == 202:
        return Meaning.ASK_AGAIN
    return Meaning.GONE if answer.status in _ANEW else Meaning.REFUSED


def _is_json(body: bytes) -> bool:
    if body.lstrip()[:1] not in (b"{", b"["):
        return False
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
