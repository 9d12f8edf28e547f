from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.sign import keys

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.sign.keys import key_text, load_private_key, load_public_key

FORM = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("kind", ["P-256", "P-384", "RSA-2048", "Ed25519"])
def test_keys_of_every_kind_are_read_plain_and_encrypted(kind: str) -> None:
    key = keys.made(kind)
    public = key.public_key().public_bytes(*FORM)
    for text, password in (
        (keys.pem(key), ""),
        (keys.pem(key, "s3cret"), "s3cret"),
        (keys.cosign_pem(key, "s3cret"), "s3cret"),
        (keys.cosign_pem(key, "", "ENCRYPTED COSIGN PRIVATE KEY"), ""),
    ):
        read = load_private_key(f"a comment\n{text}", "cosign-key", password=password)
        assert read.public_key().public_bytes(*FORM) == public
    assert load_public_key(keys.public_pem(key), "cosign-key").public_bytes(*FORM) == public


@pytest.mark.parametrize(
    ("text", "password", "message"),
    [
        ("", "", "cosign-key: not a private key in PEM form"),
        ("hunter2", "", "cosign-key: not a private key in PEM form"),
        (keys.cosign_pem(keys.made("P-256"), "right"), "wrong", "the password does not open the key"),
        (keys.pem(keys.made("P-256"), "right"), "wrong", "cosign-key: the private key cannot be read"),
        (keys.pem(keys.made("P-256"), "right"), "", "cosign-key: the private key cannot be read"),
        ("-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n", "", "cannot be read"),
        (
            "-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\naHVudGVyMg==\n-----END ENCRYPTED COSIGN PRIVATE KEY-----\n",
            "",
            "cosign-key: a damaged key of cosign",
        ),
        (keys.pem(rsa.generate_private_key(65537, 1024)), "", "an RSA key of 1024 bits"),  # noqa: S505  (that is the test)
    ],
)
def test_a_key_that_cannot_be_used_is_refused_without_a_word_of_it(
    text: str, password: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_private_key(text, "cosign-key", password=password)
    assert "hunter2" not in str(caught.value)
    assert "aHVudGVyMg" not in str(caught.value)


def test_a_key_is_text_a_file_or_a_variable(tmp_path: Path) -> None:
    text = keys.pem(keys.made("P-256"))
    (tmp_path / "cosign.key").write_text(text)
    for value in (text, "cosign.key", str(tmp_path / "cosign.key"), "env://KEY"):
        assert key_text(value, "cosign-key", {"KEY": text}, tmp_path) == text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("none.key", r"cosign-key: cannot read the key file 'none\.key': No such file or directory"),
        ("env://NONE", "cosign-key: the variable NONE is empty or not set"),
        (".", "cosign-key: cannot read the key file"),
    ],
)
def test_a_key_that_is_not_there_is_told_of(tmp_path: Path, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        key_text(value, "cosign-key", {}, tmp_path)
