"""How a replica is spoken to: kept-alive connections, and a new one where none is free."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from gateway.connection import Answer, Body, Connection, Unreachable
from gateway.headers import Pairs
from gateway.settings import Address

CONNECT_WITHIN_S: Final = 0.5
# Shorter than the services keep theirs: we never send into a connection that is being closed.
_KEEP_ALIVE_S: Final = 30
_HAS_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


class Client:
    """The connections to all replicas. Each replica's share is bounded by `Upstream.pick`."""

    def __init__(self, connect_within_s: float = CONNECT_WITHIN_S) -> None:
        self._connect_within_s = connect_within_s
        self._idle: dict[Address, list[Connection]] = {}
        self._open: set[Connection] = set()

    async def ask(
        self, address: Address, method: str, target: str, headers: Pairs, body: Body = None
    ) -> Answer:
        """The beginning of the answer, or `Unreachable`.

        A body in pieces is sent in chunks, unless the headers say how long it is.
        """
        head, body = _request(method, target, headers, body)
        connection = self._take(address) or await self._connect(address)
        return await connection.ask(head, body, method=method)

    async def get(self, address: Address, path: str, within_s: float) -> tuple[int, bytes]:
        """The status and body of a small document; raise `Unreachable` where there is none."""
        try:
            async with asyncio.timeout(within_s):
                answer = await self.ask(
                    address, "GET", path, [(b"host", address.authority.encode())]
                )
                content = b""
                try:
                    while piece := await answer.read():
                        content += piece
                finally:
                    answer.close()
        except TimeoutError:
            raise Unreachable("no answer in time", sent=True) from None
        return answer.status, content

    async def close(self) -> None:
        for connection in list(self._open):
            connection.abort()

    def _take(self, address: Address) -> Connection | None:
        """The one that was used last: it is the least likely to be about to be closed."""
        idle = self._idle.get(address)
        now = asyncio.get_running_loop().time()
        while idle:
            connection = idle.pop()
            if now - connection.idle_since < _KEEP_ALIVE_S:
                return connection
            connection.abort()
        return None

    async def _connect(self, address: Address) -> Connection:
        loop = asyncio.get_running_loop()
        idle = self._idle.setdefault(address, [])

        def free(connection: Connection) -> None:
            connection.idle_since = loop.time()
            idle.append(connection)

        def lost(connection: Connection) -> None:
            self._open.discard(connection)
            if connection in idle:
                idle.remove(connection)

        try:
            async with asyncio.timeout(self._connect_within_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(free, lost), address.host, address.port
                )
        except OSError as error:  # and TimeoutError, which is one
            raise Unreachable(repr(error), sent=False) from error
        self._open.add(connection)
        return connection


def _request(method: str, target: str, headers: Pairs, body: Body) -> tuple[bytes, Body]:
    """Its head as it goes out, and the body as it follows."""
    lines = [f"{method} {target} HTTP/1.1".encode()]
    lines += [name + b": " + value for name, value in headers]
    if isinstance(body, bytes) or (body is None and method in _HAS_BODY):
        lines.append(b"content-length: %d" % len(body or b""))
    elif body is not None and not any(name == b"content-length" for name, _ in headers):
        lines.append(b"transfer-encoding: chunked")
        body = _chunked(body)
    head = b"\r\n".join(lines) + b"\r\n\r\n"
    if head.count(b"\n") != len(lines) + 1 or head.count(b"\r") != len(lines) + 1:
        raise ValueError("a header with a line break in it")
    return head, body


async def _chunked(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in body:
        if piece:
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"
