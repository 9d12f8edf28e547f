"""What a registry holds, asked without our own client."""

from __future__ import annotations

import json
import tarfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from tests.real.registries import Registry

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def asked(registry: Registry, path: str, accept: str = "*/*") -> bytes | None:
    """Ask a registry without our own client; None for what it does not hold."""
    request = urllib.request.Request(f"{registry.url}/v2/{path}", headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            data: bytes = answer.read()
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 404:
            raise
        return None
    return data


def tags(registry: Registry, path: str) -> list[str]:
    """Return the tags of a repository, sorted."""
    data = asked(registry, f"{path}/tags/list")
    return sorted(json.loads(data)["tags"] or []) if data else []


def manifest(registry: Registry, path: str, tag: str) -> dict[str, Any]:
    """Return the manifest that a tag names."""
    data = asked(registry, f"{path}/manifests/{tag}", MANIFEST)
    assert data is not None, f"{path}:{tag}"
    found: dict[str, Any] = json.loads(data)
    return found


def packed(registry: Registry, path: str, tag: str) -> Mapping[str, str]:
    """Return the Chart.yaml files of a published chart, by path."""
    digest = manifest(registry, path, tag)["layers"][0]["digest"]
    data = asked(registry, f"{path}/blobs/{digest}")
    assert data is not None
    with tarfile.open(fileobj=BytesIO(data)) as archive:
        return {
            member.name: file.read().decode()
            for member in archive
            if member.name.endswith("Chart.yaml") and (file := archive.extractfile(member))
        }
