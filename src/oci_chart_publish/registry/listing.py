"""Lists that a registry gives out in pages (distribution-spec, content discovery)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from oci_chart_publish.errors import RegistryError
from oci_chart_publish.http.address import join, origin_of, redact, upgraded
from oci_chart_publish.http.answer import Answer
from oci_chart_publish.http.auth import Authorizer
from oci_chart_publish.http.tokens import CATALOG
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.registry import refusals as faults
from oci_chart_publish.registry.host import Call, Host

_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel\s*=\s*"?next"?(?![\w-])', re.IGNORECASE)
_PAGES = 10_000
_NUMBER = "n=1000"
_WRONG_NUMBER = frozenset({400, 405, 416, 422})
LIST_LIMIT = 32 * 1024 * 1024
"""Bytes of the largest page that is read: some registries list all they have in one."""

_REFERRER_TAG = re.compile(r"sha(256|512)-[0-9a-f]{64,128}(\.[a-z0-9]+)?")

Page = Callable[[str], Answer | None]
"""Reads one page, by path or URL; None for a genuine "not found"."""


def tags(page: Page, first: str) -> tuple[str, ...]:
    """Return all tags, without those that only hold signatures and the like (``sha256-<hex>…``)."""
    result = _names(page, first, "tags")
    return tuple(tag for tag in result or () if not _REFERRER_TAG.fullmatch(tag))


def refuses_number(answer: Answer) -> bool:
    """Tell whether a page is refused for its ``n``: some registries have a maximum, and say 400 to more."""
    asked = urlsplit(answer.url).query.split("&")
    return answer.status in _WRONG_NUMBER and _NUMBER in asked


def _names(page: Page, path: str, key: str) -> dict[str, None] | None:
    """Return the names that all pages of a list have under ``key``, in order; None where there is no such list.

    A page that repeats what is known and names another one after it is a list that goes in circles.
    """
    result: dict[str, None] = {}
    answer: Answer | None = None
    for answer in _numbered(page, path):
        names = listed(answer).get(key) or []
        if not isinstance(names, list):
            raise RegistryError(f"GET {redact(answer.url)}: {key!r} is not a list")
        new = [name for name in names if isinstance(name, str) and name not in result]
        if names and not new and _next(answer):
            raise _endless(answer)
        result.update(dict.fromkeys(new))
    return None if answer is None else result


def _numbered(page: Page, path: str) -> Iterator[Answer]:
    """Read all pages of a list, as many entries at a time as the registry gives."""
    for answer in pages(page, f"{path}?{_NUMBER}"):
        if refuses_number(answer):
            yield from pages(page, path)
            return
        yield answer


def pages(page: Page, first: str) -> Iterator[Answer]:
    """Read all pages, by their Link headers: a short page is no end (distribution-spec, listing tags)."""
    seen: set[str] = set()
    target: str | None = first
    while target is not None:
        answer = page(target)
        if answer is None:
            return
        yield answer
        seen.add(target)
        target = _next(answer)
        if target in seen or len(seen) > _PAGES:
            raise _endless(answer)


def _endless(answer: Answer) -> RegistryError:
    return RegistryError(f"GET {redact(answer.url)}: the pages of the list never end")


def _next(answer: Answer) -> str | None:
    result = _NEXT.search(answer.header("Link"))
    if not result:
        return None
    url = upgraded(join(answer.url, result.group(1)), answer.url)
    if origin_of(url) != origin_of(answer.url):
        raise RegistryError(f"GET {redact(answer.url)}: the next page is on another host, {redact(url)}")
    return url


def listed(answer: Answer) -> dict[str, object]:
    """Return the JSON object of a page; RegistryError for anything else."""
    try:
        document = json.loads(answer.body) if answer.whole else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise RegistryError(f"GET {redact(answer.url)}: not the list that was asked for")
    return document


_NONE = frozenset({400, 401, 403, 404, 405, 501})


def below(place: Repository, host: Host, auth: Authorizer) -> tuple[str, ...] | None:
    """Return the names one level below a place, sorted; None where the registry lists none to us."""

    def page(target: str) -> Answer | None:
        headers = {"Accept": "application/json"}
        call = Call(method="GET", target=target, scope=CATALOG, headers=headers, limit=LIST_LIMIT)
        answer = host.request(call, auth)
        if answer.status == 200 or refuses_number(answer):
            return answer
        if answer.status in _NONE:
            return None
        raise faults.refusal(answer, kind=host.kind, path=place.path)

    prefix = f"{place.path}/" if place.path else ""
    names = _names(page, "/v2/_catalog", "repositories")
    if names is None:
        return None
    below_it = (name.removeprefix(prefix) for name in names if name.startswith(prefix))
    return tuple(sorted({name for name in below_it if name and "/" not in name}))
