from __future__ import annotations

import json
from typing import Any

import pytest

from oci_chart_publish.errors import VerificationError
from oci_chart_publish.oci import descriptor as mediatype
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import MANIFEST_LIMIT, Manifest

BLOB = {"mediaType": "application/octet-stream", "digest": "sha256:" + "a" * 64, "size": 3}


def document(**more: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "config": BLOB, "layers": [BLOB], **more}).encode()


def test_manifest_keeps_the_bytes_it_was_read_from() -> None:
    data = b'{ "schemaVersion" : 2, "layers": [] }'
    manifest = Manifest.parse(data)
    assert manifest.data == data
    assert manifest.descriptor.digest == Digest.of(data)
    assert manifest.descriptor.size == len(data)


def test_media_type_of_the_document_wins_over_that_of_the_answer() -> None:
    assert Manifest.parse(document(), mediatype.OCI_INDEX).descriptor.media_type == mediatype.OCI_INDEX
    stated = document(mediaType=mediatype.DOCKER_MANIFEST)
    assert Manifest.parse(stated, mediatype.OCI_INDEX).descriptor.media_type == mediatype.DOCKER_MANIFEST


def test_media_type_is_guessed_from_the_shape_where_nobody_states_it() -> None:
    assert Manifest.parse(document()).descriptor.media_type == mediatype.OCI_MANIFEST
    assert Manifest.parse(b'{"manifests": []}').descriptor.media_type == mediatype.OCI_INDEX


def test_blobs_are_the_layers_and_the_config_each_once() -> None:
    assert [str(blob.digest) for blob in Manifest.parse(document()).blobs] == ["sha256:" + "a" * 64]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<html>", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (document(layers={}), "'layers' is not a list"),
        (document(annotations=[]), "annotations are not an object"),
        (document(config=[]), "not a descriptor"),
        (document(config={**BLOB, "size": 2**62}), "impossible size"),
        (document(config={**BLOB, "size": -1}), "impossible size"),
        (document(config={**BLOB, "size": True}), "impossible size"),
        (document(config={**BLOB, "digest": "sha256:../x"}), "not a digest"),
        (document(config={"size": 1}), "without media type or digest"),
        (b" " * (MANIFEST_LIMIT + 1), "at most"),
    ],
)
def test_what_is_no_manifest_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        Manifest.parse(data)


def test_descriptor_checks_size_and_digest_of_what_was_read() -> None:
    blob = Descriptor.of("text/plain", b"abc")
    blob.check(b"abc", "here")
    with pytest.raises(VerificationError, match=r"^here: sha256:ba7816bf8f01.* should have 3 bytes, got 2"):
        blob.check(b"ab", "here")
    with pytest.raises(VerificationError, match="another digest"):
        blob.check(b"abd", "here")


def test_descriptor_prints_as_helm_and_oras_write_it() -> None:
    blob = Descriptor(
        media_type="a/b", digest=Digest.of(b""), size=0, annotations={"k": "v"}, artifact_type="c/d"
    )
    assert json.dumps(blob.document()) == (
        '{"mediaType": "a/b", "digest": '
        '"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "size": 0, '
        '"annotations": {"k": "v"}, "artifactType": "c/d"}'
    )
    assert Descriptor.parse(blob.document()) == blob
