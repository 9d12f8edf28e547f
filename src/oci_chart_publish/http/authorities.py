"""TLS contexts: the system's certificate authorities, those that were given besides, and client certificates.

macOS and Windows are asked through ``truststore``. Elsewhere the system's store is read once and shared by all hosts:
``truststore`` would read it again for every connection, and looks in the same places.
"""

from __future__ import annotations

import atexit
import ssl
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.http.tls import PEM_HINT, Trust, check_pem
from oci_chart_publish.lazy import lazy

if TYPE_CHECKING:
    import certifi
    import truststore
else:
    certifi, truststore = lazy("certifi"), lazy("truststore")

_PLACES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, OpenBSD
    "/etc/pki/tls/cacert.pem",
)
_PEM = b"-----BEGIN "


def context_for(trust: Trust, name: str) -> ssl.SSLContext:
    """Return the context for ``host[:port]``; ConfigError where a file that was named cannot be used."""
    if not trust.checks(name):
        context = _empty()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = _usual(trust, lenient=bool(trust.authorities(name)))
        for origin, path in trust.authorities(name):
            load(context, path, origin)
    if (certificate := trust.client_certificate(name)) is not None:
        _present(context, *certificate)
    return context


def load(context: ssl.SSLContext, path: Path, origin: str) -> None:
    """Trust the certificates of a PEM file, or of all such files of a folder, besides those trusted already."""
    try:
        if path.is_dir():
            context.load_verify_locations(capath=str(path))
            for file in sorted(path.iterdir()):
                if file.suffix in (".pem", ".crt", ".cer") and file.is_file() and _is_pem(file):
                    context.load_verify_locations(cafile=str(file))
        else:
            check_pem(path, origin)
            context.load_verify_locations(cafile=str(path))
    except ssl.SSLError as error:
        raise ConfigError(
            f"{origin}: {path}: no certificates in it ({_words(error)})", hint=PEM_HINT
        ) from None
    except OSError as error:
        raise ConfigError(f"{origin}: {path} cannot be read: {error.strerror}") from error


def bundle(trust: Trust) -> str:
    """Return a PEM file with the certificate authorities of every connection, for a library that takes no context.

    Empty where there is nothing but what that library brings: no store of the system, no file that was named.
    """
    named = [path for _, path in trust.named_bundles() if path.exists()]
    files = named or [Path(system_file) for system_file in _system_files() if Path(system_file).is_file()][:1]
    if trust.everywhere is not None:
        files = [*(files or [Path(certifi.where())]), trust.everywhere]
    if not files:
        return ""
    if len(files) == 1 and files[0].is_file():
        return str(files[0])
    parts = [file for path in files for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    with tempfile.NamedTemporaryFile("wb", suffix=".pem", delete=False) as joined:
        for file in parts:
            if file.is_file() and _PEM in (data := file.read_bytes()):
                joined.write(data.rstrip() + b"\n")
    atexit.register(Path(joined.name).unlink, missing_ok=True)
    return joined.name


def _system_files() -> tuple[str, ...]:
    return (*filter(None, [ssl.get_default_verify_paths().cafile]), *_PLACES)


def _empty() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _usual(trust: Trust, *, lenient: bool) -> ssl.SSLContext:
    """Return a context that trusts what the environment names, else what the system does.

    What the environment names has to exist, unless (``lenient``) the host has certificate authorities of its own.
    """
    if named := trust.named_bundles():
        context = _empty()
        for variable, path in named:
            if path.exists():
                load(context, path, variable)
            elif not lenient:
                raise ConfigError(
                    f"{variable}: {path} does not exist", hint="name a PEM file, or a folder of them"
                )
        return context
    if sys.platform in ("darwin", "win32"):
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _of_openssl()


def _of_openssl() -> ssl.SSLContext:
    context = _empty()
    paths = ssl.get_default_verify_paths()
    context.set_default_verify_paths()
    if context.cert_store_stats()["x509_ca"] or (paths.capath and any(Path(paths.capath).glob("*.0"))):
        return context
    file = next((place for place in _PLACES if Path(place).is_file()), "")
    if not file:
        file = certifi.where()  # a system without a store, such as a small image
    context.load_verify_locations(cafile=file)
    return context


def _present(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Give a client certificate to whoever asks for it."""

    def no_password() -> str:
        raise ConfigError(
            f"client-key: {key or certificate} is encrypted", hint="give a key without a pass phrase"
        )

    for path in filter(None, (certificate, key)):
        check_pem(path, "client certificate")
    try:
        context.load_cert_chain(certificate, key, password=no_password)
    except ssl.SSLError as error:
        raise ConfigError(
            f"client certificate: {certificate} and its key {key or 'in the same file'}: {_words(error)}",
            hint="client-cert is a PEM file with the certificate, client-key one with its private key",
        ) from None


def _is_pem(path: Path) -> bool:
    with path.open("rb") as file:
        return _PEM in file.read(65536)


def _words(error: ssl.SSLError) -> str:
    return str(error.reason or "unreadable").replace("_", " ").lower()
