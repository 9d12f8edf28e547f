"""The signers that the settings ask for, made before anything is built: a key that does not load ends the run there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.push.attach import Signer
from oci_chart_publish.settings import Settings
from oci_chart_publish.sign.bundle import CosignSigner
from oci_chart_publish.sign.keys import key_text, load_private_key
from oci_chart_publish.sign.notation import NotationSigner, load_chain

MakeSigner = Callable[[Settings, Mapping[str, str], Path], Signer]


def make_signers(settings: Settings, environment: Mapping[str, str], folder: Path) -> tuple[Signer, ...]:
    """Return a signer for each kind in ``sign``, in its order; ConfigError names the setting that is missing or wrong.

    Key files are below ``folder``, where the command was started.
    """
    makers: Mapping[str, MakeSigner] = {
        "cosign": _cosign,
        "notation": _notation,
    }
    return tuple(makers[kind](settings, environment, folder) for kind in dict.fromkeys(settings.sign))


def _cosign(settings: Settings, environment: Mapping[str, str], folder: Path) -> CosignSigner:
    text = _text("cosign", "cosign-key", settings.cosign_key, environment, folder)
    return CosignSigner(load_private_key(text, "cosign-key", password=settings.cosign_password))


def _notation(settings: Settings, environment: Mapping[str, str], folder: Path) -> NotationSigner:
    key = _text("notation", "notation-key", settings.notation_key, environment, folder)
    chain = _text("notation", "notation-certificate", settings.notation_certificate, environment, folder)
    return NotationSigner(load_private_key(key, "notation-key"), load_chain(chain, "notation-certificate"))


def _text(kind: str, setting: str, value: str, environment: Mapping[str, str], folder: Path) -> str:
    if not value.strip():
        raise ConfigError(f"sign: {kind} needs {setting}", hint="give PEM text, a file, or env://NAME")
    return key_text(value, setting, environment, folder)
