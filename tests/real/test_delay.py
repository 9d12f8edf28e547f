"""The proxy adds the delay it was asked for, and nothing else."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.real.delay import delayed
from tests.real.tools import REPOSITORY


@pytest.fixture
def echo() -> Iterator[str]:
    """Serve connections that get back what they send."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                while data := connection.recv(65536):
                    connection.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.getsockname()[1]}"
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(timeout=5)
    assert not thread.is_alive()


def connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def round_trip(connection: socket.socket, data: bytes) -> float:
    start = time.perf_counter()
    connection.sendall(data)
    got = b""
    while len(got) < len(data):
        got += connection.recv(65536)
    assert got == data
    return time.perf_counter() - start


def test_each_round_trip_takes_the_delay_and_the_first_one_twice(echo: str) -> None:
    with delayed(echo, 60) as address, closing(connect(address)) as connection:
        first, second = round_trip(connection, b"x"), round_trip(connection, b"y")
    assert 0.12 <= first < 0.5
    assert 0.06 <= second < 0.2


def test_many_bytes_wait_once(echo: str) -> None:
    with delayed(echo, 60) as address, closing(connect(address)) as connection:
        round_trip(connection, b"x")
        assert round_trip(connection, bytes(100_000)) < 0.4


def test_the_end_of_a_stream_arrives(echo: str) -> None:
    with delayed(echo, 1) as address, closing(connect(address)) as connection:
        connection.sendall(b"bye")
        connection.shutdown(socket.SHUT_WR)
        assert connection.makefile("rb").read() == b"bye"


def test_it_runs_as_a_program(echo: str) -> None:
    command = [sys.executable, "-m", "tests.real.delay", "127.0.0.1:0", echo, "1"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        with closing(connect(process.stdout.readline().strip())) as connection:
            round_trip(connection, b"x")
        process.terminate()
