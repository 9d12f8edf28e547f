"""Certificates of the servers: one authority for TLS, one key that signs tokens."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerFiles:
    """PEM files of a TLS server for ``localhost`` and ``127.0.0.1``, and of the authority that vouches for it."""

    certificate: Path
    key: Path
    ca: Path


def server_files(folder: Path) -> ServerFiles:
    """Write a new authority and a server certificate of it below `folder`."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    files = ServerFiles(certificate=folder / "server.pem", key=folder / "server.key", ca=folder / "ca.pem")
    files.certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    files.key.write_bytes(issued.private_key_pem.bytes())
    files.ca.write_bytes(authority.cert_pem.bytes())
    return files


@dataclass(frozen=True, kw_only=True, slots=True)
class Signer:
    """A key for ES256 and its self-signed certificate, which a registry trusts for tokens."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls) -> Signer:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "token-signer")])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + dt.timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        return cls(key=key, certificate=certificate)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def x5c(self) -> list[str]:
        """The certificate as the header ``x5c`` of a token names it (RFC 7515 section 4.1.6)."""
        return [base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()]
