"""A TCP relay on this machine whose connections can be cut, refused and delayed."""

import asyncio
import socket
import struct
from contextlib import suppress
from types import TracebackType
from typing import Self

from deploy.ports import free_port

CHUNK = 65_536
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: a close sends a reset and forgets what is on its way


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # it has gone already
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    writer.transport.abort()


class Proxy:
    """`async with Proxy("127.0.0.1:9092") as proxy: ... proxy.address`."""

    def __init__(self, target: str) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.delay_s = 0.0  # that each piece waits before it goes on, in either direction
        self.refuses = False  # new connections are closed at once
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._relays: set[asyncio.Task[None]] = set()

    def cut(self) -> int:
        """Reset every connection, whatever is on its way; how many there were."""
        for writer in list(self._writers):
            _reset(writer)
        return len(self._writers) // 2

    async def __aenter__(self) -> Self:
        host, _, port = self.address.partition(":")
        self._server = await asyncio.start_server(self._accept, host, int(port))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def _accept(self, here_in: asyncio.StreamReader, here_out: asyncio.StreamWriter) -> None:
        if self.refuses:
            _reset(here_out)
            return
        host, _, port = self._target.partition(":")
        try:
            there_in, there_out = await asyncio.open_connection(host, int(port))
        except OSError:
            _reset(here_out)
            return
        self._writers |= {here_out, there_out}
        for source, sink in ((here_in, there_out), (there_in, here_out)):
            relay = asyncio.create_task(self._relay(source, sink))
            self._relays.add(relay)
            relay.add_done_callback(self._relays.discard)

    async def _relay(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(CHUNK):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                sink.write(data)
                await sink.drain()
        except OSError:
            _reset(sink)
        finally:
            sink.close()
            self._writers.discard(sink)
