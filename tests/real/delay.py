"""A TCP proxy that adds a round-trip delay: ``python -m tests.real.delay LISTEN TARGET MILLISECONDS``.

LISTEN and TARGET are ``HOST:PORT``; port 0 listens on a free one. Half of the delay is added in each direction, the
first bytes of a connection wait a round trip more, as a TCP handshake would make them. The proxy is a pipe with a
latency, not a throttle: bytes on their way do not hold up the bytes behind them.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

_CHUNK = 256 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """Where a proxied connection goes, and the delay of one direction in seconds."""

    host: str
    port: int
    one_way: float

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until both sides have closed."""
        with contextlib.closing(writer), contextlib.suppress(OSError):
            await asyncio.sleep(2 * self.one_way)
            up_reader, up_writer = await asyncio.open_connection(self.host, self.port)
            with contextlib.closing(up_writer):
                await asyncio.gather(self._pipe(reader, up_writer), self._pipe(up_reader, writer))

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read at once, hand on after the delay; the end of the stream travels the same way."""
        moments: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        sending = asyncio.create_task(_send(moments, writer))
        clock = asyncio.get_running_loop().time
        data = b"-"
        while data:
            try:
                data = await reader.read(_CHUNK)
            except OSError:
                data = b""
            moments.put_nowait((clock() + self.one_way, data))
        await sending


async def _send(moments: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    clock = asyncio.get_running_loop().time
    with contextlib.suppress(OSError):
        while True:
            due, data = await moments.get()
            await asyncio.sleep(max(0.0, due - clock()))
            if not data:
                break
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def serve(listen: str, target: str, milliseconds: float) -> asyncio.Server:
    """Start the proxy and return its server."""
    host, _, port = listen.rpartition(":")
    to_host, _, to_port = target.rpartition(":")
    line = Line(host=to_host, port=int(to_port), one_way=milliseconds / 2000)
    return await asyncio.start_server(line.carry, host, int(port), backlog=256)


@contextlib.contextmanager
def delayed(target: str, milliseconds: float) -> Iterator[str]:
    """Run the proxy in a thread of this process and yield its ``HOST:PORT``."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(serve("127.0.0.1:0", target, milliseconds), loop).result()
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)  # closed connections are closed for good in the next turn of the loop


async def _forever(listen: str, target: str, milliseconds: float) -> None:
    server = await serve(listen, target, milliseconds)
    host, port = server.sockets[0].getsockname()[:2]
    print(f"{host}:{port}", flush=True)  # noqa: T201
    await server.serve_forever()


def main(arguments: list[str]) -> int:
    """Run the proxy until it is interrupted; the address it listens on is printed first."""
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)  # noqa: T201
        return 2
    listen, target, milliseconds = arguments
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_forever(listen, target, float(milliseconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
