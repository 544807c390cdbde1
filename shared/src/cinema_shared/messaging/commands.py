"""Asking another service over RabbitMQ and waiting for its answer, within a deadline.

The broker may be away, or frozen: then the caller gets `ServiceUnavailable` in time, and nothing
is repeated here. Whether a question that was not answered had an effect is unknown.
"""

import asyncio
import uuid
from contextlib import suppress
from typing import Final, Self, TypeVar

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, DeliveryError
from pydantic import BaseModel, ValidationError

from cinema_shared import context
from cinema_shared.messaging.connection import asked_to_end, connect
from cinema_shared.problems import ServiceUnavailable

log = structlog.get_logger(__name__)

Reply = TypeVar("Reply", bound=BaseModel)

# RabbitMQ's direct reply-to: answers come straight to the channel that asked, through no queue.
_REPLIES: Final = "amq.rabbitmq.reply-to"
_FAREWELL_S: Final = 1.0


class CommandClient:
    """For all questions of a process: one connection, made when the first is asked."""

    def __init__(self, rabbitmq_url: str, name: str) -> None:
        self._url = rabbitmq_url
        self._name = name
        self._line: _Line | None = None
        self._connecting = asyncio.Lock()
        self._farewells: set[asyncio.Task[None]] = set()

    async def ask(
        self,
        queue: str,
        command: BaseModel,
        reply: type[Reply],
        *,
        timeout: float,  # noqa: ASYNC109  (also how long the question itself is good for)
    ) -> Reply:
        """The answer, or `ServiceUnavailable`, after `timeout` seconds at the latest."""
        try:
            async with asyncio.timeout(timeout):
                body = await self._exchange(queue, _message(command, timeout))
            return reply.model_validate_json(body)
        except asyncio.CancelledError as error:
            if asked_to_end(error):
                raise
            failure: BaseException = error
        except (TimeoutError, ValidationError, *CONNECTION_EXCEPTIONS) as error:
            failure = error
        log.warning("command_failed", queue=queue, error=repr(failure))
        raise ServiceUnavailable from failure

    async def close(self) -> None:
        if self._line is not None:
            self._part_from(self._line.connection)
            self._line = None
        await asyncio.gather(*self._farewells, return_exceptions=True)

    async def _exchange(self, queue: str, message: aio_pika.Message) -> bytes:
        line = await self._connected()
        return await line.ask(queue, message)

    async def _connected(self) -> "_Line":
        async with self._connecting:
            if self._line is not None and self._line.is_lost:
                self._part_from(self._line.connection)
                self._line = None
            if self._line is None:
                connection = await connect(self._url, self._name)
                try:
                    self._line = await _Line.open(connection)
                except BaseException:
                    self._part_from(connection)
                    raise
            return self._line

    def _part_from(self, connection: AbstractConnection) -> None:
        """In the background: a frozen broker does not answer the farewell either."""
        farewell = asyncio.create_task(_close(connection))
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)


class _Line:
    """A connection with its channel, and those who wait for an answer on it."""

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel) -> None:
        self.connection = connection
        self.is_lost = False
        self._channel = channel
        # None in place of an answer: there will be none.
        self._waiting: dict[str | None, asyncio.Future[bytes | None]] = {}

    @classmethod
    async def open(cls, connection: AbstractConnection) -> Self:
        # A question that no queue takes comes back as an error.
        channel = await connection.channel(on_return_raises=True)
        line = cls(connection, channel)
        channel.close_callbacks.add(line._lose)
        replies = await channel.get_queue(_REPLIES, ensure=False)
        await replies.consume(line._receive, no_ack=True)
        return line

    async def ask(self, queue: str, message: aio_pika.Message) -> bytes:
        answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._waiting[message.correlation_id] = answer
        try:
            try:
                await self._channel.default_exchange.publish(message, queue)
            except DeliveryError:
                raise
            except BaseException:
                # A frozen broker, for one: it would be taken for alive until its heartbeats have
                # failed, long after another connection to it would do.
                self.is_lost = True
                raise
            body = await answer
        finally:
            del self._waiting[message.correlation_id]
        if body is None:
            raise ConnectionResetError("the connection was lost while an answer was waited for")
        return body

    async def _receive(self, message: AbstractIncomingMessage) -> None:
        # Nobody waits any more for one that came after its deadline.
        self._resolve(self._waiting.get(message.correlation_id), message.body)

    def _lose(self, *_: object) -> None:
        self.is_lost = True
        for answer in self._waiting.values():
            self._resolve(answer, None)

    @staticmethod
    def _resolve(answer: "asyncio.Future[bytes | None] | None", body: bytes | None) -> None:
        if answer is not None and not answer.done():
            answer.set_result(body)


def _message(command: BaseModel, lifetime: float) -> aio_pika.Message:
    question = uuid.uuid4().hex
    trace = context.traceparent.get()
    return aio_pika.Message(
        command.model_dump_json().encode(),
        content_type="application/json",
        correlation_id=question,
        message_id=question,
        reply_to=_REPLIES,
        # Nobody waits for the answer to a question that is older.
        expiration=lifetime,
        headers={"traceparent": trace} if trace else None,
    )


async def _close(connection: AbstractConnection) -> None:
    with suppress(Exception):
        async with asyncio.timeout(_FAREWELL_S):
            await connection.close()
