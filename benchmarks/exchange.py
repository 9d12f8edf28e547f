"""What one small request costs: ours, urllib3's ``urlopen`` and ``requests``, over one kept connection on this machine.

``python benchmarks/exchange.py [REQUESTS]`` prints the microseconds of CPU and wall time for each; the server, a
process of its own, answers every request with 200 bytes.
"""

from __future__ import annotations

import multiprocessing
import socket
import sys
import time
from collections.abc import Callable, Mapping

import requests
import urllib3

from oci_chart_publish.http.tls import Trust
from oci_chart_publish.http.transport import Transport

REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 200\r\n\r\n" + b"x" * 200
HEADERS = {"User-Agent": "bench", "Accept-Encoding": "identity", "Accept": "*/*", "Authorization": "Bearer x"}
ROUNDS = 5


def serve(listener: socket.socket) -> None:
    """Answer every request of every connection, one connection at a time."""
    while True:
        connection, _ = listener.accept()
        while connection.recv(65536):
            connection.sendall(REPLY)
        connection.close()


def ways(url: str) -> Mapping[str, Callable[[], object]]:
    """Return what is compared, each ready to send one request."""
    transport = Transport(trust=Trust())
    pool = urllib3.PoolManager().connection_from_url(url)
    session = requests.Session()
    return {
        "ours": lambda: transport.send("GET", url, HEADERS, None, limit=65536),
        "urllib3 urlopen": lambda: pool.urlopen(
            "GET", "/v2/", headers=HEADERS, retries=False, redirect=False
        ),
        "requests": lambda: session.get(url, headers=HEADERS, allow_redirects=False),
    }


def main() -> None:
    """Time each way in turn, several rounds, and print the best round of each."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = multiprocessing.Process(target=serve, args=(listener,), daemon=True)
        server.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v2/"
        for name in ways(url):
            rounds = []
            for _ in range(ROUNDS):
                send = ways(url)[name]
                send()
                wall, cpu = time.perf_counter(), time.process_time()
                for _ in range(number):
                    send()
                rounds.append((time.process_time() - cpu, time.perf_counter() - wall))
                del send
            cpu, wall = (min(each) / number * 1e6 for each in zip(*rounds, strict=True))
            print(f"{name:20} {cpu:6.0f} us CPU {wall:6.0f} us")
        server.terminate()


if __name__ == "__main__":
    main()
