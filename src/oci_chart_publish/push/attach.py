"""Step 3 of the publish protocol: signatures on a manifest that is there by digest, before any tag names it.

What is attached already is left alone, so another run adds what is missing and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from oci_chart_publish.errors import ConfigError
from oci_chart_publish.oci.attachments import Referring
from oci_chart_publish.oci.descriptor import Descriptor
from oci_chart_publish.oci.store import Target
from oci_chart_publish.sign.referrer import Referrer


class Signer(Protocol):
    """Makes signatures of one kind, with one key."""

    @property
    def kind(self) -> str:
        """The setting that asks for it: ``cosign``, ``notation``."""

    def sign(self, subject: Descriptor) -> Referrer:
        """Return the signature of a manifest."""

    def recognises(self, listed: Descriptor, made: Referrer) -> bool:
        """Tell whether a referrer that a registry lists is this signature already."""


def attach(store: Target, subject: Descriptor, signers: Sequence[Signer]) -> tuple[str, ...]:
    """Sign the manifest that ``subject`` describes, as far as it is not; return the kinds of the signatures added."""
    if not signers:
        return ()
    if not isinstance(store, Referring):
        raise ConfigError(f"{store.title} holds no signatures", hint="sign what is in a registry")
    listed = store.referrers(subject.digest)
    added = []
    for signer in signers:
        made = signer.sign(subject)
        if any(signer.recognises(entry, made) for entry in listed):
            continue
        for blob in made.manifest.blobs:
            store.put_blob(blob, made.blobs[blob.digest])
        store.put_referrer(made.manifest)
        added.append(signer.kind)
    return tuple(added)
