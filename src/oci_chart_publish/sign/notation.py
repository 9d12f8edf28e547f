"""Notary Project signatures: a JWS envelope with the chain of certificates, as a referrer.

The formats: https://github.com/notaryproject/specifications/blob/main/specs/signature-specification.md and
``signature-envelope-jws.md`` beside it. ``notation verify`` reads them, and so does Flux.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate, load_pem_x509_certificates

from oci_chart_publish import __version__
from oci_chart_publish.errors import ConfigError
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.sign.keys import PrivateKey
from oci_chart_publish.sign.referrer import Referrer, referrer

SIGNATURE = "application/vnd.cncf.notary.signature"
_ENVELOPE = "application/jose+json"
_THUMBPRINT = "io.cncf.notary.x509chain.thumbprint#S256"
_HASHES: Mapping[int, hashes.HashAlgorithm] = {
    256: hashes.SHA256(),
    384: hashes.SHA384(),
    521: hashes.SHA512(),
    2048: hashes.SHA256(),
    3072: hashes.SHA384(),
    4096: hashes.SHA512(),
}
"""By bits of the key: of elliptic curves, and of RSA (signature-specification, "Signature Algorithm")."""


class NotationSigner:
    """Signs as ``notation sign`` does with a key and its certificates, the leaf first."""

    kind = "notation"

    def __init__(self, key: PrivateKey, chain: Sequence[Certificate]) -> None:
        if not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey) or key.key_size not in _HASHES:
            raise ConfigError(
                "notation-key: Notary Project knows EC keys of 256, 384 and 521 bits and RSA keys of 2048, 3072 and"
                " 4096",
                hint="make a key of one of these kinds, and a certificate for it",
            )
        self._key = key
        self._chain = tuple(certificate.public_bytes(Encoding.DER) for certificate in chain)
        self._check_pair(chain[0])

    def _check_pair(self, leaf: Certificate) -> None:
        now = datetime.now(tz=UTC)
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if leaf.public_key().public_bytes(*form) != self._key.public_key().public_bytes(*form):
            raise ConfigError(
                "notation-certificate: its first certificate is not that of notation-key",
                hint="put the certificate of the key first, then those that signed it",
            )
        if not leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc:
            raise ConfigError(
                f"notation-certificate: it is valid from {leaf.not_valid_before_utc:%Y-%m-%d} to"
                f" {leaf.not_valid_after_utc:%Y-%m-%d}, not now"
            )

    def sign(self, subject: Descriptor) -> Referrer:
        """Return the signature of the manifest that ``subject`` describes, made now."""
        target = {"mediaType": subject.media_type, "digest": str(subject.digest), "size": subject.size}
        payload = _encoded({"targetArtifact": target})
        protected = _encoded(
            {
                "alg": self._algorithm(),
                "crit": ["io.cncf.notary.signingScheme"],
                "cty": "application/vnd.cncf.notary.payload.v1+json",
                "io.cncf.notary.signingScheme": "notary.x509",
                "io.cncf.notary.signingTime": datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )
        envelope = {
            "payload": payload,
            "protected": protected,
            "header": {
                "x5c": [base64.b64encode(certificate).decode() for certificate in self._chain],
                "io.cncf.notary.signingAgent": f"oci-chart-publish/{__version__}",
            },
            "signature": _base64url(self._signature(f"{protected}.{payload}".encode())),
        }
        thumbprints = [hashlib.sha256(certificate).hexdigest() for certificate in self._chain]
        data = json.dumps(envelope, separators=(",", ":")).encode()
        annotations = {_THUMBPRINT: json.dumps(thumbprints, separators=(",", ":"))}
        return referrer(subject, _ENVELOPE, data, annotations=annotations, config_type=SIGNATURE)

    def recognises(self, listed: Descriptor, made: Referrer) -> bool:
        """Tell whether a listed referrer is a signature with the certificates of ``made``, whenever it was made."""
        return listed.annotations.get(_THUMBPRINT) == made.manifest.annotations[_THUMBPRINT]

    def _algorithm(self) -> str:
        bits = {256: 256, 384: 384, 521: 512}.get(self._key.key_size)
        if isinstance(self._key, EllipticCurvePrivateKey):
            return f"ES{bits}"
        return f"PS{_HASHES[self._key.key_size].digest_size * 8}"

    def _signature(self, data: bytes) -> bytes:
        algorithm = _HASHES[self._key.key_size]
        if isinstance(self._key, EllipticCurvePrivateKey):
            size = (self._key.key_size + 7) // 8
            r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(algorithm)))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        pss = padding.PSS(mgf=padding.MGF1(algorithm), salt_length=algorithm.digest_size)
        return self._key.sign(data, pss, algorithm)


def load_chain(text: str, setting: str) -> tuple[Certificate, ...]:
    """Read certificates in PEM, that of the key first."""
    try:
        return tuple(load_pem_x509_certificates(text.encode()))
    except ValueError:
        raise ConfigError(
            f"{setting}: not certificates in PEM form", hint="begin with that of the key"
        ) from None


def _encoded(document: Mapping[str, object]) -> str:
    return _base64url(json.dumps(document, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
