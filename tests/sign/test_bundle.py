from __future__ import annotations

import json
from typing import Any

import pytest
from tests.sign import keys

from oci_chart_publish.errors import VerificationError
from oci_chart_publish.oci.descriptor import OCI_MANIFEST, Descriptor
from oci_chart_publish.sign.bundle import BUNDLE, SIGNATURE, CosignSigner, pre_authenticated, verify_bundle

SUBJECT = Descriptor.of(OCI_MANIFEST, b"a manifest")


def layer(signer: CosignSigner, subject: Descriptor = SUBJECT) -> bytes:
    made = signer.sign(subject)
    return made.blobs[made.manifest.layers[0].digest]


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA-2048", "Ed25519"])
def test_a_signature_is_verified_by_its_key_and_made_alike_each_time(kind: str) -> None:
    key = keys.made(kind)
    signer = CosignSigner(key)
    statement = verify_bundle(layer(signer), key.public_key(), SUBJECT.digest, "it")
    assert (statement.subjects, statement.predicate_type) == ((SUBJECT.digest.hex,), SIGNATURE)
    again = signer.sign(SUBJECT)
    assert again.manifest.data == CosignSigner(key).sign(SUBJECT).manifest.data
    assert signer.recognises(again.manifest.descriptor, again)
    with pytest.raises(VerificationError, match="it is not signed with this key"):
        verify_bundle(layer(signer), keys.made(kind).public_key(), SUBJECT.digest, "it")


def test_a_key_of_another_kind_has_not_signed() -> None:
    for kind in ("RSA-2048", "Ed25519"):
        with pytest.raises(VerificationError, match="it is not signed with this key"):
            verify_bundle(
                layer(CosignSigner(keys.made("P-256"))), keys.made(kind).public_key(), SUBJECT.digest, "it"
            )


def test_the_referrer_is_what_artifact_hub_and_cosign_look_for() -> None:
    made = CosignSigner(keys.made("P-256")).sign(SUBJECT)
    document = json.loads(made.manifest.data)
    assert document["artifactType"] == BUNDLE
    assert document["subject"] == {
        "mediaType": OCI_MANIFEST,
        "digest": str(SUBJECT.digest),
        "size": SUBJECT.size,
    }
    assert [entry["mediaType"] for entry in document["layers"]] == [BUNDLE]
    assert document["annotations"]["dev.sigstore.bundle.predicateType"] == SIGNATURE
    assert set(made.blobs) == {blob.digest for blob in made.manifest.blobs}


def test_dsse_signs_type_and_payload_with_their_lengths() -> None:
    # The example of the specification, https://github.com/secure-systems-lab/dsse/blob/master/protocol.md.
    assert (
        pre_authenticated("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def other_subject(document: dict[str, Any]) -> None:
    payload = document["dsseEnvelope"]["payload"]
    document["dsseEnvelope"]["payload"] = payload[:-8] + ("A" if payload[-8] != "A" else "B") + payload[-7:]


def other_type(document: dict[str, Any]) -> None:
    document["dsseEnvelope"]["payloadType"] = "text/plain"


def no_signature(document: dict[str, Any]) -> None:
    document["dsseEnvelope"]["signatures"] = []


def no_envelope(document: dict[str, Any]) -> None:
    del document["dsseEnvelope"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_subject, "it is not signed with this key"),
        (other_type, "it holds 'text/plain' and no in-toto statement"),
        (no_signature, "it is not signed with this key"),
        (no_envelope, "it is no Sigstore bundle with a DSSE envelope"),
    ],
)
def test_what_was_changed_is_refused(change: Any, message: str) -> None:
    key = keys.made("P-256")
    document = json.loads(layer(CosignSigner(key)))
    change(document)
    with pytest.raises(VerificationError, match=message):
        verify_bundle(json.dumps(document).encode(), key.public_key(), SUBJECT.digest, "it")


def test_a_signature_of_another_chart_is_refused() -> None:
    key = keys.made("P-256")
    other = Descriptor.of(OCI_MANIFEST, b"another manifest")
    with pytest.raises(VerificationError, match="it is about another manifest than sha256:"):
        verify_bundle(layer(CosignSigner(key), other), key.public_key(), SUBJECT.digest, "it")
