"""Private keys as people have them: PEM text, a file, a variable, plain or encrypted by cosign.

A key that cannot be used is a ConfigError, before anything is built; no message quotes any of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_pem_private_key,
    load_pem_public_key,
)

from oci_chart_publish.errors import ConfigError

PrivateKey = EllipticCurvePrivateKey | RSAPrivateKey | Ed25519PrivateKey
PublicKey = EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey

_VARIABLE = "env://"
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s+(.+?)\s*-----END \1-----", re.DOTALL)
_ENCRYPTED = frozenset({"ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"})
_SCRYPT_MEMORY = 256 * 1024 * 1024
_RSA_BITS = 2048


def key_text(value: str, setting: str, environment: Mapping[str, str], folder: Path) -> str:
    """Return the PEM text that a setting names: the text itself, ``env://NAME``, or a file below ``folder``."""
    if "-----BEGIN " in value:
        return value
    if value.startswith(_VARIABLE):
        name = value.removeprefix(_VARIABLE)
        text = environment.get(name, "")
        if not text.strip():
            raise ConfigError(
                f"{setting}: the variable {name} is empty or not set",
                hint="give the secret to the step's env:",
            )
        return text
    try:
        return (folder / value).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(
            f"{setting}: cannot read the key file {value[:100]!r}: {reason}",
            hint="give PEM text, a file, or env://NAME",
        ) from None


def load_private_key(text: str, setting: str, *, password: str = "") -> PrivateKey:
    """Read a private key in PEM: EC, RSA (2048 bits or more) or Ed25519, or cosign's encrypted form of these."""
    match = _PEM.search(text)
    if match is None:
        raise ConfigError(f"{setting}: not a private key in PEM form", hint="it begins with -----BEGIN")
    try:
        if match[1] in _ENCRYPTED:
            key = load_der_private_key(_decrypted(match[2], password, setting), None)
        else:
            key = load_pem_private_key(match[0].encode(), password.encode() or None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's own words may quote what it read.
        raise ConfigError(
            f"{setting}: the private key cannot be read",
            hint="is the password right, and is it an EC, RSA or Ed25519 key?",
        ) from None
    if not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey | Ed25519PrivateKey):
        raise ConfigError(f"{setting}: a key of a kind that nobody verifies", hint="use EC, RSA or Ed25519")
    if isinstance(key, RSAPrivateKey) and key.key_size < _RSA_BITS:
        raise ConfigError(f"{setting}: an RSA key of {key.key_size} bits; at least {_RSA_BITS} are safe")
    return key


def load_public_key(text: str, setting: str) -> PublicKey:
    """Read a public key in PEM."""
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"{setting}: not a public key in PEM form") from None
    if not isinstance(key, EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey):
        raise ConfigError(f"{setting}: a key of a kind that nobody signs with", hint="use EC, RSA or Ed25519")
    return key


def _decrypted(body: str, password: str, setting: str) -> bytes:
    """Return the PKCS#8 DER in cosign's box, a NaCl secretbox with a key by scrypt (``pkg/cosign/keys.go``)."""
    from nacl.exceptions import CryptoError  # noqa: PLC0415  (few keys are encrypted so)
    from nacl.secret import SecretBox  # noqa: PLC0415

    try:
        document = json.loads(base64.b64decode(re.sub(r"\s", "", body), validate=True))
        parameters, cipher = document["kdf"]["params"], document["cipher"]
        if (document["kdf"]["name"], cipher["name"]) != ("scrypt", "nacl/secretbox"):
            raise ConfigError(f"{setting}: a key that is encrypted in a way that cosign does not know")
        secret = hashlib.scrypt(
            password.encode(),
            salt=base64.b64decode(document["kdf"]["salt"]),
            n=int(parameters["N"]),
            r=int(parameters["r"]),
            p=int(parameters["p"]),
            dklen=32,
            maxmem=_SCRYPT_MEMORY,
        )
        nonce, sealed = base64.b64decode(cipher["nonce"]), base64.b64decode(document["ciphertext"])
        return SecretBox(secret).decrypt(sealed, nonce)
    except (KeyError, TypeError, binascii.Error, json.JSONDecodeError):
        raise ConfigError(f"{setting}: a damaged key of cosign") from None
    except CryptoError:
        raise ConfigError(
            f"{setting}: the password does not open the key", hint="give it as cosign-password"
        ) from None
