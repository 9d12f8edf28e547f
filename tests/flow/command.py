"""The command as a user runs it: a process of its own, with an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.real.registries import Registry

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    """What a run left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON report on stdout."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    def statuses(self) -> dict[str, str]:
        """The status of each chart by name."""
        return {chart["name"]: chart["status"] for chart in self.report["charts"]}

    def digests(self) -> dict[str, str]:
        """The digest of each chart by name."""
        return {chart["name"]: chart["digest"] for chart in self.report["charts"]}


@dataclass(frozen=True)
class Command:
    """Runs ``python -m oci_chart_publish`` in ``folder`` with a cache and a home of its own."""

    folder: Path
    home: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    python: str = sys.executable

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "src"),
            "HOME": str(self.home),
            "OCI_CHART_CACHE": str(self.home / "layout"),
            **self.extra,
        }

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a run."""
        return subprocess.Popen(
            self._line(arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str) -> Done:
        """Run to the end."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return Done(process.returncode, out.decode(), err.decode())

    def publish(self, *registries: str, charts: Sequence[str] = (), options: Sequence[str] = ()) -> Done:
        """Publish and return the report."""
        places = [argument for registry in registries for argument in ("--registry", registry)]
        return self.run("publish", "--json", *charts, *places, *options)

    def _line(self, arguments: Sequence[str]) -> list[str]:
        return [self.python, "-m", "oci_chart_publish", *arguments]


def command(tmp_path: Path, folder: Path) -> Command:
    """Return the command in a folder, with a home that lasts for the test."""
    (tmp_path / "home").mkdir(exist_ok=True)
    return Command(folder=folder, home=tmp_path / "home")


def layer(run: Command, entry: dict[str, dict[str, str]]) -> bytes:
    """Return the layer of a chart of the report from the cache of a command."""
    digest = entry["layer"]["digest"].partition(":")[2]
    return (run.home / "layout/blobs/sha256" / digest).read_bytes()


def credentials(registry: Registry) -> list[str]:
    """Return the options that let the command into a registry."""
    options = ["--username", registry.username, "--password", registry.password] if registry.username else []
    return [*options, *(["--ca-file", str(registry.ca_file)] if registry.ca_file else [])]


def repository(folder: Path, count: int = 4, *, size: int = 2000) -> Path:
    """Write a small repository of charts, the same every time."""
    for number in range(count):
        chart = folder / "charts" / f"chart-{number}"
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text(
            f"# kept\napiVersion: v2\nname: chart-{number}\nversion: 1.{number}.0\nappVersion: '1'\n"
        )
        (chart / "values.yaml").write_text(
            "".join(f"key{i}: value-{number}-{i}\n" for i in range(size // 20))
        )
        (chart / "templates" / "a.yaml").write_text(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
        )
    return folder
