"""Lists that a registry gives out in pages (distribution-spec, content discovery)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

from oci_chart_publish.errors import RegistryError
from oci_chart_publish.http.address import join, origin_of, redact, upgraded
from oci_chart_publish.http.answer import Answer
from oci_chart_publish.http.auth import Authorizer
from oci_chart_publish.http.tokens import CATALOG
from oci_chart_publish.oci.manifest import MANIFEST_LIMIT
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.registry import refusals as faults
from oci_chart_publish.registry.host import Call, Host

_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel\s*=\s*"?next"?(?![\w-])', re.IGNORECASE)
_PAGES = 10_000
_REFERRER_TAG = re.compile(r"sha(256|512)-[0-9a-f]{64,128}(\.[a-z0-9]+)?")

Page = Callable[[str], Answer | None]
"""Reads one page, by path or URL; None for a genuine "not found"."""


def tags(page: Page, first: str) -> tuple[str, ...]:
    """Return all tags, without those that only hold signatures and the like (``sha256-<hex>…``)."""
    found: dict[str, None] = {}
    for answer in pages(page, first):
        names = listed(answer).get("tags") or []
        if not isinstance(names, list):
            raise RegistryError(f"GET {redact(answer.url)}: 'tags' is not a list")
        found.update((tag, None) for tag in names if isinstance(tag, str))
    return tuple(tag for tag in found if not _REFERRER_TAG.fullmatch(tag))


def pages(page: Page, first: str) -> Iterable[Answer]:
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
            raise RegistryError(f"GET {redact(answer.url)}: the pages of the list never end")


def _next(answer: Answer) -> str | None:
    found = _NEXT.search(answer.header("Link"))
    if not found:
        return None
    url = upgraded(join(answer.url, found.group(1)), answer.url)
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
        call = Call(method="GET", target=target, scope=CATALOG, headers=headers, limit=MANIFEST_LIMIT)
        answer = host.request(call, auth)
        if answer.status == 200:
            return answer
        if answer.status in _NONE:
            return None
        raise faults.refusal(answer, kind=host.kind, path=place.path)

    prefix = f"{place.path}/" if place.path else ""
    found: set[str] | None = None
    for answer in pages(page, "/v2/_catalog?n=1000"):
        names = listed(answer).get("repositories") or []
        if not isinstance(names, list):
            raise RegistryError(f"GET {redact(answer.url)}: 'repositories' is not a list")
        ours = [name.removeprefix(prefix) for name in map(str, names) if name.startswith(prefix)]
        found = {*(found or ()), *(name for name in ours if name and "/" not in name)}
    return None if found is None else tuple(sorted(found))
