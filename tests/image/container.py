"""The image, built once, and the runner that starts it as GitHub's does (``ContainerActionHandler.cs``)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.action.minirunner import ROOT, Runner
from tests.real.tools import cannot

TAG = "localhost/oci-chart-publish:test"
_HOME = Path(os.environ.get("OCI_CHART_TOOLS") or ROOT / ".tools").absolute() / "image"
ENGINE = {
    "PATH": os.environ["PATH"],
    "HOME": os.environ.get("HOME", "/root"),
    "CONTAINERS_CONF": str(_HOME / "containers.conf"),
    "CONTAINERS_STORAGE_CONF": str(_HOME / "storage.conf"),
}
_OUTSIDE = frozenset({"PATH", "PYTHONPATH"})


@cache
def image() -> str:
    """Build the image and return its tag; where this machine cannot, the test says why.

    Many machines forbid containers inside of their own, so it is the job that is there for the image that fails then.
    """
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "image.py", TAG], capture_output=True, check=False, text=True
    )
    if done.returncode == 3:
        cannot(f"the image needs buildah, podman and a base: {done.stderr.strip()}", "IMAGE_REQUIRED")
    assert done.returncode == 0, done.stderr
    return TAG


@dataclass
class ImageRunner(Runner):
    """Starts the image: mounts, translated paths, variables by name, and no option but ``options``."""

    options: Sequence[str] = ()
    name: str = ""

    def start(self, environment: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
        command, variables = self.line(environment)
        return subprocess.run(command, env=variables, capture_output=True, check=False, timeout=300)

    def line(self, environment: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        """Return the command line, and the variables of the engine's client, which hands on those that are named."""
        (self.temp / "home").mkdir(exist_ok=True)
        mounts = {
            self.temp / "home": "/github/home",
            self.temp: "/github/runner_temp",
            self.workspace: "/github/workspace",
        }
        passed = {
            name: _translated(value, mounts) for name, value in environment.items() if name not in _OUTSIDE
        }
        command = ["podman", "run", "--rm", "--network=host", "--workdir=/github/workspace", *self.options]
        command += [f"--name={self.name}"] if self.name else []
        # HOME would change the client's own; the runner hands it on in the same way.
        command += [f"--env=HOME={passed.pop('HOME')}", *(f"--env={name}" for name in passed)]
        command += [f"--volume={host}:{inside}" for host, inside in mounts.items()]
        return [*command, image()], {**ENGINE, **passed}


def _translated(value: str, mounts: Mapping[Path, str]) -> str:
    for host, inside in mounts.items():
        if value == str(host) or value.startswith(f"{host}/"):
            return inside + value.removeprefix(str(host))
    return value
