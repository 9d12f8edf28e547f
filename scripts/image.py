"""Build the action's image without a daemon: ``python scripts/image.py [TAG]``. With Docker, ``docker build .`` does.

buildah and podman (and, where the base image cannot be pulled, debootstrap) come from Debian's packages; storage,
settings and base are kept in ``.tools/image``. Exit code 3: an image cannot be had on this machine, with the reason.
The base made here stands in for ``python:3.13-slim`` under its name; it is Debian with Debian's Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOME = Path(os.environ.get("OCI_CHART_TOOLS") or ROOT / ".tools").absolute() / "image"
BASE = "docker.io/library/python:3.13-slim"
SUITE = "trixie"
PACKAGES = ("buildah", "podman", "crun", "runc", "fuse-overlayfs", "debootstrap")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
UNAVAILABLE = 3

CONTAINERS = """\
[containers]
# Limits that a user without CAP_SYS_RESOURCE may set.
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
netns = "host"
[engine]
# crun refuses hosts with both versions of cgroups.
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
STORAGE = """\
[storage]
driver = "{driver}"
graphroot = "{home}/graph"
runroot = "{home}/run"
"""
PIP = """\
[global]
cert = /etc/pip-certificates.crt
"""


class UnavailableError(Exception):
    """An image cannot be built on this machine; the message says why."""


def run(*command: str | Path, timeout: float | None = None) -> str:
    """Run a command and return what it printed; UnavailableError with the end of its complaint."""
    environment = {
        **os.environ,
        "CONTAINERS_CONF": str(HOME / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(HOME / "storage.conf"),
        "DEBIAN_FRONTEND": "noninteractive",
    }
    try:
        done = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            check=False,
            env=environment,
            text=True,
            timeout=timeout,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(str(error)) from error
    if done.returncode != 0:
        raise UnavailableError(
            f"{' '.join(map(str, command[:3]))}: {(done.stderr or done.stdout).strip()[-600:]}"
        )
    return done.stdout


def programs() -> None:
    """Install what is missing, where that is permitted."""
    missing = [name for name in PACKAGES if shutil.which(name) is None]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise UnavailableError(f"not installed: {' '.join(missing)}")
    run("apt-get", "update", "-qq")
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing)


def settings() -> None:
    """Write the engines' settings; overlay where it can be mounted, else plain copies."""
    HOME.mkdir(parents=True, exist_ok=True)
    (HOME / "containers.conf").write_text(CONTAINERS)
    (HOME / "pip.conf").write_text(PIP)
    storage = HOME / "storage.conf"
    if storage.exists():
        return
    for driver in ("overlay", "vfs"):
        storage.write_text(STORAGE.format(driver=driver, home=HOME))
        try:
            run("podman", "info")
        except UnavailableError:
            storage.unlink()
            if driver == "vfs":
                raise
        else:
            return


def base() -> None:
    """Have the base image: the real one, else a stand-in."""
    try:
        run("podman", "image", "exists", BASE)
    except UnavailableError:
        try:
            run("podman", "pull", "--quiet", BASE, timeout=60)
        except UnavailableError:
            stand_in()


def stand_in() -> None:
    """Make a Debian with Python in a folder and import it under the base's name."""
    if os.geteuid() != 0:
        raise UnavailableError(f"{BASE} cannot be pulled, and only root can make a stand-in")
    include = "--include=ca-certificates,git,python3,python3-pip,python3-venv"
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        root = Path(folder) / "root"
        run("debootstrap", "--variant=minbase", include, SUITE, root)
        for archive in (root / "var/cache/apt/archives").glob("*.deb"):
            archive.unlink()
        (root / "usr/bin/python").symlink_to("python3")
        archive = Path(folder) / "base.tar"
        run("tar", "-C", root, "-cf", archive, ".")
        run("podman", "import", archive, BASE)


def build(tag: str) -> None:
    """Build the Dockerfile. The machine's certificate authorities serve pip while it builds, and stay outside."""
    mounts = []
    if CERTIFICATES.exists():
        mounts = [
            f"--volume={CERTIFICATES}:/etc/pip-certificates.crt:ro",
            f"--volume={HOME / 'pip.conf'}:/etc/pip.conf:ro",
        ]
    run("buildah", "bud", "--isolation", "chroot", "--pull-never", "--layers", *mounts, "-t", tag, ROOT)
    # Layers of today are the cache of the next build.
    run("podman", "image", "prune", "--force", "--filter", "until=24h")


def main(tag: str = "localhost/oci-chart-publish:latest") -> int:
    """Build the image and say how large it is."""
    try:
        programs()
        settings()
        base()
        run("podman", "run", "--rm", BASE, "true")
    except UnavailableError as error:
        print(f"image: cannot be had here: {error}", file=sys.stderr)
        return UNAVAILABLE
    try:
        build(tag)
        size = int(run("podman", "image", "inspect", "--format", "{{.Size}}", tag))
    except UnavailableError as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    print(f"image: {tag}, {size / 1e6:.0f} MB unpacked")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
