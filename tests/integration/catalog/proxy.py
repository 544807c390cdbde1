"""A TCP proxy in front of a server, which can freeze, strand, cut and refuse connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Proxy:
    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._flows = asyncio.Event()
        self._flows.set()
        self._stranded: list[asyncio.Event] = []
        self._serving: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        credentials = self._target.netloc.rpartition("@")[0]
        return self._target._replace(netloc=f"{credentials}@127.0.0.1:{self._port}").geturl()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse new connections, and cut those that are there."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await asyncio.gather(*self._serving)
            self._server = None

    def freeze(self) -> None:
        """Accept all, pass on nothing: what a stopped process looks like."""
        self._flows.clear()

    def thaw(self) -> None:
        for flows in (self._flows, *self._stranded):
            flows.set()

    def strand(self) -> None:
        """Pass on nothing more of the connections that are there; new ones are served."""
        self._flows.clear()
        self._stranded.append(self._flows)
        self._flows = asyncio.Event()
        self._flows.set()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        flows = self._flows
        await flows.wait()
        upstream = await asyncio.open_connection(self._target.hostname, self._target.port)
        ends = {writer, upstream[1]}
        self._writers |= ends
        try:
            await asyncio.gather(
                self._pump(reader, upstream[1], flows), self._pump(upstream[0], writer, flows)
            )
        finally:
            self._writers -= ends

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await flows.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def proxy(url: str) -> AsyncIterator[Proxy]:
    between = Proxy(url)
    await between.start()
    try:
        yield between
    finally:
        between.thaw()
        await between.stop()
