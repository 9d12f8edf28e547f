"""Runs real Helm with folders of its own: nothing of the user's Helm is read or written, no plugin is found."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.real import tools


@dataclass(frozen=True, kw_only=True, slots=True)
class Helm:
    """One Helm program and its private home."""

    program: Path
    home: Path
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """The whole environment that Helm gets."""
        return tools.environment(
            self.home,
            HELM_CACHE_HOME=str(self.home / "cache"),
            HELM_CONFIG_HOME=str(self.home / "config"),
            HELM_DATA_HOME=str(self.home / "data"),
            HELM_REGISTRY_CONFIG=str(self.home / "config/registry.json"),
            HELM_PLUGINS="/nonexistent",
            HELM_NO_PLUGINS="1",
            DOCKER_CONFIG=str(self.home / "docker"),
            **self.extra,
        )

    def run(
        self,
        *args: str | Path,
        cwd: Path | None = None,
        check: bool = True,
        stdin: str | None = None,
        **env: str,
    ) -> subprocess.CompletedProcess[str]:
        """``helm ARGS``; with ``check`` a failure raises with what Helm said."""
        done = subprocess.run(
            [str(self.program), *map(str, args)],
            cwd=cwd or self.home,
            env={**self.env, **env},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if check and done.returncode:
            words = " ".join(map(str, args))
            raise AssertionError(f"helm {words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done


def helm(name: str, home: Path, **env: str) -> Helm:
    """The Helm called ``name`` among the tools: ``helm`` (4), ``helm3`` or ``helm-3.6.3`` (the last with ``helm chart``)."""
    program = tools.tool(name)
    home.mkdir(parents=True, exist_ok=True)
    return Helm(program=program, home=home, extra=env)


@dataclass(frozen=True, kw_only=True, slots=True)
class HelmLibrary:
    """Helm 4 as a Python library, for machines without Go.

    It runs in processes of its own: after its first use a process that forks hangs.
    """

    python: Path
    home: Path

    def run(self, script: str, *args: str | Path) -> str:
        """The standard output of ``script``, which finds ``helm`` imported and ``args`` in ``sys.argv[1:]``."""
        program = f"import sys\nimport helm_python as helm\n{script}\n"
        done = subprocess.run(
            [str(self.python), "-I", "-c", program, *map(str, args)],
            cwd=self.home,
            env=Helm(program=self.python, home=self.home).env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            raise AssertionError(f"helm-python-sdk: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def package(self, chart: Path, destination: Path) -> Path:
        """The archive that ``helm package`` writes for ``chart``."""
        return Path(
            self.run("print(helm.package(sys.argv[1], destination=sys.argv[2]))", chart, destination).strip()
        )


def helm_library(home: Path) -> HelmLibrary:
    """Helm 4 from the package helm-python-sdk, in an environment of its own."""
    python = tools.FOLDER / "helm-python-sdk/bin/python"
    if not python.exists():
        tools.missing("helm-python-sdk")
    home.mkdir(parents=True, exist_ok=True)
    return HelmLibrary(python=python, home=home)
