from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from tests.sign import keys

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.oci.descriptor import OCI_MANIFEST, Descriptor
from oci_chart_publish.sign.notation import SIGNATURE, NotationSigner, load_chain

SUBJECT = Descriptor.of(OCI_MANIFEST, b"a manifest")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def envelope(signer: NotationSigner) -> dict[str, Any]:
    made = signer.sign(SUBJECT)
    document: dict[str, Any] = json.loads(made.blobs[made.manifest.layers[0].digest])
    return document


@pytest.mark.parametrize(
    ("kind", "name", "algorithm"),
    [
        ("P-256", "ES256", hashes.SHA256()),
        ("P-384", "ES384", hashes.SHA384()),
        ("P-521", "ES512", hashes.SHA512()),
        ("RSA-2048", "PS256", hashes.SHA256()),
        ("RSA-3072", "PS384", hashes.SHA384()),
    ],
)
def test_an_envelope_is_signed_with_the_algorithm_of_its_key(
    kind: str, name: str, algorithm: hashes.HashAlgorithm
) -> None:
    key = keys.made(kind)
    document = envelope(NotationSigner(key, load_chain(keys.certificate(key), "notation-certificate")))
    protected = json.loads(decoded(document["protected"]))
    assert protected["alg"] == name
    assert protected["io.cncf.notary.signingScheme"] == "notary.x509"
    target = json.loads(decoded(document["payload"]))["targetArtifact"]
    assert target == {"mediaType": OCI_MANIFEST, "digest": str(SUBJECT.digest), "size": SUBJECT.size}
    data = f"{document['protected']}.{document['payload']}".encode()
    signature = decoded(document["signature"])
    if isinstance(key, EllipticCurvePrivateKey):
        half = len(signature) // 2
        r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        key.public_key().verify(encode_dss_signature(r, s), data, ec.ECDSA(algorithm))
    else:
        assert isinstance(key, RSAPrivateKey)
        pss = padding.PSS(mgf=padding.MGF1(algorithm), salt_length=algorithm.digest_size)
        key.public_key().verify(signature, data, pss, algorithm)


def test_a_signature_is_known_by_its_certificates_whenever_it_was_made() -> None:
    key, other = keys.made("P-256"), keys.made("P-256")
    signer = NotationSigner(key, load_chain(keys.certificate(key), "x"))
    made, later = signer.sign(SUBJECT), signer.sign(SUBJECT)
    foreign = NotationSigner(other, load_chain(keys.certificate(other), "x")).sign(SUBJECT)
    assert made.manifest.config is not None
    assert made.manifest.config.media_type == SIGNATURE

    def listed(referrer: Any) -> Descriptor:
        described = referrer.manifest.descriptor
        return Descriptor(
            media_type=described.media_type,
            digest=described.digest,
            size=described.size,
            annotations=referrer.manifest.annotations,
        )

    assert signer.recognises(listed(later), made)
    assert not signer.recognises(listed(foreign), made)


@pytest.mark.parametrize("kind", ["Ed25519"])
def test_keys_that_notation_does_not_know_are_refused(kind: str) -> None:
    key = keys.made(kind)
    with pytest.raises(ConfigError, match="notation-key: Notary Project knows EC keys"):
        NotationSigner(key, load_chain(keys.certificate(key), "x"))


def test_a_certificate_of_another_key_or_time_is_refused() -> None:
    key = keys.made("P-256")
    with pytest.raises(ConfigError, match="its first certificate is not that of notation-key"):
        NotationSigner(key, load_chain(keys.certificate(keys.made("P-256")), "x"))
    with pytest.raises(ConfigError, match=r"it is valid from .+ to .+, not now"):
        NotationSigner(key, load_chain(keys.certificate(key, days=-1), "x"))


def test_what_is_no_certificate_is_refused() -> None:
    with pytest.raises(ConfigError, match="notation-certificate: not certificates in PEM form"):
        load_chain("hello", "notation-certificate")
