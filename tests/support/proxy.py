"""A TCP proxy in front of a server, which can freeze, strand, delay, cut and refuse connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter

_COMMIT: Final = b"COMMIT"


@dataclass
class _LostCommit:
    """The next COMMIT of a connection that has said `after`: it arrives or not, no answer does."""

    after: bytes
    arrives: bool
    # The connection that has said it, and whether its COMMIT is on its way.
    connection: "_Connection | None" = None
    sent: bool = False


class Proxy:
    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._flows = asyncio.Event()
        self._flows.set()
        self._stranded: list[asyncio.Event] = []
        self._serving: set[asyncio.Task[None]] = set()
        self._writers: set[Writer] = set()
        # How late each piece of an answer comes.
        self.delay_s = 0.0
        # Of each answer only the first half comes, and then the end of the connection.
        self.halves = False
        self.lost_commit: _LostCommit | None = None

    @property
    def url(self) -> str:
        credentials, at, _ = self._target.netloc.rpartition("@")
        return self._target._replace(netloc=f"{credentials}{at}127.0.0.1:{self._port}").geturl()

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

    def lose_commit(self, *, after: bytes, arrives: bool) -> None:
        self.lost_commit = _LostCommit(after, arrives)

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        flows = self._flows
        await flows.wait()
        try:
            upstream = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, upstream[1]}
        self._writers |= ends
        connection = _Connection(self, flows, ends)
        try:
            await asyncio.gather(
                connection.pass_requests(reader, upstream[1]),
                connection.pass_answers(upstream[0], writer),
            )
        finally:
            self._writers -= ends


class _Connection:
    def __init__(self, proxy: Proxy, flows: asyncio.Event, ends: set[Writer]) -> None:
        self._proxy = proxy
        self._flows = flows
        self._ends = ends

    async def pass_requests(self, reader: Reader, writer: Writer) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flows.wait()
                if self._is_lost_request(data):
                    self._abort()
                    break
                writer.write(data)
                await writer.drain()
        await _close(writer)

    async def pass_answers(self, reader: Reader, writer: Writer) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flows.wait()
                if self._is_lost_answer():
                    self._abort()
                    break
                if self._proxy.delay_s:
                    await asyncio.sleep(self._proxy.delay_s)
                if self._proxy.halves:
                    writer.write(data[: len(data) // 2])
                    await writer.drain()
                    # Sent, and not thrown away with the connection.
                    await asyncio.sleep(0.02)
                    self._abort()
                    break
                writer.write(data)
                await writer.drain()
        await _close(writer)

    def _is_lost_request(self, data: bytes) -> bool:
        lost = self._proxy.lost_commit
        if lost is None:
            return False
        if lost.connection is None and lost.after in data:
            lost.connection = self
        if lost.connection is not self or _COMMIT not in data:
            return False
        lost.sent = True
        if lost.arrives:
            return False
        self._proxy.lost_commit = None
        return True

    def _is_lost_answer(self) -> bool:
        lost = self._proxy.lost_commit
        if lost is None or lost.connection is not self or not lost.sent:
            return False
        self._proxy.lost_commit = None
        return True

    def _abort(self) -> None:
        for writer in self._ends:
            writer.transport.abort()


async def _close(writer: Writer) -> None:
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
