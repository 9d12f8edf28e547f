"""TLS and proxies: which certificate authority, client certificate and proxy a host gets. Never global."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.http.address import Origin
from oci_chart_publish.oci.reference import DOCKER_HUB, DOCKER_HUB_NAMES, is_loopback

_T = TypeVar("_T")
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_FOLDERS = "SSL_CERT_DIR"


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to trust, besides the usual certificate authorities, and with which client certificate.

    ``everywhere`` is a CA file for every connection. Per ``host[:port]``: a CA file, hosts whose certificate is not
    checked, client certificates, which are a PEM file, or the two files of certificate and key. ``folders`` are those
    that Docker and containers keep in ``certs.d``: below them one a host with ``*.crt``, ``*.cert`` and ``*.key``.
    """

    everywhere: Path | None = None
    folders: tuple[Path, ...] = ()
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
            _key(name) == _key(ca_file)
            for ca_file in (*self.ca_files, *self.insecure, *self.client_certificates)
        ) or any(True for _ in self._files(name, "*.cert", "*.crt"))

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

    def named_bundles(self) -> tuple[tuple[str, Path], ...]:
        """Return what the environment names instead of the system's store: variable and file or folder of each."""
        files = next(
            ((name, self.environment[name]) for name in _BUNDLES if self.environment.get(name)), None
        )
        folders = filter(None, self.environment.get(_FOLDERS, "").split(os.pathsep))
        return (
            *([(files[0], Path(files[1]))] if files else []),
            *((_FOLDERS, Path(folder)) for folder in folders if Path(folder).is_dir()),
        )

    def authorities(self, name: str) -> tuple[tuple[str, Path], ...]:
        """Return the CA files that ``name`` is trusted with besides the usual ones, and what named each."""
        own = _of(self.ca_files, name)
        return (
            *([(f"the CA file of {name}", Path(_existing(own, f"the CA file of {name}")))] if own else []),
            *([("ca-file", Path(_existing(self.everywhere, "ca-file")))] if self.everywhere else []),
            *((str(path.parent), path) for path in self._files(name, "*.crt")),
        )

    def client_certificate(self, name: str) -> tuple[Path, Path | None] | None:
        """Return the client certificate for ``name``, if there is one; ConfigError for one without key."""
        if (named := _of(self.client_certificates, name)) is not None:
            return named
        certificate = next(self._files(name, "*.cert"), None)
        if certificate is None:
            return None
        key = certificate.with_suffix(".key")
        if not key.is_file():
            raise ConfigError(f"{certificate}: a client certificate without its key {key.name} beside it")
        return certificate, key

    def _files(self, name: str, *patterns: str) -> Iterator[Path]:
        spellings = dict.fromkeys((name, _key(name), f"{_key(name)}:443"))
        for folder in self.folders:
            for spelling in spellings:
                for pattern in patterns:
                    yield from sorted(Path(folder, spelling).glob(pattern))


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


_PEM = b"-----BEGIN "
_DER = b"\x30"
_FILE_LIMIT = 16 * 1024 * 1024
PEM_HINT = "it takes a PEM file: one or more blocks from -----BEGIN CERTIFICATE----- on"


def check_pem(path: Path, origin: str) -> None:
    """Raise ConfigError unless a file is PEM, before anything is sent."""
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_LIMIT)
    except OSError as error:
        raise ConfigError(f"{origin}: {path} cannot be read: {error.strerror}", hint=PEM_HINT) from error
    if _PEM in data:
        return
    if data.startswith(_DER):
        raise ConfigError(
            f"{origin}: {path} is DER, not PEM",
            hint=f"convert it: openssl x509 -inform der -in {path.name} -out {path.stem}.pem",
        )
    raise ConfigError(f"{origin}: {path}: no certificates in it", hint=PEM_HINT)


def certificate_folders(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the ``certs.d`` folders of Docker and of the containers tools, the user's first."""
    home = environment.get("HOME", "")
    settings = environment.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    user = [f"{home}/.docker"] if home else []
    user += [f"{settings}/docker", f"{settings}/containers"] if settings else []
    return tuple(Path(folder, "certs.d") for folder in (*user, "/etc/docker", "/etc/containers"))


def check_proxies(environment: Mapping[str, str]) -> None:
    """Raise ConfigError for a variable that names a proxy in a way that cannot be used."""
    for name in ("https_proxy", "http_proxy", "all_proxy"):
        _proxy(environment, name)


def proxy_for(origin: Origin, environment: Mapping[str, str]) -> str:
    """Return the URL of the proxy for ``origin``, or nothing. A loopback host never has one.

    ConfigError for one that cannot be used: its text, which may hold a password, is not shown.
    """
    if origin.loopback or _bypassed(origin, _variable(environment, "no_proxy")):
        return ""
    names = (f"{origin.scheme}_proxy", "all_proxy")
    # A CGI program gets HTTP_PROXY from the request header "Proxy".
    if origin.scheme == "http" and "REQUEST_METHOD" in environment:
        return _checked("http_proxy", environment.get("http_proxy", ""))
    return next((proxy for name in names if (proxy := _proxy(environment, name))), "")


_PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_PROXY_HOST = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?"
)


def _proxy(environment: Mapping[str, str], name: str) -> str:
    spelling = name if environment.get(name) else name.upper()
    return _checked(spelling, environment.get(spelling, ""))


def _checked(variable: str, value: str) -> str:
    """Return the URL of a proxy with its scheme; ConfigError where it is none, without its text."""
    value = value.strip()
    if not value:
        return ""
    scheme, mark, rest = value.partition("://")
    scheme, rest = (scheme.lower(), rest) if mark else ("http", value)
    if scheme not in _PROXY_SCHEMES:
        raise ConfigError(f"{variable}: not a proxy that can be used", hint=_PROXY_HINT)
    authority, _, path = rest.partition("/")
    result = _PROXY_HOST.fullmatch(authority.rpartition("@")[2])
    login = authority.rpartition("@")[0]
    if (
        result is None
        or int(result.group(1) or 1) not in range(1, 65536)
        or path
        or re.search(r"[^!-~]|[#?@]", login)
    ):
        raise ConfigError(f"{variable}: not the URL of a proxy", hint=_PROXY_HINT)
    return f"{scheme}://{authority}"


_PROXY_HINT = (
    f"write SCHEME://[USER:PASSWORD@]HOST:PORT with one of {', '.join(_PROXY_SCHEMES)}; in user and password # is %23,"
    " / is %2F, @ is %40"
)


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
