"""A TCP proxy that adds distance: every byte arrives half a round trip later, in both directions.

``python -m tests.real.delay HOST:PORT SECONDS`` prints its port and runs until its standard input closes; a process of
its own, so that it takes no time from the program that is measured. Opening a connection costs a round trip, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections import deque
from collections.abc import Iterator

from tests.real.tools import ROOT

_CHUNK = 1 << 16
# Bytes on their way at once in one direction of one connection; beyond it the sender waits.
_WINDOW_CHUNKS = 256


@contextlib.contextmanager
def delayed(host: str, round_trip: float) -> Iterator[str]:
    """``host`` as reached through a line with a ``round_trip`` of so many seconds; yields ``127.0.0.1:PORT``."""
    argv = [sys.executable, "-m", "tests.real.delay", host, str(round_trip)]
    with subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            yield f"127.0.0.1:{port}"
        finally:
            process.stdin.close()
            process.wait(10)


async def _serve(host: str, port: int, round_trip: float) -> None:
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await _join(reader, writer, host, port, round_trip)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=_CHUNK)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - what the caller waits for
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()
    for task in connections:
        task.cancel()


async def _join(
    near_reader: asyncio.StreamReader,
    near_writer: asyncio.StreamWriter,
    host: str,
    port: int,
    round_trip: float,
) -> None:
    # The client's own handshake with us took no time, so the first byte waits for what it would have taken.
    await asyncio.sleep(round_trip)
    far_reader, far_writer = await asyncio.open_connection(host, port, limit=_CHUNK)
    try:
        await asyncio.gather(
            _late(near_reader, far_writer, round_trip / 2), _late(far_reader, near_writer, round_trip / 2)
        )
    finally:
        far_writer.close()


async def _late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass on what ``reader`` gives, each chunk ``delay`` seconds after it came; the order and the end are kept."""
    clock = asyncio.get_running_loop().time
    line: deque[tuple[float, bytes]] = deque()
    changed = asyncio.Condition()

    async def receive() -> None:
        while True:
            data = await reader.read(_CHUNK)
            async with changed:
                await changed.wait_for(lambda: len(line) < _WINDOW_CHUNKS)
                line.append((clock() + delay, data))
                changed.notify_all()
            if not data:
                return

    async def send() -> None:
        while True:
            async with changed:
                await changed.wait_for(lambda: bool(line))
                due, data = line.popleft()
                changed.notify_all()
            await asyncio.sleep(max(0.0, due - clock()))
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    await asyncio.gather(receive(), send())


if __name__ == "__main__":
    _host, _, _port = sys.argv[1].rpartition(":")
    asyncio.run(_serve(_host, int(_port), float(sys.argv[2])))
