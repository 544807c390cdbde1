"""A request's body as it comes in: bounded in length and in time, and never kept whole if large."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import ClassVar, Final

from cinema_shared.http.strict import MAX_BODY_BYTES
from cinema_shared.problems import Problem
from starlette.types import Receive

from gateway.edge import BodyTooLarge

# Up to here a body is read before its service is asked: a slow client then costs the service
# nothing, and a replica that turns out to be dead can be replaced by another.
SMALL_BYTES: Final = 65_536
_READ_WITHIN_S: Final = 7.0
_SETTLE_WITHIN_S: Final = 1.0
_DISCARD_WITHIN_S: Final = 2.0
_DISCARD_BYTES: Final = 16_000_000


class ClientGone(Exception):  # noqa: N818  (not an error of anybody's)
    """Nobody is left to answer."""


class RequestTimeout(Problem):
    status: ClassVar[int] = 408
    code: ClassVar[str] = "request_timeout"
    detail = "The body did not arrive in time."


class RequestBody:
    """What the client sends after its headers. `complete` once all of it has arrived."""

    def __init__(self, receive: Receive, *, present: bool, waits_for_continue: bool) -> None:
        self._receive = receive
        self._waits_for_continue = waits_for_continue
        self._received = 0
        self._deadline = asyncio.get_running_loop().time() + _READ_WITHIN_S
        self.complete = not present
        # As declared: None where it comes in chunks.
        self.length: int | None = None if present else 0
        # Why the body was not passed on, where that is not the replica's fault.
        self.failure: Exception | None = None

    async def begin(self) -> bytes:
        """All of a small body, or the beginning of a large one."""
        parts = []
        size = 0
        while not self.complete and size < SMALL_BYTES:
            part = await self._next()
            size += len(part)
            parts.append(part)
        return b"".join(parts)

    async def rest(self) -> AsyncIterator[bytes]:
        """What comes after the beginning, as it comes."""
        try:
            while not self.complete:
                yield await self._next()
        except (Problem, ClientGone) as error:
            self.failure = error
            raise

    async def _next(self) -> bytes:
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise RequestTimeout from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message.get("body", b"")
        self._received += len(part)
        if self._received > MAX_BODY_BYTES:
            raise BodyTooLarge
        self.complete = not message.get("more_body", False)
        return part

    async def settle(self) -> None:
        """Before a refusal: take a small body that is as good as here, to keep the connection."""
        if not self._waits_for_continue and self.length is not None and self.length <= SMALL_BYTES:
            self._deadline = min(
                self._deadline, asyncio.get_running_loop().time() + _SETTLE_WITHIN_S
            )
            with suppress(Problem, ClientGone):
                await self.begin()

    async def discard(self) -> None:
        """After the answer, with the connection about to close: read on for a little.

        Closing a socket that has unread bytes resets it, and the client may lose the answer.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_DISCARD_WITHIN_S):
                while not self.complete and self._received < _DISCARD_BYTES:
                    message = await self._receive()
                    self._received += len(message.get("body", b""))
                    self.complete = not message.get("more_body", False)
