"""Keeps the tests on this machine and off the user's files: no other host, no real home, no inherited environment.

The audit hook sees what this process does, whichever library does it. Programs that a test starts are not watched; they
get their environment from the test, and none of ours points at the user's files.
"""

from __future__ import annotations

import ipaddress
import itertools
import os
import pwd
import re
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path

import pytest

# What a child program or Python itself needs; whatever else was set is the user's or the CI's.
_KEPT = re.compile(
    r"PATH|LANG|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|PYTHON\w*|PYTEST\w*|PYENV\w*|COV\w*|VIRTUAL_ENV"
    r"|OCI_CHART_TOOLS"  # where the real programs are, for benchmarks that a test runs
)

# Below a home: where credentials, settings and caches of real programs lie.
_PRIVATE = (
    ".aws",
    ".azure",
    ".cache/helm",
    ".cache/oci-chart-publish",
    ".config/containers",
    ".config/gcloud",
    ".config/gh",
    ".config/git",
    ".config/helm",
    ".config/oci-chart-publish",
    ".docker",
    ".git-credentials",
    ".gitconfig",
    ".gnupg",
    ".local/share/containers",
    ".netrc",
    ".sigstore",
    ".ssh",
)

_numbers = itertools.count()


def clean(environment: MutableMapping[str, str], home: Path) -> None:
    """Leave in ``environment`` only what every program needs, with ``home`` for everything a program keeps."""
    for name in [name for name in environment if not _KEPT.fullmatch(name)]:
        del environment[name]
    environment.update(
        {
            "HOME": str(home),
            # What tests start runs this tree, whoever started the tests.
            "PYTHONPATH": str(Path(__file__).parents[1] / "src"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_DATA_HOME": str(home / ".local/share"),
            "XDG_RUNTIME_DIR": str(home / ".run"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }
    )


def is_here(address: object) -> bool:
    """Tell whether a socket address, or a host alone, is this machine's loopback or a Unix socket."""
    host = address[0] if isinstance(address, tuple) else address
    if isinstance(host, bytes):
        host = host.decode("utf-8", "replace")
    if not isinstance(host, str) or not isinstance(address, tuple):
        return True
    name = host.rpartition("%")[0] or host
    if name == "localhost" or name.endswith((".localhost", ".invalid", ".test")):
        # Reserved names: they belong to this machine, or to nobody.
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def install() -> None:
    """Watch this process from now on; an audit hook cannot be taken away."""
    private = tuple(_private_places())

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" or event in {"os.listdir", "os.scandir"}:
            path = arguments[0]
            if isinstance(path, bytes):
                path = os.fsdecode(path)
            if isinstance(path, str) and path.startswith(private):
                pytest.fail(f"a test reads the user's own {path}")
        elif event in {"socket.connect", "socket.bind", "socket.sendto"}:
            if not is_here(arguments[1]):
                pytest.fail(f"a test leaves this machine: {event} {arguments[1]}")
        elif event == "socket.getaddrinfo" and arguments[0] and not is_here((arguments[0], arguments[1])):
            pytest.fail(f"a test asks for the address of {arguments[0]!r}")

    sys.addaudithook(watch)


def _private_places() -> Iterator[str]:
    """Name the user's files, as the environment and as the system's list of users have it."""
    homes = {os.path.expanduser("~"), pwd.getpwuid(os.getuid()).pw_dir}  # noqa: PTH111 - as programs do
    for home in homes - {"", "/"}:
        yield from (os.path.join(home, name) for name in _PRIVATE)  # noqa: PTH118
    for name in ("DOCKER_CONFIG", "GNUPGHOME", "REGISTRY_AUTH_FILE", "OCI_CHART_CACHE"):
        if place := os.environ.get(name):
            yield place


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the homes of all tests."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def own_home(homes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an environment of its own, with an empty home."""
    home = homes / str(next(_numbers))
    home.mkdir()
    environment = dict(os.environ)
    clean(environment, home)
    for name in os.environ.keys() - environment.keys():
        monkeypatch.delenv(name)
    for name, value in environment.items():
        if os.environ.get(name) != value:
            monkeypatch.setenv(name, value)
    return home
