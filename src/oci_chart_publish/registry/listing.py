"""Lists that a registry gives out in pages (distribution-spec, content discovery)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

from oci_chart_publish.errors import RegistryError
from oci_chart_publish.registry.address import join, origin_of, redact
from oci_chart_publish.registry.answer import Answer

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
    url = join(answer.url, found.group(1))
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
