"""One connection to a replica: a request goes out, its answer comes in, then the next may.

asyncio's protocol and httptools' parser, and no more: a client library costs more CPU than all the
rest of the gateway.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

import httptools

from gateway.headers import Pairs

Body = bytes | AsyncIterator[bytes] | None

_MOST_HEAD_BYTES: Final = 65_536
# What an answer may have waiting for its reader before the replica has to wait, too.
_MOST_WAITING_BYTES: Final = 262_144
_NO_BODY: Final = (204, 304)


class Unreachable(Exception):  # noqa: N818  (what happened, not whose fault)
    """No answer. `sent` says whether the request may have arrived."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class Answer:
    """A replica's answer, its body still to come."""

    def __init__(self, connection: "Connection", status: int, headers: Pairs) -> None:
        self.status = status
        self.headers = headers
        # As announced; -1 where it is not.
        self.length = -1
        self.complete = False
        self._connection = connection
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._failure: str | None = None
        self._reader: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        """All of the body that has arrived, in its own encoding; nothing at its end."""
        while not self._waiting and not self.complete:
            if self._failure is not None:
                raise Unreachable(self._failure, sent=True)
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        piece = b"".join(self._waiting) if len(self._waiting) > 1 else self._first()
        self._waiting.clear()
        self._size = 0
        if not self.complete:
            self._connection.go_on()
        return piece

    def close(self) -> None:
        """Where the body has not come to its end, nobody will wait for it: the connection ends."""
        if not self.complete:
            self._connection.abort()

    def _first(self) -> bytes:
        return self._waiting[0] if self._waiting else b""

    # --- what the connection says

    def came(self, piece: bytes) -> None:
        self._waiting.append(piece)
        self._size += len(piece)
        if self._size > _MOST_WAITING_BYTES:
            self._connection.wait()
        self._wake()

    def end(self) -> None:
        self.complete = True
        self._wake()

    def fail(self, reason: str) -> None:
        self._failure = reason
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class Connection(asyncio.Protocol):
    """`free` is called when another request may be sent, and `lost` when none may any more."""

    def __init__(
        self, free: Callable[["Connection"], None], lost: Callable[["Connection"], None]
    ) -> None:
        self.is_closed = False
        self.idle_since = 0.0
        self._free = free
        self._lost = lost
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        # Somebody waits for the head of an answer, or reads what comes after it.
        self._head: asyncio.Future[Answer] | None = None
        self._answer: Answer | None = None
        self._headers: Pairs = []
        self._head_bytes = 0
        self._is_head_request = False
        self._until_close = False
        self._sending: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._is_paused = False

    async def ask(self, head: bytes, body: Body, *, method: str) -> Answer:
        """The beginning of the answer. Whoever stops waiting for it ends the connection."""
        self._head = asyncio.get_running_loop().create_future()
        self._headers = []
        self._head_bytes = 0
        self._is_head_request = method == "HEAD"
        self._until_close = False
        try:
            if body is None:
                self._transport.write(head)
            elif isinstance(body, bytes):
                self._transport.write(head + body)
            else:
                self._transport.write(head)
                self._sending = asyncio.create_task(self._send(body))
            return await self._head
        except BaseException:
            self.abort()
            raise

    async def _send(self, body: AsyncIterator[bytes]) -> None:
        """A body in pieces. It may still be under way when the answer has come."""
        try:
            async for piece in body:
                self._transport.write(piece)
                if self._writable is not None:
                    await self._writable
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  (whoever asks for the answer hears of it)
            self._end(repr(error))

    def abort(self) -> None:
        self._end("given up")

    def go_on(self) -> None:
        if self._is_paused:
            self._is_paused = False
            with suppress(RuntimeError):  # closing already
                self._transport.resume_reading()

    def wait(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            with suppress(RuntimeError):
                self._transport.pause_reading()

    # --- what the transport says

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self.is_closed:
            return
        if self._head is not None:
            self._head_bytes += len(data)
        elif self._answer is None:
            self._end("an answer that nobody asked for")
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._end(f"not a valid answer: {error!r}")
        if self._head is not None and self._head_bytes > _MOST_HEAD_BYTES:
            self._end("an answer whose headers do not end")

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._until_close and exc is None and self._answer is not None:
            self._answer.end()
            self._answer = None
        self._end(repr(exc) if exc else "the connection was closed")

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # --- what the parser says

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self._headers = []
            return
        if status == 101 or self._head is None or self._head.done():
            # Behind the answer came another, or another protocol.
            raise ValueError("an answer that nobody asked for")
        answer = Answer(self, status, self._headers)
        self._answer = answer
        names = {name.lower(): value for name, value in self._headers}
        if b"content-length" in names:
            answer.length = int(names[b"content-length"])
        elif b"transfer-encoding" not in names and status not in _NO_BODY:
            self._until_close = not self._is_head_request
        self._head.set_result(answer)
        self._head = None
        if self._is_head_request:
            # The parser does not know that no body follows.
            self._finish(reusable=False)

    def on_body(self, body: bytes) -> None:
        if self._answer is not None:
            self._answer.came(body)

    def on_message_complete(self) -> None:
        if self._answer is not None:
            self._finish(reusable=self._parser.should_keep_alive())

    def _finish(self, *, reusable: bool) -> None:
        answer, self._answer = self._answer, None
        if self._sending is not None and self._sending.done():
            self._sending = None
        if reusable and self._sending is None and not self.is_closed:
            self.go_on()
            self._free(self)
        else:
            self._end("finished")
        if answer is not None:
            answer.end()

    def _end(self, reason: str) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        self.resume_writing()
        if self._sending is not None and self._sending is not asyncio.current_task():
            self._sending.cancel()
        if self._head is not None and not self._head.done():
            self._head.set_exception(Unreachable(reason, sent=True))
        if self._answer is not None:
            self._answer.fail(reason)
            self._answer = None
        self._head = None
        self._lost(self)
        self._transport.abort()
