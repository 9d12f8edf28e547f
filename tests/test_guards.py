"""The guards hold: a test cannot leave this machine, read the user's files or see the user's environment."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

import pytest
import requests
from tests.guards import clean

REAL_HOME = Path(pwd.getpwuid(os.getuid()).pw_dir)
# A block that is reserved for documentation: nobody answers there, should the guard be broken.
ELSEWHERE = ("192.0.2.1", 443)


@pytest.mark.parametrize("method", ["connect", "connect_ex", "bind"])
def test_no_socket_reaches_another_machine(method: str) -> None:
    with socket.socket() as connection, pytest.raises(pytest.fail.Exception, match="leaves this machine"):
        getattr(connection, method)(ELSEWHERE)


def test_no_datagram_reaches_another_machine() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as sender,
        pytest.raises(pytest.fail.Exception, match=r"leaves this machine: socket\.sendto"),
    ):
        sender.sendto(b"x", ELSEWHERE)


def test_no_server_listens_for_other_machines() -> None:
    with socket.socket() as server, pytest.raises(pytest.fail.Exception, match="leaves this machine"):
        server.bind(("", 0))


def test_no_name_of_another_machine_is_looked_up() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"asks for the address of 'example\.org'"):
        socket.getaddrinfo("example.org", 443)


def test_a_library_that_catches_errors_does_not_hide_it() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"asks for the address of '192\.0\.2\.1'"):
        requests.get("http://192.0.2.1/", timeout=1)
    assert not issubclass(pytest.fail.Exception, Exception)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_free(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as connection:
        connection.connect((host, server.getsockname()[1]))


@pytest.mark.parametrize(
    "name", [".docker/config.json", ".netrc", ".gitconfig", ".config/helm/registry/config.json"]
)
def test_no_file_of_the_real_home_is_read(name: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="reads the user's own"):
        (REAL_HOME / name).read_bytes()


def test_no_folder_of_the_real_home_is_listed() -> None:
    with pytest.raises(pytest.fail.Exception, match="reads the user's own"):
        list((REAL_HOME / ".docker").iterdir())


def test_the_home_of_a_test_is_its_own_and_empty(own_home: Path) -> None:
    assert Path.home() == own_home
    assert own_home != REAL_HOME
    assert list(own_home.iterdir()) == []


def test_the_environment_of_a_test_is_clean() -> None:
    kept = {"HOME", "PATH", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"}
    assert kept <= os.environ.keys()
    strangers = (
        "GITHUB_",
        "INPUT_",
        "OCI_CHART_PUBLISH",
        "OCI_CHART_CACHE",
        "HELM_",
        "DOCKER_",
        "HTTP",
        "REQUESTS_",
        "SSL_",
        "CI",
    )
    assert [name for name in os.environ if name.upper().startswith(strangers)] == []


def test_cleaning_drops_what_would_change_a_run(tmp_path: Path) -> None:
    environment = {
        "PATH": "/usr/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": "/home/me",
        "https_proxy": "http://proxy",
        "REQUESTS_CA_BUNDLE": "/ca.pem",
        "GITHUB_TOKEN": "t",
        "INPUT_DRY-RUN": "true",
        "DOCKER_CONFIG": "/home/me/.docker",
        "SOURCE_DATE_EPOCH": "1",
        "CI": "true",
    }
    clean(environment, tmp_path)
    assert environment == {
        "PATH": "/usr/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(Path(__file__).parents[1] / "src"),
        "XDG_CACHE_HOME": f"{tmp_path}/.cache",
        "XDG_CONFIG_HOME": f"{tmp_path}/.config",
        "XDG_DATA_HOME": f"{tmp_path}/.local/share",
        "XDG_RUNTIME_DIR": f"{tmp_path}/.run",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
