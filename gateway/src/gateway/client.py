"""How a replica is spoken to: aiohttp, behind all that the rest of the gateway knows of it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from yarl import URL

from gateway.headers import Pairs
from gateway.settings import Address

CONNECT_WITHIN_S: Final = 0.5
# Shorter than the services keep theirs: we never send into a connection that is being closed.
_KEEP_ALIVE_S: Final = 30

Body = bytes | AsyncIterator[bytes] | None


class Unreachable(Exception):  # noqa: N818  (what happened, not whose fault)
    """No answer. `sent` says whether the request may have arrived."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class Answer:
    """A replica's answer, its body still to come."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = response.raw_headers
        # As announced; -1 where it is not.
        self.length = response.content_length if response.content_length is not None else -1

    async def read(self) -> bytes:
        """The next piece of the body as it arrives, in its own encoding; nothing at its end."""
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(repr(error), sent=True) from error

    def close(self) -> None:
        """Give the connection back if the body was read, else give it up."""
        self._response.close()


class Client:
    """One pool of kept-alive connections. Each replica's share is bounded by `Upstream.pick`."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=_KEEP_ALIVE_S, happy_eyeballs_delay=None
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN_S),
        )
        # Left alone, it sends a PUT or DELETE a second time when a kept connection breaks, though
        # the first may have been carried out. What is sent again is for the proxy to say.
        self._session._retry_connection = False  # noqa: SLF001

    async def ask(
        self, address: Address, method: str, target: str, headers: Pairs, body: Body = None
    ) -> Answer:
        try:
            response = await self._session.request(
                method,
                URL(address.url + target, encoded=True),
                headers=[(name.decode(), value.decode()) for name, value in headers],
                data=body,
                allow_redirects=False,
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unreachable(type(error).__name__, sent=False) from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(repr(error), sent=True) from error
        return Answer(response)

    async def get(self, address: Address, path: str, within_s: float) -> tuple[int, bytes]:
        """The status and body of a small document; raise `Unreachable` where there is none."""
        try:
            async with asyncio.timeout(within_s):
                answer = await self.ask(address, "GET", path, [])
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
        await self._session.close()
