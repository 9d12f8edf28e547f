"""Peak memory of push, pull and promote of a layer of 300 MB: ``PYTHONPATH=src:. python benchmarks/memory.py [MB]``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.real import registries

from oci_chart_publish.chart.layer import CHART_LAYER, HELM_CONFIG
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.oci.content import InMemory
from oci_chart_publish.oci.descriptor import OCI_MANIFEST, Descriptor
from oci_chart_publish.oci.manifest import Manifest

PROGRAM = (
    "import re, sys; from pathlib import Path; from oci_chart_publish.__main__ import main\n"
    "try:\n    code = main()\nexcept SystemExit as end:\n    code = end.code\n"
    "found = re.search('VmHWM:\\\\s+(\\\\d+)', Path('/proc/self/status').read_text())\n"
    "print(code, int(found.group(1)) // 1024, file=sys.stderr)"
)


def stored(folder: Path, name: str, megabytes: int) -> None:
    """Make a layout that holds a chart with a layer of that size under ``name``."""
    layout = ImageLayout.create(folder)
    data = os.urandom(megabytes << 20)
    config = json.dumps({"name": "web", "version": "1.0.0", "apiVersion": "v2"}).encode()
    layer, described = Descriptor.of(CHART_LAYER, data), Descriptor.of(HELM_CONFIG, config)
    layout.put_blob(layer, InMemory(data))
    layout.put_blob(described, config)
    document = {"schemaVersion": 2, "config": described.document(), "layers": [layer.document()]}
    layout.put_manifest(Manifest.parse(json.dumps(document).encode(), OCI_MANIFEST), name)


def peak(*arguments: str) -> str:
    """Run the program, and return its exit code and its peak memory in MB."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False
    )
    return done.stderr.strip().splitlines()[-1]


def main(arguments: list[str]) -> int:
    """Print a line for each verb."""
    size = int((arguments or ["300"])[0])
    with tempfile.TemporaryDirectory() as name:
        first, second = Path(name) / "first", Path(name) / "second"
        first.mkdir()
        second.mkdir()
        with registries.plain(first) as here, registries.plain(second) as there:
            reference = f"{here.host}/charts/web:1.0.0"
            made, empty = str(Path(name) / "made"), str(Path(name) / "empty")
            stored(Path(made), reference, size)
            sys.stdout.write(f"push: {peak('push', reference, '--layout', made)}\n")
            sys.stdout.write(f"pull: {peak('pull', reference, '--layout', empty)}\n")
            sys.stdout.write(
                f"promote: {peak('promote', f'oci://{reference}', f'oci://{there.host}/charts')}\n"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
