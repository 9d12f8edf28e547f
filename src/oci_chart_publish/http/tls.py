"""TLS and proxies: which certificate authority, client certificate and proxy a host gets. Never global."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.http.address import Origin
from oci_chart_publish.oci.reference import DOCKER_HUB, DOCKER_HUB_NAMES, is_loopback

_T = TypeVar("_T")
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """Per ``host[:port]``: a CA file, hosts whose certificate is not checked, client certificates.

    A client certificate is a PEM file, or the two files of certificate and key.
    """

    ca_files: Mapping[str, Path] = msgspec.field(default_factory=dict)
    insecure: frozenset[str] = frozenset()
    client_certificates: Mapping[str, tuple[Path, Path | None]] = msgspec.field(default_factory=dict)
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        """Leave out the environment, which holds secrets."""
        return f"Trust(ca_files={self.ca_files!r}, insecure={self.insecure!r})"

    def knows(self, name: str) -> bool:
        """Tell whether ``name`` has TLS settings of its own."""
        return any(
            _key(name) == _key(other) for other in (*self.ca_files, *self.insecure, *self.client_certificates)
        )

    def checks(self, name: str) -> bool:
        """Tell whether the certificate of ``name`` is checked."""
        return all(_key(name) != _key(other) for other in self.insecure)

    def bundle(self, name: str) -> str:
        """Return the path of the CA file or folder for ``name``; empty for the built-in one."""
        if (own := _of(self.ca_files, name)) is not None:
            return _existing(own, f"the CA file of {name}")
        for variable in _BUNDLES:
            if value := self.environment.get(variable):
                return _existing(Path(value), variable)
        return ""

    def client_certificate(self, name: str) -> tuple[Path, Path | None] | None:
        """Return the client certificate for ``name``, if there is one."""
        return _of(self.client_certificates, name)


def _of(table: Mapping[str, _T], name: str) -> _T | None:
    return next((value for other, value in table.items() if _key(other) == _key(name)), None)


def _key(name: str) -> str:
    """Return one spelling of a host: Docker Hub has several, and 443 is the port of https anyway."""
    plain = name.lower().removesuffix(":443")
    return DOCKER_HUB if plain in DOCKER_HUB_NAMES else plain


def _existing(path: Path, origin: str) -> str:
    if not path.exists():
        raise ConfigError(f"{origin}: {path} does not exist", hint="name a PEM file, or a folder of them")
    return str(path)


def proxy_for(origin: Origin, environment: Mapping[str, str]) -> str:
    """Return the URL of the proxy for ``origin``, or nothing. A loopback host never has one."""
    if origin.loopback or _bypassed(origin, _variable(environment, "no_proxy")):
        return ""
    names = (f"{origin.scheme}_proxy", "all_proxy")
    # A CGI program gets HTTP_PROXY from the request header "Proxy".
    if origin.scheme == "http" and "REQUEST_METHOD" in environment:
        return environment.get("http_proxy", "")
    value = next((found for name in names if (found := _variable(environment, name))), "")
    return value if not value or "://" in value else f"http://{value}"


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""


def _bypassed(origin: Origin, listed: str) -> bool:
    for entry in filter(None, (part.strip().lower() for part in listed.replace(" ", ",").split(","))):
        if entry == "*":
            return True
        host, colon, port = entry.rpartition(":")
        if colon and port.isdigit() and "]" not in port and not host.endswith(":"):
            if int(port) != origin.port:
                continue
            entry = host  # noqa: PLW2901
        if _covers(entry.strip("[]"), origin.host):
            return True
    return False


def _covers(entry: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        plain = entry.removeprefix("*").removeprefix(".")
        return host == plain or host.endswith(f".{plain}")


def is_http_allowed(name: str, plain_http: frozenset[str], *, everywhere: bool) -> bool:
    """Tell whether plain HTTP may be used for ``name``: loopback, named, or asked for all hosts."""
    return everywhere or name in plain_http or is_loopback(name)
