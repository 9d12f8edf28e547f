"""Cosign's signatures: a DSSE envelope over an in-toto statement, in a Sigstore bundle v0.3, as a referrer.

The formats: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md,
https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and ``sigstore_bundle.proto`` of
sigstore/protobuf-specs. ``cosign verify --key`` of version 3 reads them. With keys of elliptic curves the signature is
deterministic (RFC 6979), so that another run makes the very same bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from oci_chart_publish.errors import VerificationError
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.sign.keys import PrivateKey, PublicKey
from oci_chart_publish.sign.referrer import Referrer, referrer

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGNATURE = "https://sigstore.dev/cosign/sign/v1"
"""The predicate type of a signature; every other one is an attestation, which says something else."""
_PAYLOAD = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_HASHES: Mapping[int, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    256: hashes.SHA256,
    384: hashes.SHA384,
    521: hashes.SHA512,
}


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What was signed: of which manifests (hexadecimal SHA-256), and what is said of them."""

    subjects: tuple[str, ...]
    predicate_type: str
    predicate: Mapping[str, Any]


class CosignSigner:
    """Signs as ``cosign sign --key`` does."""

    kind = "cosign"

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self.hint = base64.b64encode(_fingerprint(key.public_key())).decode()

    def sign(self, subject: Descriptor) -> Referrer:
        """Return the signature of the manifest that ``subject`` describes."""
        return self.attest(subject, SIGNATURE, {})

    def attest(self, subject: Descriptor, predicate_type: str, predicate: Mapping[str, Any]) -> Referrer:
        """Return a signed statement about the manifest that ``subject`` describes."""
        statement = {
            "_type": _STATEMENT,
            "subject": [{"digest": {subject.digest.algorithm: subject.digest.hex}}],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
        payload = json.dumps(statement, separators=(",", ":")).encode()
        signature = _signed(self._key, pre_authenticated(_PAYLOAD, payload))
        document = {
            "mediaType": BUNDLE,
            "verificationMaterial": {"publicKey": {"hint": self.hint}},
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": _PAYLOAD,
                "signatures": [{"sig": base64.b64encode(signature).decode()}],
            },
        }
        # Artifact Hub knows a signature by these annotations, and only beside an artifactType.
        annotations = {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": predicate_type,
        }
        data = json.dumps(document, separators=(",", ":")).encode()
        return referrer(subject, BUNDLE, data, annotations=annotations, artifact_type=BUNDLE)

    def recognises(self, listed: Descriptor, made: Referrer) -> bool:
        """Tell whether a listed referrer is the signature ``made``: signing again makes the same bytes."""
        return listed.digest == made.manifest.descriptor.digest


def pre_authenticated(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that DSSE signs: PAE(type, payload)."""
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)


def _fingerprint(key: PublicKey) -> bytes:
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def _signed(key: PrivateKey, data: bytes) -> bytes:
    if isinstance(key, EllipticCurvePrivateKey):
        algorithm = _HASHES.get(key.key_size, hashes.SHA256)()
        return key.sign(data, ec.ECDSA(algorithm, deterministic_signing=True))
    if isinstance(key, RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(data)


def verify_bundle(data: bytes, key: PublicKey, subject: Digest, title: str) -> Statement:
    """Return the statement in a bundle that ``key`` signed and that is about ``subject``.

    VerificationError says which of it does not hold; ``title`` names the bundle. The predicate type is the caller's
    to look at: an attestation is no signature.
    """
    payload, payload_type, signatures = _envelope(data, title)
    if payload_type != _PAYLOAD:
        raise VerificationError(f"{title} holds {payload_type[:100]!r} and no in-toto statement")
    signed = pre_authenticated(payload_type, payload)
    if not any(_is_signed(key, signature, signed) for signature in signatures):
        raise VerificationError(f"{title} is not signed with this key")
    statement = _statement(payload, title)
    if subject.hex not in statement.subjects:
        raise VerificationError(f"{title} is about another manifest than {subject}")
    return statement


def _envelope(data: bytes, title: str) -> tuple[bytes, str, list[bytes]]:
    try:
        document = json.loads(data)
        envelope = document["dsseEnvelope"]
        signatures = [base64.b64decode(entry["sig"], validate=True) for entry in envelope["signatures"]]
        return base64.b64decode(envelope["payload"], validate=True), str(envelope["payloadType"]), signatures
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise VerificationError(f"{title} is no Sigstore bundle with a DSSE envelope") from error


def _statement(payload: bytes, title: str) -> Statement:
    try:
        document = json.loads(payload)
        subjects = tuple(str(entry["digest"].get("sha256", "")) for entry in document["subject"])
        return Statement(
            subjects=subjects,
            predicate_type=str(document["predicateType"]),
            predicate=document.get("predicate") or {},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise VerificationError(f"{title} holds no in-toto statement") from error


def _is_signed(key: PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        if isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(_HASHES.get(key.key_size, hashes.SHA256)()))
        elif isinstance(key, RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, data)
    except InvalidSignature:
        return False
    return True
