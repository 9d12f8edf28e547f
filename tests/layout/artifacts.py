"""Small artifacts for the tests of the layout, and an independent look at a layout's files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.oci.descriptor import OCI_INDEX, Descriptor
from oci_chart_publish.oci.digest import Digest
from oci_chart_publish.oci.manifest import Manifest

CONFIG = "application/vnd.cncf.helm.config.v1+json"
LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


@dataclass(frozen=True, slots=True)
class Made:
    """An artifact with its blobs."""

    manifest: Manifest
    blobs: tuple[tuple[Descriptor, bytes], ...]

    @property
    def config(self) -> Descriptor:
        return self.blobs[0][0]

    @property
    def layer(self) -> Descriptor:
        return self.blobs[1][0]


def artifact(text: str, *, subject: Descriptor | None = None) -> Made:
    """Make an artifact whose blobs are of ``text``."""
    config, layer = json.dumps({"name": text}).encode(), f"layer of {text}".encode() * 50
    blobs = ((Descriptor.of(CONFIG, config), config), (Descriptor.of(LAYER, layer), layer))
    document: dict[str, object] = {
        "schemaVersion": 2,
        "config": blobs[0][0].document(),
        "layers": [blobs[1][0].document()],
    }
    if subject is not None:
        document["subject"] = subject.document()
    return Made(Manifest.parse(json.dumps(document).encode()), blobs)


def index_of(*manifests: Manifest) -> Manifest:
    """Make an image index of manifests."""
    entries = [manifest.descriptor.document() for manifest in manifests]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return Manifest.parse(json.dumps(document).encode())


def put(layout: ImageLayout, made: Made, name: str | None = None) -> None:
    """Store an artifact."""
    for descriptor, data in made.blobs:
        layout.put_blob(descriptor, data)
    layout.put_manifest(made.manifest, name)


def blob_file(root: Path, digest: Digest) -> Path:
    """Return where a blob has to be."""
    return root / "blobs" / digest.algorithm / digest.hex


def read_by_the_book(root: Path) -> Mapping[str, str]:
    """Check a layout by its files alone and return digest by name; every blob and every reference is verified."""
    assert json.loads((root / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    for path in (root / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    index = json.loads((root / "index.json").read_bytes())
    assert index["schemaVersion"] == 2
    names = {}
    for entry in index["manifests"]:
        manifest = json.loads(_checked(root, entry))
        for part in (manifest["config"], *manifest["layers"]):
            _checked(root, part)
        names[entry["annotations"]["org.opencontainers.image.ref.name"]] = entry["digest"]
    assert len(names) == len(index["manifests"])
    return names


def _checked(root: Path, descriptor: Mapping[str, str | int]) -> bytes:
    algorithm, _, hexadecimal = str(descriptor["digest"]).partition(":")
    data = (root / "blobs" / algorithm / hexadecimal).read_bytes()
    assert len(data) == descriptor["size"]
    return data
