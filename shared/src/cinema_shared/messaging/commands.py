"""Asking another service over RabbitMQ and waiting for its answer, within a deadline.

The broker may be away, or frozen: then the caller gets `ServiceUnavailable` in time, and nothing
is repeated here. Whether a question that was not answered had an effect is unknown.
"""

import asyncio
import uuid
from contextlib import suppress
from typing import Final, TypeVar

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from pydantic import BaseModel, ValidationError

from cinema_shared import context
from cinema_shared.messaging.connection import connect
from cinema_shared.problems import ServiceUnavailable

log = structlog.get_logger(__name__)

Reply = TypeVar("Reply", bound=BaseModel)

# RabbitMQ's direct reply-to: answers come straight to the channel that asked, through no queue.
_REPLIES: Final = "amq.rabbitmq.reply-to"
_FAREWELL_S: Final = 1.0


class CommandClient:
    """One connection and channel for all questions of a process, made when one is asked."""

    def __init__(self, rabbitmq_url: str, name: str) -> None:
        self._url = rabbitmq_url
        self._name = name
        self._connecting = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._waiting: dict[str, asyncio.Future[bytes]] = {}

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
                body = await self._exchange(queue, command, lifetime=timeout)
            return reply.model_validate_json(body)
        except asyncio.CancelledError as error:
            # aio-pika cancels whoever is publishing when its connection breaks. Only what was asked
            # of this task is ours to obey.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            failure: BaseException = error
        except (
            TimeoutError,
            OSError,
            RuntimeError,
            ValidationError,
            aio_pika.exceptions.AMQPError,
        ) as error:
            failure = error
        log.warning("command_failed", queue=queue, error=repr(failure))
        raise ServiceUnavailable from failure

    async def close(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            # A frozen broker does not answer the farewell either.
            with suppress(Exception):
                async with asyncio.timeout(_FAREWELL_S):
                    await connection.close()

    async def _exchange(self, queue: str, command: BaseModel, *, lifetime: float) -> bytes:
        channel = await self._connected()
        question = uuid.uuid4().hex
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[question] = answer
        trace = context.traceparent.get()
        message = aio_pika.Message(
            command.model_dump_json().encode(),
            content_type="application/json",
            correlation_id=question,
            message_id=question,
            reply_to=_REPLIES,
            # Nobody waits for the answer to a question that is older.
            expiration=lifetime,
            headers={"traceparent": trace} if trace else None,
        )
        try:
            # Mandatory, on a channel that raises for a returned message: where there is no such
            # queue, there is no need to wait.
            await channel.default_exchange.publish(message, queue)
            return await answer
        finally:
            del self._waiting[question]

    async def _connected(self) -> AbstractChannel:
        async with self._connecting:
            if self._connection is None or self._connection.is_closed:
                await self.close()
                self._connection = await connect(self._url, self._name)
            if self._channel is None or self._channel.is_closed:
                channel = await self._connection.channel(on_return_raises=True)
                replies = await channel.get_queue(_REPLIES, ensure=False)
                await replies.consume(self._receive, no_ack=True)
                self._channel = channel
            return self._channel

    async def _receive(self, message: AbstractIncomingMessage) -> None:
        answer = self._waiting.get(message.correlation_id or "")
        # None, or done: it came after its deadline.
        if answer is not None and not answer.done():
            answer.set_result(message.body)
