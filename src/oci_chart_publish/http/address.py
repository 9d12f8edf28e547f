"""Addresses on the wire: origins, checked URLs, and joining a server's ``Location`` without rewriting it.

A ``Location``, ``Link`` or realm comes from a server, so nothing in it is believed before it was checked
here; and it may be signed, so its text is kept as it came (percent escapes, dot segments, query).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urlsplit

import msgspec

from oci_chart_publish.errors import RegistryError
from oci_chart_publish.oci.reference import is_loopback

_DEFAULT_PORTS = {"https": 443, "http": 80}
_BAD = re.compile(r"[^\x21-\x7e]")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\]")
_NUMERIC = re.compile(r"(?:0[xX][0-9A-Fa-f]+|[0-9]+)(?:\.(?:0[xX][0-9A-Fa-f]+|[0-9]+)){0,3}")
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")))
"""Networks whose addresses end in an IPv4 address: NAT64 (RFC 6052), compatible (RFC 4291), translated (RFC 2765)."""
_LOCAL = (ipaddress.IPv6Network("64:ff9b:1::/48"), ipaddress.IPv6Network("2001::/32"))
"""Addresses of local translators (RFC 8215) and of Teredo, where no registry is."""


class Origin(msgspec.Struct, frozen=True):
    """Scheme, host (lower case, no brackets) and port; the default ports are numbers like any other."""

    scheme: str
    host: str
    port: int

    @property
    def name(self) -> str:
        """``host[:port]`` as a registry is written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.name}"

    @property
    def loopback(self) -> bool:
        """Whether this is the machine itself."""
        return is_loopback(f"[{self.host}]" if ":" in self.host else self.host)

    @property
    def private(self) -> bool:
        """Whether the host is this machine, or an IP literal that is not a public address."""
        return self.loopback or is_private_literal(self.host)


def origin_of(url: str) -> Origin:
    """Read the origin of an http(s) URL; RegistryError for anything that is not a clean one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RegistryError(f"not a URL: {redact(url)!r}") from error
    host = (parts.hostname or "").lower()
    if parts.scheme not in _DEFAULT_PORTS or _BAD.search(url):
        raise RegistryError(f"not an http or https URL: {redact(url)!r}")
    if "@" in parts.netloc:
        raise RegistryError(f"a URL with a user name in it is refused: {redact(url)!r}")
    written = f"[{host}]" if ":" in host else host
    if not _HOST.fullmatch(written) or ".." in host:
        raise RegistryError(f"not a host name in {redact(url)!r}")
    return Origin(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme])


def join(base: str, location: str) -> str:
    """Resolve ``location`` against the URL ``base`` textually, and check the result.

    Escapes, dot segments and the query stay as they are; a fragment, which is never sent, is cut off.
    """
    location = location.partition("#")[0]
    if not location:
        raise RegistryError(f"an empty Location after {redact(base)}")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", location):
        url = location
    elif location.startswith("//"):
        url = f"{base.partition(':')[0]}:{location}"
    else:
        plain = base.partition("?")[0]
        root = "/".join(plain.split("/", 3)[:3])
        if location.startswith("/"):
            url = root + location
        elif location.startswith("?"):
            url = plain + location
        else:
            url = f"{plain.rpartition('/')[0]}/{location}" if plain != root else f"{root}/{location}"
    scheme, colon, rest = url.partition(":")
    url = f"{scheme.lower()}{colon}{rest}"
    origin_of(url)
    return url


def upgraded(url: str, base: str) -> str:
    """Return ``url``, named by the answer from ``base``, over TLS where ``base`` is: on the same host and port.

    A registry behind a TLS proxy does not know its own scheme, whichever header it writes it in; so a port that is
    not written is that of ``base``. Another port that is written is another server.
    """
    place, origin = origin_of(url), origin_of(base)
    if (
        place.scheme == "http"
        and origin.scheme == "https"
        and place.host == origin.host
        and place.port in (80, origin.port)
    ):
        return str(origin) + url[len("http://") + len(urlsplit(url).netloc) :]
    return url


def with_query(url: str, query: str) -> str:
    """Append ``query`` to ``url`` and leave what is there alone."""
    return f"{url}{'&' if '?' in url else '?'}{query}"


def is_private_literal(host: str) -> bool:
    """Tell whether ``host`` is an IP literal, in any spelling a resolver takes, of a non-public address."""
    plain = host.strip("[]").rstrip(".")
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        if not _NUMERIC.fullmatch(plain):
            return False
        try:
            address = ipaddress.ip_address(socket.inet_aton(plain))
        except OSError:
            return True
    if any(address in network for network in _LOCAL):
        return True
    inner = _embedded(address)
    mapped = getattr(address, "ipv4_mapped", None)
    return not all(each.is_global for each in (inner if mapped else (address, *inner)))


def _embedded(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address, ...]:
    """Return the IPv4 addresses that a gateway would read out of an IPv6 one: mapped, 6to4, NAT64, compatible."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    translated = any(address in network for network in _TRANSLATED)
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if translated else None
    return tuple(filter(None, (address.ipv4_mapped, address.sixtofour, low)))


def redact(url: str) -> str:
    """Return ``url`` without user name, query and control characters: signed URLs are secrets."""
    plain, mark, _ = url.partition("?")
    plain = re.sub(r"//[^/@]*@", "//***@", plain.partition("#")[0])
    text = plain + ("?***" if mark else "")
    return _BAD.sub("?", text)[:500]
