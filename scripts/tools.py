"""Install the real programs that the tests run: registries, Helm 3 and 4, clients. What is there already is left alone.

``python scripts/tools.py [NAME ...]``. Go programs are built from their modules into ``.tools/bin`` (or
``$OCI_CHART_TOOLS/bin``), Debian packages are installed where that is permitted, else unpacked into ``.tools/debian``.
What cannot be had is named with the reason; the tests then skip it by name, and in CI fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = Path(os.environ.get("OCI_CHART_TOOLS") or ROOT / ".tools")
BIN = TOOLS / "bin"
DEBIAN = TOOLS / "debian"


@dataclass(frozen=True)
class Go:
    """A program built from a Go module; ``produces`` is what `go install` calls it."""

    name: str
    package: str
    version: str
    produces: str = ""
    throwaway: bool = False


GO = (
    Go("olareg", "github.com/olareg/olareg/cmd/olareg", "v0.1.2", throwaway=True),
    Go("crane", "github.com/google/go-containerregistry/cmd/crane", "v0.21.9"),
    Go("oras", "oras.land/oras/cmd/oras", "v1.3.3"),
    Go("cosign", "github.com/sigstore/cosign/v3/cmd/cosign", "v3.1.2"),
    Go("notation", "github.com/notaryproject/notation/cmd/notation", "v1.3.2", throwaway=True),
    Go("actionlint", "github.com/rhysd/actionlint/cmd/actionlint", "v1.7.12"),
    Go("helm3", "helm.sh/helm/v3/cmd/helm", "v3.21.4", "helm"),
    Go("helm", "helm.sh/helm/v4/cmd/helm", "v4.3.1", "helm"),
)
PACKAGES = {"docker-registry": "docker-registry", "skopeo": "skopeo", "gpg": "gnupg"}


def found(name: str) -> bool:
    """Tell whether a program can be run."""
    places = [str(BIN), str(DEBIAN / "usr" / "bin"), os.environ.get("PATH", os.defpath)]
    return shutil.which(name, path=os.pathsep.join(places)) is not None


def run(*command: str, cwd: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """Run a command and return "" or the end of what it said."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            check=False,
            text=True,
        )
    except OSError as error:
        return str(error)
    return (
        ""
        if done.returncode == 0
        else (done.stderr or done.stdout).strip()[-300:] or f"exit {done.returncode}"
    )


def build(tool: Go) -> str:
    """Build a Go program; return what went wrong."""
    if shutil.which("go") is None:
        return "there is no go on the PATH"
    with tempfile.TemporaryDirectory(dir=TOOLS) as folder:
        flags = {"GOFLAGS": "-ldflags=-s", "GOBIN": folder, "GOTOOLCHAIN": "auto"}
        made = Path(folder) / (tool.produces or tool.package.rpartition("/")[2])
        if tool.throwaway:
            # Its versions are not listed, so `go install` refuses it; a module of its own does not.
            work = Path(folder) / "module"
            work.mkdir()
            problem = (
                run("go", "mod", "init", "local", cwd=work)
                or run("go", "get", f"{tool.package}@{tool.version}", cwd=work, environment=flags)
                or run("go", "build", "-o", str(made), tool.package, cwd=work, environment=flags)
            )
        else:
            problem = run("go", "install", f"{tool.package}@{tool.version}", environment=flags)
        if not problem:
            BIN.mkdir(parents=True, exist_ok=True)
            made.replace(BIN / tool.name)
        return problem


def packages(names: list[str]) -> dict[str, str]:
    """Install or unpack Debian packages; return what went wrong, by program."""
    if shutil.which("apt-get") is None:
        return dict.fromkeys(names, "there is no apt-get")
    problems = {}
    if os.geteuid() == 0:
        run("apt-get", "update", "-qq")
    for name in names:
        # A registry that is only unpacked starts no service of its own.
        install = os.geteuid() == 0 and name != "docker-registry"
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        command = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", PACKAGES[name])
        problem = run(*command, environment=quiet) if install else unpack(PACKAGES[name])
        if problem or not found(name):
            problems[name] = problem or "it is not there after installing"
    return problems


def unpack(package: str) -> str:
    """Unpack a Debian package without installing it; return what went wrong."""
    DEBIAN.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TOOLS) as folder:
        Path(folder).chmod(0o777)  # apt downloads as another user
        problem = run("apt-get", "download", "-qq", package, cwd=Path(folder))
        archives = list(Path(folder).glob("*.deb"))
        return problem or next((run("dpkg", "-x", str(one), str(DEBIAN)) for one in archives), "nothing came")


def main(names: list[str]) -> int:
    """Install what is named, or everything, and say what could not be had."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    wanted = [tool for tool in GO if (not names or tool.name in names) and not found(tool.name)]
    missing = [name for name in PACKAGES if (not names or name in names) and not found(name)]
    problems = packages(missing) if missing else {}
    with ThreadPoolExecutor(2) as pool:
        for tool, problem in zip(wanted, pool.map(build, wanted), strict=True):
            print(f"tools: {tool.name} {tool.version}: {problem or 'built'}", flush=True)
            if problem:
                problems[tool.name] = problem
    for name, problem in problems.items():
        print(f"tools: {name} cannot be had here: {problem}", file=sys.stderr, flush=True)
    print(
        f"tools: {'some are missing; tests that need them are skipped by name' if problems else 'all there'}"
    )
    return 1 if problems and os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
