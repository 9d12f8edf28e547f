"""Real Helm, version 4 and 3, each run with folders of its own so that nothing of the user's is read or written."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.real.registries import Registry
from tests.real.tools import tool

HELM4 = "helm"
HELM3 = "helm3"


@dataclass(frozen=True, kw_only=True, slots=True)
class Helm:
    """One Helm and its folders. ``run`` fails the test unless Helm succeeds; ``attempt`` leaves that to the caller."""

    program: str
    home: Path
    extra: Mapping[str, str] = field(default_factory=dict)

    def attempt(self, *arguments: str | Path, stdin: str = "", cwd: Path | None = None) -> Finished:
        """Run ``helm ARGUMENTS``."""
        return subprocess.run(
            [self.program, *map(str, arguments)],
            env=self.environment(),
            cwd=cwd or self.home,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def run(self, *arguments: str | Path, stdin: str = "", cwd: Path | None = None) -> str:
        """Run ``helm ARGUMENTS`` and return what it printed; a push reports on stderr, so that is added."""
        done = self.attempt(*arguments, stdin=stdin, cwd=cwd)
        assert done.returncode == 0, f"helm {' '.join(map(str, arguments))}: {done.stderr}"
        return done.stdout + done.stderr

    def template(self, *arguments: str | Path) -> str:
        """Return the rendered manifests alone."""
        done = self.attempt("template", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "HELM_CACHE_HOME": str(self.home / "cache"),
            "HELM_CONFIG_HOME": str(self.home / "config"),
            "HELM_DATA_HOME": str(self.home / "data"),
            "HELM_REGISTRY_CONFIG": str(self.home / "registry.json"),
            **self.extra,
        }

    def login(self, registry: Registry) -> None:
        """Log in where the registry wants a user."""
        if registry.username:
            user = ("--username", registry.username, "--password-stdin")
            self.run("registry", "login", registry.host, *user, *transport(registry), stdin=registry.password)


Finished = subprocess.CompletedProcess[str]


def transport(registry: Registry) -> tuple[str, ...]:
    """Return the options by which Helm reaches a registry."""
    return ("--plain-http",) if registry.ca_file is None else ("--ca-file", str(registry.ca_file))


def helm(home: Path, name: str = HELM4) -> Helm:
    """Return Helm 4 (``helm``) or Helm 3 (``helm3``); a test without it is skipped."""
    home.mkdir(parents=True, exist_ok=True)
    return Helm(program=tool(name), home=home)
