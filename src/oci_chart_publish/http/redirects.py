"""Where a server may send a request: our own rules, not those of an HTTP library.

Any host may be named, since blobs live in object stores; but never plain HTTP from HTTPS, never a private
address from a public registry, and credentials stay with the origin of the registry (``Host``).
"""

from __future__ import annotations

from oci_chart_publish.errors import RegistryError
from oci_chart_publish.http.address import Origin, join, origin_of, redact, upgraded
from oci_chart_publish.http.answer import Answer

HOPS = 5
_OF_READS = frozenset({301, 302, 303})
_OF_ALL = frozenset({307, 308})


def is_redirect(answer: Answer) -> bool:
    """Tell whether a request is to be sent again, with the same method and body, to another place.

    301, 302 and 303 to a write would make a read of it, so there they are an answer.
    """
    followed = _OF_ALL if answer.method not in ("GET", "HEAD") else _OF_ALL | _OF_READS
    return answer.status in followed and bool(answer.header("Location"))


def target(location: str, answer: Answer, registry: Origin) -> str:
    """Return the URL that ``location``, a header of ``answer``, names; RegistryError where it is refused."""
    message = f"{answer.method} {redact(answer.url)}: {answer.status} with a Location that is refused"
    try:
        url = join(answer.url, location)
    except RegistryError as error:
        raise RegistryError(f"{message}: {error.message}") from error
    if origin_of(answer.url).scheme == "https":
        url = upgraded(url, str(registry))
    place = origin_of(url)
    if place.scheme == "http" and origin_of(answer.url).scheme == "https":
        raise RegistryError(f"{message}: it goes from https to {redact(url)}")
    if place.private and not registry.private:
        raise RegistryError(f"{message}: it is the private address {redact(url)}")
    return url
